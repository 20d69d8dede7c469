"""COMPRESS=DEFLATE: what the transcripts cannot show, because it is compressed (RFC 4978, RFC 8437 §4.1)."""

import asyncio
import os
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.compressed import CompressedClient
from tests.support.inprocess import ByteTransport, Client, server_context

from mailwren.base import limits
from mailwren.server.compression import DamagedStream, Deflater, Inflater
from mailwren.server.features import Features

MEGABYTE = 1024 * 1024


def _with_client(test: Callable[[CompressedClient], Awaitable[None]], folder: Path | None = None) -> None:
    async def run() -> None:
        async with server_context(folder) as context:
            client = CompressedClient(context, Features())
            await client.login()
            await client.compress()
            await test(client)
            await client.close()

    asyncio.run(run())


@pytest.mark.parametrize("flush", [zlib.Z_SYNC_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_FULL_FLUSH])
@pytest.mark.parametrize("byte_by_byte", [False, True])
def test_every_flush_is_answered_at_once(flush: int, *, byte_by_byte: bool) -> None:
    """Commands, literals of both kinds and pipelining work behind any kind of flush, however the octets are cut."""

    async def test(client: CompressedClient) -> None:
        client.flush = flush
        client.send(b"a NOOP\r\nb SELECT INBOX\r\nc APPEND INBOX {3}\r\n", byte_by_byte=byte_by_byte)
        await client.until(lambda data: len(data) if data.endswith(b"+ OK\r\n") else None)
        client.send(b"one\r\nd NOOP\r\n", byte_by_byte=byte_by_byte)
        answer = await client.until(lambda data: len(data) if b"d OK" in data and data.endswith(b"\r\n") else None)
        assert b"c OK [APPENDUID" in answer
        client.send(b"e IDLE\r\n", byte_by_byte=byte_by_byte)
        await client.until(lambda data: len(data) if data.startswith(b"+ ") and data.endswith(b"\r\n") else None)
        client.send(b"DONE\r\n", byte_by_byte=byte_by_byte)
        assert (await client.line()).startswith(b"e OK")

    _with_client(test)


def test_not_twice() -> None:
    """COMPRESS while it is active is BAD, and it is no longer offered (RFC 4978 §3)."""

    async def test(client: CompressedClient) -> None:
        assert b"BAD [COMPRESSIONACTIVE]" in await client.command(b"COMPRESS DEFLATE")
        assert b"COMPRESS" not in (await client.command(b"CAPABILITY")).replace(b"[COMPRESS", b"")
        assert b"OK" in await client.command(b"NOOP")

    _with_client(test)


def test_tls_that_compresses() -> None:
    """Inside TLS with compression: NO, with a code that says why (RFC 4978 §3)."""

    class Tls(ByteTransport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return "zlib" if name == "compression" else super().get_extra_info(name, default)

    async def test() -> None:
        async with server_context() as context:
            client = Client(context, Features(), transport=Tls())
            await client.login()
            assert b"COMPRESS" not in await client.command(b"CAPABILITY")
            assert b"NO [COMPRESSIONACTIVE] TLS" in await client.command(b"COMPRESS DEFLATE")
            await client.close()

    asyncio.run(test())


def test_what_comes_together_with_the_command_is_compressed() -> None:
    """A client that does not wait for the OK has its next commands read as it meant them."""

    async def test() -> None:
        async with server_context() as context:
            client = CompressedClient(context, Features())
            await client.login()
            deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = deflater.compress(b"b NOOP\r\n") + deflater.flush(zlib.Z_SYNC_FLUSH)
            client.send(b"a COMPRESS DEFLATE\r\n" + packed)
            assert (await client.line()).startswith(b"a OK")
            client.inflating.inflater = zlib.decompressobj(wbits=-15)
            rest = bytes(client.transport.output[client._taken :])
            del client.transport.output[client._taken :]
            client.inflating.write(rest)
            assert (await client.line()).startswith(b"b OK")
            await client.close()

    asyncio.run(test())


def test_what_is_not_compressed_ends_the_connection() -> None:
    """Octets that are not DEFLATE are told of with BYE."""

    async def test(client: CompressedClient) -> None:
        Client.send(client, b"a NOOP\r\n" * 10)
        assert (await client.line()).startswith(b"* BYE Compression failed")

    _with_client(test)


def test_answers_are_smaller() -> None:
    """Large answers shrink, in pieces, and come back the same."""

    async def test(client: CompressedClient) -> None:
        body = b"Subject: x\r\n\r\n" + b"The quick brown fox jumps over the lazy dog.\r\n" * 20000
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(body), body))
        assert b"a OK" in await client.line()
        await client.command(b"SELECT INBOX")
        before = client.inflating.on_the_line
        assert body in await client.command(b"FETCH 1 BODY.PEEK[]")
        assert client.inflating.on_the_line - before < len(body) / 20

    _with_client(test)


