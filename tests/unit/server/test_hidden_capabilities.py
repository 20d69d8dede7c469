"""Capabilities that the configuration keeps from a user or from a mail program."""

import asyncio
from typing import Any

from tests.support.inprocess import Client, server_context

from mailwren.server.features import Features


async def _talk(*commands: bytes) -> list[bytes]:
    """What a client is answered to commands behind its login."""
    hidden = {"*Outlook*, vendor:Microsoft": ("IMAP4REV2", "MOVE")}
    settings: dict[str, Any] = {
        "hidden_capabilities_for_user": {"anna": ("IDLE",)},
        "hidden_capabilities_for_clients": hidden,
    }
    async with server_context(**settings) as context:
        client = Client(context, Features())
        await client.login()
        answers = [await client.command(command) for command in commands]
        await client.close()
    return answers


def test_a_client_is_known_by_its_id() -> None:
    """What is hidden from a program goes as soon as it has said what it is, and comes back when it is another."""
    outlook = b'ID ("name" "microsoft outlook" "vendor" "Microsoft")'
    before, _, after, _, again = asyncio.run(
        _talk(b"CAPABILITY", outlook, b"CAPABILITY", b'ID ("name" "Mutt")', b"CAPABILITY")
    )
    assert b" MOVE" in before
    assert b" IMAP4rev2" in before
    assert b" IDLE" not in before
    assert b" MOVE" not in after
    assert b" IMAP4rev2" not in after
    assert b" IMAP4rev1" in after
    assert again == before.replace(b"t2 ", b"t6 ")


def test_what_is_hidden_cannot_be_enabled() -> None:
    """A program that enables what it stumbles over is not helped by hiding alone."""
    _, enabled = asyncio.run(_talk(b'ID ("name" "Outlook" "vendor" "microsoft")', b"ENABLE IMAP4rev2"))
    assert b"* ENABLED\r\n" in enabled
