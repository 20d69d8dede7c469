"""The search index on the real store: exact whatever happens to it, small, and forgetting what is gone."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.searched_mailbox import SearchedMailbox
from tests.support.system import open_files
from tests.unit.search.test_sqlite_search import QUERIES, appends, fill

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.search.collation import OCTET
from mailwren.search.evaluate import SearchEngine
from mailwren.search.index import building
from mailwren.search.index import folder as places
from mailwren.search.index.asking import AccountIndex, Indexes, ZoneCache
from mailwren.search.index.building import Indexer
from mailwren.search.index.segment import Zone
from mailwren.search.index.status import index_status
from mailwren.search.index.words import Wanted
from mailwren.search.pace import Pace
from mailwren.search.plan import PlainTextTest
from mailwren.search.query import And, BodyContains, HeaderContains, Not, Or, Query, Resembles, TextContains
from mailwren.store.operations import Append, Copy, CreateMailbox, Expunge
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.sqlite.folders import account_folder
from mailwren.store.sqlite.store import SqliteMailStore

MORE: list[Query] = [
    BodyContains("ommo"),
    BodyContains("rare word\r\n"),
    BodyContains("e w"),
    BodyContains(" "),
    BodyContains("RARE", OCTET),
    TextContains("über"),
    TextContains("r 1"),
    TextContains("subject: ü"),
    TextContains("nowhere"),
    HeaderContains("subject", "ber 1"),
    HeaderContains("subject", "large"),
    HeaderContains("Subject", ""),
    HeaderContains("from", "@example"),
    HeaderContains("date", "jan"),
    HeaderContains("x-none", "jan"),
    HeaderContains("tö", "a"),
    Not(BodyContains("rare")),
    Or((BodyContains("rare"), HeaderContains("subject", "7"))),
    And((TextContains("word"), HeaderContains("subject", "7"), Not(TextContains("39")))),
    Resembles(BodyContains("rar worde")),
    Resembles(TextContains("nubmer")),
    Resembles(TextContains("Uber x1")),
    Resembles(HeaderContains("subject", "uber")),
    Resembles(HeaderContains("subject", "nowhere")),
    Resembles(HeaderContains("x-none", "jan")),
    Resembles(TextContains("?")),
    And((Resembles(TextContains("words")), Not(Resembles(BodyContains("larger"))))),
]


class Mail:
    """An account on the disk, and searching it with and without its index."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.folder = account_folder(data, "alice")
        self.index = places.index_folder(self.folder)
        self.store = SqliteMailStore(data)
        self.wanted: list[str] = []
        self.engine = SearchEngine(indexes=Indexes(lambda name: account_folder(data, name), self.wanted.append))
        self.plain = SearchEngine()

    async def open(self) -> SqliteAccount:
        """The account."""
        return await self.store.account("alice")

    async def fill(self, more: int = 0) -> None:
        """The mailbox of the other tests, and some more messages."""
        account = await self.open()
        state = await account.open_mailbox((await account.mailbox("INBOX")).id)
        mailbox = SearchedMailbox()
        fill(mailbox)
        await account.apply(appends(mailbox, state))
        for number in range(more):
            await self.add(f"Subject: more {number}\r\n\r\nrare number {number * 37}\r\n".encode())

    async def add(self, *messages: bytes, mailbox: str = "INBOX") -> None:
        """Put messages into a mailbox."""
        account = await self.open()
        target = (await account.mailbox(mailbox)).id
        await account.apply([Append(target, octets, (), datetime.now(UTC)) for octets in messages])

    def build(self, **options: bool) -> bool:
        """Bring the index up to date."""
        return Indexer(self.folder).run(**options)

    async def find(self, query: Query, mailbox: str = "INBOX", engine: SearchEngine | None = None) -> list[int]:
        """The positions of what matches."""
        account = await self.open()
        state = await account.open_mailbox((await account.mailbox(mailbox)).id)
        return await (engine or self.engine).search(account, state, query, state.uids, len(state.uids))

    async def compare(self, queries: Sequence[Query] = (*QUERIES, *MORE), mailbox: str = "INBOX") -> None:
        """Whether all is found as without the index."""
        for query in queries:
            assert await self.find(query, mailbox) == await self.find(query, mailbox, self.plain), query

    def segments(self) -> list[Path]:
        """The index's files."""
        return sorted(self.index.glob("*.seg"))


