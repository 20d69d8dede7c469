"""Which parts of a message are documents that can be read: by media type, by name, and by their first octets. Pure."""

from enum import Enum
from pathlib import PurePath
from typing import Final

from mailwren.message.api import Part


class Kind(Enum):
    """What a document has to be read as; the value stands for it on the wire to the process that does."""

    PDF = b"p"
    PACKAGE = b"z"
    """A ZIP archive of XML files: OOXML (docx, xlsx, pptx) or OpenDocument (odt, ods, odp). Its files tell which."""


_TYPES: Final = frozenset(
    {
        "pdf",
        "x-pdf",
        "vnd.ms-word.document.macroenabled.12",
        "vnd.ms-excel.sheet.macroenabled.12",
        "vnd.ms-powerpoint.presentation.macroenabled.12",
    }
)
_FAMILIES: Final = ("vnd.openxmlformats-officedocument.", "vnd.oasis.opendocument.")
_SUFFIXES: Final = frozenset(
    f".{each}"
    for each in (
        *("pdf", "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "ppsx", "potx"),
        *("odt", "ott", "ods", "ots", "odp", "otp"),
    )
)
_PDF_BEGINS: Final = 1024
"""Octets within which a PDF file's mark stands: readers take files that have something before it."""


def may_be_document(part: Part) -> bool:
    """Whether a part is to be looked at: a document's media type, or its name, as many programs know no type."""
    if part.type != "application":
        return False
    if part.subtype in _TYPES or part.subtype.startswith(_FAMILIES):
        return True
    suffix = PurePath(part.file_name).suffix.lower()
    return suffix in _SUFFIXES or (part.subtype == "octet-stream" and not suffix)


def kind_of(beginning: bytes) -> Kind | None:
    """What the first octets say, whatever the message calls it; ``None``: nothing that can be read."""
    if beginning.startswith(b"PK\3\4"):
        return Kind.PACKAGE
    return Kind.PDF if b"%PDF-" in beginning[:_PDF_BEGINS] else None
