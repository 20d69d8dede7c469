"""What can be wrong with a configuration, told so that it can be mended: all of it at once, each with its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: ``("listen", 1, "port")`` is ``listen[1].port``; lists count from 0 inside, from 1 for people."""


def write_key(path: KeyPath) -> str:
    """A key as people read it: ``listen[2].port`` for the second listener's port."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            text += f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong inside a value: where below the value's own key, what, and how to mend it."""

    problem: str
    advice: str
    below: KeyPath = ()


class WrongValue(Exception):
    """A value is not what its setting takes."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.problem for fault in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration.

    Args:
        place: ``/etc/mailwren/mailwren.toml:12``, ``environment MAILWREN_WORKERS`` or ``command line --workers``.
        key: such as ``listen[2].port``; empty when it concerns no single key.
        problem: what is wrong.
        advice: how to mend it.
    """

    place: str
    key: str
    problem: str
    advice: str

    def __str__(self) -> str:
        subject = f"{self.key}: " if self.key else ""
        return f"{self.place}: {subject}{self.problem}; {self.advice}"


class ConfigErrors(Exception):
    """A configuration that cannot be used; ``problems`` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
