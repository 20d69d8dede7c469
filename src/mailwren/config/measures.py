"""Kinds of values that are measured: sizes in octets and times in seconds, with units or as bare numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailwren.config.kinds import wrong


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit, such as ``"100 MiB"`` or ``"35 min"``; a bare number counts the base unit.

    Args:
        noun: what it measures, with its article: ``a size``.
        base: what a bare number counts: ``octets``.
        units: every spelling, lower case, with its factor.
        written: the spellings used for writing, the largest first.
        minimum, maximum: in the base unit.
    """

    noun: str
    base: str
    units: Mapping[str, float]
    written: tuple[str, ...]
    minimum: float
    maximum: float

    @property
    def wanted(self) -> str:
        """Bounds and an example in words."""
        bounds = f"from {self._text(self.minimum)} to {self._text(self.maximum)}"
        return f'{self.noun} {bounds}, as a number of {self.base} or such as "{self._example()}"'

    def read(self, value: object, folder: Path) -> float:
        """A TOML number, or text with a unit."""
        if isinstance(value, str):
            return self.read_text(value, folder)
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.minimum <= value <= self.maximum:
            raise wrong(value, self.wanted)
        return value

    def read_text(self, text: str, folder: Path) -> float:
        """Digits, perhaps with a fraction, and a unit."""
        match = re.fullmatch(r"\s*([0-9]{1,18}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)\s*", text)
        factor = self.units.get(match[2].lower()) if match else None
        if match is None or factor is None:
            raise wrong(text, self.wanted)
        number = float(match[1]) * factor
        return self.read(int(number) if number.is_integer() else number, folder)

    def show(self, value: float) -> str:
        """Text with the largest unit that divides it."""
        return f'"{self._text(value)}"'

    def _text(self, value: float) -> str:
        for unit in self.written:
            factor = self.units[unit.lower()]
            if value and value % factor == 0 and (value, unit) != (factor, "days"):
                return f"{int(value // factor)} {unit}"
        return f"{f'{value:.6f}'.rstrip('0').rstrip('.')} {self.base}"

    def _example(self) -> str:
        return "50 MiB" if self.base == "octets" else "40 min"


_SIZES: Final[Mapping[str, float]] = {
    "": 1,
    "b": 1,
    "octets": 1,
    **{f"{letter}ib": 1024 ** (power + 1) for power, letter in enumerate("kmgt")},
    **{f"{letter}b": 1000 ** (power + 1) for power, letter in enumerate("kmgt")},
}
_TIMES: Final[Mapping[str, float]] = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
}


@dataclass(frozen=True, slots=True)
class Size:
    """Octets: a number or text such as ``"100 MiB"`` (1024s) or ``"5 GB"`` (1000s)."""

    minimum: int
    maximum: int

    @property
    def wanted(self) -> str:
        """Bounds and an example in words."""
        return self._measure.wanted

    @property
    def _measure(self) -> Measure:
        return Measure("a size", "octets", _SIZES, ("TiB", "GiB", "MiB", "KiB"), self.minimum, self.maximum)

    def read(self, value: object, folder: Path) -> int:
        """A whole number of octets."""
        number = self._measure.read(value, folder)
        if isinstance(value, float):
            raise wrong(value, self.wanted)
        return int(number)

    def read_text(self, text: str, folder: Path) -> int:
        """As in TOML text."""
        return self.read(text, folder)

    def show(self, value: int) -> str:
        """Text with a unit."""
        return self._measure.show(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds: a number or text such as ``"35 min"``."""

    minimum: float
    maximum: float

    @property
    def wanted(self) -> str:
        """Bounds and an example in words."""
        return self._measure.wanted

    @property
    def _measure(self) -> Measure:
        return Measure("a time", "seconds", _TIMES, ("days", "h", "min", "s"), self.minimum, self.maximum)

    def read(self, value: object, folder: Path) -> float:
        """Seconds."""
        return float(self._measure.read(value, folder))

    def read_text(self, text: str, folder: Path) -> float:
        """As in TOML text."""
        return self.read(text, folder)

    def show(self, value: float) -> str:
        """Text with a unit."""
        return self._measure.show(value)
