"""Needles: every shortcut answers as folding would."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailwren.message.fold import fold
from mailwren.search.needle import Needle, fold_linear

# Characters whose folds are ASCII, hold ASCII, are several characters, or are accents on their own.
_ODD = "aAeEsSfFiIkK2 .:éÉßẞﬁﬀſK²½…™Åå\u0301\u0316\u00a0ΑαΩσςИйヴｶﾞ漢字한글😀İıǅ"  # noqa: RUF001 - look-alikes are the point
_TEXT = st.text(st.sampled_from(_ODD) | st.characters(exclude_categories=["Cs"]), max_size=30)


@given(_TEXT, _TEXT)
@example("s", "ß")
@example("fi", "ﬁ")
@example("cafe", "CAFÉ")
@example("café", "cafe")
@example("", "é")
@example("", "")
def test_a_needle_is_in_a_text_as_folding_says(needle: str, text: str) -> None:
    """The answer is that of folding both and looking for the one in the other."""
    assert Needle(needle).is_in(text) is (fold(needle) in fold(text))


@given(st.data(), _TEXT)
def test_pieces_of_a_text_are_found_in_any_case(data: st.DataObject, text: str) -> None:
    """Every piece of a text is found in it, whatever its case and normal form."""
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    assert Needle(fold(piece)).is_in(text)
    assert Needle(piece.upper()).is_in(text.upper())


@pytest.mark.parametrize("filler", ["x", "é", "漢", "e\u0301\u0316"])
def test_long_texts_are_folded_as_a_whole(filler: str) -> None:
    """Folding piece by piece gives what folding at once gives, and a match over a cut is found."""
    text = filler * 1000 + "Füße" + filler * 1000
    for shift in range(3):
        shifted = "z" * shift + text
        assert fold_linear(shifted) == fold(shifted)
        assert Needle(filler + "FUSSE"[:1]).is_in(shifted)


def test_heaps_of_accents_cost_no_square() -> None:
    """A megabyte of accents in the wrong order is folded in seconds, not hours."""
    start = time.thread_time()
    fold_linear("a" + "\u0301\u0316" * 500_000)
    assert time.thread_time() - start < 30
