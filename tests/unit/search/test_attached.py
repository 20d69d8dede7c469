"""Reading attached documents: text of every kind of them, and nothing that a hostile one does reaches further."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.documents import (
    OFFICE,
    OPEN,
    attached,
    docx,
    open_document,
    package,
    pdf,
    pptx,
    xlsx,
)

from mailwren.base import limits
from mailwren.message.api import Part
from mailwren.message.parse import parse_message
from mailwren.search.attached import extracting
from mailwren.search.attached.extracting import Extractor
from mailwren.search.attached.kinds import Kind, kind_of, may_be_document
from mailwren.search.attached.texts import attached_text

needs_extra = pytest.mark.skipif(
    extracting.extractor() is None, reason="reading documents needs the extra: pip install mailwren[documents]"
)
ENOUGH = 100_000


@pytest.fixture
def documents() -> Iterator[Extractor]:
    """What reads documents."""
    with Extractor() as extractor:
        yield extractor


def _text(documents: Extractor, octets: bytes, characters: int = ENOUGH) -> str:
    kind = kind_of(octets)
    assert kind is not None
    return documents.text(kind, [octets[:10], octets[10:]], characters)


@needs_extra
@pytest.mark.parametrize(
    ("document", "text"),
    [
        (pdf("Hello grüße\nsecond line", "page two"), "Hello grüße second line\npage two"),
        (docx("foo b|ar", "Über 中文"), "foo bar\nÜber 中文\nfooting"),
        (xlsx("alpha beta", "gamma"), "Quarter\nalpha beta\ngamma\n4711.5 inline"),
        (pptx("slide one", "slide two"), "slide one below\nslide two below"),
        (open_document("para <text:span>o</text:span>ne", "zwei"), "Heading here\npara one\nzwei"),
        (package({"other.xml": "<a>nothing</a>"}), ""),
    ],
    ids=["pdf", "docx", "xlsx", "pptx", "odt", "zip"],
)
def test_every_kind_gives_its_text(documents: Extractor, document: bytes, text: str) -> None:
    """Words are whole whatever runs they are cut into; lines of a page are one; what is hidden stays out."""
    assert _text(documents, document) == text


@needs_extra
def test_one_process_reads_many(documents: Extractor) -> None:
    """Damaged ones between good ones do not disturb; the text ends where no more is wanted."""
    good = docx("something good")
    assert _text(documents, good, 5) == "somet"
    process = documents._process
    for octets in (pdf("abc"), good):
        for length in range(12, len(octets), len(octets) // 7):
            assert "\0" not in _text(documents, octets[:length])
    assert _text(documents, b"%PDF-1.4 and nothing else") == ""
    assert _text(documents, package({"word/document.xml": "<a><t>begun</t></p><broken"})) == ""
    assert _text(documents, good) == "something good\nfooting"
    assert documents._process is process


@needs_extra
@pytest.mark.parametrize(
    "document",
    [
        package({"word/document.xml": b"<d><p><t>x " + bytes(limits.DOCUMENT_UNPACKED) + b"</t></p></d>"}),
        package({"content.xml": '<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "' + "&a;" * 1000 + '">]><d><h>&b;</h></d>'}),
        package({"word/document.xml": '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d><t>&a;</t></d>'}),
    ],
    ids=["bomb", "entities", "files"],
)
def test_archives_that_grow_give_nothing(documents: Extractor, document: bytes) -> None:
    """Neither unpacked beyond the bound, nor through entities; files of the system stay unread."""
    assert _text(documents, document) == ""
    assert _text(documents, docx("next")) == "next\nfooting"


@needs_extra
def test_memory_is_bounded(documents: Extractor) -> None:
    """The process sets itself limits; it can write no file."""
    assert _text(documents, docx("next"))
    assert documents._process is not None
    lines = Path(f"/proc/{documents._process.pid}/limits").read_text("ascii").splitlines()
    found = {line[:26].strip(): line[26:].split()[0] for line in lines}
    assert found["Max address space"] == str(limits.DOCUMENT_MEMORY)
    assert found["Max file size"] == "0"
    assert 0 < int(found["Max cpu time"]) <= 2 * limits.DOCUMENT_SECONDS + 2


HANGING = "import sys, time; sys.stdin.buffer.read(1); time.sleep(1000)"
DYING = "import sys; sys.stdin.buffer.read(1)"
LYING = (
    "import sys; sys.stdin.buffer.read(1); sys.stdout.buffer.write(b'\\xff' * 9); sys.stdout.flush(); sys.stdin.read()"
)


@pytest.mark.parametrize("program", [HANGING, DYING, LYING], ids=["hangs", "dies", "lies"])
@pytest.mark.parametrize("size", [10, 5_000_000])
def test_a_process_that_misbehaves_is_replaced(program: str, size: int) -> None:
    """Whether it reads what it is sent or not: the document has no text, and nothing is left of the process."""
    with Extractor((sys.executable, "-c", program), 1.0) as documents:
        begun = time.monotonic()
        assert documents.text(Kind.PDF, [bytes(size)], ENOUGH) == ""
        assert time.monotonic() - begun < 30
        assert _process(documents) is None
        documents._command = (sys.executable, "-c", ANSWERING)  # type: ignore[misc]  # the next one behaves
        assert documents.text(Kind.PDF, [b"abc"], ENOUGH) == "fine"
        process = _process(documents)
        assert process is not None
    assert process.returncode is not None


def _process(documents: Extractor) -> subprocess.Popen[bytes] | None:
    return documents._process


ANSWERING = """
import sys
while sys.stdin.buffer.read(5):
    while length := int.from_bytes(sys.stdin.buffer.read(4), "big"):
        sys.stdin.buffer.read(length)
    sys.stdout.buffer.write(b"\\0\\0\\0\\4fine")
    sys.stdout.flush()
