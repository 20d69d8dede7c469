"""The languages in which the server writes to people (RFC 5255 §3): texts are English in the code, and looked up here.

A catalogue is a TOML file beside this module. Its keys are the English texts; ``{}`` stands for what is put in. In the
translation ``{}`` puts that in as it stood, which is what names, numbers and whatever else clients wrote need, and
``{words}`` puts in its translation, for holes that only the server's own words fill. A text that is not there stays
English.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Final

DEFAULT: Final = "i-default"
"""English, as every server speaks before anything else is agreed upon (RFC 2277 §4.5)."""
_SUFFIX: Final = ".toml"
_CATALOGUES: Final = sorted(
    each.name.removesuffix(_SUFFIX) for each in resources.files(__package__).iterdir() if each.name.endswith(_SUFFIX)
)
LANGUAGES: Final = ("en", *_CATALOGUES, DEFAULT)
"""Language tags in lower case, in the order in which they are listed."""
_HOLE: Final = "{}"
_FILLED: Final = re.compile(r"(\{\}|\{words\})")
_WORDS: Final = "{words}"
_LONGEST: Final = 1000
"""Longer texts are no sentences of ours."""
_DEEPEST: Final = 4
"""So many of our sentences stand one in the other at most."""
_REMEMBERED: Final = 256
"""Nearly every command ends with one of a few dozen texts."""


class _Template:
    """A text with holes. Whether another text fits is found in time linear in its length."""

    def __init__(self, text: str) -> None:
        self._first, *self._middle, self._last = text.split(_HOLE)
        self._shortest = len(text) - len(_HOLE) * text.count(_HOLE)

    def match(self, text: str) -> list[str] | None:
        """What fills the holes: each as little as possible, the last one the rest. ``None``: the text does not fit."""
        if len(text) < self._shortest or not text.startswith(self._first) or not text.endswith(self._last):
            return None
        found: list[str] = []
        position, end = len(self._first), len(text) - len(self._last)
        for words in self._middle:
            at = text.find(words, position, end)
            if at < 0:
                return None
            found.append(text[position:at])
            position = at + len(words)
        found.append(text[position:end])
        return found


class Catalogue:
    """One language's texts: English ones, and what stands for them."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts: Final = texts
        # What a text begins with is our own, not what somebody put in: the longest beginning says the most.
        keys = sorted(texts, key=lambda key: (-len(key.partition(_HOLE)[0]), -len(key)))
        self._templates: Final = [(_Template(key), _FILLED.split(texts[key])) for key in keys if _HOLE in key]
        self.translate: Final = lru_cache(_REMEMBERED)(self._translate)
        """The text in this language, or as it is."""

    def _translate(self, text: str, depth: int = 0) -> str:
        found = self.texts.get(text)
        if found is not None:
            return found
        if len(text) > _LONGEST or depth == _DEEPEST:
            return text
        for template, translation in self._templates:
            values = template.match(text)
            if values is not None:
                return self._filled(translation, values, depth + 1)
        return text

    def _filled(self, translation: Sequence[str], values: Sequence[str], depth: int) -> str:
        remaining = iter(values)
        pieces = (
            next(remaining) if piece == _HOLE else self._translate(next(remaining), depth) if piece == _WORDS else piece
            for piece in translation
        )
        return "".join(pieces)


@cache
def catalogue(tag: str) -> Catalogue:
    """The texts of a language; empty for English, which they are written in."""
    if tag not in _CATALOGUES:
        return Catalogue({})
    text = resources.files(__package__).joinpath(tag + _SUFFIX).read_text("utf-8")
    return Catalogue(tomllib.loads(text)["texts"])


def negotiate(ranges: Sequence[str], preferred: str) -> str | None:
    """The tag of the first language that a client wants and we have.

    A range finds the language that it begins with: ``de-AT`` finds ``de`` (RFC 4647 §3.4). ``default`` finds
    ``preferred``.
    """
    for wanted in ranges:
        low = wanted.lower()
        if low == "default":
            return preferred
        for tag in LANGUAGES:
            if low in ("*", tag) or low.startswith(tag + "-"):
                return tag
    return None
