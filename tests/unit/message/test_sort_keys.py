"""What SORT and THREAD compare, out of headers."""

import pytest

from mailwren.base import limits
from mailwren.message.base_subject import base_subject
from mailwren.message.parse import parse_message
from mailwren.message.sort_keys import sort_keys_of


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("", "", False),
        ("plain", "plain", False),
        ("Re: plain", "plain", True),
        ("RE : [x] plain", "plain", True),
        ("Re[2]: plain", "plain", True),
        ("fw: Fwd: FW:plain", "plain", True),
        ("[list] plain", "plain", False),
        ("[list] [more] Re: [again] plain", "plain", True),
        ("[only]", "[only]", False),
        ("[one] [two]", "[two]", False),
        ("[fwd: plain]", "plain", True),
        ("[Fwd: Re: [x] plain (fwd)] (FWD) ", "plain", True),
        ("[fwd: [fwd: plain]]", "plain", True),
        ("[fwd: open", "[fwd: open", False),
        ("plain (fwd)", "plain", True),
        ("a\t b \t  c", "a b c", False),
        ("Re: ", "", True),
        ("(fwd)", "", True),
        ("Reply: no", "Reply: no", False),
        ("Re", "Re", False),
        ("[a[b] c", "[a[b] c", False),
        ("re[x: y", "re[x: y", False),
    ],
)
def test_base_subject(subject: str, base: str, is_reply: bool) -> None:
    """RFC 5256 §2.1."""
    assert base_subject(subject) == (base, is_reply)


@pytest.mark.parametrize("piece", ["[x]", "re:", "(fwd)", "[fwd:", " ", "[", "re[", "[fwd: x]"])
def test_hostile_subjects_take_no_time(piece: str) -> None:
    """Whatever a subject repeats, it is cut to what a subject can be."""
    assert len(base_subject(piece * 200_000).text) <= limits.SORT_TEXT


def keys(*lines: str):  # type: ignore[no-untyped-def] # a short word for a long one
    """The sort keys of a header."""
    return sort_keys_of("\r\n".join((*lines, "", "")).encode())


def test_addresses() -> None:
    """The mailbox of the first address (RFC 5256 §3), its name or its address (RFC 5957 §3)."""
    found = keys("From: =?utf-8?q?=C3=84nne?= <Anne@x.org>, b@y", "To: carl@x.org", "Cc: (comment) dora@z")
    assert (found.sender, found.display_sender) == ("Anne", "Änne")
    assert (found.recipient, found.display_recipient) == ("carl", "carl@x.org")
    assert found.cc == "dora"


def test_fields_that_are_missing_are_empty() -> None:
    """ "If the associated RFC-822 header … is absent, it is treated as the empty string"."""
    assert keys("Subject: x") == ("x", False, "", "", "", "", "", "", ())


def test_groups() -> None:
    """A group is the first entry of ENVELOPE; it has a mailbox and no host."""
    found = keys("To: Friends: ann@x, bob@y;")
    assert (found.recipient, found.display_recipient) == ("Friends", "Friends")


@pytest.mark.parametrize(
    ("lines", "own", "references"),
    [
        (("Message-ID: <a@b>",), "a@b", ()),
        (('Message-ID: <"a"@b>',), "a@b", ()),
        (("Message-ID: a@b",), "", ()),
        (("Message-ID: <ab>",), "", ()),
        (("References: <a@x> <b@x>", "In-Reply-To: <c@x>"), "", ("a@x", "b@x")),
        (("References: nothing <valid>", "In-Reply-To: yours of <today> <c@x> <d@x>"), "", ("c@x",)),
        (("References: <a@x> <b@x> <a@x>",), "", ("a@x", "b@x", "a@x")),
        (("References: <a@x>\r\n\t<b@x>",), "", ("a@x", "b@x")),
        (("In-Reply-To: Ann's message",), "", ()),
    ],
)
def test_message_ids(lines: tuple[str, ...], own: str, references: tuple[str, ...]) -> None:
    """RFC 5256 §3: References, else the first identifier of In-Reply-To; quotes that are not needed do not count."""
    found = keys(*lines)
    assert (found.message_id, found.references) == (own, references)


def test_very_many_references_lose_the_middle() -> None:
    """The root of a thread and the near ancestors are kept."""
    found = keys("References:" + "".join(f" <{number}@x>" for number in range(1000))).references
    assert len(found) == limits.THREAD_REFERENCES
    assert (found[0], found[1], found[-1]) == ("0@x", f"{1001 - limits.THREAD_REFERENCES}@x", "999@x")


def test_parsing_gives_the_same_keys() -> None:
    """What arrival computes of a message is what its header says, also in another charset."""
    octets = "Subject: Re: Größe\r\nFrom: Jürgen <j@x>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n".encode(
        "iso-8859-1"
    )
    found = parse_message(octets).sort_keys
    assert found == sort_keys_of(octets)
    assert (found.subject, found.display_sender) == ("Größe", "Jürgen")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (b"=?utf-8?q?=C3=A9?=", "\u00e9"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "\u00e9"),
        (b"\xc3\xa9", "\u00e9"),
        (b"=?us-ascii?q?=C3=A9?=", "\u00e9"),
        (b"=?iso-8859-1?q?=E9?=", "\u00e9"),
        (b"=?utf-8?q?=E9?=", "\U000f00e9"),
        (b"\xe9", "\U000f00e9"),
        (b"a =?utf-8?q?=E9?=", "\U000f0061\U000f0020\U000f00e9"),
        (b"Re: =?x-klingon?q?a?=", "\U000f0061"),
        (b"=?us-ascii?q?=E9?=", "\U000f00e9"),
    ],
)
def test_text_that_cannot_be_read_is_its_octets(subject: bytes, text: str) -> None:
    """In characters that come behind all others, in the order of octets (RFC 5255 §4.6)."""
    assert sort_keys_of(b"Subject: " + subject + b"\r\n\r\n").subject == text
