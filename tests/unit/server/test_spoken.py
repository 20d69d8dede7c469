"""The catalogues of languages hold all that is said to people, and no more; and the collector finds it."""

import ast
from functools import cache
from pathlib import Path

import pytest
from tests.support.spoken import HOLE, Collector, Module, parse

import mailwren
from mailwren.server.languages import DEFAULT, LANGUAGES, catalogue

SOURCE = Path(mailwren.__file__).parent
SPEAKING = ("imap", "message", "store", "auth", "search", "server")
"""The packages whose words reach IMAP clients; the others speak to operators and to senders of mail."""
WRITTEN = [tag for tag in LANGUAGES if tag not in ("en", DEFAULT)]
"""Languages with a catalogue."""
OTHERWISE_SAID = {"Other Users/", "Shared/"}
"""What is translated without being part of a status response: prefixes of mailbox names (RFC 5255 §3.4)."""
GREETING = b"* OK [CAPABILITY "
"""Said before any language can be agreed upon."""


_ODD = 'class Odd(ValueError):\n "x"\ndef g():\n raise Odd("very odd")\n'


@cache
def _modules() -> tuple[Module, ...]:
    return tuple(parse(path for package in SPEAKING for path in sorted((SOURCE / package).rglob("*.py"))))


@cache
def _said() -> dict[str, str]:
    """What the server says, with its place."""
    return Collector(_modules()).texts


def _collected(source: str) -> set[str]:
    return set(Collector([Module(Path("source.py"), ast.parse(source))]).texts)


@pytest.mark.parametrize("tag", WRITTEN)
def test_whatever_is_said_is_translated(tag: str) -> None:
    """Each text of the code has its translation."""
    missing = [f"{place}: {text!r}" for text, place in _said().items() if text not in catalogue(tag).texts]
    assert not missing, f"Add to src/mailwren/server/languages/{tag}.toml:\n" + "\n".join(sorted(missing))


@pytest.mark.parametrize("tag", WRITTEN)
def test_nothing_is_translated_that_nobody_says(tag: str) -> None:
    """A text that the code has no more goes from the catalogues too. Single words are not collected."""
    templates = [text for text in _said() if HOLE in text]
    unused = [
        text
        for text in catalogue(tag).texts
        if text not in _said() and text not in OTHERWISE_SAID and " " in text and not _is_made_of(text, templates)
    ]
    assert not unused, f"Remove from src/mailwren/server/languages/{tag}.toml: {unused}"


def _is_made_of(text: str, templates: list[str]) -> bool:
    """Whether one of the templates makes the text: such texts have a translation of their own where that is better."""
    made = (template.split(HOLE) for template in templates)
    return any(text.startswith(parts[0]) and text.endswith(parts[-1]) and parts[0] for parts in made)


def test_status_responses_are_said_not_written() -> None:
    """No status response with words is a constant: it could not be translated."""
    found = [
        f"{module.path}:{node.lineno}"
        for module in _modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, bytes)
        and node.value.startswith((b"* OK", b"* NO", b"* BAD", b"* BYE"))
        and node.value != GREETING
    ]
    assert not found, "Say it with Session.say"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('raise BadCommand("that is wrong")', {"that is wrong"}),
        ('raise BadCommand(text="that is wrong", code=b"CODE")', {"that is wrong"}),
        ('raise BadCommand("that " "is wrong")', {"that is wrong"}),
        ('raise BadCommand(f"{a}{b} is wrong")', {"{} is wrong"}),
        ('raise BadCommand(f"{a:04x}" + " is wrong")', {"{} is wrong"}),
        ('raise BadCommand("one way" if a else "other way")', {"one way", "other way"}),
        ("raise BadCommand(f'not {\"one way\" if a else b}')", {"not {}", "one way"}),
        ('def f(s):\n s.say(b"OK", "all is well")', {"all is well"}),
        ('def f():\n return Completion(text="all is well")', {"all is well"}),
        ('_WORDS = "all is well"\ndef f():\n return Completion(b"", _WORDS)', {"all is well"}),
        ('_WORDS = {1: "all is well"}\ndef f():\n return Completion(b"", _WORDS[1])', {"all is well"}),
        ('_WORDS = {}\ndef f():\n return Completion(b"", _WORDS.get(1, "all is well"))', {"all is well"}),
        ('def f():\n text = "all is well"\n return Completion(b"", text)', {"all is well"}),
        ('def f():\n for text in ("so far", "not yet"):\n  raise Refused(text)', {"so far", "not yet"}),
        ('def f(what="a thing"):\n raise Refused(f"no {what}")\nf("a stone")', {"no {}", "a thing", "a stone"}),
        ('def f(*, what):\n raise Refused(what)\ndef g(it):\n f(what=it)\ng("a stone")', {"a stone"}),
        ('class S:\n def f(self, what):\n  raise Refused(what)\ns.f("a stone")', {"a stone"}),
        ('class Wrong(BadCommand):\n def __init__(self):\n  super().__init__("that is wrong")', {"that is wrong"}),
        ('class Wrong(BadCommand):\n def __init__(self, a, b):\n  super().__init__(b)\nWrong("x y", "z w")', {"z w"}),
        ('class Wrong(Refused):\n "x"\nclass Worse(Wrong):\n "x"\nWorse("very bad")', {"very bad"}),
        ('def f():\n return "very bad"\ndef g():\n raise Refused(f())', {"very bad"}),
        (_ODD + "def f():\n try:\n  g()\n except Odd as error:\n  raise Refused(str(error))", {"very odd"}),
        ('class S:\n def f(self):\n  self.why = "very odd"\n def g(self):\n  raise Refused(self.why)', {"very odd"}),
        ('class Odd(ValueError):\n "x"\nraise Odd("for the log")\nlog("for the log")', set()),
        ('raise BadCommand("UID FETCH")\nraise BadCommand("word")', set()),
    ],
)
def test_the_collector_follows_texts(source: str, texts: set[str]) -> None:
    """From where a text is said back to where it is written."""
    errors = "class BadCommand(ImapError):\n 'x'\nclass Refused(ImapError):\n 'x'\n"
    assert _collected(errors + source) == texts


def test_the_collector_finds_what_is_known_to_be_there() -> None:
    """Texts of each kind in the server itself."""
    assert {
        "expected {}, found {}",
        "message numbers",
        "There are only {} messages",
        "{} completed",
        "Still working",
        "the mailbox does not exist",
        "The user name or the password is not right.",
        "Idle for too long",
    } <= _said().keys()
