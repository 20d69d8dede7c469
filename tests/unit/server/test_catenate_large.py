"""CATENATE of what is larger than memory should be."""

import asyncio
import tracemalloc
from pathlib import Path

from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.server.features import Features

MEGABYTE = 1024 * 1024
SIZE = 24 * MEGABYTE
HEADER = b"Subject: large\r\n\r\n"


async def _append_large(client: Client, mailbox: bytes) -> None:
    client.send(b"big APPEND %b {%d+}\r\n" % (mailbox, SIZE))
    client.send(HEADER)
    piece = b"x" * 78 + b"\r\n"
    for start in range(len(HEADER), SIZE, MEGABYTE):
        client.send((piece * (MEGABYTE // len(piece) + 1))[: min(MEGABYTE, SIZE - start)])
        await client.protocol.drain(1)
    client.send(b"\r\n")
    assert b"OK [APPENDUID" in await client.until(
        lambda data: len(data) if b"big OK" in data and data.endswith(b"\r\n") else None
    )


async def _put_together(folder: Path) -> int:
    """The memory that it took at most."""
    url = b'URL "/INBOX/;UID=1"'
    async with server_context(folder, message_size_limit=2 * SIZE + 100) as context:
        client = Client(context, Features())
        await client.login()
        await _append_large(client, b"INBOX")
        tracemalloc.start()
        answer = await client.command(b"APPEND INBOX CATENATE (%b TEXT {2+}\r\n-- %b)" % (url, url))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert b"OK [APPENDUID" in answer
        answer = await client.command(b"STATUS INBOX (SIZE)")
        assert b"(SIZE %d)" % (3 * SIZE + 2) in answer
        answer = await client.command(b"APPEND INBOX CATENATE (" + b" ".join((url, url, url)) + b")")
        assert b"NO [TOOBIG]" in answer
        assert b"MESSAGES 2" in await client.command(b"STATUS INBOX (MESSAGES)")
        await client.close()
    return peak


def test_large_parts_never_stand_in_memory(tmp_path: Path) -> None:
    """Two large messages become one, through a spool; the limit on messages holds for what is put together."""
    assert asyncio.run(_put_together(tmp_path)) < limits.BLOB_CACHE + SIZE // 2
