"""Adding small messages on the event loop: which ones, what waits meanwhile, and where they are committed."""

import asyncio
import threading

import apsw
import pytest

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.message.structure import parse_structure, simple_structure
from mailwren.store.errors import InvalidName, StoreUnavailable
from mailwren.store.operations import Append, FlagMode, SetFlags
from mailwren.store.sqlite.commit_threads import CommitThreads
from mailwren.store.sqlite.processor_wait import ProcessorWait
from tests.contract.harness import Mail, message

_HEADER = b"Subject: x\r\n"
_MULTIPART = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "plain"),
    [
        (_HEADER + b"\r\nText\r\n", True),
        (_MULTIPART + b"\r\n--b\r\n\r\nText\r\n--b--\r\n", True),
        (_MULTIPART + b"\r\n--b\r\n\r\n" * (limits.PARTS_AT_ONCE + 1), False),
        (_MULTIPART + b"\r\n--b \r\n\r\nText" + b"\r\n--bx" * limits.LOOKALIKES_AT_ONCE * 2, False),
        (b"Content-Type: message/rfc822\r\n\r\nTo: a@example.org\r\n\r\n", True),
        (b"Content-Type: message/rfc822\r\n\r\nTo: " + b"a@b," * limits.HEADER_AT_ONCE, False),
        (b"To: " + b"a@b," * limits.HEADER_AT_ONCE + b"\r\n\r\n", False),
        (_HEADER, False),
    ],
)
def test_which_messages_are_parsed_at_once(octets: bytes, plain: bool) -> None:
    """Long headers, also of enclosed messages, and many parts could take long: they are left to a thread."""
    structure = simple_structure(octets)
    assert (structure is not None) is plain
    assert structure is None or structure.root == parse_structure(octets).root


def _leave_to_threads(_threads: CommitThreads, _commit: object) -> None:
    """What a slow disk makes of ``CommitThreads.here``."""


@pytest.mark.parametrize("slow", [False, True])
async def test_only_commit_leaves_the_event_loop(file_mail: Mail, monkeypatch: pytest.MonkeyPatch, slow: bool) -> None:
    """Of a small message only COMMIT, and only to a slow disk, leaves the loop; a large one is all in a thread."""
    if slow:
        monkeypatch.setattr(CommitThreads, "here", _leave_to_threads)
    here = threading.get_ident()
    connection = file_mail.account._writer._connection
    statements: list[int] = []
    commits: list[int] = []

    def traced(_cursor: apsw.Cursor, statement: str, _bindings: object) -> bool:
        if statement.startswith("INSERT INTO message"):
            statements.append(threading.get_ident())
        return True

    def committing() -> bool:
        commits.append(threading.get_ident())
        return False

    connection.exec_trace = traced
    connection.set_commit_hook(committing)
    await file_mail.append(message(1))
    assert statements == [here]
    assert commits
    assert (here in commits) is not slow
    await file_mail.append(message(2, size=2 * limits.APPENDED_AT_ONCE))
    assert here not in statements[1:]
    connection.exec_trace = None


