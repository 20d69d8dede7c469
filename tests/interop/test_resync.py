"""Programs that keep a copy of a mailbox, against real processes: two workers, restarts and crashes between visits.

The rules and the client are those of ``tests/properties/test_resync_model.py``; here nothing happens at the same time,
so that a seed makes the same history each time.
"""

import random
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from tests.support.caching_client import CachingClient, Commands, Way
from tests.support.process import ServerProcess, running_server
from tests.support.wire import Closed, Connection

from mailwren.base.ranges import RangeSet

pytestmark = pytest.mark.interop

ROUNDS: Final = 120
NEW: Final = b"APPEND Box {17+}\r\nSubject: hello\r\n\r\n"
FLAGS: Final = (b"\\Seen", b"\\Flagged", b"work", b"\\Deleted")


@dataclass
class Visitor:
    """A client, and its connection while it is there."""

    server: ServerProcess
    client: CachingClient
    connection: Connection | None = None

    def come(self, source: random.Random) -> None:
        """Connect to whichever worker takes the connection, and bring the copy up to date."""
        if self.connection is None:
            self.connection = Connection(self.server.imap_port).log_in()
            self.drive(
                self.client.sync(
                    uids=source.random() < 0.5, matches=source.random() < 0.5, other_order=source.random() < 0.5
                )
            )

    def leave(self) -> None:
        """Hang up."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None
        self.client.disconnected()

    def drive(self, commands: Commands) -> None:
        """Carry out commands; if the server goes away, so be it."""
        assert self.connection is not None
        answers: list[bytes] | None = None
        try:
            while True:
                command = next(commands) if answers is None else commands.send(answers)
                answers = [line.removesuffix(b"\r\n") for line in self.connection.command(command)]
                assert b" BAD " not in answers[-1], (command, answers)
        except StopIteration:
            return
        except (Closed, ConnectionError):
            self.leave()

    def act(self, source: random.Random) -> None:
        """One thing that a program does."""
        client = self.client
        known = sorted(client.copies)
        uids = sorted(source.sample(known, min(len(known), source.randint(1, 3))))
        if not uids or source.random() < 0.2:
            self.drive(client.run(NEW))
            return
        names = str(RangeSet.of(uids)).encode()
        modes = [sign + b"FLAGS" + silent for sign in (b"+", b"-", b"") for silent in (b"", b".SILENT")]
        since = source.choice([None, client.copies[uids[0]].modseq]) if client.keeps_modseqs else None
        mode, flags = source.choice(modes), source.sample(FLAGS, source.randint(0, 2))
        self.drive(
            source.choice(
                [
                    client.store(uids, mode, flags, since, source.choice(["uid", "number"])),
                    client.store(uids, mode, flags, since, source.choice(["uid", "number"])),
                    client.run(b"EXPUNGE"),
                    client.run(b"UID MOVE %b Box" % names),
                    client.run(b"UID FETCH %b BODY[]" % names),
                    client.glance(),
                ]
            )
        )


@dataclass
class House:
    """The server and everybody who comes to it."""

    server: ServerProcess
    visitors: list[Visitor] = field(default_factory=list)

    def check(self, source: random.Random) -> None:
        """Everybody comes; each copy is what a session finds that has never been there."""
        for each in self.visitors:
            each.come(source)
            each.drive(each.client.run(b"NOOP"))
        fresh = Visitor(self.server, CachingClient(Way.CONDSTORE))
        fresh.come(source)
        fresh.leave()
        expected = fresh.client.picture()
        for each in self.visitors:
            picture = each.client.picture()
            if not each.client.keeps_modseqs:
                picture = {uid: (flags, expected[uid][1]) for uid, (flags, _) in picture.items()}
            assert picture == expected, each.client.way

    def restart(self, source: random.Random) -> None:
        """End the server in order, or not, and start it again."""
        if source.random() < 0.5:
            self.server.stop()
        else:
            self.server.kill()
        for each in self.visitors:
            each.leave()
        self.server.start()


@pytest.mark.parametrize("seed", [1, 2])
def test_copies_are_exact(tmp_path: Path, seed: int) -> None:
    """Over two workers, restarts and crashes, whoever comes back in whatever way has the server's exact state."""
    source = random.Random(seed)
    with running_server(tmp_path / "data", workers=2) as server, ExitStack() as stack:
        with Connection(server.imap_port) as connection:
            connection.log_in().ok(b"CREATE Box")
        ways = (Way.QRESYNC, Way.QRESYNC, Way.QRESYNC, Way.CONDSTORE, Way.NEITHER)
        house = House(server, [Visitor(server, CachingClient(way)) for way in ways])
        for each in house.visitors:
            stack.callback(each.leave)
        for number in range(ROUNDS):
            visitor = source.choice(house.visitors)
            if visitor.connection is None:
                visitor.come(source)
            elif source.random() < 0.2:
                visitor.leave()
            else:
                visitor.act(source)
            if number % 30 == 29:
                house.restart(source)
            elif number % 12 == 11:
                house.check(source)
        house.check(source)
        assert "Traceback" not in server.log()