"""


HOSTILE = """
import sys
from mailwren.base import limits
limits.DOCUMENT_SECONDS = 0.1
import mailwren.search.attached.process as own
def texts(kind, document):
    if document.read() == b"good":
        yield "fine"
    kept = []
    while True:
        if kind is own.Kind.PACKAGE:
            kept.append(bytes(1 << 20))
own._texts = texts
own._limit()
own.main(sys.stdin.buffer, sys.stdout.buffer)
"""


@pytest.mark.parametrize("kind", Kind)
def test_a_document_that_takes_too_much_takes_its_process_along(kind: Kind) -> None:
    """Whether it loops for ever, or fills the memory: the system stops it, and the next one is read."""
    with Extractor((sys.executable, "-c", HOSTILE)) as documents:
        assert documents.text(kind, [b"good"], 4) == "fine"
        assert documents.text(kind, [b"bad"], 4) == ""
        assert documents.text(kind, [b"good"], 4) == "fine"


def test_an_error_in_the_middle_ends_the_process() -> None:
    """Half a document was sent: the next one begins with another process."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise LookupError

    with Extractor((sys.executable, "-c", ANSWERING)) as documents:
        with pytest.raises(LookupError):
            documents.text(Kind.PDF, pieces(), ENOUGH)
        assert documents._process is None
        assert documents.text(Kind.PDF, [b"", b"whole"], ENOUGH) == "fine"


@pytest.mark.parametrize(
    ("kind", "name", "may"),
    [
        ("application/pdf", "", True),
        (OFFICE + "wordprocessingml.document", "", True),
        (OPEN + "spreadsheet", "x.dat", True),
        ("application/octet-stream", "a.PDF", True),
        ("application/octet-stream", "", True),
        ("application/octet-stream", "a.exe", False),
        ("application/msword", "letter.docx", True),
        ("application/msword", "letter.doc", False),
        ("application/zip", "a.zip", False),
        ("text/plain", "a.pdf", False),
        ("image/png", "a.pdf", False),
    ],
)
def test_what_may_be_a_document(kind: str, name: str, may: bool) -> None:
    """By type, or by name where the type says nothing; pictures and programs are not looked at."""
    root = parse_message(attached(b"x", kind, name)).root
    assert may_be_document(root.children[1]) is may


def test_what_a_document_is() -> None:
    """The first octets decide."""
    assert kind_of(b"PK\3\4...") is Kind.PACKAGE
    assert kind_of(b"junk\r\n%PDF-1.7") is Kind.PDF
    assert kind_of(bytes(2000) + b"%PDF-1.7") is None
    assert kind_of(b"") is None


class _Counting(Extractor):
    """Tells how often it was asked."""

    asked = 0

    def text(self, kind: Kind, pieces: object, characters: int) -> str:
        self.asked += 1
        return "ab" * 100 if characters > 200 else "ab"[:characters]


def _of(message: bytes, extractor: Extractor) -> str:
    root: Part = parse_message(message).root
    return attached_text(lambda start, length: message[start : start + length], root, extractor)


def test_all_documents_of_a_message_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In characters, in time, and in octets of each; what is no document costs no question."""
    one = attached(b"%PDF-1")
    many = one.replace(b"--b--", b"") + one[one.index(b"--b\r\nContent-Type: application") :].replace(b"--b--", b"") * 9
    many += b"--b--\r\n"
    assert len(_of(many, counting := _Counting()).split()) == counting.asked == 10
    monkeypatch.setattr(limits, "DOCUMENTS_TEXT", 300)
    assert len(_of(many, counting := _Counting())) <= 300
    assert counting.asked < 60
    monkeypatch.setattr(limits, "DOCUMENTS_SECONDS", -1.0)
    assert (_of(many, counting := _Counting()), counting.asked) == ("", 0)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "DOCUMENT_OCTETS", 2)
    assert (_of(many, counting := _Counting()), counting.asked) == ("", 0)
    monkeypatch.undo()
    assert (_of(attached(b"no such thing"), counting := _Counting()), counting.asked) == ("", 0)
    unknown = one.replace(b"base64", b"x-own")
    assert (_of(unknown, counting := _Counting()), counting.asked) == ("", 0)


def test_without_the_extra_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both packages are needed; with one alone there is no reader."""
    for missing in ("pypdf", "defusedxml"):
        monkeypatch.setattr(extracting, "find_spec", lambda name, missing=missing: None if name == missing else name)
        assert extracting.extractor() is None


def test_servers_never_import_what_reads_documents() -> None:
    """Neither a worker, nor the indexing process, nor the command line, whether the extra is there or not."""
    program = (
        "import sys, mailwren.server.worker, mailwren.server.index_process as own, mailwren.cli.index\n"
        "own.extractor()\n"
        "print(sorted({'pypdf', 'defusedxml', 'mailwren.search.attached.pdf'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ)
    assert found.stdout == "[]\n"
    assert find_spec("mailwren.search.attached.pdf") is not None
