"""Every message of the corpus, as it is and with CRLF as an importer stores it, against independent parsers."""

import email
import email.message
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient.response_parser import parse_fetch_response
from tests.support.structure_syntax import check_body, check_envelope, read_list

from mailwren.message.api import ParsedMessage
from mailwren.message.parse import parse_message
from mailwren.message.sections import SectionPiece, dump_part, find_part, leaf_sections, load_part, section_range
from mailwren.message.text import body_texts, header_text
from mailwren.message.transfer import UnknownEncoding, decode_transfer

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(os.environ.get("MAILWREN_CORPUS", ROOT.parent / "shared" / "corpus"))
FOLDERS = sorted(path.name for path in CORPUS.iterdir() if path.is_dir()) if CORPUS.is_dir() else []

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not FOLDERS, reason=f"no message corpus at {CORPUS}; set MAILWREN_CORPUS"),
]

KNOWN_ENCODINGS = {"7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode"}


def _messages(folder: str) -> Iterator[tuple[str, bytes]]:
    """Name and octets of each message, mailbox files split at their From_ lines."""
    for path in sorted((CORPUS / folder).rglob("*")):
        if path.is_file():
            octets = path.read_bytes()
            name = str(path.relative_to(CORPUS))
            if octets.startswith(b"From "):
                yield from _split(name, octets)
            else:
                yield name, octets


def _split(name: str, octets: bytes) -> Iterator[tuple[str, bytes]]:
    for number, piece in enumerate(re.split(rb"(?:\A|(?<=\n\n)|(?<=\r\n\r\n))From [^\n]*\n", octets)):
        if piece:
            yield f"{name}#{number}", piece


def _variants(folder: str) -> Iterator[tuple[str, bytes]]:
    for name, octets in _messages(folder):
        yield name, octets
        converted = re.sub(rb"\r?\n", b"\r\n", octets)
        if converted != octets:
            yield name + " with CRLF", converted


@pytest.mark.parametrize("folder", FOLDERS)
def test_answers_are_valid(folder: str) -> None:
    """ENVELOPE, BODY and BODYSTRUCTURE follow the grammar, and a client's parser reads them."""
    for name, octets in _variants(folder):
        parsed = parse_message(octets)
        try:
            check_envelope(read_list(parsed.envelope))
            check_body(read_list(parsed.body), extended=False)
            check_body(read_list(parsed.body_structure), extended=True)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        _check_with_imapclient(parsed, name)
        assert load_part(dump_part(parsed.root)) == parsed.root, name


def _check_with_imapclient(parsed: ParsedMessage, name: str) -> None:
    line = b"1 (ENVELOPE %b BODY %b BODYSTRUCTURE %b)" % (parsed.envelope, parsed.body, parsed.body_structure)
    answer = parse_fetch_response([line], uid_is_key=False)[1]
    assert set(answer) == {b"SEQ", b"ENVELOPE", b"BODY", b"BODYSTRUCTURE"}, name
    assert answer[b"BODYSTRUCTURE"].is_multipart == parsed.root.is_multipart, name


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_part_can_be_fetched(folder: str) -> None:
    """Each leaf is found by its numbers, lies in the message, and decodes; only unknown encodings do not."""
    for name, octets in _variants(folder):
        root = parse_message(octets).root
        for numbers, part in leaf_sections(root):
            assert find_part(root, numbers) is part, (name, numbers)
            assert section_range(root, numbers, SectionPiece.ALL) == (part.body_start, part.body_end), (name, numbers)
            try:
                decode_transfer(octets[part.body_start : part.body_end], part.encoding)
            except UnknownEncoding:
                assert part.encoding not in KNOWN_ENCODINGS, (name, numbers)


@pytest.mark.parametrize("folder", FOLDERS)
def test_texts_can_be_stored(folder: str) -> None:
    """All decoded text can be written as UTF-8: no lone surrogates."""
    for _, octets in _variants(folder):
        parsed = parse_message(octets)
        text = "".join(body_texts(octets, parsed.root)) + header_text(octets[: parsed.header_size])
        (text + parsed.subject + parsed.preview + parsed.message_id + "".join(parsed.references)).encode("utf-8")


