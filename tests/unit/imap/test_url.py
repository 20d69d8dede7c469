"""IMAP URLs: what is written is read back, examples of RFC 5092, and what is none."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.commands import NAMES, NUMBERS, PARTIALS, SECTIONS, TEXT

from mailwren.imap.core.arguments import Section, SectionText
from mailwren.imap.ext.url import BadUrl, ImapUrl, bad_url_code, parse_url, write_url

_MOMENTS = st.datetimes(timezones=st.integers(-720, 720).map(lambda each: timezone(timedelta(minutes=each)))).map(
    lambda moment: moment.replace(year=max(moment.year, 1970), microsecond=0, day=1)
)
_SPELLABLE = SECTIONS.filter(lambda section: all(re.fullmatch(rb"[ -~]*", name) for name in section.fields))
"""Sections without literals, which a URL has no place for."""
_ACCESS = st.sampled_from([("submit+", "fred"), ("user+", "a b;ü"), ("authuser", ""), ("anonymous", "")])
_HOSTS = st.sampled_from(
    [("", "", None), ("example.org", "", None), ("example.org", "joe;ü@x", 1143), ("[::1]", "", 1)]
)


def _url(
    host: tuple[str, str, int | None], access: tuple[str, str], token: str, expire: datetime | None, **fields: object
) -> ImapUrl:
    server, user, port = host
    mechanism = "INTERNAL" if token else ""
    return ImapUrl(
        host=server,
        user=user,
        port=port,
        expire=expire,
        access=access[0],
        grantee=access[1],
        mechanism=mechanism,
        token=token,
        **fields,  # type: ignore[arg-type] # the fields that hypothesis draws
    )


@given(
    st.builds(
        _url,
        host=_HOSTS,
        access=_ACCESS,
        token=st.sampled_from(["", "0123456789abcdef" * 2]),
        expire=st.none() | _MOMENTS,
        mailbox=NAMES.filter(bool),
        uid_validity=st.none() | NUMBERS,
        uid=NUMBERS,
        section=_SPELLABLE,
        partial=PARTIALS | st.tuples(st.integers(0, 2**63 - 1), st.none()),
    )
)
def test_what_is_written_is_read_back(url: ImapUrl) -> None:
    """``parse(write(x)) == x``."""
    text = write_url(url)
    read = parse_url(text)
    assert replace(read, rump="") == url
    assert read.rump == text.removesuffix(f":INTERNAL:{url.token}") if url.token else read.rump == text


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            "imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024",
            ImapUrl("minbari.example.org", mailbox="gray-council", uid_validity=385759045, uid=20, partial=(0, 1024)),
        ),
        (
            "imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97",
            ImapUrl("psicorp.example.org", mailbox="~peter/日本語/台北"),
        ),
        (
            "imap://;AUTH=GSSAPI@minbari.example.org/gray-council/;uid=20/;section=1.2",
            ImapUrl("minbari.example.org", mailbox="gray-council", uid=20, section=Section((1, 2))),
        ),
        (
            "imap://;AUTH=*@minbari.example.org/gray%20council?SUBJECT%20shadows",
            ImapUrl("minbari.example.org", mailbox="gray council"),
        ),
        ("imap://john;AUTH=*@Minbari.example.org:1143/", ImapUrl("minbari.example.org", user="john", port=1143)),
        ("//minbari.example.org", ImapUrl("minbari.example.org")),
        (";UID=20", ImapUrl(mailbox="Base", uid=20)),
        ("/;UID=20", ImapUrl(mailbox="Base", uid=20)),
        ("/inbox/;uid=20/;section=HEADER.FIELDS%20(To)", ImapUrl(mailbox="INBOX", uid=20, section=Section(
            (), SectionText.HEADER_FIELDS, (b"To",)
        ))),
    ],
)  # fmt: skip
def test_examples(text: str, url: ImapUrl) -> None:
    """RFC 5092 §9 and relative URLs (§7)."""
    assert replace(parse_url(text, "Base"), rump="") == url


def test_authorized_url() -> None:
    """RFC 5092 §6.1.2: the example, and the rump it is checked by (RFC 4467 §6)."""
    rump = "imap://joe@example.com/INBOX/;uid=20/;section=1.2;expire=2030-01-01T00:00:00Z;urlauth=submit+fr%65d"
    url = parse_url(f"{rump}:internal:91354a473744909de610943775f92038")
    assert (url.access, url.grantee, url.mechanism) == ("submit+", "fred", "INTERNAL")
    assert url.token == "91354a473744909de610943775f92038"
    assert url.expire == datetime(2030, 1, 1, tzinfo=UTC)
    assert url.rump == rump


@pytest.mark.parametrize(
    "text",
    [
        "imap://",
        "imap:///INBOX/;UID=1",
        "imap://host:x/INBOX",
        "imap://a@b@c/INBOX",
        "/INBOX/;UID=4294967296",
        "/INBOX/;UID=1/;SECTION=",
        "/INBOX/;UID=1/;SECTION=1.",
        "/INBOX/;UID=1/;SECTION=TEXT]X",
        "/INBOX/;UID=1/;PARTIAL=0.9223372036854775808",
        "/INBOX/;UID=1;EXPIRE=tomorrow;URLAUTH=anonymous",
        "/INBOX/;UID=1;EXPIRE=2024-02-31T00:00:00Z",
        "/INBOX/;UID=1;URLAUTH=anybody",
        "/INBOX/;UID=1;URLAUTH=user+",
        "/INBOX/;UID=1;URLAUTH=anonymous:INTERNAL:1234",
        "/INBOX;URLAUTH=anonymous",
        "/IN BOX/;UID=1",
        "/INBÖX/;UID=1",
        "/%FF/;UID=1",
        "/a%2/;UID=1",
    ],
)
def test_no_url(text: str) -> None:
    """What cannot be read is refused with a reason."""
    with pytest.raises(BadUrl, match=r"."):
        parse_url(text)


def test_a_message_needs_a_mailbox() -> None:
    """A URL relative to a mailbox means nothing where none is selected."""
    with pytest.raises(BadUrl):
        parse_url(";UID=1")


@given(TEXT)
def test_the_code_is_one_line_without_brackets(text: str) -> None:
    """Whatever a client wrote, BADURL repeats it harmlessly."""
    code = bad_url_code(text)
    assert code.startswith(b"BADURL ")
    assert not set(code) & set(b"[]\\\r\n")
    assert len(code) > len(b"BADURL ")