async def test_what_comes_during_a_commit_is_committed_together(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that come while another one's COMMIT is under way share the next one, refused ones apart."""
    monkeypatch.setattr(CommitThreads, "here", _leave_to_threads)
    inbox = await file_mail.id("INBOX")
    go_on = threading.Event()
    commits: list[int] = []

    def committing() -> bool:
        commits.append(1)
        go_on.wait(10)
        return False

    file_mail.account._writer._connection.set_commit_hook(committing)
    first = asyncio.ensure_future(file_mail.account.apply([Append(inbox, message(1))]))
    await asyncio.sleep(0)
    others = [
        asyncio.ensure_future(file_mail.account.apply([Append(inbox, message(number), flags)]))
        for number, flags in ((2, ()), (3, ("bad flag",)), (4, ("x",)))
    ]
    await asyncio.sleep(0)
    given_up = others.pop(0)
    given_up.cancel()
    await asyncio.sleep(0)
    go_on.set()
    outcomes = await asyncio.gather(first, *others, return_exceptions=True)
    assert [isinstance(each, Exception) for each in outcomes] == [False, True, False]
    assert len(commits) == 2
    assert await file_mail.octets() == [message(1), message(4)]
    assert await file_mail.flags() == {1: "", 2: "x"}


@pytest.mark.parametrize("slow", [False, True])
async def test_a_commit_that_fails_is_told_and_leaves_nothing(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """What SQLite refuses at COMMIT is as if it had never been; the next request finds everything in order."""
    if slow:
        monkeypatch.setattr(CommitThreads, "here", _leave_to_threads)
    await file_mail.fill(2)
    connection = file_mail.account._writer._connection
    connection.set_commit_hook(lambda: True)
    with pytest.raises(StoreUnavailable):
        await file_mail.append(message(3))
    connection.set_commit_hook(None)
    assert (await file_mail.append(message(4))).uid == 3
    assert await file_mail.uids() == [1, 2, 3]


@pytest.mark.parametrize("slow", [False, True])
async def test_the_log_is_folded_in_after_small_messages(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    """However a message came in, a log that has grown is folded into the database."""
    if slow:
        monkeypatch.setattr(CommitThreads, "here", _leave_to_threads)
    await file_mail.fill(2)
    monkeypatch.setattr(limits, "WAL_PAGES", 10)
    writer = file_mail.account._writer
    for number in range(20):
        await file_mail.append(message(number))
        await file_mail.flag("1", FlagMode.ADD, f"k{number}")
    await file_mail.append(message(99))
    assert writer._wal_pages < 100
    assert len(await file_mail.uids()) == 23


def test_threads_for_commits() -> None:
    """As many threads as there is work for, within the limit; one job's failure does not end its thread."""
    threads = CommitThreads(2)
    seen: list[str] = []
    together = threading.Barrier(2, timeout=10)

    def work() -> None:
        together.wait()
        seen.append(threading.current_thread().name)
        if len(seen) == 1:
            raise RuntimeError("one job's failure")

    for _ in range(6):
        threads.run(work)
    threads.close()
    assert len(seen) == 6
    assert len(set(seen)) == 2


def test_a_slow_disk_is_left_to_threads() -> None:
    """Commits that took too long, together, leave others to threads until time makes up for it."""
    now, step = 0.0, 0.0

    def commit() -> str:
        nonlocal now
        now += step
        return "done"

    threads = CommitThreads(1, lambda: now)
    step = limits.COMMIT_HERE_SECONDS
    for _ in range(1000):
        assert threads.here(commit) == "done"
    step += limits.COMMIT_HERE_DEBT * 0.6
    assert threads.here(commit) == "done"
    assert threads.here(commit) == "done"
    assert threads.here(commit) is None
    now += limits.COMMIT_HERE_DEBT * 1.1 / limits.COMMIT_HERE_SHARE
    assert threads.here(commit) is None
    now += limits.COMMIT_HERE_DEBT * 0.2 / limits.COMMIT_HERE_SHARE
    step = 1e6
    assert threads.here(commit) == "done"
    now += limits.COMMIT_HERE_DEBT_MAX * 0.99 / limits.COMMIT_HERE_SHARE
    assert threads.here(commit) is None
    now += limits.COMMIT_HERE_DEBT_MAX * 0.02 / limits.COMMIT_HERE_SHARE
    assert threads.here(commit) == "done"


async def test_rows_are_read_again_where_others_have_written(file_mail: Mail) -> None:
    """What the last addition left is known to the next one, unless anything was committed between them."""
    statements: list[str] = []

    def traced(_cursor: apsw.Cursor, statement: str, _bindings: object) -> bool:
        statements.append(statement)
        return True

    def read_again() -> bool:
        found = any("FROM meta" in each and each.startswith("SELECT") for each in statements)
        statements.clear()
        return found

    connection = file_mail.account._writer._connection
    connection.exec_trace = traced
    await file_mail.append(message(1))
    read_again()
    await file_mail.append(message(2))
    assert not read_again()
    await file_mail.flag("1", FlagMode.ADD, "x")
    await file_mail.append(message(3))
    assert read_again()
    await file_mail.append(message(4))
    assert not read_again()
    assert file_mail.account.path is not None
    other = apsw.Connection(str(file_mail.account.path))
    other.execute("UPDATE meta SET modseq = modseq + 1000; UPDATE mailbox SET uid_next = 77")
    other.close()
    assert (await file_mail.append(message(5))).uid == 77
    assert read_again()
    with pytest.raises(InvalidName):
        await file_mail.append(message(6), "bad flag")
    assert (await file_mail.append(message(7))).uid == 78
    connection.exec_trace = None


class _Waiting(ProcessorWait):
    """A machine whose processors are wanted by others, as much as the test says."""

    seconds = 0.0

    def __call__(self) -> float:
        """What the test says."""
        return self.seconds


def test_waiting_for_a_processor_is_no_slow_disk() -> None:
    """Where the machine is busy, commits take long on the event loop and would in a thread; so they stay."""
    now, disk = 0.0, 0.0
    waiting = _Waiting()

    def commit() -> str:
        nonlocal now
        now += 0.004 + disk
        waiting.seconds += 0.004
        return "done"

    threads = CommitThreads(1, lambda: now, lambda: waiting)
    for _ in range(1000):
        assert threads.here(commit) == "done"
    disk = 0.01
    assert [threads.here(commit) for _ in range(3)] == ["done", None, None]
    threads.close()


def test_how_long_a_thread_waited_for_a_processor() -> None:
    """The kernel's figure never falls; without one, and after the end, it is 0."""
    waited = ProcessorWait()
    first = waited()
    assert 0 <= first <= waited()
    waited.close()
    waited.close()
    assert waited() == 0


@pytest.mark.parametrize("tries", [0, 1_000_000])
async def test_another_process_that_writes_is_waited_for(
    file_mail: Mail, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """On the event loop for a while, then in a thread; nothing overtakes what waits."""
    monkeypatch.setattr(limits, "LOCKED_TRIES", tries)
    monkeypatch.setattr(CommitThreads, "here", lambda _threads, commit: commit())
    await file_mail.fill(1)
    inbox = await file_mail.id("INBOX")
    threads: list[int] = []

    def committing() -> bool:
        threads.append(threading.get_ident())
        return False

    other = apsw.Connection(str(file_mail.account.path))
    other.execute("BEGIN IMMEDIATE")
    file_mail.account._writer._connection.set_commit_hook(committing)
    waiting = [
        asyncio.ensure_future(file_mail.account.apply([operation]))
        for operation in (
            SetFlags(inbox, RangeSet.of((1,)), FlagMode.ADD, ("\\Seen",)),
            Append(inbox, message(2)),
            SetFlags(inbox, RangeSet.of((1,)), FlagMode.REPLACE, ("\\Answered",)),
        )
    ]
    for _ in range(100):
        await asyncio.sleep(0)
    assert not threads
    other.execute("ROLLBACK")
    other.close()
    await asyncio.gather(*waiting)
    assert set(threads) == {threading.get_ident()} if tries else threading.get_ident() not in threads
    assert await file_mail.flags() == {1: "\\Answered", 2: ""}
