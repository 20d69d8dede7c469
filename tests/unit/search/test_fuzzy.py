"""What FUZZY finds, and how well it fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.search.fuzzy import BODY, SUBJECT, FuzzyText, Hits, one_mistake, plain, relevancy
from mailwren.search.needle import Needle


def score(sought: str, text: str, weight: float = SUBJECT, *, often: bool = False) -> float:
    """How well a text fits."""
    hits = Hits(FuzzyText(sought))
    for _step in hits.look(text, weight, often=often):
        pass
    return hits.score()


@pytest.mark.parametrize(
    ("sought", "text"),
    [
        ("IMAP break", "broken IMAP, and a breakfast"),
        ("helo", "Hello world"),
        ("helo", "please help"),
        ("recieve", "we receive it"),
        ("Muller", "Herr Müller"),
        ("Müller", "herr muller"),
        ("running", "the runner runs"),
        ("STRASSE", "Lange Straße 5"),
        ("report 2024", "2024: annual reports"),
        ("port", "transportation"),
        ("日本", "東京は日本の首都"),
        ("c++ (really)", "really, C++"),
        ("?!", "what?!"),
    ],
)
def test_what_resembles(sought: str, text: str) -> None:
    """Words in any order, beginnings, stems, one typing mistake, without case and accents."""
    assert 0 < score(sought, text) <= 1


@pytest.mark.parametrize(
    ("sought", "text"),
    [
        ("imap break", "imap works"),
        ("helo", "yellow"),
        ("cat", "cut"),
        ("abcd", "dcba"),
        ("one two", "one"),
        ("?!", "nothing"),
        ("word", ""),
    ],
)
def test_what_does_not(sought: str, text: str) -> None:
    """A word is missing, differs by more, or is too short for mistakes."""
    assert score(sought, text) == 0


def test_better_ones_come_first() -> None:
    """The same words before beginnings, stems, mistakes and insides; whole texts before their words; subjects first."""
    scores = [score("report", text) for text in ("the report", "reports", "reporters", "reprot", "unreportable")]
    assert scores == sorted(scores, reverse=True)
    assert len({relevancy([each]) for each in scores}) > 2
    assert score("annual report", "annual report") == 1
    assert score("annual report", "reports annual") < 1
    assert score("report", "report", SUBJECT) > score("report", "report", BODY)
    once, twice = (score("report", "report " * times, BODY, often=True) for times in (1, 3))
    assert 0 < once < twice
    assert score("repart", "report " * 9, BODY, often=True) < once


def test_scores_use_their_range() -> None:
    """1 to 100: the best is what the client asked for, word for word, in the subject."""
    assert relevancy([score("hello", "hello")]) == 100
    assert relevancy([]) == 1
    assert 1 <= relevancy([score("helo", "hello", BODY, often=True)]) < 40


def test_words_found_in_several_places() -> None:
    """Words may stand in different texts of a message, and at any place of long ones."""
    hits = Hits(FuzzyText("alpha omega"))
    for text in ("alpha", "x " * 50_000 + "omega"):
        for _step in hits.look(text, BODY):
            pass
    assert hits.score() == BODY
    assert score("needle", "hay " * 30_000 + "needle") > 0


def test_bounds() -> None:
    """Only so many words are looked for; words of any length do no harm."""
    words = [f"w{number}" for number in range(limits.FUZZY_WORDS + 5)]
    assert len(FuzzyText(" ".join(words)).words) == limits.FUZZY_WORDS
    assert score("x" * 1000, "x" * 5000) > 0
    assert score("y" * 1000, "x" * 1000) == 0


def _distance_one(first: str, second: str) -> bool:
    """By trying every change."""
    letters = set(first + second)
    changed: set[str] = set()
    for place in range(len(first) + 1):
        changed.add(first[:place] + first[place + 1 :])
        changed.add(first[:place] + first[place : place + 2][::-1] + first[place + 2 :])
        for letter in letters:
            changed.add(first[:place] + letter + first[place + 1 :])
            changed.add(first[:place] + letter + first[place:])
    return second in changed


@given(st.text("abc", min_size=1, max_size=6), st.text("abc", min_size=1, max_size=6))
def test_one_mistake_is_one_change(first: str, second: str) -> None:
    """A letter missing, too many, another one, or two that changed places: what trying them all finds."""
    if first != second and abs(len(first) - len(second)) <= 1:
        assert one_mistake(first, second) == _distance_one(first, second)


@given(st.text("aAé ü.ß1", min_size=1, max_size=6).filter(str.strip), st.text("aAé ü.ß1x", max_size=30))
def test_whatever_is_there_as_it_stands_is_found(sought: str, text: str) -> None:
    """FUZZY finds all that SEARCH finds without it."""
    if Needle(sought.strip()).is_in(text):
        assert score(sought, text) > 0


def test_plain_texts() -> None:
    """Neither case nor accents, in any script."""
    assert plain("ÀÉÎÕÜ çñ ŠŽ") == "aeiou cn sz"
    assert plain("שָׁלוֹם") == plain("שלום")
    assert plain("ﬁn") == "fin"
