"""Puts the trace header in front of a message without holding a large one in memory."""

from pathlib import Path

from mailwren.store.octets import MessageSource, Spool

_PIECE = 1024 * 1024


def compose(header: bytes, message: Spool, folder: Path | None) -> MessageSource:
    """``header`` and then the octets of ``message``, which stays as it is.

    Reads and writes files when the message is large: to be called in a thread then. The caller closes the result.

    Raises:
        OSError: there is no space.
    """
    octets = message.view()
    if isinstance(octets, bytes):
        return header + octets
    result = Spool(folder)
    try:
        result.write(header)
        with octets, memoryview(octets) as view:
            for start in range(0, len(view), _PIECE):
                with view[start : start + _PIECE] as piece:
                    result.write(piece)
    except BaseException:
        result.close()
        raise
    return result
