"""The languages that the server writes to people in (RFC 5255 §3)."""

import pytest

from mailwren.server.languages import LANGUAGES, Catalogue, catalogue, negotiate


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        (["de"], "de"),
        (["DE-AT"], "de"),
        (["fr", "en-GB"], "en"),
        (["d"], None),
        (["deu"], None),
        (["fr"], None),
        (["default"], "de"),
        (["*"], "en"),
        (["I-Default"], "i-default"),
    ],
)
def test_the_first_range_that_has_a_language_wins(ranges: list[str], found: str | None) -> None:
    """A range finds the language that it begins with (RFC 4647 §3.4)."""
    assert negotiate(ranges, "de") == found


def test_what_is_put_in_is_kept_and_translated_where_known() -> None:
    """Holes take what stood there; words that the catalogue has are translated as well."""
    words = Catalogue({"expected {}, found {}": "{} gesucht, {} da", "a name": "ein Name", "{} completed": "{} fertig"})
    assert words.translate("expected a name, found (x)") == "ein Name gesucht, (x) da"
    assert words.translate("expected a.b, found , found") == "a.b gesucht, , found da"
    assert words.translate("UID FETCH completed") == "UID FETCH fertig"
    assert words.translate("something else") == "something else"


def test_the_order_of_patterns_is_by_what_they_say() -> None:
    """Where several fit, the one with most words of its own is right."""
    words = Catalogue({"{} is wrong": "1 {}", "the name {} is wrong": "2 {}"})
    assert words.translate("the name x is wrong") == "2 x"


def test_every_sentence_stays_on_its_line() -> None:
    """A translation has the holes of its text and no line ends."""
    for tag in LANGUAGES:
        for text, translation in catalogue(tag).texts.items():
            assert text.count("{}") == translation.count("{}"), text
            assert translation == translation.strip()
            assert translation.isprintable()
