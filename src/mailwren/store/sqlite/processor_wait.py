"""How long a thread was ready to go on and waited for a processor, which tells a slow disk from a busy machine."""

import os
import threading

_OCTETS = 100
"""The kernel's line is three numbers."""


class ProcessorWait:
    """One thread's, that which makes this; 0 where the system does not tell."""

    __slots__ = ("_descriptor",)

    def __init__(self) -> None:
        """Ask the kernel about the calling thread from now on."""
        try:
            name = f"/proc/self/task/{threading.get_native_id()}/schedstat"
            self._descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._descriptor = -1

    def __call__(self) -> float:
        """Seconds of waiting since the thread began."""
        if self._descriptor < 0:
            return 0.0
        try:
            return int(os.pread(self._descriptor, _OCTETS, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def close(self) -> None:
        """Ask no more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
