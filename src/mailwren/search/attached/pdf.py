"""The text of a PDF file, page by page. Only for the process that reads documents: a hostile file may do anything."""

from collections.abc import Iterator
from typing import BinaryIO

from pypdf import PdfReader


def pdf_texts(file: BinaryIO) -> Iterator[str]:
    """The text of each page that can be read, its lines as one: where they end is layout. Raises anything."""
    reader = PdfReader(file, strict=False)
    if reader.is_encrypted:
        reader.decrypt("")  # most files of this kind only forbid printing, and open for everybody
    for page in reader.pages:
        try:
            text = page.extract_text()
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S112 - a damaged page can raise anything; the others are read all the same
            continue
        yield " ".join(text.split())