def with_mail(tmp_path: Path, work: Callable[[Mail], Awaitable[None]]) -> None:
    """Do something with mail."""

    async def main() -> None:
        mail = Mail(tmp_path)
        try:
            await work(mail)
        finally:
            await mail.store.close()

    asyncio.run(main())


def test_all_is_found_with_the_index_as_without(tmp_path: Path) -> None:
    """Before there is an index, when part of the mail is indexed, and when all is."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.compare()
        mail.build()
        await mail.compare()
        await mail.add(b"Subject: later\r\n\r\nrare word\r\n", b"Subject: 7\r\n\r\ncommon\r\n")
        await mail.compare()
        mail.build()
        await mail.compare()
        assert not mail.wanted

    with_mail(tmp_path, work)


def test_an_indexed_word_is_found_without_reading_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes from the index alone; a phrase is looked for only in what has its words."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.add(b"Subject: x\r\n\r\ntwo halves\r\n", b"Subject: x\r\n\r\nhalves of two\r\n")
        mail.build()
        reads: list[int] = []
        account = await mail.open()
        read = SqliteAccount.read

        async def counted(self: SqliteAccount, content: int, *arguments: int) -> bytes:
            reads.append(content)
            return await read(self, content, *arguments)  # type: ignore[arg-type]  # passed on as it came

        monkeypatch.setattr(SqliteAccount, "read", counted)
        assert len(await mail.find(BodyContains("RAR"))) > 1
        assert len(await mail.find(HeaderContains("subject", "über 1"))) > 1
        assert not reads
        assert await mail.find(BodyContains("two halves")) == [41]
        assert len(reads) == 2
        assert await mail.find(Resembles(BodyContains("two halvse"))) == [41, 42]
        assert len(reads) == 4
        await mail.store.release(account)

    with_mail(tmp_path, work)


def test_copies_moves_and_removed_messages_keep_what_is_found(tmp_path: Path) -> None:
    """Contents in another order than their ids, twice, and gone: rows are told right."""

    async def work(mail: Mail) -> None:
        await mail.fill(5)
        mail.build()
        account = await mail.open()
        inbox = (await account.mailbox("INBOX")).id
        await account.apply([CreateMailbox("Other")])
        other = (await account.mailbox("Other")).id
        source = random.Random(1)
        for _ in range(90):
            first = source.randint(1, 40)
            await account.apply([Copy(inbox, RangeSet([(first, first + source.randint(0, 3))]), other)])
        await account.apply(
            [Copy(inbox, RangeSet([(1, 45)]), inbox), Expunge(inbox, RangeSet([(3, 9), (20, 33)]), only_deleted=False)]
        )
        await mail.add(b"Subject: later\r\n\r\nrare word\r\n", mailbox="Other")
        await mail.compare()
        await mail.compare(mailbox="Other")

    with_mail(tmp_path, work)


def test_strange_messages_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Huge texts, very many words, very long fields and damaged messages are found as without an index."""
    monkeypatch.setattr(limits, "INDEX_WORDS", 50)

    async def work(mail: Mail) -> None:
        await mail.fill()
        words = " ".join(f"w{''.join(chr(97 + int(digit)) for digit in str(number))}" for number in range(200))
        line = b"needle in a haystack\r\n"
        await mail.add(
            b"Subject: many\r\n\r\n" + words.encode(),
            b"Subject: huge\r\n\r\n" + line * (limits.SEARCH_PART // len(line) + 10),
            b"Subject: folded\r\nTo: " + b",\r\n ".join(b"u%d@example.org" % n for n in range(500)) + b"\r\n\r\nx",
            b"Subject: =?utf-8?Q?two=0Alines?=\r\n\r\nx",
        )
        mail.build()
        queries: list[Query] = [
            BodyContains("wbjj"),
            BodyContains("wa wb"),
            BodyContains("haystack"),
            BodyContains("in a hay"),
            TextContains("u499"),
            HeaderContains("to", "u499@"),
            HeaderContains("subject", "two\nlines"),
            HeaderContains("subject", "lines"),
        ]
        for query in queries:
            assert await mail.find(query), query
        await mail.compare(queries)

    with_mail(tmp_path, work)


def test_few_segments_are_left_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new message indexed alone, or batches that are full at once: neighbours are merged, answers stay."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        for number in range(30):
            await mail.add(f"Subject: n{number}\r\n\r\nrare {number}\r\n".encode())
            mail.build()
        assert 1 < len(mail.segments()) <= 7
        await mail.compare()
        status = index_status(mail.folder)
        assert (status.messages, status.indexed) == (71, 71)
        monkeypatch.setattr(limits, "INDEX_CONTENTS", 4)
        mail.build(anew=True)
        await mail.compare()
        assert 1 < len(mail.segments()) <= 7

    with_mail(tmp_path, work)


def test_words_of_removed_messages_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the store has let go of many messages, their segment is written anew without them."""
    monkeypatch.setattr(limits, "INDEX_FORGET_SECONDS", -60)

    async def work(mail: Mail) -> None:
        mail.store = SqliteMailStore(mail.data, restorable=-10)  # what is expunged goes for good
        await mail.fill()
        mail.build()
        (before,) = mail.segments()
        account = await mail.open()
        await account.apply([Expunge((await account.mailbox("INBOX")).id, RangeSet([(1, 30)]), only_deleted=False)])
        await mail.store.sweep("alice")
        size = before.stat().st_size
        mail.build()
        (after,) = mail.segments()
        assert after.name == before.name
        assert after.stat().st_size < size
        await mail.compare()

    with_mail(tmp_path, work)


@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "garbage", "renamed"])
def test_damage_is_noticed_and_mended(tmp_path: Path, how: str) -> None:
    """Wherever a segment is damaged: what is found stays right, the file goes, and the next run builds it anew."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        mail.build()
        (path,) = mail.segments()
        octets = path.read_bytes()
        source = random.Random(how)
        for _ in range(12):
            mail.engine = SearchEngine(
                indexes=Indexes(lambda name: account_folder(mail.data, name), mail.wanted.append)
            )
            place = source.randrange(len(octets))
            damaged = {
                "flipped": octets[:place] + bytes([octets[place] ^ 0x55]) + octets[place + 1 :],
                "cut": octets[:place],
                "empty": b"",
                "garbage": source.randbytes(5000),
                "renamed": octets,
            }[how]
            path.unlink(missing_ok=True)
            target = path.with_name("000000000001-000000000012.seg") if how == "renamed" else path
            target.write_bytes(damaged)
            await mail.compare(MORE[:6] + MORE[9:12])
            assert mail.build()
            assert index_status(mail.folder).indexed == 41
            for each in mail.segments():
                if each != path:
                    each.unlink()
        assert mail.wanted
        mail.build(anew=True)
        await mail.compare()

    with_mail(tmp_path, work)


def test_the_index_can_go_at_any_moment(tmp_path: Path) -> None:
    """Deleted while it is open, wholly or in part, it is missed by nobody, and comes back."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        mail.build()
        await mail.compare()
        for path in mail.segments():
            path.unlink()
        await mail.compare()
        mail.build()
        await mail.compare()
        places.remove_index(mail.folder)
        await mail.compare()
        assert index_status(mail.folder).indexed == 0
        mail.build()
        await mail.compare()

    with_mail(tmp_path, work)


def test_a_database_of_another_past_is_noticed(tmp_path: Path) -> None:
    """Where a backup's database comes in the place of the one that was indexed, its index is not believed."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.store.close()
        old = (mail.folder / "mail.sqlite3").read_bytes()
        mail.store = SqliteMailStore(mail.data)
        await mail.add(*(b"Subject: lost %d\r\n\r\nlost words\r\n" % number for number in range(40)))
        mail.build()
        assert len(await mail.find(BodyContains("lost"))) == 40
        await mail.store.close()
        (mail.folder / "mail.sqlite3").write_bytes(old)  # in place: it is the same file
        mail.store = SqliteMailStore(mail.data)
        mail.engine = SearchEngine(indexes=Indexes(lambda name: account_folder(mail.data, name), mail.wanted.append))
        await mail.add(*(b"Subject: new %d\r\n\r\nnew words\r\n" % number for number in range(40)))
        assert len(await mail.find(BodyContains("new words"))) == 40
        assert not await mail.find(BodyContains("lost"))
        assert mail.wanted
        mail.build()
        await mail.compare([BodyContains("new"), BodyContains("lost")])

    with_mail(tmp_path, work)


def test_only_one_writes_an_index(tmp_path: Path) -> None:
    """While one process builds an account's index, another is told to leave it to that one."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        with places.writing(mail.index) as ours:
            assert ours
            assert not mail.build()
        assert mail.build()

    with_mail(tmp_path, work)


def test_leftovers_of_a_crash_are_removed(tmp_path: Path) -> None:
    """Half a segment, and segments that were merged but not yet removed, do no harm and go."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        mail.build()
        (whole,) = mail.segments()
        leftover = mail.index / "000000000005-000000000009.seg"
        leftover.write_bytes(b"x")
        (mail.index / "000000000042-000000000099.part").write_bytes(b"half")
        await mail.compare()
        mail.build()
        assert sorted(path.name for path in mail.index.iterdir()) == [whole.name, "lock"]

    with_mail(tmp_path, work)


def test_a_killed_indexer_loses_nothing(tmp_path: Path) -> None:
    """Killed at any moment, the indexing process leaves an index that is right, and the next one completes it."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        for batch in range(20):
            await mail.add(*(f"Subject: {batch}.{n}\r\n\r\nrare {n} {'text ' * 200}\r\n".encode() for n in range(50)))
        source = random.Random(7)
        command = [sys.executable, "-m", "mailwren.server.index_process", str(mail.data), "warning", "json"]
        killed = 0
        queries: list[Query] = [
            BodyContains("rare"),
            TextContains("7.1"),
            HeaderContains("subject", "9.4"),
            BodyContains("are 4"),
        ]
        for _ in range(12):
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                assert process.stdin is not None
                process.stdin.write(b"alice\n")
                process.stdin.flush()
                try:
                    process.wait(0.2 + source.random() * 0.5)
                except subprocess.TimeoutExpired:
                    os.kill(process.pid, signal.SIGKILL)
                    killed += 1
            await mail.compare(queries)
            for path in mail.segments()[-2:]:
                path.unlink()
        assert killed
        mail.build()
        assert index_status(mail.folder).indexed == 1041
        await mail.compare(queries)

    with_mail(tmp_path, work)


def test_the_indexing_process_answers_line_by_line(tmp_path: Path) -> None:
    """Each account gets an answer, whatever is wrong with it, and the process ends with its input."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        command = [sys.executable, "-m", "mailwren.server.index_process", str(mail.data), "critical", "json"]
        names = b"alice\nnobody\n../wrong\nalice\n"
        result = subprocess.run(command, input=names, stdout=subprocess.PIPE, check=True, timeout=60)
        assert result.stdout.split() == [b"done", b"failed", b"failed", b"done"]
        assert index_status(mail.folder).indexed == 41

    with_mail(tmp_path, work)


def test_memory_is_bounded_by_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages with many words are written sooner than many messages."""
    monkeypatch.setattr(limits, "INDEX_POSTINGS", 100)
    monkeypatch.setattr(building, "_belong", lambda *_: False)

    async def work(mail: Mail) -> None:
        await mail.fill()
        mail.build()
        assert len(mail.segments()) > 5
        await mail.compare()

    with_mail(tmp_path, work)


def test_one_answer_serves_all_mailboxes_of_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search over many mailboxes, and the next page of one, asks the vocabularies once."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        account = await mail.open()
        inbox = (await account.mailbox("INBOX")).id
        for name in ("One", "Two"):
            await account.apply([CreateMailbox(name)])
            await account.apply([Copy(inbox, RangeSet([(1, 41)]), (await account.mailbox(name)).id)])
        mail.build()
        asked: list[str] = []
        words = Zone.words

        def counted(self: Zone, wanted: Wanted) -> Iterator[list[int]]:
            asked.append(wanted.text)
            return words(self, wanted)

        monkeypatch.setattr(Zone, "words", counted)
        found = [await mail.find(BodyContains("rar"), name) for name in ("INBOX", "One", "Two")]
        assert found[0]
        assert found[0] == found[1] == found[2]
        assert asked == ["rar"]

    with_mail(tmp_path, work)


def test_memory_for_vocabularies_is_bounded(tmp_path: Path) -> None:
    """With room for less than one zone, zones are read again each time, and answers stay right."""

    async def work(mail: Mail) -> None:
        await mail.fill(5)
        mail.build()
        zones = ZoneCache(10)
        index = AccountIndex(mail.folder, zones, lambda: None)
        account = await mail.open()
        pace = Pace(lambda: 0.0, 1.0)
        for needle in ("rare", "common", "number", "rare"):
            tests: list[PlainTextTest] = [BodyContains(needle), HeaderContains("subject", needle)]
            answers = await index.ask(account, tests, pace)
            assert len(answers) == 2
            assert zones.count == 1
        await mail.store.release(account)

    with_mail(tmp_path, work)


def _open_segments(mail: Mail) -> list[str]:
    return [name for name in open_files(os.getpid()) if name.startswith(str(mail.data)) and ".seg" in name]


def test_an_index_that_nobody_asks_is_closed(tmp_path: Path) -> None:
    """Its files go, from the disk too if they were removed meanwhile; whoever asks again finds the same."""

    async def work(mail: Mail) -> None:
        await mail.fill(5)
        mail.build()
        indexes = Indexes(lambda name: account_folder(mail.data, name))
        engine = SearchEngine(indexes=indexes)
        indexes.tick(1000.0)
        found = await mail.find(BodyContains("rare"), engine=engine)
        assert found
        indexes.tick(1000.0 + limits.INDEX_UNUSED_SECONDS - 1)
        assert _open_segments(mail)
        indexes.tick(1000.0 + limits.INDEX_UNUSED_SECONDS)
        assert not _open_segments(mail)
        assert await mail.find(BodyContains("rare"), engine=engine) == found

    with_mail(tmp_path, work)


def test_of_many_indexes_few_are_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one asked longest ago goes, with what is kept of it in memory, which would hold its files open."""
    monkeypatch.setattr(limits, "INDEX_ACCOUNTS", 1)

    async def work(mail: Mail) -> None:
        await mail.fill(5)
        mail.build()
        assert await mail.find(BodyContains("rare"))
        assert _open_segments(mail)
        other = await mail.store.account("b0b")
        state = await other.open_mailbox((await other.mailbox("INBOX")).id)
        await other.apply([Append(state.mailbox.id, b"\r\nrare\r\n")])
        await mail.engine.search(other, state, BodyContains("rare"), state.uids, len(state.uids))
        assert not _open_segments(mail)

    with_mail(tmp_path, work)
