"""Cutting folded texts and needles into words, so that substrings of texts are found among words. Pure.

**Why this is exact.** Every character belongs to one kind: letters (with accents, of every script that writes blanks
between words), digits, characters of scripts that write none (Chinese, Japanese, Thai …), signs (emoji, typographic
punctuation), and separators (white space and the punctuation of ASCII), which are not kept. A text's words are its
longest runs of letters and its longest runs of digits, the pairs of neighbours in its runs of the third kind (a single
one alone), and each sign. Then:

1. A needle that is one run of letters or digits stands in a text if and only if it stands in one of the text's words.
2. So does a sign, and up to two characters of the third kind.
3. In a text that holds any other needle stands each of the needle's own words: a run inside the needle as it is, one at
   the needle's beginning as the end of a word, one at its end as the beginning of a word. What has all of them is a
   candidate, whose text has to be looked at.

Runs longer than ``LONG`` are cut into overlapping pieces of that length: up to ``STEP`` + 1 neighbours stand in one
piece.
"""

import re
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final

LONG: Final = 64
"""Characters of the longest word: more is no word of a language, and what is cut stays findable."""
STEP: Final = 32
"""How far one piece of a longer run begins behind the one before."""
_WHOLE: Final = STEP + 1
"""Characters of a needle that surely stand together in one piece of any run."""

PAIRED: Final = (
    "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufaff\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)
"""Scripts without blanks: Thai, Lao, Tibetan, Burmese, Khmer, kana, bopomofo, Chinese. (Korean writes blanks.)"""
_SIGNS: Final = (
    "\x80-\xbf\xd7\xf7\u2000-\u2bff\u3000-\u3004\u3008-\u3020\ufe10-\ufe1f\ufe30-\ufe6f\ufffd\U0001f000-\U0001faff"
)
_RUNS: Final = (
    f"([^\0-@\\[-`{{-\x7f{PAIRED}{_SIGNS}]+)",
    "([0-9]+)",
    f"([{PAIRED}]+)",
    f"([{_SIGNS}])",
)
_ASCII_WORD: Final = re.compile("[A-Za-z]+|[0-9]+")
_WORD: Final = re.compile("|".join(each[1:-1] for each in _RUNS))
_RUN: Final = re.compile("|".join(_RUNS))
_IS_PAIRED: Final = re.compile(f"[{PAIRED}]")
_PAIRED_GROUP: Final = 3


def words_of(folded: str) -> set[str]:
    """The distinct words of a folded text."""
    if folded.isascii():
        words = set(_ASCII_WORD.findall(folded))
    else:
        words = set(_WORD.findall(folded))
        for run in [word for word in words if len(word) > 1 and _IS_PAIRED.match(word)]:
            words.discard(run)
            words.update(map("".join, pairwise(run)))
    for run in [word for word in words if len(word) > LONG]:
        words.discard(run)
        words.update(_pieces(run))
    return words


def _pieces(run: str) -> list[str]:
    starts = range(0, max(len(run) - LONG + STEP - 1, 0) // STEP * STEP + 1, STEP)
    return [run[start : start + LONG] for start in starts]


class Run(Enum):
    """What the index has of a run of characters of one kind."""

    WHOLE = "whole"
    """One word: letters, or digits."""
    PAIRED = "paired"
    """Pairs of neighbours: a script without blanks."""


def run_of(text: str) -> Run | None:
    """What the index has of a text, where that is one run of letters, of digits, or of a script without blanks."""
    run = _RUN.fullmatch(text)
    if run is None or run.lastindex is None or run.lastindex > _PAIRED_GROUP:
        return None
    return Run.PAIRED if run.lastindex == _PAIRED_GROUP else Run.WHOLE


class Place(Enum):
    """Where a part of a needle stands in a word."""

    ANYWHERE = "anywhere"
    BEGINNING = "beginning"
    END = "end"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A word, or a piece of one, that stands in every text which holds the needle."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Question:
    """A needle as the index is asked for it."""

    wanted: tuple[Wanted, ...]
    """All of them have to be there; without any, the index knows nothing of the needle."""
    is_certain: bool
    """Whether every text that has what is wanted holds the needle."""


def question(folded: str) -> Question:
    """What to ask for a folded needle."""
    wanted: dict[Wanted, None] = {}
    runs = list(_RUN.finditer(folded))
    for run in runs:
        opens, closes = run.start() == 0, run.end() == len(folded)
        if run.lastindex == _PAIRED_GROUP:
            wanted.update(dict.fromkeys(Wanted(pair, Place.ANYWHERE) for pair in _pairs(run[0])))
        else:
            wanted.update(dict.fromkeys(_of_run(run[0], opens, closes)))
    alone = len(runs) == 1 and len(runs[0][0]) == len(folded)
    return Question(tuple(wanted), alone and len(wanted) == 1 and len(folded) <= _WHOLE)


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[place : place + 2] for place in range(len(run) - 1)]


def _of_run(run: str, opens: bool, closes: bool) -> list[Wanted]:
    if len(run) > _WHOLE:
        return [
            Wanted(run[:_WHOLE], Place.ANYWHERE if opens else Place.BEGINNING),
            Wanted(run[-_WHOLE:], Place.ANYWHERE if closes else Place.END),
        ]
    if opens:
        return [Wanted(run, Place.ANYWHERE if closes else Place.END)]
    return [Wanted(run, Place.BEGINNING if closes else Place.WHOLE)]
