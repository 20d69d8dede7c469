"""Kinds of simple values: how each is read from TOML or from text, and written again.

A kind knows nothing of the setting that uses it. Everything it refuses is a :class:`WrongValue`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from mailwren.config.errors import Fault, WrongValue
from mailwren.config.suggest import did_you_mean

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


class Kind(Protocol[T]):
    """What a setting takes."""

    @property
    def wanted(self) -> str:
        """What is taken, to follow "must be": ``a whole number from 1 to 64``."""
        ...

    def read(self, value: object, folder: Path, /) -> T:
        """The value from TOML; relative paths start at ``folder``. Raises WrongValue."""
        ...

    def read_text(self, text: str, folder: Path, /) -> T:
        """The value from the environment or the command line. Raises WrongValue."""
        ...

    def show(self, value: T, /) -> str:
        """The value as it stands in a TOML file."""
        ...


def wrong(value: object, wanted: str) -> WrongValue:
    """A refusal of a value that says what was wanted."""
    return WrongValue(Fault(f"{describe(value)} is not taken here", f"it must be {wanted}"))


def describe(value: object) -> str:
    """A TOML value for a message, cut to a bearable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = quote(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def quote(text: str) -> str:
    """A TOML string: basic, or literal where backslashes would have to be doubled."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    wanted: str = "true or false"

    def read(self, value: object, _folder: Path) -> bool:
        """A TOML boolean."""
        if not isinstance(value, bool):
            raise wrong(value, self.wanted)
        return value

    def read_text(self, text: str, _folder: Path) -> bool:
        """``true``, ``yes``, ``on``, ``1`` and their opposites."""
        word = text.strip().lower()
        if word in {"true", "yes", "on", "1"}:
            return True
        if word in {"false", "no", "off", "0"}:
            return False
        raise wrong(text, self.wanted)

    def show(self, value: bool) -> str:
        """``true`` or ``false``."""
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        return f"a whole number from {self.minimum} to {self.maximum}"

    def read(self, value: object, _folder: Path) -> int:
        """A TOML integer."""
        if not isinstance(value, int) or isinstance(value, bool) or not self.minimum <= value <= self.maximum:
            raise wrong(value, self.wanted)
        return value

    def read_text(self, text: str, folder: Path) -> int:
        """Decimal digits."""
        if not re.fullmatch(r"\s*[0-9]{1,20}\s*", text):
            raise wrong(text, self.wanted)
        return self.read(int(text), folder)

    def show(self, value: int) -> str:
        """Decimal digits."""
        return str(value)


@dataclass(frozen=True, slots=True)
class OrNone(Generic[T]):
    """Another kind, or a word that stands for ``None``."""

    kind: Kind[T]
    word: str = "none"

    @property
    def wanted(self) -> str:
        """The other kind's words."""
        return f'{self.kind.wanted}, or "{self.word}"'

    def read(self, value: object, folder: Path) -> T | None:
        """The word or what the other kind reads."""
        return None if self._is_word(value) else self._or_word(lambda: self.kind.read(value, folder))

    def read_text(self, text: str, folder: Path) -> T | None:
        """As in TOML."""
        return None if self._is_word(text) else self._or_word(lambda: self.kind.read_text(text, folder))

    def show(self, value: T | None) -> str:
        """The word in quotes or what the other kind writes."""
        return f'"{self.word}"' if value is None else self.kind.show(value)

    def _is_word(self, value: object) -> bool:
        return isinstance(value, str) and value.strip().lower() == self.word

    def _or_word(self, read: Callable[[], T]) -> T:
        """Let a refusal say that the word would do as well."""
        try:
            return read()
        except WrongValue as error:
            faults = [Fault(fault.problem, f'{fault.advice}, or "{self.word}"', fault.below) for fault in error.faults]
            raise WrongValue(*faults) from error


@dataclass(frozen=True, slots=True)
class Choice(Generic[E]):
    """One of a few words."""

    words: type[E]

    @property
    def wanted(self) -> str:
        """The words."""
        quoted = [f'"{word}"' for word in self.words]
        return " or ".join((", ".join(quoted[:-1]), quoted[-1]))

    def read(self, value: object, _folder: Path) -> E:
        """The word in any case."""
        if isinstance(value, str):
            for word in self.words:
                if word == value.strip().lower():
                    return word
            known = [str(word) for word in self.words]
            raise WrongValue(
                Fault(f"{describe(value)} is not taken here", f"it must be {self.wanted}{did_you_mean(value, known)}")
            )
        raise wrong(value, self.wanted)

    def read_text(self, text: str, folder: Path) -> E:
        """As in TOML."""
        return self.read(text, folder)

    def show(self, value: E) -> str:
        """The word in quotes."""
        return f'"{value}"'


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text that fits a pattern."""

    wanted: str
    pattern: str = r"[^\x00-\x1f\x7f]{1,1000}"

    def read(self, value: object, _folder: Path) -> str:
        """A TOML string."""
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value):
            raise wrong(value, self.wanted)
        return value

    def read_text(self, text: str, folder: Path) -> str:
        """As it is, without blanks around it."""
        return self.read(text.strip(), folder)

    def show(self, value: str) -> str:
        """A TOML string."""
        return quote(value)


@dataclass(frozen=True, slots=True)
class FilePath:
    """A path; relative ones start where they are written: the file's folder, or the working folder."""

    wanted: str

    def read(self, value: object, folder: Path) -> Path:
        """An absolute path; ``~`` is the user's home."""
        if not isinstance(value, str) or not value.strip() or "\x00" in value:
            raise wrong(value, self.wanted)
        try:
            path = Path(value).expanduser()
        except RuntimeError as error:
            raise wrong(value, f"{self.wanted}; there is no such user") from error
        return Path.cwd() / folder / path

    def read_text(self, text: str, folder: Path) -> Path:
        """As in TOML."""
        return self.read(text, folder)

    def show(self, value: Path) -> str:
        """A TOML string."""
        return quote(str(value))
