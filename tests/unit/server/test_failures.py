"""A store that fails: the client hears a code that it can act on, the operator finds the reason in the log."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server.failures import log_fault, refusal
from mailwren.server.features import Features
from mailwren.store import errors

ACCOUNT = b"anna".hex()
"""The account of the user that these tests log in."""


def _events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What was logged as an error."""
    events: list[Any] = [record.msg for record in caplog.records if record.levelno >= logging.ERROR]
    return events


def _serve(folder: Path, *commands: bytes) -> list[bytes]:
    """The tagged answers to commands of one connection."""

    async def serve() -> list[bytes]:
        async with server_context(folder) as context:
            client = Client(context, Features())
            await client.line()
            answers = [(await client.command(command)).splitlines()[-1] for command in commands]
            await client.close()
            return answers

    return asyncio.run(serve())


def test_a_damaged_account_is_logged_with_its_user(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A login to an account whose database is none is refused with CONTACTADMIN, and the log says whose it is."""
    assert b" OK " in _serve(tmp_path, b"LOGIN anna secret")[0]
    database = tmp_path / "accounts" / ACCOUNT[:2] / ACCOUNT / "mail.sqlite3"
    database.write_bytes(b"x" * database.stat().st_size)
    with caplog.at_level(logging.ERROR, "mailwren"):
        damaged, other = _serve(tmp_path, b"LOGIN anna secret", b"LOGIN bert secret")
    assert b" NO [CONTACTADMIN] " in damaged
    assert b" OK " in other
    (event,) = _events(caplog)
    assert (event["event"], event["user"], event["account"]) == ("account damaged", "anna", ACCOUNT)
    assert event["error"]


@pytest.mark.parametrize(
    ("error", "code", "event"),
    [
        (errors.AccountDamaged("why"), b"CONTACTADMIN", "account damaged"),
        (errors.MessageDamaged("why"), b"CORRUPTION", "message damaged"),
        (errors.StoreUnavailable("why"), b"UNAVAILABLE", "store unavailable"),
        (errors.OverQuota("why"), b"OVERQUOTA", None),
        (errors.NoSuchMailbox("why"), b"NONEXISTENT", None),
    ],
)
def test_faults_are_logged_and_wishes_are_not(
    error: errors.StoreError, code: bytes, event: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Every refusal has its code; only what is no client's doing is news for the operator."""
    with caplog.at_level(logging.ERROR, "mailwren"):
        log_fault(error, user="anna", account="a1")
    assert refusal(error).code == code
    assert [each["event"] for each in _events(caplog)] == ([] if event is None else [event])
