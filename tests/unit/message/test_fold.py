"""Folding for comparison."""

import pytest

from mailwren.message.fold import fold


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("ABC", "abc"),
        ("Straße", "STRASSE"),
        ("ÄÖÜ", "äöü"),
        ("é", "e\u0301"),
        ("É", "e\u0301"),
        ("\uff21\uff22\uff23", "abc"),
        ("ﬁn", "FIN"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ПРИВЕТ", "привет"),
        ("①", "1"),
        ("\u00a0", " "),
    ],
)
def test_equal_texts(left: str, right: str) -> None:
    """Case and composition make no difference."""
    assert fold(left) == fold(right)


def test_accents_matter_in_the_needle_only() -> None:
    """Without accents one finds text with them, with accents only such text."""
    assert fold("resume") in fold("Résumé").replace("\u0301", "")
    assert fold("Re\u0301") in fold("RÉSUMÉ")
    assert fold("é") not in fold("resume")


def test_large_texts_are_folded_in_pieces() -> None:
    """Pieces are cut where nothing is lost: the result is that of the whole."""
    text = "aé\u0323\u0301 ßﬁ" * 50_000
    assert fold(text) == fold("aé\u0323\u0301 ßﬁ") * 50_000
    assert fold("é" * 200_000) == "e\u0301" * 200_000
