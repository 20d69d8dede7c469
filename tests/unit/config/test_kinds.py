"""Kinds of values: what they take, what they refuse, and that what they write they read again."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.config.clients import ClientPatterns
from mailwren.config.errors import WrongValue
from mailwren.config.kinds import Choice, FilePath, Flag, Kind, OrNone, Text, WholeNumber, quote
from mailwren.config.listeners import Listeners, read_address
from mailwren.config.lists import DefaultMailboxes, IdFields, Words, WordsForNames
from mailwren.config.measures import Duration, Size
from mailwren.config.values import AUTOMATIC_LISTENERS, DefaultMailbox, Durability, Listener, ListenProtocol

HERE = Path("/etc/mailwren")
WORDS = Words("words", "[a-z=]+", upper=True)


def _advice(kind: Kind[Any], value: object) -> str:
    """The whole refusal of a value."""
    with pytest.raises(WrongValue) as caught:
        kind.read(value, HERE)
    return " / ".join(f"{'.'.join(map(str, f.below))} {f.problem}; {f.advice}" for f in caught.value.faults)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (Flag(), "true", "true or false"),
        (Flag(), 1, "true or false"),
        (WholeNumber(1, 9), True, "from 1 to 9"),
        (WholeNumber(1, 9), 10, "from 1 to 9"),
        (WholeNumber(1, 9), 2.0, "from 1 to 9"),
        (Size(1, 1024), "2 KiB", "from 1 octets to 1 KiB"),
        (Size(1, 1024), "7 parsecs", "50 MiB"),
        (Size(1, 1024), 1.5, "octets"),
        (Size(1, 1024), True, "octets"),
        (Duration(5, 60), "2 min", "from 5 s to 1 min"),
        (Duration(5, 60), "", "40 min"),
        (Duration(5, 60), float("nan"), "from 5 s"),
        (Choice(Durability), "strikt", 'did you mean "strict"?'),
        (Choice(Durability), 3, '"normal" or "strict"'),
        (Text("a line"), "two\nlines", "a line"),
        (FilePath("a file"), "", "a file"),
        (FilePath("a file"), "~nobody-of-that-name/x", "no such user"),
        (OrNone(WholeNumber(1, 9)), "nothing", 'or "none"'),
        (WORDS, "x", "words"),
        (WORDS, ["x", "1"], "1 "),
        (WordsForNames("table", WORDS), {"al": ["1"]}, "al.0 "),
        (WordsForNames("table", WORDS), [], "table"),
        (ClientPatterns("table", WORDS), {"a,,b": ["X"]}, '"a,,b" is not taken'),
        (IdFields(), {"name": 1}, "name 1 is not taken"),
        (IdFields(), {"n" * 31: "x"}, "30 characters"),
        (IdFields(), {str(n): "x" for n in range(31)}, "at most 30"),
    ],
)
def test_wrong_values_are_refused_with_what_is_wanted(kind: Kind[Any], value: object, wanted: str) -> None:
    """A refusal says what would be right."""
    assert wanted in _advice(kind, value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Flag(), "Yes", True),
        (Flag(), "off", False),
        (WholeNumber(1, 9), " 7 ", 7),
        (Size(1, 10**15), "100 MiB", 100 * 1024 * 1024),
        (Size(1, 10**15), "1.5kb", 1500),
        (Duration(0, 10**6), "35min", 2100.0),
        (Duration(0, 10**6), "0.5", 0.5),
        (OrNone(Size(1, 10**15)), "None", None),
        (Choice(Durability), "Strict", Durability.STRICT),
        (WORDS, "a=b, c", ("A=B", "C")),
        (WordsForNames("table", WORDS), "al=a b; bo=c", {"al": ("A", "B"), "bo": ("C",)}),
        (IdFields(), "name=Wren; vendor=x=y", {"name": "Wren", "vendor": "x=y"}),
        (FilePath("a file"), "key.pem", HERE / "key.pem"),
        (DefaultMailboxes(), "Sent=sent, Lists", (DefaultMailbox("Sent", "\\Sent"), DefaultMailbox("Lists"))),
    ],
)
def test_text_is_read(kind: Kind[Any], text: str, value: object) -> None:
    """Values come from the environment and the command line as text."""
    assert kind.read_text(text, HERE) == value


_ROUND_TRIPS: list[tuple[Kind[Any], st.SearchStrategy[Any]]] = [
    (Flag(), st.booleans()),
    (WholeNumber(0, 10**9), st.integers(0, 10**9)),
    (Size(0, 2**50), st.integers(0, 2**50)),
    (Duration(0, 10**7), st.integers(0, 10**7).map(float)),
    (OrNone(Size(0, 2**50)), st.none() | st.integers(0, 2**50)),
    (Text("a line"), st.from_regex(r"[^\x00-\x1f\x7f]{1,50}", fullmatch=True)),
    (FilePath("a file"), st.sampled_from(["/a", "/b c/'d'", '/"', "/\\x"]).map(Path)),
    (WORDS, st.lists(st.sampled_from(["A", "B=C"]), unique=True).map(tuple)),
    (
        WordsForNames("table", WORDS),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.just(("A",))),
    ),
    (IdFields(), st.dictionaries(st.sampled_from(["name", "support-url", "a b"]), st.sampled_from(["", "x'\"\\"]))),
    (
        DefaultMailboxes(),
        st.sampled_from([(), (DefaultMailbox("A/ä", "\\Junk", subscribed=False), DefaultMailbox("B"))]),
    ),
    (
        Listeners(),
        st.sampled_from(
            [
                AUTOMATIC_LISTENERS,
                (Listener(ListenProtocol.LMTP, path=Path("/run/x"), mode=0o600),),
                (Listener(ListenProtocol.IMAP, "::1", 143), Listener(ListenProtocol.IMAPS, "localhost", 0)),
            ]
        ),
    ),
]


@given(st.data())
def test_what_is_written_is_read_again(data: st.DataObject) -> None:
    """For every kind: reading what it shows gives the value again."""
    kind, values = data.draw(st.sampled_from(_ROUND_TRIPS))
    value = data.draw(values)
    assert kind.read(tomllib.loads(f"x = {kind.show(value)}")["x"], HERE) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_can_be_quoted(text: str) -> None:
    """A quoted text is TOML for that very text."""
    assert tomllib.loads(f"x = {quote(text)}") == {"x": text}


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("127.0.0.1:143", ["127.0.0.1:143"]),
        ("[::1]:143", ["[::1]:143"]),
        ("*:143", ["0.0.0.0:143", "[::]:143"]),
        (":143", ["0.0.0.0:143", "[::]:143"]),
        ("mail.example.org:0", ["mail.example.org:0"]),
    ],
)
def test_addresses_of_the_command_line(text: str, addresses: list[str]) -> None:
    """HOST:PORT in its forms; a star is every address, with IPv6 optional."""
    listeners = read_address(ListenProtocol.IMAP, text, HERE)
    assert [listener.address for listener in listeners] == addresses
    assert [listener.optional for listener in listeners] == [listener.host == "::" for listener in listeners]


@pytest.mark.parametrize(
    "text", ["", "143", "host", "host:", "host:99999", "::1:143", "[::1]", "a b:1", "unix:/run/x", "h:1x"]
)
def test_wrong_addresses_are_refused(text: str) -> None:
    """Whatever is no address is refused, and a UNIX socket for IMAP too."""
    with pytest.raises(WrongValue):
        read_address(ListenProtocol.IMAP, text, HERE)


def test_a_socket_of_the_command_line() -> None:
    """unix:PATH is an LMTP socket; relative paths start at the folder given."""
    assert read_address(ListenProtocol.LMTP, "unix:lmtp", HERE) == [Listener(ListenProtocol.LMTP, path=HERE / "lmtp")]


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([], "0 listeners"),
        ([{}], "0 has no protocol"),
        ([{"protocol": "imap"}], "0 has no port"),
        ([{"protocol": "pop3", "host": "x", "port": 1}], "0.protocol"),
        ([{"protocol": "imap", "hots": "x", "port": 1}], 'did you mean "host"?'),
        ([{"protocol": "imap", "path": "/x"}], "0.path a UNIX socket is for LMTP only"),
        ([{"protocol": "lmtp", "path": "/x", "port": 3}], "0.port does not go with path"),
        ([{"protocol": "lmtp", "host": "x", "port": 3, "mode": "0660"}], "0.mode is for UNIX sockets only"),
        ([{"protocol": "lmtp", "path": "/x", "mode": "999"}], "0.mode"),
        (["imap"], "0 "),
        ([{"protocol": "lmtp", "path": "/x"}] * 2, "unix:/x clashes"),
        ([{"protocol": p, "host": h, "port": 1} for p, h in (("imap", "*"), ("imaps", "127.0.0.1"))], "clashes"),
        ([{"protocol": p, "host": h, "port": 1} for p, h in (("imap", "::1"), ("imaps", "*"))], "clashes"),
    ],
)
def test_wrong_listeners_are_refused(tables: list[object], expected: str) -> None:
    """Each mistake in a listener is named with the listener it is in."""
    assert expected in _advice(Listeners(), tables)


def test_all_faults_of_all_listeners_are_reported() -> None:
    """Mistakes in two listeners are told at once."""
    text = _advice(Listeners(), [{"protocol": "imap", "host": 1, "port": "x"}, {"port": 70000}])
    assert all(part in text for part in ("0.host", "0.port", "1.port", "1 has no protocol", "1 has no host"))


def test_listeners_without_a_port_of_their_own_do_not_clash() -> None:
    """Any number of listeners may take any free port."""
    assert len(Listeners().read([{"protocol": "imap", "host": "::1", "port": 0}] * 2, HERE)) == 2


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([{}], "0 has no name"),
        ([{"name": "inbox"}], "INBOX is always there"),
        ([{"name": "A"}, {"name": "A"}], "1.name"),
        ([{"name": "A", "special_use": "Sent"}, {"name": "B", "special_use": "\\sent"}], "stands twice"),
        ([{"name": "A", "special_use": "Snet"}], 'did you mean "Sent"?'),
        ([{"name": "/A"}, {"name": "A//B"}, {"name": "A/"}, {"name": "a*"}], "3.name"),
        ([{"nam": "A"}], 'did you mean "name"?'),
        (["A"], "a table with a name"),
        ("A", "tables [[mailbox]]"),
    ],
)
def test_wrong_default_mailboxes_are_refused(tables: object, expected: str) -> None:
    """Each mistake in a default mailbox is named."""
    assert expected in _advice(DefaultMailboxes(), tables)
