"""The languages that the server writes to people in (RFC 5255 §3)."""

from pathlib import Path

import pytest

from mailwren.config.errors import ConfigErrors
from mailwren.config.load import load
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


def test_what_is_put_in_is_kept_or_translated() -> None:
    """A hole keeps what stood there, unless it is one for the server's own words."""
    words = Catalogue(
        {"expected {}, found {}": "{words} gesucht, {} da", "a name": "ein Name", "{} completed": "{} fertig"}
    )
    assert words.translate("expected a name, found (x)") == "ein Name gesucht, (x) da"
    assert words.translate("expected a.b, found , found") == "a.b gesucht, , found da"
    assert words.translate("expected a name, found a name") == "ein Name gesucht, a name da"
    assert words.translate("UID FETCH completed") == "UID FETCH fertig"
    assert words.translate("something else") == "something else"


def test_sentences_stand_inside_of_others() -> None:
    """What fills a hole can be a text with holes itself."""
    words = Catalogue({"The URL is wrong: {}": "Falsch: {words}", "its part: {}": "ihr Teil: {words}", "{} x": "{} y"})
    assert words.translate("The URL is wrong: its part: 5 x") == "Falsch: ihr Teil: 5 y"


@pytest.mark.parametrize(
    ("text", "translation"),
    [
        ("no mailbox {}", "kein Postfach {}"),
        ("no mailbox {words}", "kein Postfach {words}"),
        ("no mailbox a name", "kein Postfach a name"),
        ("no mailbox no mailbox x", "kein Postfach no mailbox x"),
        ("no mailbox is wrong", "kein Postfach is wrong"),
        ("no mailbox \\1 (.*", "kein Postfach \\1 (.*"),
        ("no mailbox ", "kein Postfach "),
        ("no mailbox", "no mailbox"),
        ("no mailbox a\nb", "kein Postfach a\nb"),
    ],
)
def test_a_name_that_looks_like_a_text_stays_a_name(text: str, translation: str) -> None:
    """What somebody chose to call a mailbox is neither taken for the server's words nor for a template."""
    words = Catalogue(
        {
            "no mailbox {}": "kein Postfach {}",
            "{} is wrong": "{} ist falsch",
            "a name": "ein Name",
            "no {} is there": "nichts",
        }
    )
    assert words.translate(text) == translation


def test_hostile_texts_take_no_longer_than_others() -> None:
    """Many holes, and values that nearly fit them again and again, are gone through once."""
    words = Catalogue({"a{}a" * 20 + "!": "{words}" * 20, "b{}": "{words}"})
    assert words.translate("a" * 999) == "a" * 999
    assert words.translate("b" * 999) == "b" * 995  # only so many texts stand one in the other
    assert words.translate("a " * 5000) == "a " * 5000


def test_the_order_of_templates_is_by_what_they_begin_with() -> None:
    """Where several fit, the one with the longest beginning is right, then the one with most words of its own."""
    words = Catalogue({"{} is wrong": "1 {}", "the name {} is wrong": "2 {}", "{} of it is wrong": "3 {}"})
    assert words.translate("the name x is wrong") == "2 x"
    assert words.translate("the name of it is wrong") == "2 of it"
    assert words.translate("a part of it is wrong") == "3 a part"


def test_every_sentence_stays_on_its_line() -> None:
    """A translation has the holes of its text and no line ends."""
    for tag in LANGUAGES:
        for text, translation in catalogue(tag).texts.items():
            assert text.count("{}") == translation.count("{}") + translation.count("{words}"), text
            assert translation.strip() == translation
            assert translation.isprintable()


def test_no_template_takes_what_is_anothers() -> None:
    """Filled with values of any kind, each text finds its own translation."""
    for tag in LANGUAGES:
        for text, translation in catalogue(tag).texts.items():
            for value in ("7", "X-1", "Übung"):
                wanted = translation.replace("{words}", value).replace("{}", value)
                assert catalogue(tag).translate(text.replace("{}", value)) == wanted


def test_every_language_can_be_the_default_one(tmp_path: Path) -> None:
    """The setting takes the tags of all languages, and no others."""
    environ = {"MAILWREN_DATA": str(tmp_path)}
    for tag in LANGUAGES:
        assert load(None, environ | {"MAILWREN_LANGUAGE": tag}, system_file=tmp_path / "none").language == tag
    with pytest.raises(ConfigErrors, match="language"):
        load(None, environ | {"MAILWREN_LANGUAGE": "x"}, system_file=tmp_path / "none")
