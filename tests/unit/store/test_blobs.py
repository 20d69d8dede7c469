"""Blobs: the file format of large ones, and the places that keep them."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.store.blobs.api import BlobStore, DamagedBlob
from mailwren.store.blobs.cache import OctetCache
from mailwren.store.blobs.folder import FolderBlobs
from mailwren.store.blobs.frames import FOOTER_LENGTH, read_frame, read_index, write_frames
from mailwren.store.blobs.memory import MemoryBlobs

FRAME = limits.BLOB_FRAME


def _octets(size: int, *, compressible: bool = True) -> bytes:
    if compressible:
        return (b"some text that repeats %d\r\n" * (size // 20 + 1))[:size]
    return random.Random(size).randbytes(size)


def _file(octets: bytes) -> bytes:
    return b"".join(bytes(piece) for piece in write_frames(memoryview(octets)))


def _read_at(file: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: file[offset : offset + length]


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """An empty place for blobs."""
    return FolderBlobs(tmp_path / "blobs", OctetCache(1 << 20)) if request.param == "folder" else MemoryBlobs()


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 7])
@pytest.mark.parametrize("compressible", [True, False])
def test_frames_give_back_what_went_in(size: int, compressible: bool) -> None:
    """All sizes around the edges of frames, whether they compress or not."""
    octets = _octets(size, compressible=compressible)
    file = _file(octets)
    index = read_index(_read_at(file), len(file))
    assert index.size == size
    assert b"".join(read_frame(_read_at(file), index, number) for number in range(len(index.plain))) == octets
    if compressible and size > 1000:
        assert len(file) < size / 5
    else:
        assert len(file) <= size + FOOTER_LENGTH + 4 * len(index.plain)


@pytest.mark.parametrize("place", [0, 100, -FOOTER_LENGTH - 1, -FOOTER_LENGTH, -20, -12, -8, -1])
@pytest.mark.parametrize("compressible", [True, False])
def test_a_changed_octet_is_noticed_or_is_in_the_octets(place: int, compressible: bool) -> None:
    """Damage is told, except in frames stored as they are, which the blob's hash covers."""
    octets = _octets(2 * FRAME + 100, compressible=compressible)
    file = bytearray(_file(octets))
    file[place] ^= 0x55
    read_at = _read_at(bytes(file))
    try:
        index = read_index(read_at, len(file))
        found = b"".join(read_frame(read_at, index, number) for number in range(len(index.plain)))
    except DamagedBlob:
        return
    assert not compressible
    assert len(found) == len(octets)


@given(cut=st.integers(0, 2000))
def test_a_cut_file_is_damaged(cut: int) -> None:
    """A file that ends too early never reads as a whole one."""
    file = _file(_octets(FRAME + 10))
    file = file[: max(0, len(file) - 1 - cut)]
    with pytest.raises(DamagedBlob):
        read_index(_read_at(file), len(file))


def test_put_read_list_delete(blobs: BlobStore) -> None:
    """The four things that a place for blobs can do."""
    octets = _octets(2 * FRAME + 5)
    blob = hashlib.sha256(octets).digest()
    assert not blobs.exists(blob)
    with memoryview(octets) as view:
        blobs.put(view, blob)
        blobs.put(view, blob)
    assert blobs.exists(blob)
    assert [entry.hash for entry in blobs.list()] == [blob]
    for start, length in ((0, 10), (FRAME - 5, 10), (FRAME, FRAME), (0, len(octets) + 9), (len(octets), 5), (9**9, 5)):
        assert blobs.read(blob, start, length) == octets[start : start + length]
    blobs.delete(blob)
    blobs.delete(blob)
    assert list(blobs.list()) == []
    with pytest.raises(DamagedBlob):
        blobs.read(blob, 0, 1)


def test_files_lie_by_hash_and_nothing_else_is_left(tmp_path: Path) -> None:
    """A blob's file is named for its hash; the temporary name is gone; foreign files are passed over."""
    blobs = FolderBlobs(tmp_path, OctetCache(1000))
    blob = hashlib.sha256(b"x").digest()
    with memoryview(b"x") as view:
        blobs.put(view, blob)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        f"{blob.hex()[:2]}/{blob.hex()}"
    ]
    (tmp_path / "zz").mkdir()
    (tmp_path / "zz" / "README").write_text("not a blob")
    assert [entry.hash for entry in blobs.list()] == [blob]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses there is neither a blob nor a half one."""
    blobs = FolderBlobs(tmp_path, OctetCache(1000))

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with memoryview(b"octets") as view, pytest.raises(OSError, match="No space"):
        blobs._write(tmp_path / "there", view)
    monkeypatch.undo()
    (tmp_path / "there").unlink()
    blobs.put(memoryview(b"a"), b"\x11" * 32)
    monkeypatch.setattr("os.fsync", refuse)
    with memoryview(b"octets") as view, pytest.raises(OSError, match="No space"):
        blobs.put(view, b"\x11" * 31 + b"\x12")
    assert [entry.hash for entry in blobs.list()] == [b"\x11" * 32]
    assert blobs.remove_parts(2**40) == 0


def test_frames_are_decompressed_once(tmp_path: Path) -> None:
    """Reading a large message piece by piece goes to the file once for each frame."""
    cache = OctetCache(8 * FRAME)
    blobs = FolderBlobs(tmp_path, cache)
    octets = _octets(2 * FRAME)
    blob = hashlib.sha256(octets).digest()
    with memoryview(octets) as view:
        blobs.put(view, blob)
    assert blobs.read(blob, 0, 1000) == octets[:1000]
    before = cache.get((blob, 0))
    assert blobs.read(blob, 1000, 1000) == octets[1000:2000]
    assert cache.get((blob, 0)) is before
    assert cache.get((blob, 1)) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 60)), max_size=60))
def test_the_cache_is_bounded_and_keeps_what_is_used(work: list[tuple[int, int]]) -> None:
    """The total never exceeds the limit, and what is there is what was put last under its key."""
    cache = OctetCache(100)
    known: dict[int, bytes] = {}
    for key, size in work:
        value = bytes([key]) * size
        cache.put(key, value)
        known[key] = value
        if size <= 25:
            assert cache.get(key) == value
        assert sum(len(each) for each in cache._entries.values()) == cache._size <= 100
    for key, value in known.items():
        assert cache.get(key) in {None, value} or len(value) > 25
