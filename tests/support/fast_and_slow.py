"""The same commands for a server as it is and for one that takes no short cut: their answers have to be the same.

The server as it is has two stores over one folder, as two worker processes have, and limits so small that every way
is taken with a few messages. The other one is one process in memory that keeps nothing: each message is answered on
its own, each state is read anew from the database, each search looks at each message.
"""

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from mailwren.auth.throttle import LoginThrottle
from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.ranges import RangeSet
from mailwren.config.settings import Config
from mailwren.search.evaluate import SearchEngine
from mailwren.search.sorting import Sorter
from mailwren.server import flag_lines, notices, shared_news
from mailwren.server.context import ServerContext
from mailwren.server.core import fetch_columns, fetch_plan, fetch_sender, store
from mailwren.server.core.introductions import Introductions
from mailwren.server.core.kept_lines import KeptLines
from mailwren.server.ext import condstore
from mailwren.server.features import Features
from mailwren.server.view import View
from mailwren.store import flag_columns, flag_index, mailbox_state
from mailwren.store.bus import HintCallback
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.sqlite import requests, states
from mailwren.store.sqlite.quick_flags import QuickFlags
from mailwren.store.sqlite.store import SqliteMailStore
from mailwren.store.sqlite.transaction import Transaction

from .inprocess import Client, OpenDoor, end_of_response, split_responses

NOW = 1_763_900_000
_IDS = re.compile(
    rb"(EMAILID|THREADID|MAILBOXID|X-GM-MSGID|X-GM-THRID|UIDVALIDITY|COPYUID|APPENDUID)( \(?)([A-Za-z0-9_-]+)"
)
_FLAGS = re.compile(rb"\* \d+ (?:UID)?FETCH \((?:UID \d+ )?FLAGS \(([^)]*)\)")


class Wire:
    """A bus between two stores that hands on at once."""

    def __init__(self) -> None:
        self._callbacks: list[HintCallback] = []
        self.other: Wire | None = None

    def publish(self, account_id: str, mailbox: MailboxId) -> None:
        """Tell the other store."""
        for callback in self.other._callbacks if self.other is not None else ():
            asyncio.get_running_loop().call_soon(callback, account_id, mailbox)

    def listen(self, callback: HintCallback) -> None:
        """Be told."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Be told no more."""
        self._callbacks.clear()


@asynccontextmanager
async def workers(folder: Path | None, number: int) -> AsyncIterator[list[ServerContext]]:
    """Contexts of so many worker processes that serve the same folder, or of one in memory."""
    wires = [Wire() for _ in range(number)]
    for wire, other in zip(wires, reversed(wires), strict=True):
        wire.other = other if other is not wire else None
    contexts = []
    door = OpenDoor()
    for wire in wires:
        mail = SqliteMailStore(folder, bus=wire, clock=lambda: NOW)
        config = Config(data=folder or Path(tempfile.gettempdir()), server_name="test.example")
        clock = asyncio.get_running_loop().time
        contexts.append(ServerContext(config, mail, cast("Any", door), door.users, LoginThrottle(), clock))
    try:
        yield contexts
    finally:
        for context in contexts:
            for each in list(context.sessions):
                each.connection.connection_lost(None)
            async with asyncio.timeout(20):
                while context.sessions:
                    await asyncio.sleep(0)
            await context.store.close()
        door.users.close()


