"""COMPRESS=DEFLATE (RFC 4978); the work is done in ``server/compression.py``."""

from typing import TYPE_CHECKING

from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.ext.compress import Compress
from mailwren.server.table import Completion, Request

if TYPE_CHECKING:
    from mailwren.server.session import Session

_ACTIVE = b"COMPRESSIONACTIVE"


def compression_offered(session: "Session") -> bool:
    """Whether COMPRESS would do anything: not twice, and not inside TLS that compresses."""
    return not session.connection.compressed


async def run_compress(session: "Session", arguments: Compress, request: Request) -> Completion | None:
    """Compress immediately behind the tagged OK; what has come already is compressed too (RFC 4978 §3)."""
    if arguments.algorithm != "DEFLATE":
        raise BadCommand("The only algorithm is DEFLATE")
    if session.connection.compressed_by_tls:
        raise Refused("TLS compresses already", _ACTIVE)
    if session.connection.compressed:
        raise BadCommand("DEFLATE is active already", _ACTIVE)
    session.say(b"OK", "DEFLATE active", tag=request.tag)
    await session.flush()
    session.connection.start_compression()
    return Completion(silent=True)