# --- against Python's parser --------------------------------------------------------------------------------
_SAME_BOUNDARY = "multiparts in one another with one boundary: a delimiter belongs to the innermost that is open"
_EMPTY_PARTS = "delimiters one after the other have empty parts between them, which Python leaves out"
_FOLDED_BOUNDARY = "a boundary folded within its quotes, in which Python keeps the line end"
_OWN_FIRST_LINE = (
    "a first line that is no field (of SMTP, POP3, a mailbox file, a byte order mark) ends Python's header"
)
_BROKEN_HEADER = "a line that is no field in the middle of the header, where Python's header ends"
_NO_SEMICOLON = "a parameter without a semicolon before it, which Python takes for a part of the subtype"
_DIFFERENT = {
    "cpython-test_email/Lib/test/test_email/data/msg_15.txt": _SAME_BOUNDARY,
    "cpython-test_email/Lib/test/test_email/data/msg_37.txt": _EMPTY_PARTS,
    "cpython-test_email/Lib/test/test_email/data/msg_39.txt": _SAME_BOUNDARY,
    "dovecot-imaptest/src/tests/fetch-binary-mime-base64.mbox#1": _FOLDED_BOUNDARY,
    "dovecot-imaptest/src/tests/fetch-binary-mime-qp.mbox#1": _FOLDED_BOUNDARY,
    "dovecot-imaptest/src/tests/fetch-binary-mime.mbox#1": _FOLDED_BOUNDARY,
    "dovecot-imaptest/src/tests/fetch-bodystructure.mbox#1": _FOLDED_BOUNDARY,
    "dovecot-imaptest/src/tests/urlauth-binary.mbox#1": _FOLDED_BOUNDARY,
    "enmime/testdata/mail/mime-bad-content-type.raw": _NO_SEMICOLON,
    "enmime/testdata/mail/mime-blank-media-name.raw": _NO_SEMICOLON,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/2002_06_12_doublebound.msg": _EMPTY_PARTS,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/double-bound.msg": _EMPTY_PARTS,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/multi-badnames.msg": _FOLDED_BOUNDARY,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/multi-clen.msg": _FOLDED_BOUNDARY,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/multi-digest.msg": _FOLDED_BOUNDARY,
    "james-mime4j/core/src/test/resources/mimetools-testmsgs/multi-simple.msg": _FOLDED_BOUNDARY,
    "james-mime4j/core/src/test/resources/testmsgs/very-very-long-boundary.msg": "a boundary beyond our limit",
    "kde-kmime/autotests/data/big-allocation.mbox": _EMPTY_PARTS,
    "mailcore2-jwz/unittest/data/parser/input/mbox/jwz/116": _OWN_FIRST_LINE,
    "mailcore2-jwz/unittest/data/parser/input/mbox/jwz/117": _OWN_FIRST_LINE,
    "mailcore2-jwz/unittest/data/parser/input/mbox/jwz/5": _EMPTY_PARTS,
    "mailcore2-jwz/unittest/data/parser/input/mbox/simple/2": _SAME_BOUNDARY,
    "mailcore2-jwz/unittest/data/parser/input/mbox/simple/3": "an empty boundary, which is none",
    "mailkit/UnitTests/Net/Pop3/Resources/comcast/retr1.txt": _OWN_FIRST_LINE,
    "mailkit/UnitTests/Net/Pop3/Resources/gmail/retr1.txt": _OWN_FIRST_LINE,
    "mailkit/UnitTests/Net/Pop3/Resources/gmail/retr123.txt": _OWN_FIRST_LINE,
    "mimekit/UnitTests/TestData/mbox/content-length.mbox.txt#10": _OWN_FIRST_LINE,
    "mimekit/UnitTests/TestData/mbox/simple.mbox.txt#1": _SAME_BOUNDARY,
    "mimekit/UnitTests/TestData/messages/feedback-report.txt": _OWN_FIRST_LINE,
    "mimekit/UnitTests/TestData/messages/issue358.txt": _BROKEN_HEADER,
    "ponymail/test/resources/valid/test_288.mbox#1": "a boundary in angle brackets, which Python takes off",
    "rspamd/test/functional/messages/badboundary.eml": "a message cut off behind a delimiter has no further part",
    "sisimai-set-of-emails/maildir/bsd/lhost-x1-02.eml": _NO_SEMICOLON,
    "spamassassin/t/data/spam/bsmtp": _OWN_FIRST_LINE,
    "stalwart-mail-parser/resources/eml/malformed/000.eml": _EMPTY_PARTS,
    "stalwart-mail-parser/resources/eml/malformed/003.eml": _SAME_BOUNDARY,
    "stalwart-mail-parser/resources/eml/malformed/013.eml": _SAME_BOUNDARY,
    "stalwart-mail-parser/resources/eml/malformed/017.eml": _NO_SEMICOLON,
    "stalwart-mail-parser/resources/eml/malformed/019.eml": _EMPTY_PARTS,
    "stalwart-mail-parser/resources/eml/thirdparty/012.eml": _FOLDED_BOUNDARY,
}
"""Messages whose leaves differ from Python's on purpose, each looked at, and why."""


def _python_leaves(message: email.message.Message) -> Iterator[str]:
    """Content types of the leaves, in our terms: Python looks into all of message/*, we into whole messages only."""
    kind = message.get_content_type()
    encoding = str(message.get("content-transfer-encoding", "7bit")).strip().lower()
    payload = message.get_payload()
    opaque = kind.startswith("message/") and (
        kind not in {"message/rfc822", "message/global"} or encoding not in {"7bit", "8bit", "binary"}
    )
    if isinstance(payload, list) and payload and not opaque:
        for child in payload:
            assert isinstance(child, email.message.Message)
            yield from _python_leaves(child)
    else:
        yield "text/plain" if kind.startswith("multipart/") else kind


@pytest.mark.parametrize("folder", FOLDERS)
def test_leaves_agree_with_python(folder: str) -> None:
    """The same leaves with the same types as Python's parser finds, but for messages that were looked at."""
    found = set()
    for name, octets in _messages(folder):
        converted = re.sub(rb"\r?\n", b"\r\n", octets)
        ours = [f"{part.type}/{part.subtype}" for _, part in leaf_sections(parse_message(converted).root)]
        if ours != list(_python_leaves(email.message_from_bytes(converted))):
            found.add(name)
    assert not found - set(_DIFFERENT)  # another version of Python may differ less
