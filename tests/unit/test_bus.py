"""The bus between processes: hints arrive, merged and soon, and nothing that goes wrong harms the sender."""

import asyncio
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.store import bus_unix
from mailwren.store.bus import Bus
from mailwren.store.bus_unix import SendingBus, UnixBus, is_served, publish_hint

ALICE, BOB = "a" * 32, "b" * 32
Hint = tuple[str, int]
Scenario = Callable[[], Awaitable[None]]


class Ear:
    """Collects the hints of a bus and waits for them."""

    def __init__(self, bus: UnixBus) -> None:
        self.hints: list[Hint] = []
        self._changed = asyncio.Event()
        bus.listen(self._heard)

    def _heard(self, account_id: str, mailbox: MailboxId) -> None:
        """One hint came."""
        self.hints.append((account_id, mailbox))
        self._changed.set()

    async def hear(self, *expected: Hint) -> None:
        """Wait until all of these were heard."""
        async with asyncio.timeout(20):
            while not set(expected) <= set(self.hints):
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    """Both kinds of event loop."""
    loop: asyncio.AbstractEventLoop = request.param()
    yield loop
    loop.close()


@pytest.fixture
def buses(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Iterator[Callable[[], UnixBus]]:
    """Makes buses of one data folder as several processes would, and closes them."""
    made: list[UnixBus] = []

    def make() -> UnixBus:
        made.append(UnixBus(tmp_path, loop))
        return made[-1]

    yield make
    for bus in made:
        bus.close()


def bus_folder(data: Path) -> Path:
    """Where the sockets are."""
    return bus_unix._bus_folder(data)


def sockets(data: Path) -> set[str]:
    """The sockets there are."""
    return {path.name for path in bus_folder(data).iterdir()}


def test_hints_reach_the_others_only(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus]) -> None:
    """A hint reaches every other process, and not the one that published it."""

    async def scenario() -> None:
        one, two, three = buses(), buses(), buses()
        ears = [Ear(bus) for bus in (one, two, three)]
        one.publish(ALICE, MailboxId(1))
        await ears[1].hear((ALICE, 1))
        await ears[2].hear((ALICE, 1))
        two.publish(BOB, MailboxId(0))
        await ears[0].hear((BOB, 0))
        await ears[2].hear((BOB, 0))
        assert [ear.hints for ear in ears] == [[(BOB, 0)], [(ALICE, 1)], [(ALICE, 1), (BOB, 0)]]

    loop.run_until_complete(scenario())


class Crowd:
    """An audience of processes of which some want to hear of Alice alone."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.choosy: set[str] = set()

    def join(self, process: str) -> None:
        """One more."""
        self.names.append(process)

    def hears(self, process: str, account_id: str) -> bool:
        """Whether it is one of those who want to hear of everything, or the account is hers."""
        return process not in self.choosy or account_id == ALICE


def test_nobody_is_told_what_he_does_not_want_to_hear(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """Of a process's hints those go out that it hears; who is asked when they go out, not before."""

    async def scenario() -> None:
        crowd = Crowd()
        one, two, three = (UnixBus(tmp_path, loop, crowd) for _ in range(3))
        ears = [Ear(bus) for bus in (two, three)]
        assert crowd.names == [bus._path.name for bus in (one, two, three)]
        one.publish(BOB, MailboxId(1))
        one.publish(ALICE, MailboxId(2))
        crowd.choosy.add(crowd.names[1])
        await ears[0].hear((ALICE, 2))
        await ears[1].hear((BOB, 1), (ALICE, 2))
        assert ears[0].hints == [(ALICE, 2)]
        for bus in (one, two, three):
            bus.close()

    loop.run_until_complete(scenario())


