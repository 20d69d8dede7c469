"""Turns exceptions into messages and exit statuses: the only place where the command line does so."""

import os
import sys
from enum import IntEnum
from typing import Final, NamedTuple

from mailwren.config.errors import ConfigErrors


class ExitStatus(IntEnum):
    """What a script can tell from the exit status."""

    OK = 0
    REFUSED = 1
    """It was understood and could not be done, or ``check`` found something."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    INTERRUPTED = 130
    """Ctrl-C."""


class CommandRefused(Exception):
    """The command cannot do what was asked; the text says why and what to do."""

    status = ExitStatus.REFUSED


class Misuse(CommandRefused):
    """The options contradict each other or make no sense."""

    status = ExitStatus.USAGE


class Failure(NamedTuple):
    """A message for standard error and the exit status."""

    message: str
    status: int


DEBUG_VARIABLE: Final = "MAILWREN_DEBUG"
"""Set to 1: exceptions show where they came from."""
FOR_USERS: Final = {
    "mailwren.auth.errors.AuthError",
    "mailwren.server.certificates.CertificateError",
    "mailwren.server.sockets.ListenError",
    "mailwren.store.errors.StoreError",
    "mailwren.transfer.exporter.ExportRefused",
}
"""Exceptions whose text is fit for users; by name, as importing them all would slow every start."""
_CONTROL_FLOW: Final = {"click", "typer"}
"""The packages whose own exceptions carry usage errors and the end of the program."""


def explain(error: BaseException) -> Failure | None:
    """What to say of an exception; ``None`` when it is not for us to handle."""
    if type(error).__module__.partition(".")[0] in _CONTROL_FLOW or isinstance(error, SystemExit | BrokenPipeError):
        return None
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted.", ExitStatus.INTERRUPTED)
    known = _known(error)
    if known is not None:
        return known
    return Failure(
        f"This should not have happened: {type(error).__name__}: {error}\n"
        f"Run it again as `{DEBUG_VARIABLE}=1 mailwren …` to see where, and please report it.",
        ExitStatus.REFUSED,
    )


def _known(error: BaseException) -> Failure | None:
    """The exceptions whose text is meant for users."""
    if isinstance(error, CommandRefused):
        return Failure(str(error), error.status)
    if isinstance(error, ConfigErrors):
        count = len(error.problems)
        head = f"The configuration has {count} mistakes:\n" if count > 1 else ""
        return Failure(head + str(error), ExitStatus.USAGE)
    if any(f"{base.__module__}.{base.__qualname__}" in FOR_USERS for base in type(error).__mro__):
        return Failure(str(error), ExitStatus.REFUSED)
    if isinstance(error, OSError) and error.strerror:
        subject = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        return Failure(f"{subject}{error.strerror}", ExitStatus.REFUSED)
    return None


def wants_traceback() -> bool:
    """Was the whole story asked for?"""
    return os.environ.get(DEBUG_VARIABLE, "") not in {"", "0"}


def report(error: BaseException) -> int | None:
    """Say what went wrong and return the exit status; ``None``: raise it again."""
    failure = explain(error)
    if failure is None or (wants_traceback() and not isinstance(error, KeyboardInterrupt)):
        return None
    print(f"mailwren: {failure.message}", file=sys.stderr)
    return int(failure.status)