def take_every_way(patch: pytest.MonkeyPatch, size: int) -> None:
    """Have so small limits that what is done for thousands of messages is done for a few; 0: the usual ones."""
    fetch_plan._known.clear()
    patch.setattr(MailboxState, "untouched_since", _nothing_is_sure)
    if not size:
        return
    patch.setattr(fetch_plan, "_BATCH", 3 * size)
    patch.setattr(flag_lines, "_BLOCK", 2 * size)
    flag_lines._block.cache_clear()
    patch.setattr(flag_columns, "_FEW", size // 2)
    patch.setattr(flag_columns, "_MANY", size)
    patch.setattr(flag_index, "_SHARE", 1)
    patch.setattr(mailbox_state, "_INDEXED_ONE_BY_ONE", size)
    patch.setattr(mailbox_state, "_UPDATES_REMEMBERED", size)
    patch.setattr(mailbox_state, "_FLAG_SETS_REMEMBERED", size)
    patch.setattr(mailbox_state, "_FEW", size)
    for module in (store, notices, condstore):
        patch.setattr(module, "_AT_ONCE", size + 1)
    patch.setattr(limits, "FLAGS_AT_ONCE", 2 * size)
    patch.setattr(limits, "WAL_PAGES", 8 * size)
    patch.setattr(limits, "ROWS_AT_ONCE", 4 * size)
    patch.setattr(limits, "REFRESHED_ROWS", 2 * size)
    patch.setattr(limits, "RANGES_ONE_BY_ONE", 2)


def _nothing_is_sure(state: MailboxState, *_arguments: Any) -> RangeSet:
    """How far back is remembered which flags changed is a matter of memory; so are spurious MODIFIED."""
    del state
    return RangeSet()


def take_no_short_cut(patch: pytest.MonkeyPatch, size: int) -> None:
    """Turn off what is kept, what is done for many at once, and what does not ask the database."""
    patch.setattr(MailboxState, "untouched_since", _nothing_is_sure)
    if size:
        patch.setattr(notices, "_AT_ONCE", size + 1)  # it shows in VANISHED, which are as many as that makes
    slow_plan = fetch_plan._plan

    def one_by_one(*arguments: Any) -> Any:
        plan = slow_plan(*arguments)
        for name, value in (("batch", 1), ("lasting", False)):
            object.__setattr__(plan, name, value)
        return plan

    patch.setattr(fetch_plan, "_plan", one_by_one)
    patch.setattr(fetch_plan, "_is_short", lambda items: False)
    fetch_plan._known.clear()
    patch.setattr(fetch_columns, "_reader_of", lambda octets: None)
    patch.setattr(fetch_columns, "_ROW", -1)
    patch.setattr(fetch_sender, "_ROOM", 64 * 1024 * 1024)
    patch.setattr(QuickFlags, "apply", lambda self, operation: None)
    patch.setattr(Transaction, "state_of", lambda self, box: None)
    patch.setattr(Introductions, "say", lambda self, *arguments: False)
    patch.setattr(View, "settle", lambda self: self.current)
    patch.setattr(shared_news, "place_of", lambda session: None)
    patch.setattr(notices, "flag_lines", slow_flag_lines)
    patch.setattr(MailboxState, "with_flag_sets", lambda self, wanted: None)
    patch.setattr(MailboxState, "changed_within", lambda self, *arguments: False)
    patch.setattr(MailboxState, "change_flags", None)
    patch.setattr(states.States, "committed", _nothing_but_the_end)
    patch.setattr(states.States, "_is_unchanged", lambda self, state: False)
    patch.setattr(flag_columns, "compact", lambda flags: flags)
    patch.setattr(requests, "simple_structure", lambda octets: None)


def _nothing_but_the_end(self: states.States, deltas: Any) -> None:
    for mailbox, delta in deltas.items():
        state = self._states.get(mailbox)
        if state is not None and delta.mailbox is None:
            self._gone(state)


def slow_flag_lines(
    session: Any, selected: Any, positions: Sequence[int], indexes: Sequence[int], *, with_uid: bool
) -> bytes:
    """What flag_lines makes, line by line."""
    lines = []
    for position, index in zip(positions, indexes, strict=True):
        uid = selected.state.uids[index]
        flags = selected.account.flag_set(selected.state.flags[index]).text.split()
        if not session.rev2 and uid in selected.view.recent:
            flags.append(b"\\Recent")
        items = b"FLAGS (" + b" ".join(flags) + b")"
        if session.condstore:
            items += b" MODSEQ (%d)" % selected.state.modseqs[index]
        if session.uid_only:
            lines.append(b"* %d UIDFETCH (%b)\r\n" % (uid, items))
        else:
            named = b"UID %d " % uid if session.condstore or with_uid else b""
            lines.append(b"* %d FETCH (%b%b)\r\n" % (position + 1, named, items))
    return b"".join(lines)


def forget(context: ServerContext) -> None:
    """Forget what was searched and sent."""
    context.search = SearchEngine(others=context.turns.rest)
    context.sorter = Sorter(context.search, others=context.turns.rest)
    context.lines = KeptLines(0)


class Script:
    """Runs commands of several sessions one after the other, and notes what is answered."""

    def __init__(self, contexts: Sequence[ServerContext], *, forgets: bool) -> None:
        self._contexts = contexts
        self._forgets = forgets
        self._clients: list[Client] = []
        self._names: dict[bytes, bytes] = {}
        self._keywords: list[set[bytes]] = []

    async def connect(self, user: str, worker: int) -> None:
        """One session more."""
        client = Client(self._contexts[worker % len(self._contexts)], Features())
        await client.login(user)
        self._clients.append(client)
        self._keywords.append({b"\\Recent"})

    async def run(self, number: int, command: bytes) -> list[bytes]:
        """What is answered to a command, but for what differs from one run to the next."""
        if self._forgets:
            for context in self._contexts:
                forget(context)
        client = self._clients[number]
        tag = client.tag()
        client.send(tag + b" " + command + b"\r\n")
        responses = split_responses(await client.until(lambda data: end_of_response(data, tag)))[0]
        self._hear_of_keywords(number, responses)
        # Keywords that were in use a while ago may be told, too.
        told = [each for each in responses if not each.startswith((b"* FLAGS ", b"* OK [PERMANENTFLAGS "))]
        return [_IDS.sub(self._name, each) for each in told]

    def _hear_of_keywords(self, number: int, responses: Sequence[bytes]) -> None:
        """Clients build tables of keywords: all of them are told before messages that have them."""
        for response in responses:
            if response.startswith(b"* FLAGS ("):
                self._keywords[number].update(response[9:-1].split())
            elif match := _FLAGS.match(response):
                assert self._keywords[number].issuperset(match[1].split()), response

    def _name(self, match: "re.Match[bytes]") -> bytes:
        name = self._names.setdefault(match[3], b"%d" % len(self._names))
        return match[1] + match[2] + b"id" + name
