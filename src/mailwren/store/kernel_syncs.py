"""Bringing files to the disk without waiting for it: the kernel does it, and tells the event loop.

A thread that waits for a sync has to get the interpreter afterwards, which the event loop has; the two waking each
other cost as much as a small message. Linux syncs files by itself (``io_submit(2)``, ``IOCB_CMD_FDSYNC``) and says
through a descriptor when it is done. Python has no function for that, so it is called through the C library. Where the
system has or allows nothing of the kind, :attr:`KernelSyncs.available` is false.
"""

import asyncio
import ctypes
import os
import platform
import struct
import sys
from collections.abc import Callable
from typing import Final

from mailwren.base import limits
from mailwren.base.logs import log

_NUMBERS: Final = {"x86_64": (206, 207, 208, 209), "aarch64": (0, 1, 4, 2)}
"""The system's numbers of io_setup, io_destroy, io_getevents and io_submit, by machine."""
_FDSYNC: Final = 3
"""``IOCB_CMD_FDSYNC``: as fdatasync(2)."""
_TELL: Final = 1
"""``IOCB_FLAG_RESFD``: a descriptor is to become readable when it is done."""
_ORDER: Final = struct.Struct("<QIIHhIQQqQII")
"""``struct iocb``: data, key, rw_flags, opcode, priority, descriptor, buffer, octets, offset, unused, flags, resfd."""
_EVENT: Final = struct.Struct("<QQqq")
"""``struct io_event``: data, order, result, second result."""

Done = Callable[[int], None]
"""Told the system's error number, 0 where the file is on the disk."""


class KernelSyncs:
    """Syncs that are under way. Everything here is called on one event loop."""

    __slots__ = ("_context", "_event", "_events", "_loop", "_number", "_numbers", "_order", "_place", "_waiting")

    def __init__(self) -> None:
        """Nothing is asked of the system before the first sync."""
        self._numbers: Final = _NUMBERS.get(platform.machine()) if _usual_system() else None
        self._context: ctypes.c_ulong | None = None
        self._event = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._order: Final = ctypes.create_string_buffer(_ORDER.size)
        self._place: Final = (ctypes.c_void_p * 1)(ctypes.addressof(self._order))
        self._events: Final = ctypes.create_string_buffer(_EVENT.size * limits.KERNEL_SYNCS)
        self._waiting: Final[dict[int, Done]] = {}
        self._number = 0

    @property
    def available(self) -> bool:
        """Whether the system does it; asked once."""
        return self._loop is not None or self._open()

    @property
    def working(self) -> bool:
        """Whether any sync is under way."""
        return bool(self._waiting)

    def sync(self, descriptor: int, done: Done) -> None:
        """Bring to the disk what was written to a file before the call; ``done`` is called later, on the event loop.

        Where the system takes no more orders just now, this waits for the disk itself.
        """
        assert self._numbers is not None
        assert self._loop is not None
        self._number += 1
        self._waiting[self._number] = done
        _ORDER.pack_into(self._order, 0, self._number, 0, 0, _FDSYNC, 0, descriptor, 0, 0, 0, 0, _TELL, self._event)
        if _call(self._numbers[3], self._context, ctypes.c_long(1), self._place) != 1:
            self._loop.call_soon(self._finish, self._number, _sync_here(descriptor))

    def close(self) -> None:
        """Ask the system no more. Nothing may be under way."""
        if self._loop is not None and self._numbers is not None:
            self._loop.remove_reader(self._event)
            _call(self._numbers[1], self._context)
            os.close(self._event)
            self._loop = None

    def _open(self) -> bool:
        if self._numbers is None or self._context is not None:
            return False
        self._context = ctypes.c_ulong(0)
        if _call(self._numbers[0], ctypes.c_long(limits.KERNEL_SYNCS), ctypes.byref(self._context)) != 0:
            log.info("the system syncs no files by itself", reason=os.strerror(ctypes.get_errno()))
            return False
        try:
            self._event = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        except OSError as error:  # such as no descriptor left: there may be one the next time
            log.warning("the system cannot tell of syncs now", reason=str(error))
            _call(self._numbers[1], self._context)
            self._context = None
            return False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._event, self._look)
        return True

    def _look(self) -> None:
        """Something is done."""
        assert self._numbers is not None
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return
        found = limits.KERNEL_SYNCS
        while found == limits.KERNEL_SYNCS:
            most = ctypes.c_long(limits.KERNEL_SYNCS)
            found = _call(self._numbers[2], self._context, ctypes.c_long(0), most, self._events, None)
            done = [_EVENT.unpack_from(self._events, place * _EVENT.size) for place in range(found)]
            for number, _order, result, _second in done:
                self._finish(number, -result)

    def _finish(self, number: int, error: int) -> None:
        done = self._waiting.pop(number)
        try:
            done(error)
        except Exception as failure:  # noqa: BLE001 - the others that are done must hear of it
            log.error("what follows a sync failed", reason=repr(failure))


def _usual_system() -> bool:
    return sys.platform == "linux" and sys.byteorder == "little" and sys.maxsize > 2**32


def _sync_here(descriptor: int) -> int:
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        return error.errno or 1
    return 0


def _library() -> Callable[..., int]:
    # These calls return at once: the interpreter need not be let go for them.
    function = ctypes.PyDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function


def _nothing(*_arguments: object) -> int:
    return -1


_call: Final[Callable[..., int]] = _library() if _usual_system() else _nothing