def test_equal_hints_go_out_once(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus]) -> None:
    """What one turn of the loop publishes is merged; later hints are hints of their own."""

    async def scenario() -> None:
        one, ear = buses(), Ear(buses())
        for _ in range(1000):
            one.publish(ALICE, MailboxId(7))
        one.publish(ALICE, MailboxId(8))
        await ear.hear((ALICE, 8))
        assert ear.hints == [(ALICE, 7), (ALICE, 8)]
        one.publish(ALICE, MailboxId(7))
        one.publish(ALICE, MailboxId(9))
        await ear.hear((ALICE, 9))
        assert ear.hints[2:] == [(ALICE, 7), (ALICE, 9)]

    loop.run_until_complete(scenario())


def test_a_flood_goes_out_merged(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a hint that went out at once those of the next moment wait for its end, and go out together, each once."""
    monkeypatch.setattr(limits, "BUS_PAUSE_SECONDS", 0.5)

    async def scenario() -> None:
        one, ear = buses(), Ear(buses())
        start = loop.time()
        one.publish(ALICE, MailboxId(1))
        await ear.hear((ALICE, 1))
        for _ in range(3):
            for mailbox in (1, 2, 3):
                one.publish(ALICE, MailboxId(mailbox))
            await asyncio.sleep(0)
        assert ear.hints == [(ALICE, 1)]
        await ear.hear((ALICE, 3))
        assert ear.hints == [(ALICE, 1), (ALICE, 1), (ALICE, 2), (ALICE, 3)]
        assert loop.time() - start >= 0.45, "the flood did not wait"

    loop.run_until_complete(scenario())


def test_what_waits_goes_out_at_the_end(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bus that is closed sends first what was still to wait."""
    monkeypatch.setattr(limits, "BUS_PAUSE_SECONDS", 3600.0)

    async def scenario() -> None:
        one, ear = buses(), Ear(buses())
        one.publish(ALICE, MailboxId(1))
        await ear.hear((ALICE, 1))
        one.publish(ALICE, MailboxId(2))
        await asyncio.sleep(0)
        one.close()
        await ear.hear((ALICE, 2))

    loop.run_until_complete(scenario())


def test_process_that_starts_later_is_found(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus]) -> None:
    """A bus made right after another one published gets the next hint."""

    async def scenario() -> None:
        one = buses()
        for number in range(1, 6):
            one.publish(ALICE, MailboxId(number))
            await asyncio.sleep(0)
            ear = Ear(buses())
            one.publish(BOB, MailboxId(number))
            await ear.hear((BOB, number))

    loop.run_until_complete(scenario())


@pytest.mark.parametrize(("age", "seen"), [(0, True), (3600, False)])
def test_listing_is_kept_only_when_it_is_settled(tmp_path: Path, age: int, seen: bool) -> None:
    """The folder is listed anew while its time of change is so young that another change may share it."""
    changed_ns = time.time_ns() - age * 10**9
    tmp_path.chmod(0o700)
    os.utime(tmp_path, ns=(changed_ns, changed_ns))
    peers = bus_unix._Peers(tmp_path, frozenset({os.geteuid()}))
    assert peers.names() == []
    (tmp_path / "1-new.sock").touch()
    os.utime(tmp_path, ns=(changed_ns, changed_ns))
    assert (peers.names() == ["1-new.sock"]) is seen
    (tmp_path / "1-new.sock").touch()
    os.utime(tmp_path, ns=(changed_ns + 1, changed_ns + 1))
    assert peers.names() == ["1-new.sock"]
    peers.close()


def test_busy_process_gets_everything_later(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus]) -> None:
    """Hints that do not fit into a full socket arrive once there is room, merged."""

    async def scenario() -> None:
        one, busy = buses(), buses()
        ear = Ear(busy)
        loop.remove_reader(busy._receiver.fileno())
        for number in range(3000):
            one.publish(ALICE, MailboxId(number))
            one._flush()
        assert one._delayed
        loop.add_reader(busy._receiver.fileno(), busy._receive)
        await ear.hear(*((ALICE, number) for number in range(3000)))
        assert not one._delayed

    loop.run_until_complete(scenario())


