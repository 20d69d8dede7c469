"""After ``kill -9`` every acknowledged change is there, and every other one wholly or not at all."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mailwren.store.check import check_account
from tests.contract.harness import Clock, Mail
from tests.contract.kill_worker import TASKS, names, octets_of

ROOT = Path(__file__).parent.parent.parent
ROUNDS = int(os.environ.get("MAILWREN_KILLS", "4"))
"""The long form: ``MAILWREN_KILLS=200 pytest tests/contract/test_kill.py``."""


@dataclass
class Expected:
    """The two mailboxes of a task: UID to message number and flags, and the next UIDs."""

    box: dict[int, tuple[int, frozenset[str]]] = field(default_factory=dict)
    moved: dict[int, tuple[int, frozenset[str]]] = field(default_factory=dict)
    next_uids: list[int] = field(default_factory=lambda: [1, 1])
    modseq: int = 0

    def after(self, step: list[Any]) -> "Expected":
        """What a step would make of it. Any: what JSON held."""
        result = Expected(self.box.copy(), self.moved.copy(), self.next_uids.copy(), self.modseq)
        result.take(step)
        return result

    def take(self, step: list[Any]) -> None:
        """The step was done. Any: what JSON held."""
        box = self.box
        if step[0] == "append":
            for number in step[1]:
                box[self.next_uids[0]] = (number, frozenset({"New"}))
                self.next_uids[0] += 1
            return
        chosen = [uid for uid in range(step[1], step[2] + 1) if uid in box]
        for uid in chosen:
            if step[0] == "flags":
                box[uid] = (box[uid][0], box[uid][1] | {step[3]})
                continue
            gone = box.pop(uid)
            if step[0] == "move":
                self.moved[self.next_uids[1]] = gone
                self.next_uids[1] += 1


def _run_and_kill(folder: Path, seed: int, seconds: float) -> list[list[Any]]:
    """The lines that a worker told until it was killed. Any: what JSON held."""
    command = [sys.executable, "-m", "tests.contract.kill_worker", str(folder), str(seed)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'["ready"]\n'
        deadline = time.monotonic() + seconds
        lines = []
        while time.monotonic() < deadline:
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _follow(expected: list[Expected], lines: list[list[Any]]) -> dict[int, list[Any]]:
    """Take in what was acknowledged; the steps that were not, by task."""
    pending: dict[int, list[Any]] = {}
    for kind, task, what in lines:
        if kind == "try":
            pending[task] = what
        else:
            expected[task].take(pending.pop(task))
            expected[task].modseq = what
    return pending


async def _found(mail: Mail, task: int) -> Expected:
    """What is there."""
    result = Expected()
    for number, name in enumerate(names(task)):
        if name not in await mail.names():
            continue
        flags, octets = await mail.flags(name), await mail.octets(name)
        numbers = [int(each.split(b"message ")[1].split(b"\r\n")[0]) for each in octets]
        assert octets == [octets_of(each) for each in numbers]
        target = (result.box, result.moved)[number]
        for uid, text, each in zip(flags, flags.values(), numbers, strict=True):
            target[uid] = (each, frozenset(text.split()))
        box = await mail.box(name)
        result.next_uids[number] = box.uid_next
        result.modseq = max(result.modseq, box.highest_modseq)
    return result


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_acknowledged_changes_survive_a_kill(tmp_path: Path) -> None:
    """Kill, look, and go on with the same account, several times."""
    chance = random.Random(ROUNDS)
    expected = [Expected() for _ in range(TASKS)]
    acknowledged = 0

    async def look(pending: dict[int, list[Any]]) -> None:
        async with Mail(tmp_path, Clock(time.time())) as mail:
            for task in range(TASKS):
                found = await _found(mail, task)
                wanted = [expected[task]]
                if task in pending:
                    wanted.append(expected[task].after(pending[task]))
                same = [
                    each
                    for each in wanted
                    if (each.box, each.moved, each.next_uids) == (found.box, found.moved, found.next_uids)
                ]
                assert same, f"task {task} is neither before nor after {pending.get(task)}"
                assert found.modseq >= expected[task].modseq
                expected[task] = found

    for seed in range(ROUNDS):
        lines = _run_and_kill(tmp_path, seed, chance.uniform(0.2, 1.2))
        pending = _follow(expected, lines)
        acknowledged += sum(line[0] == "done" for line in lines)
        assert check_account(tmp_path / "accounts" / "a1" / "a1b2c3") == []
        asyncio.run(look(pending))
    assert acknowledged > 10 * ROUNDS
