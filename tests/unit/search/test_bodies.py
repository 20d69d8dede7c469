"""Texts of messages in pieces."""

import pytest

from mailwren.base import limits
from mailwren.message.fold import fold
from mailwren.search.bodies import pieces
from mailwren.search.needle import Needle


@pytest.mark.parametrize("overlap", [0, 1, 5, 1000])
@pytest.mark.parametrize("filler", ["x", "xyz\u0301\u0316", "漢"])
def test_pieces_hold_every_place_of_a_text(filler: str, overlap: int) -> None:
    """Pieces are bounded, cover the text, and any stretch up to the overlap and one more stands whole in one."""
    text = "".join(f"{number:x}{filler}" for number in range(100_000))
    found = list(pieces(text, overlap))
    assert len(found) > 1
    position = 0
    for piece in found:
        assert len(piece) <= limits.SEARCH_WINDOW + overlap + 10
        begin = text.index(piece, max(position - overlap - 10, 0))
        assert begin <= position - overlap or not position
        position = begin + len(piece)
    assert position == len(text)


def test_a_short_text_is_one_piece() -> None:
    """What fits is not cut, the empty text included."""
    assert list(pieces("abc", 5)) == ["abc"]
    assert list(pieces("", 5)) == [""]


def test_accents_stay_with_their_characters() -> None:
    """A needle with accents is found exactly where folding the whole text finds it, wherever the cuts fall."""
    for shift in range(4):
        text = "y" * (limits.SEARCH_WINDOW - 2 + shift) + "a\u0301\u0316b" + "y" * limits.SEARCH_WINDOW
        for needle in ("a\u0316\u0301b", "a\u0301", "\u0301b", "ya\u0316"):
            there = any(map(Needle(needle).is_in, pieces(text, len(fold(needle)) - 1)))
            assert there is (fold(needle) in fold(text))