def test_what_is_compressed_already() -> None:
    """Random octets come back the same and hardly larger."""

    async def test(client: CompressedClient) -> None:
        body = b"Content-Type: image/jpeg\r\n\r\n" + os.urandom(2 * MEGABYTE).replace(b"\0", b"")
        client.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(body), body))
        assert b"a OK" in await client.line()
        await client.command(b"SELECT INBOX")
        before = client.inflating.on_the_line
        assert body in await client.command(b"FETCH 1 BODY.PEEK[]")
        assert client.inflating.on_the_line - before < len(body) * 1.01
        assert client.inflating.largest < 2 * limits.OUTPUT_CHUNK

    _with_client(test)


def test_a_bomb_is_bounded() -> None:
    """A megabyte that inflates to a thousand takes little memory, and others have their turn in between."""

    async def test(client: CompressedClient) -> None:
        bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"".join([bomb.compress(b"x" * MEGABYTE) for _ in range(200)]) + bomb.flush()
        longest = 0.0
        Client.send(client, packed)
        for _ in range(10_000):
            if client.protocol._inflater is None or not client.protocol._inflater.waiting:
                break
            began = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)
            assert client.protocol.framer.buffered <= limits.LINE + limits.INFLATED_AT_ONCE
        assert b"BAD [LIMIT]" in client.pending
        assert longest < 0.5

    _with_client(test)


def test_a_client_that_hangs_up_is_still_answered() -> None:
    """What was sent before the end of the connection is inflated and carried out."""

    async def test(client: CompressedClient) -> None:
        client.send(b"".join(b"n%d NOOP\r\n" % number for number in range(2000)))
        client.protocol.eof_received()
        await client.until(lambda data: len(data) if b"n1999 OK" in data else None)

    _with_client(test)


def test_a_compressor_is_kept_only_while_it_is_of_use() -> None:
    """Behind small answers it goes at once, otherwise when it was not used for a while; the client does not notice."""
    deflater, inflater = Deflater(), zlib.decompressobj(wbits=-15)
    large = os.urandom(5000)

    def sizes(*pieces: bytes) -> list[int]:
        packed = [deflater.pack(piece) for piece in pieces]
        assert b"".join(map(inflater.decompress, packed)) == b"".join(pieces)
        return [len(piece) for piece in packed]

    small = b"* 1 EXISTS\r\n* 1 RECENT\r\n"
    first = sizes(small)
    deflater.rest()
    assert sizes(small) == first
    assert sizes(large, large)[1] < 100
    deflater.rest()
    deflater.tick()
    assert sizes(large)[0] < 100
    deflater.tick()
    deflater.tick()
    assert sizes(large)[0] > len(large)


def test_nothing_behind_a_flush_is_touched() -> None:
    """Each piece ends where the client flushed, so what is behind it may be no longer compressed."""
    deflater, inflater = zlib.compressobj(6, zlib.DEFLATED, -15), Inflater()
    inflater.feed(deflater.compress(b"a UNAUTHENTICATE\r\n") + deflater.flush(zlib.Z_SYNC_FLUSH) + b"b NOOP\r\n")
    assert inflater.piece() == b"a UNAUTHENTICATE\r\n"
    assert inflater.take_rest() == b"b NOOP\r\n"
    assert not inflater.waiting


def test_nothing_comes_behind_the_end() -> None:
    """A stream that was finished is finished."""
    deflater, inflater = zlib.compressobj(6, zlib.DEFLATED, -15), Inflater()
    inflater.feed(deflater.compress(b"a NOOP\r\n") + deflater.flush() + b"more")
    assert inflater.piece() == b"a NOOP\r\n"
    with pytest.raises(DamagedStream):
        inflater.piece()


@pytest.mark.parametrize("finish", [zlib.Z_SYNC_FLUSH, zlib.Z_FINISH])
def test_compression_ends_with_the_login(finish: int) -> None:
    """Behind UNAUTHENTICATE and its OK nothing is compressed; what was pipelined neither (RFC 8437 §4.1)."""

    async def test(client: CompressedClient) -> None:
        client.flush = finish
        Client.send(client, client.packed(b"u UNAUTHENTICATE\r\n") + b"v LOGIN bob secret\r\n")
        assert await client.line() == b"u OK You are logged out\r\n"
        await asyncio.sleep(0)
        client.plain()
        answer = await client.until(lambda data: len(data) if b"v OK" in data else None)
        assert b"COMPRESS=DEFLATE" in answer
        await client.compress()
        assert b"OK" in await client.command(b"NOOP")

    _with_client(test)
