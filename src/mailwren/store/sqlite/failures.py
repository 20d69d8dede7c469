"""What SQLite and the disk complain of, in the words of store/errors.py."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import apsw

from mailwren.store.errors import AccountDamaged, StoreError, StoreUnavailable

_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.SQLError, apsw.MismatchError)
P = ParamSpec("P")
R = TypeVar("R")


def as_store_error(error: Exception) -> StoreError:
    """The refusal that stands for a failure of the database or of the disk; a StoreError is answered as it is."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, apsw.FullError):
        return StoreUnavailable("the disk is full")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreUnavailable("the mail store is busy")
    if isinstance(error, _DAMAGED):
        return AccountDamaged(f"the account's database is damaged: {error}")
    return StoreUnavailable(f"the mail store cannot be used now: {error}")


FAILURES = (apsw.Error, OSError, MemoryError)
"""What :func:`as_store_error` is for; anything else is our own mistake and stays visible as such."""


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Let a synchronous function raise StoreError instead of what SQLite and the disk raise."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except FAILURES as error:
            raise as_store_error(error) from error

    return wrapper
