"""Which words of a vocabulary a text may have that resembles what the client looks for (RFC 6203). Pure.

:mod:`mailwren.search.fuzzy` compares words of letters, digits and underscores, without accents; the index cuts texts
where kinds of characters change (see words.py) and keeps accents. So what stands here does not decide: it finds words
of which every text that resembles has at least one, and only the texts that have one are looked at.

A word of letters that is there as it is stands in one word of the index. One with another ending begins like the stem.
In one with a mistake, either the mistake is a letter as well, and its first half or its second one, or the two with
letters swapped between them, are as they were; or it is a digit or a sign, and what is left on one side of it, at least
a half, is a word of the index. In words that are not ASCII, marks may stand that end a word for the one and not for
the other: of those, all that hold a half are taken. Of scripts without blanks, the index has pairs of neighbours.
"""

from collections.abc import Iterator
from typing import Final

from mailwren.search.fuzzy import ENDING, STEM_LEAST, FuzzyText, one_mistake
from mailwren.search.index.words import Run, run_of

_LONGEST: Final = 24
"""Letters of a word that the index is asked for: it may have cut longer ones."""
_LINE: Final = "\n"


class Outline:
    """What texts need to have of one word.

    Args:
        word: folded, without accents, and of one kind of characters.
        paired: the index has pairs of its neighbours.
    """

    __slots__ = ("_halves", "_parts", "_rests", "_word")

    def __init__(self, word: str, *, paired: bool) -> None:
        half = len(word) // 2
        start, end = word[:half], word[half:]
        swapped = word[: half - 1] + end[:1] + start[-1:] + word[half + 1 :]
        tolerant = len(word) >= STEM_LEAST
        self._word: Final = word
        self._halves: tuple[str, ...] = (start, end, swapped) if tolerant and not paired else ()
        self._rests: Final = {word[:stop] for stop in range(half, len(word))} | {word[at:] for at in range(1, half + 1)}
        self._parts: list[tuple[str, bool]] = [(word[:2] if paired else word, False)]
        """What to look for, and whether a word that has it is looked at more closely."""
        if tolerant and paired:
            self._parts += [(end[:2], False), (swapped[:2], False)]
        elif tolerant:
            stem = word[: max(STEM_LEAST, len(word) - ENDING)]
            self._parts += [(_LINE + stem, False), (_LINE + swapped + _LINE, False)]
            self._parts += [(_LINE + start, True), (end + _LINE, True)]

    def found_in(self, lines: str) -> set[int]:
        """The numbers of the lines, from 0 on, that may be the word, or what is left of it.

        Args:
            lines: words without accents, a line's end before, between and behind them.
        """
        found = {
            number
            for part, closely in self._parts
            for number, word in _lines_with(lines, part)
            if not closely or self._is_near(word)
        }
        if not lines.isascii():
            for half in self._halves:
                found.update(number for number, word in _lines_with(lines, half) if not word.isascii())
        return found

    def _is_near(self, word: str) -> bool:
        return word in self._rests or (abs(len(word) - len(self._word)) <= 1 and one_mistake(self._word, word))


def outlines(text: FuzzyText) -> list[Outline]:
    """Of those words of a text that the index can be asked for: what resembles the text has all of them."""
    found: list[Outline] = []
    for sought in text.words:
        kind = run_of(sought.word)
        if kind is not None and len(sought.word) <= _LONGEST:
            found.append(Outline(sought.word, paired=kind is Run.PAIRED))
    return found


def _lines_with(lines: str, part: str) -> Iterator[tuple[int, str]]:
    """The lines that hold something, with their numbers; where a line's end is part of it: begin or end with it."""
    place, counted, number = lines.find(part), 0, -1
    while place >= 0:
        start = place + 1 if part[0] == _LINE else lines.rfind(_LINE, 0, place) + 1
        stop = lines.find(_LINE, start)
        number += lines.count(_LINE, counted, start)
        counted = start
        yield number, lines[start:stop]
        place = lines.find(part, stop)
