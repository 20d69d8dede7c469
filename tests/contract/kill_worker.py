"""Changes mail as fast as it can and tells of each change before and after it, until it is killed.

Run as ``python -m tests.contract.kill_worker FOLDER SEED``. Each line of its output is one JSON list: ``["try", task,
step]`` before a change is asked for, ``["done", task, mod-sequence]`` after it was acknowledged.
"""

import asyncio
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.store.operations import (
    Append,
    CreateMailbox,
    Expunge,
    FlagMode,
    MailboxChanged,
    Move,
    Operation,
    SetFlags,
)
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.sqlite.store import SqliteMailStore
from tests.contract.harness import ACCOUNT, message

TASKS = 3
LARGE = 40
"""Every so many messages one is large enough for a file."""


def octets_of(number: int) -> bytes:
    """The message of a number."""
    return message(number, size=limits.BLOB_IN_DATABASE + 100 if number % LARGE == 0 else 200)


def names(task: int) -> tuple[str, str]:
    """The two mailboxes of a task."""
    return f"box{task}", f"box{task}/moved"


def tell(*what: object) -> None:
    """One line, in one write, so that a kill cannot cut it."""
    os.write(1, json.dumps(what).encode() + b"\n")


def next_step(random_numbers: random.Random, number: int) -> list[Any]:
    """What to do next, as plain values."""
    chance = random_numbers.random()
    low = random_numbers.randint(1, max(1, number))
    high = low + random_numbers.randint(0, 20)
    if chance < 0.5:
        return ["append", [number + each for each in range(random_numbers.choice([1, 1, 1, 5]))]]
    if chance < 0.8:
        return ["flags", low, high, random_numbers.choice(["\\Seen", "\\Deleted", "k1", "k2"])]
    if chance < 0.9:
        return ["move", low, high]
    return ["expunge", low, high]


def operations_of(step: list[Any], box: Any, moved: Any) -> list[Operation]:
    """The operations of a step. Any: mailbox keys, and what JSON held."""
    match step:
        case ["append", list(numbers)]:
            return [Append(box, octets_of(each), ("New",)) for each in numbers]
        case ["flags", low, high, name]:
            return [SetFlags(box, RangeSet([(low, high)]), FlagMode.ADD, (name,))]
        case ["move", low, high]:
            return [Move(box, RangeSet([(low, high)]), moved)]
        case ["expunge", low, high]:
            return [Expunge(box, RangeSet([(low, high)]), only_deleted=False)]
        case _:
            raise AssertionError(step)


async def work(account: SqliteAccount, task: int, seed: int) -> None:
    """Change mail for ever."""
    random_numbers = random.Random(seed * 100 + task)
    keys = []
    for name in names(task):
        (outcome,) = await account.apply([CreateMailbox(name, exist_ok=True)])
        assert isinstance(outcome, MailboxChanged)
        keys.append(outcome.mailbox.id)
    number: int = (await account.open_mailbox(keys[0])).mailbox.uid_next
    while True:
        step = next_step(random_numbers, number)
        tell("try", task, step)
        outcomes = await account.apply(operations_of(step, *keys))
        tell("done", task, max(getattr(outcome, "modseq", 0) for outcome in outcomes))
        if step[0] == "append":
            number += len(step[1])


async def main() -> None:
    """Open the account and let the tasks work side by side."""
    store = SqliteMailStore(Path(sys.argv[1]))
    account = await store.account(ACCOUNT)
    tell("ready")
    await asyncio.gather(*(work(account, task, int(sys.argv[2])) for task in range(TASKS)))


if __name__ == "__main__":
    asyncio.run(main())
