"""Idling sessions that take over what another was told hear exactly what they would have been told themselves."""

import asyncio
from pathlib import Path

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.server import shared_news
from mailwren.server.features import Features
from mailwren.server.session import Session
from mailwren.server.shared_news import News, SharedNews, Standing

_FORMS = (b"", b"IMAP4rev2", b"CONDSTORE", b"QRESYNC", b"UIDONLY")
_EACH = 10
_STEPS = (
    b"APPEND INBOX {3+}\r\n1\r\n",
    b"APPEND INBOX (\\Seen first) {3+}\r\n2\r\n {3+}\r\n3\r\n",
    b"STORE 1:2 +FLAGS.SILENT (second)",
    b"STORE 3 +FLAGS.SILENT (\\Deleted)",
    b"EXPUNGE",
    b"APPEND INBOX {3+}\r\n4\r\n",
)


async def _settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


async def _hear() -> list[bytes]:
    """What each of many sessions hears while one changes the mailbox."""
    async with server_context() as context:
        features = Features()
        writer, *listeners = [Client(context, features) for _ in range(1 + _EACH * len(_FORMS))]
        await writer.login()
        await writer.command(b"SELECT INBOX")
        for number, client in enumerate(listeners):
            await client.login()
            form = _FORMS[number % len(_FORMS)]
            if form:
                await client.command(b"ENABLE " + form)
            await client.command(b"EXAMINE INBOX" if number % 7 == 6 else b"SELECT INBOX")
            client.send(b"i IDLE\r\n")
            await client.line()
        for step in _STEPS:
            await writer.command(step)
            await _settle()
        for client in listeners:
            client.send(b"DONE\r\n")
        await _settle()
        return [client.pending for client in listeners]


async def _hear_together_and_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Session] = []
    take_over = Session.take_over

    def count(session: Session, news: News) -> None:
        taken.append(session)
        take_over(session, news)

    monkeypatch.setattr(shared_news, "_PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(Session, "take_over", count)
    shared = await _hear()
    assert len(taken) > 2 * len(_STEPS) * len(_FORMS)
    monkeypatch.setattr(SharedNews, "tell", lambda _news, session: session.connection.wake())
    taken.clear()
    alone = await _hear()
    assert not taken
    assert shared == alone
    assert all(b" EXISTS\r\n" in heard and heard.endswith(b"i OK IDLE terminated\r\n") for heard in shared)


async def _hinder_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server_context() as context:
        clients = [Client(context, Features()) for _ in range(5)]
        for client in clients:
            await client.login()
            await client.command(b"SELECT INBOX")
            client.send(b"i IDLE\r\n")
            await client.line()
        hindered = {client.protocol.session for client in clients[:2]}
        go_on = asyncio.Event()
        tell = Session.tell

        async def hinder(session: Session, *, may_expunge: bool, **how: bool) -> None:
            if session in hindered:
                await go_on.wait()
            await tell(session, may_expunge=may_expunge, **how)

        monkeypatch.setattr(Session, "tell", hinder)
        writer = Client(context, Features())
        await writer.login()
        await writer.command(b"APPEND INBOX {3+}\r\n1\r\n")
        for client in clients[2:]:
            assert await client.line() == b"* 1 EXISTS\r\n"
        go_on.set()
        for client in clients[:2]:
            assert await client.line() == b"* 1 EXISTS\r\n"


def test_everybody_hears_what_each_alone_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every form, through arrivals, flags, new keywords and expunges; most are told from ready lines."""
    asyncio.run(_hear_together_and_alone(monkeypatch))


def test_who_waits_in_vain_looks_for_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where those who were woken first are kept from telling, the others do not wait for ever."""
    asyncio.run(_hinder_the_first(monkeypatch))


async def _change_again_before_all_have_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What idling sessions hear of a second change by another worker, whose hint comes when two know of the first."""
    told = asyncio.Event()
    monkeypatch.setattr(shared_news, "_PATIENCE_SECONDS", 60.0)
    async with server_context(folder) as here, server_context(folder) as elsewhere:
        writer, *listeners = [Client(context, Features()) for context in (elsewhere, *[here] * 6)]
        for client in (writer, *listeners):
            await client.login()
            await client.command(b"SELECT INBOX")
        for client in listeners:
            client.send(b"i IDLE\r\n")
            await client.line()
        keep, pass_on = SharedNews.keep, SharedNews._pass_on

        def keep_and_stop(news: SharedNews, session: Session, standing: Standing | None) -> None:
            monkeypatch.setattr(SharedNews, "_pass_on", lambda _news: told.set())
            keep(news, session, standing)

        def hint() -> None:
            for session in here.sessions:
                assert session.selected is not None
                session.hint(session.selected.account.id, session.selected.id)

        await writer.command(_STEPS[0])
        monkeypatch.setattr(SharedNews, "keep", keep_and_stop)
        hint()
        await told.wait()
        await writer.command(_STEPS[0])
        hint()
        monkeypatch.setattr(SharedNews, "keep", keep)
        monkeypatch.setattr(SharedNews, "_pass_on", pass_on)
        here.shared_news._pass_on()
        await _settle()
        return [client.pending for client in listeners]


def test_a_hint_that_comes_while_news_are_passed_on_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """News of the change before do not answer it: every session looks again, and hears of both changes."""
    for heard in asyncio.run(_change_again_before_all_have_heard(tmp_path, monkeypatch)):
        assert b"* 2 EXISTS\r\n" in heard
