"""One text to look for, and quick ways to find that a text does not hold it. Pure.

:meth:`Needle.is_in` means ``fold(needle) in fold(text)`` and nothing else; what stands here besides only saves folding
(which decomposes every character) wherever the answer is clear without it:

1. What is not ASCII folds to characters of its own, ASCII among them (``é`` to ``e`` and an accent, ``ﬁ`` to ``fi``);
   ASCII folds to its lower case, and nothing around it changes that.
2. So an ASCII needle that stands in the text's ASCII octets is in the folded text, and one that does not can only be
   there with the help of a character whose fold holds some of the needle's characters.
3. And what is not ASCII in the needle can only come from characters that are not ASCII in the text.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final
from unicodedata import combining

from mailwren.message.fold import fold
from mailwren.search.collation import Collation

_ASCII: Final = bytes(range(128))
_PIECE: Final = 1024
"""Characters folded at a time: putting accents in order takes the square of their number."""
ACCENTS: Final = 64
"""Accents on one character that are kept together; languages need a handful (Unicode's stream-safe format: 30)."""
_REMEMBERED: Final = 200
"""Distinct characters of texts whose folds are remembered: alphabets, not the thousands of Chinese."""


class Needle:
    """A text to look for.

    Args:
        text: as the client wrote it.
        collation: how to compare; without one, as :func:`fold` does.

    Attributes:
        collation: the same; with one, there are no octets and no words.
        folded: as texts are compared.
        is_ascii: whether that is ASCII.
        octets: the same as octets when it is ASCII, else empty.
        words: its pieces between white space as octets when it is ASCII, else empty. Each of them stands in every
            text that holds the needle, however the white space was written.
    """

    __slots__ = ("_fold", "_help", "collation", "folded", "is_ascii", "octets", "words")

    def __init__(self, text: str, collation: Collation | None = None) -> None:
        self.collation: Final = collation
        self._fold: Final = fold if collation is None else collation.key
        self.folded: Final = self.fold(text)
        self.is_ascii: Final = collation is None and self.folded.isascii()
        self.octets: Final = self.folded.encode("ascii") if self.is_ascii else b""
        self.words: Final = self.octets.split()
        self._help: Final = frozenset(c for c in self.folded if self.is_ascii or not c.isascii())

    def __len__(self) -> int:
        return len(self.folded)

    def fold(self, text: str) -> str:
        """A text as it is compared, in linear time."""
        return fold_linear(text, self._fold)

    def is_in(self, text: str) -> bool:
        """Whether the text holds the needle."""
        if self.collation is not None:
            return self.folded in self.fold(text)
        if text.isascii():
            return self.is_ascii and self.folded in text.lower()
        octets = text.encode("utf-8", "surrogatepass")
        if self.is_ascii and self.octets in octets.lower():
            return True
        return self._could_help(octets) and self.folded in fold_linear(text)

    def _could_help(self, octets: bytes) -> bool:
        """Whether the text's characters beyond ASCII, given as UTF-8, can make up what it takes to match."""
        others = "".join(sorted(set(octets.translate(None, _ASCII).decode("utf-8", "surrogatepass"))))
        folds = _folded_alphabet(others) if len(others) <= _REMEMBERED else frozenset(fold(others))
        return not self._help.isdisjoint(folds) if self.is_ascii else self._help.issubset(folds)


def fold_linear(text: str, fold: Callable[[str], str] = fold) -> str:
    """What :func:`fold` or a collation makes of a text, in linear time also for hostile heaps of accents.

    Cut where a character begins that is no accent, the pieces' folds are the whole's.
    """
    if len(text) <= _PIECE or text.isascii():
        return fold(text)
    pieces: list[str] = []
    start, length = 0, len(text)
    while start < length:
        stop = start + _PIECE
        last = min(stop + ACCENTS, length)
        while stop < last and combining(text[stop]):
            stop += 1
        pieces.append(fold(text[start:stop]))
        start = stop
    return "".join(pieces)


@lru_cache(maxsize=256)
def _folded_alphabet(characters: str) -> frozenset[str]:
    """The characters of all folds; texts in one language mostly use the same few."""
    return frozenset(fold(characters))
