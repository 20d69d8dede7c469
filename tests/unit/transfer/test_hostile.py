"""Any octets anywhere: readers never fail, never lose what stands around, and give the same again."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.transfer.gathering import batches
from mailwren.transfer.incoming import Incoming, Problem, Reading
from mailwren.transfer.mailbox_names import Naming
from mailwren.transfer.mbox import MboxReader
from mailwren.transfer.quoting import MboxDialect
from mailwren.transfer.recognition import why_not_mail

FROM = b"From a@b Thu Jan  1 00:00:01 1970\n"
PIECES = st.sampled_from(
    [
        FROM, b"From ", b"From - \n", b"From a@b\n", b">From x\n", b">>From y\n", b"\n", b"\r\n", b"\r", b"A: b\n",
        b"Content-Length: 0\n", b"Content-Length: 5\n", b"Content-Length: 40\n", b"Status: RO\n",
        b"X-Keywords: a\n b\n",
        b"X-Mozilla-Status: 0009\n", b"X-Mailwren-Export: octets=5; lines=crlf; date=2020-01-01T00:00:00+00:00\n",
        b"X-Mailwren-Export: octets=5; lines=exact; date=never\n", b"Received: x; ",
        b"Date: 32 Foo 99999 99:99 +9999\n",
        b"From a Thu Feb 31 25:61:61 9999\n", b"From a Jan 1 10:00 +9999 2000\n", b"\0", b"\xff\xfe", b"text ", b":",
        b"X-IMAP: 1 2\nSubject: DON'T DELETE THIS MESSAGE\n",
    ]
)  # fmt: skip
OCTETS = st.binary(max_size=200) | st.lists(PIECES, max_size=25).map(b"".join)
FILES = {
    "mbox": "a.mbox", "eml": "a.eml", "other": "a", "maildir": "cur/1.a:2,S", "keywords": "dovecot-keywords",
    "uidlist": "dovecot-uidlist", "courier": "courierimapkeywords/:list", "subscriptions": "subscriptions",
    "sequences": ".mh_sequences", "manifest": "mailwren-export.json", "index": "mailwren-index.tsv", "number": "1",
}  # fmt: skip


@given(OCTETS, st.sampled_from(list(MboxDialect)))
@settings(max_examples=500, deadline=None)
def test_any_octets_are_read_as_mbox(octets: bytes, dialect: MboxDialect) -> None:
    """Messages and problems lie in the file one behind the other, and nothing else happens."""
    found = list(MboxReader(octets, "x", "INBOX", Reading(dialect)).messages())
    assert sum(item.file_octets for item in found) <= len(octets)
    starts = [int(item.origin.partition(":")[2]) for item in found if ":" in item.origin]
    assert starts == sorted(set(starts))
    assert all(len(item.source) <= 2 * len(octets) for item in found if isinstance(item, Incoming))


@given(st.dictionaries(st.sampled_from(sorted(FILES)), OCTETS, max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_files_are_walked(files: dict[str, bytes]) -> None:
    """A tree of files with any octets gives batches, the same at every time."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, octets in files.items():
            path = Path(folder) / "x" / FILES[kind]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
        runs = [
            [
                message.identity
                for batch in batches([Path(folder) / "x"], Naming(), Reading())
                for message in batch.messages
            ]
            for _ in range(2)
        ]
    assert runs[0] == runs[1]


@given(st.lists(st.lists(st.sampled_from([b"text\n", b"\n", b">From x\n", b">>From y\n", b"From me\n", b">cited\n"]))))
@settings(max_examples=150, deadline=None)
def test_a_grown_mbox_only_adds(bodies: list[list[bytes]]) -> None:
    """The messages of a file stay the same when messages are put behind them."""
    parts = [FROM + b"Subject: x\nTo: y\n\n" + b"".join(body) + b"\n" for body in bodies]
    whole = _sources(b"".join(parts))
    assert len(whole) == len(parts)
    for number in range(len(parts)):
        assert _sources(b"".join(parts[:number])) == whole[:number]


def _sources(octets: bytes) -> list[bytes]:
    found = MboxReader(octets, "x", "INBOX", Reading()).messages() if octets else ()
    return [item.source for item in found if isinstance(item, Incoming)]


@given(OCTETS)
def test_recognition_takes_whatever_has_a_header_field(octets: bytes) -> None:
    """A text that begins with a header field is mail, however it goes on, unless it is full of NULs."""
    text = b"Subject: x\n" + octets.replace(b"\0", b"")
    assert why_not_mail(text) == why_not_mail(text, named_as_mail=False) == ""


@pytest.mark.parametrize("octets", [b"\x1f\x8b\x08", b"PK\x03\x04", b"!BDN", b"\xff\xfeS\0u\0", b"SQLite format 3\0"])
def test_other_kinds_are_told_with_advice(octets: bytes) -> None:
    """Well-known kinds of files are called by their name."""
    assert why_not_mail(octets) not in {"", "binary file, not mail", "no header field in its first lines, not mail"}


def test_problems_alone_do_not_fill_the_memory() -> None:
    """A file with nothing but problems is handed on in pieces as well."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.mbox"
        path.write_bytes(FROM * 1000)
        sizes = [len(batch.problems) for batch in batches([path], Naming(), Reading())]
    assert max(sizes) == 100
    assert sum(sizes) == 1000
    assert isinstance(Problem("x", "y"), Problem)
