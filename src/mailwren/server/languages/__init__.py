"""The languages in which the server writes to people (RFC 5255 §3): texts are English in the code, and looked up here.

A catalogue is a TOML file beside this module. Its keys are the English texts; ``{}`` stands for what is put in, which
is translated as well where the catalogue has it. A text that it does not have stays English.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

DEFAULT: Final = "i-default"
"""English, as every server speaks before anything else is agreed upon (RFC 2277 §4.5)."""
LANGUAGES: Final = ("en", "de", DEFAULT)
"""Language tags, in the order in which they are listed."""
_HOLE: Final = "{}"
_LONGEST: Final = 1000
"""Longer texts are no sentences of ours."""


class Catalogue:
    """One language's texts."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts: Final = texts
        self._patterns: Final = [
            (re.compile(_HOLE.join(map(re.escape, key.split(_HOLE))).replace(_HOLE, "(.*?)"), re.DOTALL), value)
            # The one with the most words of its own first: it says the most.
            for key, value in sorted(texts.items(), key=lambda pair: -len(pair[0]))
            if _HOLE in key
        ]

    def translate(self, text: str) -> str:
        """The text in this language, or as it is."""
        found = self.texts.get(text)
        if found is not None:
            return found
        if len(text) > _LONGEST:
            return text
        for pattern, translation in self._patterns:
            match = pattern.fullmatch(text)
            if match is not None:
                return _filled(translation, [self.texts.get(each, each) for each in match.groups()])
        return text


def _filled(translation: str, values: Sequence[str]) -> str:
    first, *others = translation.split(_HOLE)
    return first + "".join(value + other for value, other in zip(values, others, strict=True))


@cache
def catalogue(tag: str) -> Catalogue:
    """The texts of a language; empty for English, which they are written in."""
    if tag in ("en", DEFAULT):
        return Catalogue({})
    text = resources.files(__package__).joinpath(f"{tag}.toml").read_text("utf-8")
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