def test_what_is_kept_is_bounded(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that never reads costs a bounded amount of memory, and is forgotten when it is gone."""
    monkeypatch.setattr(limits, "BUS_PENDING", 5)

    async def scenario() -> None:
        one, stuck = buses(), buses()
        loop.remove_reader(stuck._receiver.fileno())
        for number in range(2000):
            one.publish(ALICE, MailboxId(number))
            one._flush()
        assert [len(hints) for hints in one._delayed.values()] == [5]
        for number in range(20):
            one.publish(ALICE, MailboxId(number))
        assert len(one._published) == 5
        stuck.close()
        one._send_delayed()
        assert not one._delayed

    loop.run_until_complete(scenario())


def test_pauses_grow(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus]) -> None:
    """A process that stays busy is asked less and less often, and at once again after it took everything."""

    async def scenario() -> None:
        one, stuck = buses(), buses()
        loop.remove_reader(stuck._receiver.fileno())
        for number in range(2000):
            one.publish(ALICE, MailboxId(number))
            one._flush()
        for _ in range(20):
            one._send_delayed()
        assert one._pause == limits.BUS_RETRY_SECONDS_MAX
        stuck.close()
        one._send_delayed()
        assert one._pause == limits.BUS_RETRY_SECONDS

    loop.run_until_complete(scenario())


def test_dead_processes_are_tidied_up(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path
) -> None:
    """The socket of a process that was killed is removed by the next hint; live ones stay."""

    async def scenario() -> None:
        one, ear = buses(), Ear(buses())
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        dead.bind(str(bus_folder(tmp_path) / "1-dead.sock"))
        dead.close()
        assert len(sockets(tmp_path)) == 3
        one.publish(ALICE, MailboxId(1))
        await ear.hear((ALICE, 1))
        assert len(sockets(tmp_path)) == 2
        assert "1-dead.sock" not in sockets(tmp_path)

    loop.run_until_complete(scenario())


def test_closing_sends_and_removes(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path
) -> None:
    """What was published just before closing goes out; the socket is gone; nothing later has an effect."""

    async def scenario() -> None:
        one, ear = buses(), Ear(buses())
        one.publish(ALICE, MailboxId(1))
        one.close()
        one.close()
        one.publish(ALICE, MailboxId(2))
        await ear.hear((ALICE, 1))
        assert len(sockets(tmp_path)) == 1

    loop.run_until_complete(scenario())


def test_vanished_folder_harms_nobody(
    loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path
) -> None:
    """Publishing into a folder that somebody removed does nothing and raises nothing."""

    async def scenario() -> None:
        one, two = buses(), buses()
        two.close()
        for path in bus_folder(tmp_path).iterdir():
            path.unlink()
        bus_folder(tmp_path).rmdir()
        one.publish(ALICE, MailboxId(1))
        one.close()

    loop.run_until_complete(scenario())
    publish_hint(tmp_path / "never existed", ALICE, MailboxId(1))


def test_tools_tell_the_server(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path) -> None:
    """A tool without an event loop is heard, from another process too."""

    async def scenario() -> None:
        ear = Ear(buses())
        publish_hint(tmp_path, ALICE, MailboxId(1))
        sending: Bus = SendingBus(tmp_path)
        sending.publish(ALICE, MailboxId(2))
        sending.listen(lambda _account_id, _mailbox: None)
        sending.close()
        script = "import sys, pathlib\nfrom mailwren.store.bus_unix import publish_hint\n"
        script += f"publish_hint(pathlib.Path(sys.argv[1]), {BOB!r}, 3)"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script, str(tmp_path)], check=True)
        await ear.hear((ALICE, 1), (ALICE, 2), (BOB, 3))

    loop.run_until_complete(scenario())


def test_tools_know_whether_a_server_runs(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """One that has ended does not count, whether it tidied up or left its socket behind; no folder, no server."""
    assert not is_served(tmp_path / "nowhere")
    assert not is_served(tmp_path)
    server = UnixBus(tmp_path, loop)
    assert is_served(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(server._path.with_name("1-0.sock")))
    server.close()
    assert not is_served(tmp_path)


def test_nonsense_is_passed_over(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path) -> None:
    """Datagrams that are no hints change nothing, and the hints beside them are heard."""

    async def scenario() -> None:
        ear = Ear(buses())
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        target = str(next(bus_folder(tmp_path).iterdir()))
        for datagram in (
            b"",
            b"\xff\xfe",
            b"word",
            b"a " + b"9" * 5000,
            b"a b c\n x\na -1\na \xc2\xb2\n",
            b"bad\nok 5\n",
            b"x" * 20_000,
        ):
            sender.sendto(datagram, target)
        sender.close()
        await ear.hear(("ok", 5))
        assert ear.hints == [("ok", 5)]

    loop.run_until_complete(scenario())


@given(st.lists(st.tuples(st.text("0123456789abcdef", min_size=32, max_size=32), st.integers(0, 2**62)), max_size=300))
def test_datagrams_read_as_written(hints: list[tuple[str, int]]) -> None:
    """Any hints come back from their datagrams in order, and no datagram is too large."""
    datagrams = list(bus_unix._encode([(account_id, MailboxId(number)) for account_id, number in hints]))
    assert [hint for datagram, _ in datagrams for hint in bus_unix._decode(datagram)] == hints
    assert all(0 < len(datagram) <= limits.BUS_DATAGRAM for datagram, _ in datagrams)
    assert [len(list(bus_unix._decode(datagram))) for datagram, _ in datagrams] == [number for _, number in datagrams]


def test_folder_is_private(loop: asyncio.AbstractEventLoop, buses: Callable[[], UnixBus], tmp_path: Path) -> None:
    """Only the owner may speak; a folder open to others is refused, and tools do not send into it."""

    async def scenario() -> None:
        ear = Ear(buses())
        folder = bus_folder(tmp_path)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        folder.chmod(0o755)
        with pytest.raises(PermissionError, match="nobody else"):
            buses()
        publish_hint(tmp_path, ALICE, MailboxId(1))
        folder.chmod(0o700)
        publish_hint(tmp_path, ALICE, MailboxId(2))
        await ear.hear((ALICE, 2))
        assert ear.hints == [(ALICE, 2)]

    loop.run_until_complete(scenario())


def test_long_paths(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A data folder too deep for socket paths works, whatever the environment and spelling say, and stays apart."""
    deep = tmp_path / ("d" * 100) / "data"
    deep.mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(deep)

    async def scenario() -> None:
        bus = UnixBus(deep, loop)
        ear = Ear(bus)
        try:
            assert len(os.fsencode(bus._path)) <= 100
            assert not str(bus_folder(deep)).startswith(str(tmp_path))
            assert bus_folder(link) == bus_folder(deep)
            assert bus_folder(deep.parent / "other") != bus_folder(deep)
            publish_hint(link, ALICE, MailboxId(1))
            await ear.hear((ALICE, 1))
            second = UnixBus(deep, loop)
            second.close()
            assert bus_folder(deep).exists()
        finally:
            bus.close()
        assert not bus_folder(deep).exists()

    loop.run_until_complete(scenario())


def test_folder_removed_while_starting(
    loop: asyncio.AbstractEventLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the last process removes just then is made again; one that never stays is an error."""
    real = bus_unix._make_bus_folder
    made: list[Path] = []

    def removed_at_first(folder: Path) -> Path:
        made.append(real(folder))
        if len(made) < 3:
            made[-1].rmdir()
        return made[-1]

    monkeypatch.setattr(bus_unix, "_make_bus_folder", removed_at_first)
    UnixBus(tmp_path, loop).close()
    assert len(made) == 3
    monkeypatch.setattr(bus_unix, "_make_bus_folder", lambda _folder: tmp_path / "never")
    with pytest.raises(FileNotFoundError):
        UnixBus(tmp_path, loop)


def test_foreign_folder_is_refused(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    """A link planted where the folder of a long path would be is not followed."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    bus_folder(deep).symlink_to(target)
    try:
        with pytest.raises(PermissionError):
            UnixBus(deep, loop)
        assert not list(target.iterdir())
    finally:
        bus_folder(deep).unlink()
