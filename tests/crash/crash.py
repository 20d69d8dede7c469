"""The contract under fire: load, ``kill -9`` at random moments, restart, compare. ``python -m tests.crash.crash``."""

import argparse
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import apsw

from tests.crash.client import Deliverer, Reader, Wire, Worker, fetch, quoted
from tests.crash.model import Folder, difference
from tests.support.process import ServerProcess

CLIENTS = 4
SHARED = ("Into", "OutOf", "Within", "Beside")
"""anna's mailboxes in which ben works; his flags there are shared with her, but for ``\\Seen``."""
_SEEN_BY_BEN = "Other Users/anna/"
MEMBERS = (
    ("Own", _SEEN_BY_BEN + "Into"),
    (_SEEN_BY_BEN + "OutOf", "Mine"),
    (_SEEN_BY_BEN + "Within", _SEEN_BY_BEN + "Beside"),
)
"""Where ben's clients copy and move messages from and to: between accounts, and as a member."""
ModSeqs = dict[str, tuple[int, dict[int, int]]]
"""By mailbox: the highest mod-sequence, and each message's."""


class CrashTest:
    """One server, killed again and again."""

    def __init__(self, folder: Path, seed: int, workers: int) -> None:
        self._random = random.Random(seed)
        self._server = ServerProcess(folder / "data", workers, ("--allow-plaintext-login", "--log-level", "warning"))
        self._server.add_user("anna", "secret")
        self._server.add_user("ben", "secret")
        self._folders = [("anna", {f"W{n}": Folder(), f"X{n}": Folder()}) for n in range(CLIENTS)]
        self._folders += [("ben", {name: Folder() for name in names}) for names in MEMBERS]
        self._delivered: set[str] = set()
        self._modseqs: ModSeqs = {}
        self.changes = 0

    def prepare(self) -> None:
        """Make the mailboxes, share some of them, and have quotas counted."""
        self._server.start()
        with closing(self._login("anna")) as wire:
            for name in [name for user, folders in self._folders if user == "anna" for name in folders]:
                wire.ok(b"CREATE " + quoted(name))
            for name in SHARED:
                wire.ok(b"CREATE " + quoted(name))
                wire.ok(b"SETACL %b ben lrswite" % quoted(name))
        with closing(self._login("ben")) as wire:
            wire.ok(b"CREATE Own")
            wire.ok(b"CREATE Mine")
        for user in ("anna", "ben"):
            self._server.run("user", "quota", user, "--storage", "100 GiB", "--messages", "1000000")

    def _login(self, user: str) -> Wire:
        wire = Wire(self._server.imap_port)
        wire.ok(b"LOGIN %b secret" % user.encode())
        return wire

    def round(self) -> list[str]:
        """Load, kill, restart, compare; what is wrong."""
        port = self._server.imap_port
        workers = [Worker(port, user, folders, self._random.randrange(2**32)) for user, folders in self._folders]
        threads: list[Worker | Reader | Deliverer] = [*workers, Deliverer(self._server.lmtp_port, self._delivered)]
        threads += [Reader(port, "anna", name) for name in SHARED]
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
        problems: list[str] = []
        with closing(self._login("anna")) as anna, closing(self._login("ben")) as ben:
            for worker in workers:
                problems += _compare_worker(worker, anna if worker.user == "anna" else ben)
            problems += [problem for name in SHARED for problem in _compare_views(name, anna, ben)]
            inbox = [token for token, _ in fetch(anna, "INBOX").values()]
        if lost := self._delivered - set(inbox):
            problems.append(f"delivered and lost: {sorted(lost)[:5]}")
        if len(inbox) != len(set(inbox)):
            problems.append("a delivered message is there twice")
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
        result: ModSeqs = {}
        for path in (self._server.data / "accounts").rglob("mail.sqlite3"):
            with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as database:
                for key, name, highest in database.execute("SELECT id, name, highest_modseq FROM mailbox"):
                    rows = database.execute("SELECT uid, modseq FROM message WHERE mailbox = ?", (key,))
                    messages = {int(uid): int(modseq) for uid, modseq in rows}
                    result[f"{path.parent.name}: {name}"] = (int(highest), messages)
        return result

    def end(self) -> None:
        """Stop the server."""
        self._server.stop()


def _compare_worker(worker: Worker, wire: Wire) -> list[str]:
    problems: list[str] = []
    verdicts: dict[str, bool] = {}
    for name, folder in worker.folders.items():
        found = fetch(wire, name)
        problem, happened = difference(name, folder, worker.unsure, found)
        if problem:
            problems.append(problem)
        if happened is not None:
            verdicts[name] = happened
        folder.messages = found
        folder.largest_uid = max([folder.largest_uid, *found])
    if len(set(verdicts.values())) > 1 and not (worker.unsure and worker.unsure.twice and verdicts[worker.target]):
        problems.append(f"half of a command happened: {worker.unsure}")
    return problems


def _compare_views(name: str, anna: Wire, ben: Wire) -> list[str]:
    """What owner and member see of a shared mailbox: the same, but for who has read what; and the counters."""
    views = [fetch(anna, name), fetch(ben, _SEEN_BY_BEN + name)]
    same, other = ({uid: (token, flags - {"\\Seen"}) for uid, (token, flags) in view.items()} for view in views)
    problems = [] if same == other else [f"{name}: owner and member see different messages"]
    for wire, view, seen_as in ((anna, views[0], name), (ben, views[1], _SEEN_BY_BEN + name)):
        lines, _ = wire.ok(b"STATUS %b (MESSAGES UNSEEN DELETED)" % quoted(seen_as))
        unseen = sum("\\Seen" not in flags for _, flags in view.values())
        deleted = sum("\\Deleted" in flags for _, flags in view.values())
        if b"(MESSAGES %d UNSEEN %d DELETED %d)" % (len(view), unseen, deleted) not in lines[-1]:
            problems.append(f"{seen_as}: {lines[-1]!r}, but {len(view)}, {unseen} and {deleted} are there")
    return problems


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
