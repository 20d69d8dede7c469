"""Programs that keep a copy of a mailbox always end up with the server's exact state, however they come and go.

Some come back with QRESYNC, some with CONDSTORE alone, some with neither; meanwhile others change the mailbox, delete
it, and make a new one of its name, and the server merges old rows of its log. Connections are lost in the middle of
answers. Whenever all is quiet each copy has the UIDs, flags and mod-sequences that a fresh session fetches.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.caching_client import CachingClient, Commands, Way
from tests.support.inprocess import Client, server_context, split_responses

from mailwren.base import limits
from mailwren.server.context import ServerContext
from mailwren.server.features import Features
from mailwren.store.errors import StoreError
from mailwren.store.sqlite import sweeping
from mailwren.store.sqlite.account import SqliteAccount

FEATURES = Features()
LOST: Final = -1


@dataclass
class Traveller:
    """A client with its connection, if it has one."""

    client: CachingClient
    context: ServerContext
    rev2: bool
    connection: Client | None = None
    away: int = 0
    """Turns until it comes back."""

    async def drive(self, commands: Commands, lost_at: int = LOST) -> None:
        """Carry out commands; with ``lost_at`` the first one's answers break off after so many of them."""
        assert self.connection is not None
        answers: list[bytes] | None = None
        try:
            while True:
                command = next(commands) if answers is None else commands.send(answers)
                answers = split_responses(await self.connection.command(command))[0]
                assert b" BAD " not in answers[-1], (command, answers)
                if any(answer.startswith(b"* OK [CLOSED]") for answer in answers):
                    await self.leave()  # somebody deleted the mailbox
                    return
                if lost_at != LOST:
                    for answer in answers[:-1][:lost_at]:
                        self.client.hear(answer)
                    await self.leave()
                    return
        except StopIteration:
            return
        except ConnectionError:
            await self.leave()  # BYE: somebody deleted the mailbox

    async def come(self, lost_at: int = LOST, **how: bool) -> None:
        """Connect and bring the copy up to date."""
        if self.connection is not None:
            return
        self.connection = Client(self.context, FEATURES)
        await self.connection.login()
        if self.rev2:
            await self.connection.command(b"ENABLE IMAP4rev2")
        await self.drive(self.client.sync(**how), lost_at)
        if not self.client.synced and self.connection is not None:
            await self.leave()  # there is no mailbox to select at this moment

    async def leave(self) -> None:
        """Hang up."""
        if self.connection is not None:
            await self.connection.close()
            self.connection = None
        self.client.disconnected()

    # --- what it does ---------------------------------------------------------------------------------------
    async def act(self, kind: str, *arguments: Any, lost_at: int = LOST) -> None:
        """One thing, if it can be done now."""
        if self.away:
            self.away -= 1
        elif kind == "leave":
            self.away = arguments[0]
            await self.leave()
        elif self.connection is None:
            await self.come(lost_at, **(arguments[0] if kind == "come" else {}))
        elif kind != "come":
            commands = getattr(self, "_" + kind)(*arguments)
            if commands is not None:
                await self.drive(commands, lost_at)
            if kind == "glance":
                self.away = arguments[0]
                await self.leave()

    def _glance(self, _turns: int) -> Commands | None:
        return self.client.glance() if self.client.count else None

    def _uids(self, picks: list[int]) -> list[int]:
        known = sorted(self.client.copies)
        return sorted({known[pick % len(known)] for pick in picks}) if known else []

    def _store(
        self, picks: list[int], mode: bytes, flags: list[bytes], how: str, condition: int | None
    ) -> Commands | None:
        uids = self._uids(picks)
        if not uids:
            return None
        since = None
        if condition is not None and self.client.keeps_modseqs:
            since = max(0, self.client.copies[uids[condition % len(uids)]].modseq - condition // 4)
        return self.client.store(uids, mode, flags, since, how)

    def _remove(self, picks: list[int]) -> Commands | None:
        uids = self._uids(picks)
        return self.client.remove(uids) if uids else None

    def _on_messages(self, picks: list[int], command: bytes) -> Commands | None:
        uids = self._uids(picks)
        return self.client.run(command % ",".join(map(str, uids)).encode()) if uids else None

    def _run(self, command: bytes) -> Commands | None:
        if b" 1" in command and not self.client.count:
            return None  # there is no message 1
        return self.client.run(command)


async def fresh_picture(context: ServerContext) -> dict[int, tuple[frozenset[bytes] | None, int]]:
    """What a session that has never seen the mailbox finds in it."""
    traveller = Traveller(CachingClient(Way.CONDSTORE), context, rev2=False)
    await traveller.come()
    await traveller.leave()
    return traveller.client.picture()


async def make_mailbox(context: ServerContext, *, anew: bool = False) -> None:
    """Make the mailbox, perhaps in place of the one there is."""
    client = Client(context, FEATURES)
    await client.login()
    if anew:
        await client.command(b"DELETE Box")
    await client.command(b"CREATE Box")
    await client.close()


async def merge_log(context: ServerContext) -> None:
    """Make one row of the log out of the older ones, as the sweeper does."""
    account = cast("SqliteAccount", await context.store.account(b"anna".hex()))
    try:
        box = await account.mailbox("Box")
        with mock.patch.object(limits, "LOG_ROWS", 3):
            await account.run_in_writer(partial(sweeping.shorten_log, mailbox=box.id))
    except StoreError:
        pass  # no mailbox of that name at this moment
    finally:
        await context.store.release(account)


async def check(context: ServerContext, travellers: list[Traveller]) -> None:
    """Everybody comes; each copy is what there is, with as high a mod-sequence as there is."""
    for traveller in travellers:
        await traveller.come()
        await traveller.drive(traveller.client.run(b"NOOP"))
        await traveller.come()
    expected = await fresh_picture(context)
    for traveller in travellers:
        client = traveller.client
        assert client.synced
        if client.keeps_modseqs:
            assert client.picture() == expected
        else:
            assert {uid: flags for uid, (flags, _) in client.picture().items()} == {
                uid: flags for uid, (flags, _) in expected.items()
            }


PICKS = st.lists(st.integers(0, 5), min_size=1, max_size=3)
MODES = st.sampled_from([sign + b"FLAGS" + silent for sign in (b"", b"+", b"-") for silent in (b"", b".SILENT")])
SOME_FLAGS = st.lists(st.sampled_from([b"\\Seen", b"\\Flagged", b"work"]), max_size=2, unique=True)
STORE = st.tuples(
    st.just("store"), PICKS, MODES, SOME_FLAGS, st.sampled_from(["number", "uid"]), st.none() | st.integers(0, 9)
)
HOW = st.fixed_dictionaries({"uids": st.booleans(), "matches": st.booleans(), "other_order": st.booleans()})
COME = st.tuples(st.just("come"), HOW)
LEAVE = st.tuples(st.just("leave"), st.integers(0, 5))
LOOK = st.tuples(
    st.just("run"),
    st.sampled_from([b"NOOP", b"FETCH 1:* (UID FLAGS)", b"FETCH 1:* (MODSEQ UID)", b"SEARCH UNSEEN", b"UID SEARCH 1"]),
)
ADD = st.tuples(
    st.just("run"),
    st.sampled_from([b"APPEND Box {17+}\r\nSubject: hello\r\n\r\n"] * 2 + [b"UID COPY 1:* Box", b"UID COPY 1:* Box"]),
)
REMOVE = st.tuples(st.just("remove"), PICKS)
ON_MESSAGES = st.tuples(
    st.just("on_messages"),
    PICKS,
    st.sampled_from([b"UID FETCH %b BODY[]", b"UID FETCH %b (FLAGS)", b"UID MOVE %b Box", b"UID MOVE %b Trash"]),
)
GLANCE = st.tuples(st.just("glance"), st.integers(0, 5))
ACTIONS = st.one_of(STORE, STORE, STORE, LOOK, LOOK, LOOK, REMOVE, ADD, ON_MESSAGES, GLANCE, COME, LEAVE)
TURN = st.tuples(st.none() | ACTIONS, st.sampled_from([LOST] * 20 + [0, 1, 2, 3]))
EVENTS = st.sampled_from([""] * 16 + ["merge", "merge", "check", "anew"])
ROUNDS = st.lists(st.tuples(EVENTS, st.lists(TURN, min_size=4, max_size=4)), min_size=8, max_size=24)
WAYS: Final = (Way.QRESYNC, Way.QRESYNC, Way.CONDSTORE, Way.NEITHER)


async def play(rounds: list[tuple[str, list[Any]]], folder: Path | None) -> None:
    """All do one thing at the same time, round by round."""
    async with server_context(folder) as context:
        await make_mailbox(context)
        travellers = [Traveller(CachingClient(way), context, rev2=number == 1) for number, way in enumerate(WAYS)]
        for each in travellers:
            await each.come()
        for _ in range(5):
            await travellers[0].act("run", b"APPEND Box {17+}\r\nSubject: hello\r\n\r\n")
        for event, turns in rounds:
            await asyncio.gather(
                *(
                    traveller.act(*action, lost_at=lost_at)
                    for traveller, (action, lost_at) in zip(travellers, turns, strict=True)
                    if action is not None
                )
            )
            if event == "merge":
                await merge_log(context)
            elif event == "anew":
                await make_mailbox(context, anew=True)
            elif event == "check":
                await check(context, travellers)
        await check(context, travellers)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROUNDS)
def test_copies_are_exact(rounds: list[tuple[str, list[Any]]]) -> None:
    """Whoever comes back, in whatever way, has the server's exact state."""
    asyncio.run(play(rounds, None))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(ROUNDS)
def test_copies_are_exact_with_threads(rounds: list[tuple[str, list[Any]]]) -> None:
    """The same over files, where threads commit what is asked for at the same time, in groups."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(rounds, Path(folder)))
