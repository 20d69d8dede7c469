"""The contract under fire: load, ``kill -9`` at random moments, restart, compare. ``python -m tests.crash.crash``."""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import apsw

from tests.crash.client import Deliverer, Wire, Worker, fetch
from tests.crash.model import Folder, difference
from tests.support.process import ServerProcess

CLIENTS = 4
ModSeqs = dict[str, tuple[int, dict[int, int]]]
"""By mailbox: the highest mod-sequence, and each message's."""


class CrashTest:
    """One server, killed again and again."""

    def __init__(self, folder: Path, seed: int, workers: int) -> None:
        self._random = random.Random(seed)
        self._server = ServerProcess(folder / "data", workers, ("--allow-plaintext-login", "--log-level", "warning"))
        self._server.add_user("anna", "secret")
        self._folders = [{f"W{n}": Folder(), f"X{n}": Folder()} for n in range(CLIENTS)]
        self._delivered: set[str] = set()
        self._modseqs: ModSeqs = {}
        self.changes = 0

    def prepare(self) -> None:
        """Make the mailboxes."""
        self._server.start()
        wire = Wire(self._server.imap_port)
        wire.ok(b"LOGIN anna secret")
        for folders in self._folders:
            for name in folders:
                wire.ok(b"CREATE " + name.encode())
        wire.close()

    def round(self) -> list[str]:
        """Load, kill, restart, compare; what is wrong."""
        workers = [
            Worker(self._server.imap_port, number, folders, self._random.randrange(2**32))
            for number, folders in enumerate(self._folders)
        ]
        threads: list[Worker | Deliverer] = [*workers, Deliverer(self._server.lmtp_port, self._delivered)]
        for thread in threads:
            thread.start()
        time.sleep(self._random.uniform(0.1, 0.9))
        self._server.kill()
        for thread in threads:
            thread.join(30)
        problems = [f"client: {t.failure!r}" for t in threads if t.failure is not None]
        self.changes += sum(worker.done for worker in workers)
        self._server.start()
        return problems + self._compare(workers) + self._check()

    def _compare(self, workers: list[Worker]) -> list[str]:
        wire = Wire(self._server.imap_port)
        wire.ok(b"LOGIN anna secret")
        problems: list[str] = []
        for worker in workers:
            verdicts: set[bool] = set()
            for name, folder in worker.folders.items():
                found = fetch(wire, name)
                problem, happened = difference(name, folder, worker.unsure, found)
                if problem:
                    problems.append(problem)
                if happened is not None:
                    verdicts.add(happened)
                folder.messages = found
                folder.largest_uid = max([folder.largest_uid, *found])
            if len(verdicts) > 1:
                problems.append(f"half of a command happened: {worker.unsure}")
        inbox = [token for token, _ in fetch(wire, "INBOX").values()]
        if lost := self._delivered - set(inbox):
            problems.append(f"delivered and lost: {sorted(lost)[:5]}")
        if len(inbox) != len(set(inbox)):
            problems.append("a delivered message is there twice")
        wire.close()
        return problems

    def _check(self) -> list[str]:
        problems: list[str] = []
        try:
            self._server.run("check")
        except Exception as error:
            problems.append(f"mailwren check: {getattr(error, 'stdout', error)}")
        modseqs = self._read_modseqs()
        for name, (highest, messages) in modseqs.items():
            before, known = self._modseqs.get(name, (0, {}))
            if highest < before:
                problems.append(f"{name}: the highest mod-sequence went back from {before} to {highest}")
            problems.extend(
                f"{name}: UID {uid} went from mod-sequence {known[uid]} back to {modseq}"
                for uid, modseq in messages.items()
                if modseq < known.get(uid, 0)
            )
            if any(modseq <= before for uid, modseq in messages.items() if uid not in known):
                problems.append(f"{name}: a new message has an old mod-sequence")
        self._modseqs = modseqs
        return problems

    def _read_modseqs(self) -> ModSeqs:
        (path,) = (self._server.data / "accounts").rglob("mail.sqlite3")
        database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            result: ModSeqs = {}
            for key, name, highest in database.execute("SELECT id, name, highest_modseq FROM mailbox"):
                rows = database.execute("SELECT uid, modseq FROM message WHERE mailbox = ?", (key,))
                result[str(name)] = (int(highest), {int(uid): int(modseq) for uid, modseq in rows})
            return result
        finally:
            database.close()

    def end(self) -> None:
        """Stop the server."""
        self._server.stop()


def run(kills: int, seed: int, workers: int = 1, *, report: bool = False) -> list[str]:
    """Kill a server so many times; everything that was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        test = CrashTest(Path(folder), seed, workers)
        test.prepare()
        problems: list[str] = []
        for number in range(1, kills + 1):
            problems += [f"kill {number}: {problem}" for problem in test.round()]
            if report:
                print(f"kill {number}: {test.changes} changes acknowledged, {len(problems)} problems", flush=True)
            if problems:
                break
        test.end()
        return problems


def main() -> int:
    """The long form, by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}")
    problems = run(arguments.kills, seed, arguments.workers, report=True)
    print("\n".join(problems) or "nothing was lost")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
