"""Syncs that the kernel does by itself."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from mailwren.base import limits
from mailwren.store import kernel_syncs
from mailwren.store.kernel_syncs import KernelSyncs


async def _sync(syncs: KernelSyncs, descriptor: int) -> int:
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    syncs.sync(descriptor, told.set_result)
    assert syncs.working
    return await asyncio.wait_for(told, 30)


def _available() -> KernelSyncs:
    syncs = KernelSyncs()
    if not syncs.available:
        pytest.skip("the system does not sync files by itself")
    return syncs


async def test_files_are_synced_and_the_loop_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other and more at once than the system was asked to be ready for; each is told once."""
    monkeypatch.setattr(limits, "KERNEL_SYNCS", 8)
    syncs = _available()
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"x" * 10_000)
    assert [await _sync(syncs, descriptor) for _ in range(3)] == [0, 0, 0]
    many = 8 * limits.KERNEL_SYNCS
    assert await asyncio.gather(*[_sync(syncs, descriptor) for _ in range(many)]) == [0] * many
    assert not syncs.working
    os.close(descriptor)
    syncs.close()


async def test_what_cannot_be_synced_is_told_as_well() -> None:
    """With the system's error number, and later than the call."""
    syncs = _available()
    reading, writing = os.pipe()
    assert await _sync(syncs, reading) == errno.EINVAL
    os.close(reading)
    os.close(writing)
    assert await _sync(syncs, reading) == errno.EBADF
    syncs.close()


async def test_one_failure_does_not_keep_others_from_hearing(tmp_path: Path) -> None:
    """Whoever fails on hearing of a sync harms nobody else."""
    syncs = _available()
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)

    def fail(_error: int) -> None:
        raise ValueError("on purpose")

    syncs.sync(descriptor, fail)
    assert await _sync(syncs, descriptor) == 0
    os.close(descriptor)
    syncs.close()


async def test_a_system_without_such_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown machines, and systems that refuse, have none; closing what was never opened is nothing."""
    monkeypatch.setattr(kernel_syncs, "_NUMBERS", {})
    unknown = KernelSyncs()
    assert not unknown.available
    unknown.close()
    monkeypatch.undo()
    monkeypatch.setattr(kernel_syncs, "_call", lambda *_: -1)
    refused = KernelSyncs()
    assert [refused.available, refused.available] == [False, False]
    assert not refused.working
    refused.close()


async def test_without_a_descriptor_it_is_not_available_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left to be told through: commits go another way, and this one is tried again; nothing is raised."""
    _available().close()
    syncs = KernelSyncs()

    def fail(_initial: int, _flags: int) -> int:
        raise OSError(errno.EMFILE, "no descriptor is left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "eventfd", fail)
        now = syncs.available
    assert (now, syncs.available) == (False, True)
    with (tmp_path / "file").open("wb") as file:
        assert await _sync(syncs, file.fileno()) == 0
    syncs.close()
