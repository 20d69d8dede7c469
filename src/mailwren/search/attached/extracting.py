"""Has attached documents read by a process of its own, and ends it when that takes too long.

One process reads many documents, as starting Python takes longer than reading most of them. It is replaced when it
ended, or had to be ended; the document it was at then has no text.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.util import find_spec
from threading import Timer
from types import TracebackType
from typing import Final, Self

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.search.attached.kinds import Kind

_COMMAND: Final = (sys.executable, "-m", "mailwren.search.attached.process")
_NEEDED: Final = ("pypdf", "defusedxml")
"""The packages of the extra ``documents``; they are looked for here, and imported only by the process."""
_LENGTH: Final = 4
_LONGEST: Final = 4
"""Octets of one character of the answer, at most."""


class Extractor:
    """Reads documents, one after the other. The process is started with the first one.

    Args:
        command: what to start.
        seconds: how long a document may take, whatever else runs on the machine.
    """

    def __init__(self, command: Sequence[str] = _COMMAND, seconds: float = limits.DOCUMENT_WAIT_SECONDS) -> None:
        self._command: Final = command
        self._seconds: Final = seconds
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; another document starts one anew."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(OSError):  # what was not sent any more
                process.__exit__(None, None, None)

    def text(self, kind: Kind, pieces: Iterable[bytes], characters: int) -> str:
        """The text of a document; empty where it cannot be read, or not in time.

        Args:
            kind: what it is.
            pieces: its octets.
            characters: the most that are wanted.

        Raises:
            OSError: no process can be started.
            Exception: as ``pieces`` raises.
        """
        process = self._process or self._started()
        late = Timer(self._seconds, process.kill)
        late.start()
        answer: bytes | None = None
        try:
            answer = _asked(process, kind, pieces, characters)
        except BrokenPipeError:
            pass
        finally:
            late.cancel()
            late.join()
            if answer is None or process.poll() is not None:
                self.close()
        if answer is None:
            log.info("an attached document could not be read", reason=f"it took too much; status {process.returncode}")
        return (answer or b"").decode("utf-8", "replace")[:characters]

    def _started(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - this program's own module, and nothing of the document's
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._process = process
        return process


def _asked(process: subprocess.Popen[bytes], kind: Kind, pieces: Iterable[bytes], characters: int) -> bytes | None:
    """Send a document; its text in UTF-8, ``None`` where the process ended instead. Raises BrokenPipeError."""
    requests, answers = process.stdin, process.stdout
    assert requests is not None
    assert answers is not None
    requests.write(kind.value + characters.to_bytes(_LENGTH, "big"))
    for piece in pieces:
        if piece:
            requests.write(len(piece).to_bytes(_LENGTH, "big") + piece)
    requests.write(bytes(_LENGTH))
    requests.flush()
    head = answers.read(_LENGTH)
    length = int.from_bytes(head, "big")
    if len(head) < _LENGTH or length > _LONGEST * characters:
        return None
    octets = answers.read(length)
    return octets if len(octets) == length else None


def extractor() -> Extractor | None:
    """What reads documents, if the extra is installed."""
    return Extractor() if all(map(find_spec, _NEEDED)) else None
