"""The text of OOXML and OpenDocument files: XML in a ZIP archive, read as a stream that is never held whole.

Only for the process that reads documents: a hostile file may do anything. What it unpacks to is bounded here.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final
from xml.sax import handler  # what a parser calls; the parser itself is the one of defusedxml
from xml.sax.xmlreader import AttributesImpl
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

from defusedxml.sax import make_parser

from mailwren.base import limits

_CHUNK: Final = 64 * 1024
_MEMBERS: Final = tuple(
    re.compile(each, re.IGNORECASE)
    for each in (
        r"word/document\d*\.xml",
        r"word/(footnotes|endnotes|comments|header|footer)\d*\.xml",
        r"ppt/slides/slide\d+\.xml",
        r"ppt/(notesSlides/notesSlide|comments/comment)\d+\.xml",
        r"xl/(workbook|sharedStrings|comments\d*|drawings/drawing\d+)\.xml",
        r"content\.xml",
        r"styles\.xml",
        r"xl/worksheets/sheet\d+\.xml",
    )
)
"""The files that hold text, as all programs name them; what has the most numbers and the least text comes last."""
_SKIPPED: Final = frozenset({"rPh", "Fallback", "tracked-changes", "scripts", "font-face-decls"})
"""How words are spoken, what stands there twice, what was deleted."""
_BLANKS: Final = frozenset({"tab", "br", "cr", "s", "line-break", "c"})
_LINES: Final = frozenset({"p", "h", "si", "is", "row", "comment"})
_SHOWN: Final = frozenset({"n", "str"})
"""Types of a cell whose value is what is shown, or nearly; of others it is the number of a text."""
_OPEN_DOCUMENT: Final = ("content.xml", "styles.xml")


class _Lines(handler.ContentHandler):
    """Collects the lines of one file. Elements are told apart by their local names, which all programs write alike.

    Args:
        open_document: text stands in paragraphs and headings; otherwise (OOXML) in ``t``, a cell's value in ``v``.
    """

    def __init__(self, *, open_document: bool) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._holding: Final = frozenset({"p", "h"} if open_document else {"t", "v"})
        self._words: list[str] = []
        self._open = 0
        """How many elements around this place hold text."""
        self._skipped = 0
        """How many elements are around this place, from the first one that is skipped on."""
        self._is_shown = True
        """Whether the value of the cell is what is shown, or nearly."""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX
        """An element begins."""
        local = name.rpartition(":")[2]
        if self._skipped or local in _SKIPPED:
            self._skipped += 1
        elif self._holds_text(local):
            self._open += 1
        elif local in _BLANKS:
            self._words.append(" ")
            self._is_shown = local != "c" or attrs.get("t", "n") in _SHOWN
        elif local == "sheet":
            self.lines.append(attrs.get("name", ""))

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX
        """An element ends."""
        local = name.rpartition(":")[2]
        if self._skipped:
            self._skipped -= 1
            return
        if self._holds_text(local):
            self._open -= 1
        if local in _LINES:
            self.flush()

    def _holds_text(self, local: str) -> bool:
        return local in self._holding and (local != "v" or self._is_shown)

    def characters(self, content: str) -> None:
        """Text between elements."""
        if self._open and not self._skipped:
            self._words.append(content)

    def flush(self) -> None:
        """A line ends."""
        line = " ".join("".join(self._words).split())
        self._words.clear()
        if line:
            self.lines.append(line)


def package_texts(file: BinaryIO) -> Iterator[str]:
    """The lines of a document's files. Raises anything."""
    unpacked = 0
    with ZipFile(file) as archive:
        for name in _chosen(archive.namelist()):
            if archive.getinfo(name).compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                continue  # the formats know no other, and others unpack without bounds
            parser, lines = make_parser(), _Lines(open_document=name.lower() in _OPEN_DOCUMENT)
            parser.setContentHandler(lines)
            with archive.open(name) as member:
                while chunk := member.read(_CHUNK):
                    unpacked += len(chunk)
                    if unpacked > limits.DOCUMENT_UNPACKED:
                        return
                    parser.feed(chunk)
                    yield from lines.lines
                    lines.lines.clear()
            lines.flush()
            yield from lines.lines


def _chosen(names: list[str]) -> list[str]:
    found = ((place, name) for name in names for place, each in enumerate(_MEMBERS) if each.fullmatch(name))
    return [name for _, name in sorted(found, key=lambda each: each[0])]
