"""What FUZZY finds (RFC 6203), and how well it fits: words in any order, without case and accents. Pure.

A word of the client's is there where a word of the text is the same, begins with it, has the same stem, differs by one
typing mistake, or holds it. A text matches when all words are there, or when it holds the client's text as it stands:
so whatever SEARCH finds without FUZZY is found with it.

The relevancy is the mean over the words of how well each fits, weighed by where it stands: a subject counts more than a
body, and in a body words that come often count more.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from mailwren.base import limits
from mailwren.search.index.words import PAIRED
from mailwren.search.needle import fold_linear

SUBJECT: Final = 1.0
"""The weight of words in a subject."""
BODY: Final = 0.7
"""Of words in a body that come often; that come once, four fifths of it."""
OTHER_FIELD: Final = 0.8
"""Of words in any field that :data:`FIELDS` does not have."""
FIELDS: Final = {"subject": SUBJECT, "from": 0.95, "to": 0.9, "cc": 0.85, "bcc": 0.85}
"""Of words in header fields."""

_SAME: Final = 1.0
_BEGINS: Final = 0.85
_STEM: Final = 0.6
_MISTAKE: Final = 0.5
_INSIDE: Final = 0.4
STEM_LEAST: Final = 4
"""Letters of a stem, at least; shorter words have none, and no mistakes either."""
ENDING: Final = 3
"""Letters of an ending, at most: running, runner, runs."""
_OFTEN: Final = 5
_OCCURRENCES: Final = 16
"""Places of the client's text in a piece that are looked at."""
_LINE: Final = "\n"

_WORD: Final = re.compile(r"\w+")
_ACCENTS: Final = re.compile(
    rf"(?<=[^\W\d_{PAIRED}])"
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\ufe20-\ufe2f]+"
)
"""Accents on letters: what stands on a digit or a sign, or by itself, is none."""
_PIECE: Final = 32 * 1024
_WORDS_AT_ONCE: Final = 300


def plain(text: str) -> str:
    """A text without case and accents."""
    folded = fold_linear(text)
    return without_accents(folded)


def without_accents(folded: str) -> str:
    """A folded text without accents."""
    return folded if folded.isascii() else _ACCENTS.sub("", folded)


class FuzzyText:
    """What the client looks for."""

    __slots__ = ("phrase", "words")

    def __init__(self, text: str) -> None:
        self.phrase: Final = plain(text).strip()
        found = dict.fromkeys(_WORD.findall(self.phrase))
        self.words: Final = tuple(map(_Sought, islice(found, limits.FUZZY_WORDS)))

    def occurrences(self, text: str) -> tuple[float, int]:
        """How well a text fits that holds what the client looks for as it stands, 0 if it does not; and how often."""
        phrase, quality, place = self.phrase, 0.0, -1
        for count in range(_OCCURRENCES):
            place = text.find(phrase, place + 1) if phrase else -1
            if place < 0:
                return quality, count
            stop = place + len(phrase)
            if place and text[place - 1].isalnum():
                quality = max(quality, _INSIDE)
            else:
                quality = max(quality, _BEGINS if text[stop : stop + 1].isalnum() else _SAME)
        return quality, _OCCURRENCES


class _Sought:
    """One word that is looked for, in many words at a time: what stands in them is found without looking at each."""

    __slots__ = ("_end", "_start", "_stem", "_swapped", "word")

    def __init__(self, word: str) -> None:
        self.word: Final = word
        tolerant = len(word) >= STEM_LEAST
        self._stem: Final = word[: max(STEM_LEAST, len(word) - ENDING)] if tolerant else ""
        half = len(word) // 2
        # One mistake leaves the first half or the second one as it is, unless letters changed places between them.
        self._start: Final = word[:half] if tolerant else ""
        self._end: Final = word[half:] if tolerant else ""
        self._swapped: Final = word[: half - 1] + word[half - 1 : half + 1][::-1] + word[half + 1 :] if tolerant else ""

    def found_in(self, lines: str) -> Iterator[tuple[str, float]]:
        """The words that fit, one a line with a line's end before the first one, and how well each does."""
        for word in _with(lines, self.word):
            yield word, _SAME if word == self.word else _BEGINS if word.startswith(self.word) else _INSIDE
        if not self._stem:
            return
        for word in _with(lines, _LINE + self._stem):
            if len(word) <= len(self._stem) + ENDING and self.word not in word:
                yield word, _STEM
        for part in (_LINE + self._start, self._end + _LINE, _LINE + self._swapped + _LINE):
            for word in _with(lines, part):
                if abs(len(word) - len(self.word)) <= 1 and self.word not in word and one_mistake(self.word, word):
                    yield word, _MISTAKE


