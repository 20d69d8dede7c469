"""Which words of a vocabulary hold what is wanted, looked for stretch by stretch."""

from array import array
from pathlib import Path

import pytest

from mailwren.search.index import segment as segments
from mailwren.search.index.segment import Segment, SegmentFacts, Zone, ZoneOctets, write_segment
from mailwren.search.index.words import Place, Wanted

WORDS = sorted({"a", "b", "ab", "ba", "aba", "abab", "babab", "banana", "bandanas", "nab", "panama", "x" * 40})
HOLDS = {
    Place.ANYWHERE: lambda word, text: text in word,
    Place.BEGINNING: str.startswith,
    Place.END: str.endswith,
    Place.WHOLE: str.__eq__,
}


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    """A zone of some words."""
    octets = ZoneOctets(
        ("\n" + "\n".join(WORDS) + "\n").encode("ascii"), array("H", [2] * len(WORDS)).tobytes(), b"\0\0" * len(WORDS)
    )
    facts = SegmentFacts(1, 1, "", (), {})
    return Segment(write_segment(tmp_path, facts, [1], [("body", octets)])).zone("body")


@pytest.mark.parametrize("stretch", [1, 2, 3, 5, 8, 1000])
@pytest.mark.parametrize("place", list(Place))
def test_stretches_find_what_words_hold(
    zone: Zone, place: Place, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the stretches are: each word once, ascending, also those that two stretches share."""
    monkeypatch.setattr(segments, "_STRETCH", stretch)
    for text in ("a", "ab", "an", "na", "aba", "bab", "banana", "x" * 40, "q"):
        expected = [ordinal for ordinal, word in enumerate(WORDS) if HOLDS[place](word, text)]
        assert [ordinal for found in zone.words(Wanted(text, place)) for ordinal in found] == expected


def test_others_have_their_turn_between_stretches(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long vocabulary in which nothing is found is given in as many pieces as one in which all is."""
    monkeypatch.setattr(segments, "_STRETCH", 10)
    assert len(list(zone.words(Wanted("q", Place.ANYWHERE)))) >= len(zone.vocabulary) // 10
