"""The process that reads attached documents: ``python -m mailwren.search.attached.process``, started while indexing.

Documents come from strangers, and their formats are wide: reading one may take for ever, or all memory. So this process
gives itself limits, has nothing open but its pipes, and whoever started it ends it when it does not answer.

On standard input, numbers with their highest octet first: one octet for the kind (see kinds.py), four for the most
characters wanted, then pieces of the document with four octets of length each, the last one empty. On standard output:
four octets of length, and the text as UTF-8. What cannot be read has none.
"""

import io
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO, Final

from mailwren.base import limits
from mailwren.search.attached.kinds import Kind

_HEAD: Final = 5
_LENGTH: Final = 4


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends, or memory runs out."""
    while len(head := requests.read(_HEAD)) == _HEAD:
        _allow_processor()
        document = _document(requests)
        try:
            text = read_document(Kind(head[:1]), document, int.from_bytes(head[1:], "big"))
        except MemoryError:
            return  # the next document finds a new process
        octets = text.encode("utf-8", "replace")
        answers.write(len(octets).to_bytes(_LENGTH, "big") + octets)
        answers.flush()
        document.close()


def _document(requests: BinaryIO) -> io.BytesIO:
    document = io.BytesIO()
    while length := int.from_bytes(requests.read(_LENGTH), "big"):
        document.write(requests.read(length))
    document.seek(0)
    return document


def read_document(kind: Kind, document: BinaryIO, characters: int) -> str:
    """The text of a document, or as much of it as is wanted and can be read in time. Raises MemoryError."""
    end = time.process_time() + limits.DOCUMENT_SECONDS
    found: list[str] = []
    length = 0
    try:
        for text in _texts(kind, document):
            found.append(text[: characters - length])
            length += len(found[-1]) + 1
            if length >= characters or time.process_time() > end:
                break
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - a damaged document can raise anything; what was read until then counts
        pass
    return "\n".join(filter(None, found))


def _texts(kind: Kind, document: BinaryIO) -> Iterator[str]:
    """Imported where it is needed: most mail has no documents, and many kinds never come."""
    if kind is Kind.PDF:
        from mailwren.search.attached.pdf import pdf_texts

        return pdf_texts(document)
    from mailwren.search.attached.packages import package_texts

    return package_texts(document)


def _allow_processor() -> None:
    """The time for one document from now on; without it, the system ends this process."""
    seconds = int(time.process_time() + 2 * limits.DOCUMENT_SECONDS) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds if hard == resource.RLIM_INFINITY else min(seconds, hard), hard))


def _limit() -> None:
    """Bound memory, and forbid to write files."""
    for which, most in (
        (resource.RLIMIT_AS, limits.DOCUMENT_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (least, least))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: meant for whoever started this
    _limit()
    logging.disable()
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    main(sys.stdin.buffer, replies)