def _with(lines: str, part: str) -> Iterator[str]:
    """The lines that hold something; with a line's end in front or behind: begin with it, end with it."""
    place = lines.find(part)
    while place >= 0:
        start = place + 1 if part[0] == _LINE else lines.rfind(_LINE, 0, place) + 1
        stop = lines.find(_LINE, start)
        yield lines[start:stop]
        place = lines.find(part, stop)


def one_mistake(first: str, second: str) -> bool:
    """Whether two different words differ by one letter: missing, too many, another one, or two that changed places."""
    place = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        place += 1
    if len(first) == len(second):
        if first[place + 1 :] == second[place + 1 :]:
            return True
        swapped = first[place : place + 2][::-1]
        return len(swapped) == 2 and swapped == second[place : place + 2] and first[place + 2 :] == second[place + 2 :]
    longer, shorter = (first, second) if len(first) > len(second) else (second, first)
    return longer[place + 1 :] == shorter[place:]


class Hits:
    """What was found of a text in one message so far."""

    __slots__ = ("_best", "_counts", "_phrase", "_text", "_times")

    def __init__(self, text: FuzzyText) -> None:
        self._text: Final = text
        self._best = [0.0] * len(text.words)
        self._counts = [0] * len(text.words)
        self._phrase = 0.0
        self._times = 0

    def look(self, text: str, weight: float, *, often: bool = False) -> Iterator[None]:
        """Look into a text, step by step: each step is short, so that others can have their turn in between.

        Args:
            text: as it is, or as :func:`plain` makes it.
            weight: of what is found there.
            often: words that come often count more.
        """
        for piece in _pieces(text):
            folded = plain(piece)
            quality, times = self._text.occurrences(folded)
            self._times += times
            self._phrase = max(self._phrase, weight * quality * (_frequency(self._times) if often else 1.0))
            words = _WORD.finditer(folded)
            while batch := Counter(match[0] for match in islice(words, _WORDS_AT_ONCE)):
                lines = _LINE + _LINE.join(batch) + _LINE
                for index, sought in enumerate(self._text.words):
                    for word, fit in sought.found_in(lines):
                        self._take(index, fit * weight, batch[word] if often else 0)
                    yield

    def _take(self, index: int, quality: float, count: int) -> None:
        if count:
            self._counts[index] += count
            quality *= _frequency(self._counts[index])
        self._best[index] = max(self._best[index], quality)

    def score(self) -> float:
        """How well the message fits, up to 1; 0: not at all."""
        best = self._best
        words = sum(best) / len(best) if best and all(best) else 0.0
        return max(words, self._phrase)


def _frequency(count: int) -> float:
    """What words that come often count more."""
    return 0.8 + 0.2 * min(count, _OFTEN) / _OFTEN


def relevancy(scores: "list[float]") -> int:
    """The relevancy of a message by the scores of the fuzzy tests that it met, 1 to 100 (RFC 6203 §4)."""
    return max(1, round(100 * sum(scores) / len(scores))) if scores else 1


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces that end where a word does, if there is such a place."""
    start = 0
    while start < len(text):
        stop = start + _PIECE
        if stop < len(text):
            stop = max(text.rfind(" ", start, stop), text.rfind("\n", start, stop)) + 1 or stop
        yield text[start:stop]
        start = stop
