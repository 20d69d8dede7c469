"""The logs: structured, free of secrets, and not to be forged by a client."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.base.logs import HIDDEN, configure_logs, escape_unprintable, hide_secrets, log


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Leave the process's logging as it was."""
    root, own = logging.getLogger(), logging.getLogger("mailwren")
    handlers, level, own_level = list(root.handlers), root.level, own.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    own.setLevel(own_level)


def json_lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines() -> None:
    """Off a terminal every event is one JSON object with time, level, event and the bound fields."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    session_log = log.bind(session=7)
    session_log.info("logged in", user="alice", seconds=0.5, tls=True, mailbox=None)
    session_log.warning("slow")
    first, second = json_lines(stream)
    assert list(first)[:3] == ["timestamp", "level", "event"]
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "level": "info",
        "event": "logged in",
        "session": 7,
        "user": "alice",
        "seconds": 0.5,
        "tls": True,
        "mailbox": None,
    }
    assert (second["level"], second["session"]) == ("warning", 7)


def test_text_on_a_terminal() -> None:
    """On a terminal, or when asked for, lines are for people."""
    terminal, plain = Terminal(), io.StringIO()
    configure_logs(stream=terminal)
    log.info("logged in", user="alice")
    configure_logs(form="text", stream=plain)
    log.info("logged in", user="alice")
    assert "alice" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
    assert plain.getvalue().endswith("user=alice\n")
    assert "\x1b" not in plain.getvalue()


def test_configuring_again_replaces() -> None:
    """A second configuration takes over and the first stream gets nothing more."""
    first, second = io.StringIO(), io.StringIO()
    configure_logs(stream=first)
    configure_logs(stream=second)
    log.info("once")
    assert first.getvalue() == ""
    assert len(json_lines(second)) == 1


def test_levels() -> None:
    """Events below the level are dropped; a level that does not exist is refused."""
    stream = io.StringIO()
    configure_logs("warning", stream=stream)
    log.info("not this")
    log.error("this")
    assert [line["event"] for line in json_lines(stream)] == ["this"]
    with pytest.raises(ValueError, match="LOUD"):
        configure_logs("loud", stream=stream)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "new_password",
        "PASSWORD_HASH",
        "passwd",
        "passphrase",
        "token",
        "access_token",
        "authorization",
        "client_secret",
        "initial_response",
        "credentials",
        "private_key",
    ],
)
def test_secrets_are_hidden(name: str) -> None:
    """Fields with telling names are hidden at any depth, whatever their value is."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    log.info("x", **{name: "hunter2"}, inner={"deeper": [{name: b"hunter2"}]})
    log.bind(**{name: ["hunter2"]}).info("y")
    assert "hunter2" not in stream.getvalue()
    assert json_lines(stream)[0][name] == HIDDEN
    assert json_lines(stream)[0]["inner"] == {"deeper": [{name: HIDDEN}]}


@pytest.mark.parametrize("form", ["json", "text"])
def test_clients_cannot_forge_lines(form: Any) -> None:
    """Line ends, escape sequences and direction changes in values, keys and event are written out."""
    stream = io.StringIO()
    configure_logs(form=form, stream=stream)
    bad = "a\r\n2026-01-01 forged\x1b[2J\x9b1m\u2028\u202eb\x00"
    log.info(bad, user=bad, octets=bad.encode(), inner={bad: [bad]}, thing=ValueError(bad))
    assert len(stream.getvalue().splitlines()) == 1
    assert not set("\r\x1b\x9b\u2028\u202e\x00") & set(stream.getvalue())


def test_long_values_are_cut() -> None:
    """A value of a client cannot make a line endless, in width or in depth."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    log.info("x", text="y" * 10**6, octets=b"z" * 10**6, many=list(range(10**5)), deep=deep)
    assert len(stream.getvalue()) < 10 * limits.LOG_VALUE
    assert "1000000 characters" in stream.getvalue()


def _fail() -> None:
    """Fail with a text that a client chose."""
    raise ValueError("bad\n2026-01-01 forged \x1b")


@pytest.mark.parametrize("form", ["json", "text"])
def test_exceptions(form: Any) -> None:
    """An exception is logged with its traceback, in which no line looks like a line of the log."""
    stream = io.StringIO()
    configure_logs(form=form, stream=stream)
    try:
        _fail()
    except ValueError:
        log.exception("failed", session=7)
    text = json_lines(stream)[0]["exception"] if form == "json" else "\n".join(stream.getvalue().splitlines()[1:])
    assert "test_logs.py" in text
    assert "ValueError: bad" in text
    assert all(line.startswith("    ") for line in text.splitlines())
    assert "\x1b" not in text


def test_other_libraries_are_included() -> None:
    """What libraries log through the standard library comes out the same way, from warnings up."""
    stream = io.StringIO()
    configure_logs(stream=stream)
    logging.getLogger("asyncio").warning("slow %s\n", "callback")
    logging.getLogger("asyncio").info("not this")
    (line,) = json_lines(stream)
    assert (line["level"], line["event"]) == ("warning", "slow callback\\n")


def test_without_configuration(caplog: pytest.LogCaptureFixture) -> None:
    """An embedding program gets the events through the standard library, secrets already hidden."""
    log.warning("embedded", user="alice", password="hunter2")
    event: Any = caplog.records[0].msg
    assert (event["event"], event["user"], event["password"]) == ("embedded", "alice", HIDDEN)


@given(
    st.dictionaries(
        st.text(max_size=10), st.recursive(st.text() | st.binary() | st.integers(), st.lists, max_leaves=5), max_size=5
    )
)
def test_cleaning_never_fails(fields: dict[str, Any]) -> None:
    """Fields of any kind become what JSON can hold."""
    named = {f"field {key}": value for key, value in fields.items()}
    cleaned = hide_secrets(None, "info", dict(named))
    assert set(cleaned) == set(named)
    assert json.loads(json.dumps(cleaned)) == cleaned


@given(st.text())
def test_escaping_keeps_what_is_printable(text: str) -> None:
    """Printable text comes through as it is; anything else comes out encodable and on one line."""
    escaped = escape_unprintable(text)
    assert len(escaped.splitlines()) <= 1
    assert escaped.encode().decode() == escaped
    if text.isprintable() and text.isascii():
        assert escaped == text
