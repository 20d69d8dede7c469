"""Imports mailboxes of other programs into an account, in transactions of many messages each.

Reading runs in a thread, one batch ahead of storing. An import can be repeated: what was stored before is known by its
key and passed over, so after an interruption, or when an mbox has grown, only what is new is added.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.imap.names import canonical
from mailwren.store.api import Account
from mailwren.store.errors import (
    AccountDamaged,
    CannotChange,
    NoSuchMailbox,
    OverQuota,
    StoreError,
    StoreUnavailable,
)
from mailwren.store.operations import Append, Appended, CreateMailbox, MailboxChanged, SetSubscription
from mailwren.store.values import SEPARATOR
from mailwren.transfer.gathering import Batch, batches, total_octets
from mailwren.transfer.incoming import Incoming, Problem, Reading
from mailwren.transfer.keywords import FlagFitter
from mailwren.transfer.mailbox_names import Naming, special_mailboxes
from mailwren.transfer.quoting import MboxDialect
from mailwren.transfer.report import ImportReport, Progress

__all__ = ["ImportOptions", "MboxDialect", "import_paths", "total_octets"]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What to import, and how."""

    mailbox: str = ""
    """Everything goes into this mailbox and below it; empty: names as the paths have them."""
    mbox_dialect: MboxDialect = MboxDialect.AUTO
    map_special: bool = False
    """Put well-known folders ("Sent Items") into the mailbox that the account has for that use."""
    subscribe: bool = True
    """Subscribe to new mailboxes of which the source does not say whether they were."""
    max_message: int = limits.MESSAGE


async def import_paths(
    account: Account,
    paths: Sequence[Path],
    options: ImportOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportReport:
    """Import everything below the paths and tell what came of it.

    Whatever the paths hold, or lack, is told in the report. When cancelled, whole batches are stored or not at all.

    Raises:
        AccountDamaged: the account cannot be used.
    """
    options = options or ImportOptions()
    special = special_mailboxes((await account.mailboxes()).values()) if options.map_special else {}
    source = batches(
        [Path(path) for path in paths],
        Naming(canonical(options.mailbox), special),
        Reading(options.mbox_dialect, options.max_message),
    )
    importer = _Importer(account, options, progress)
    await importer.run(source)
    return importer.report


class _Importer:
    """One import."""

    def __init__(self, account: Account, options: ImportOptions, progress: Callable[[Progress], None] | None) -> None:
        self.report = ImportReport()
        self._account = account
        self._options = options
        self._tell = progress or (lambda _: None)
        self._progress = Progress()
        self._flags = FlagFitter()
        self._mailboxes: dict[str, MailboxId | None] = {}

    async def run(self, source: Iterator[Batch]) -> None:
        """Store batch after batch while the next one is being read."""
        reading = asyncio.ensure_future(asyncio.to_thread(next, source, None))
        try:
            while (batch := await asyncio.shield(reading)) is not None:
                reading = asyncio.ensure_future(asyncio.to_thread(next, source, None))
                await self._take(batch)
                if self.report.stopped:
                    break
        finally:
            await asyncio.wait([reading])
            await asyncio.to_thread(_close, source)

    async def _take(self, batch: Batch) -> None:
        for problem in batch.problems:
            self.report.add_problem(problem)
        for note in batch.notes:
            self.report.add_note(note)
        if batch.mailbox:
            mailbox = await self._mailbox(batch)
            counts = self.report.counts(batch.mailbox)
            counts.refused += len(batch.problems)
            if mailbox is None:
                counts.refused += len(batch.messages)
            elif batch.messages:
                await self._append(batch, mailbox)
        self._progress = Progress(
            batch.mailbox or self._progress.mailbox,
            self._progress.messages + len(batch.messages) + len(batch.problems),
            self._progress.octets + batch.octets,
        )
        self._tell(self._progress)

    async def _mailbox(self, batch: Batch) -> MailboxId | None:
        """The key of the batch's mailbox, created where needed; ``None`` where that is refused."""
        if batch.mailbox not in self._mailboxes:
            try:
                self._mailboxes[batch.mailbox] = await self._open(batch)
            except AccountDamaged:
                raise
            except StoreUnavailable as error:
                self.report.stopped = f"{batch.mailbox}: {error}"
                return None
            except StoreError as error:
                self._mailboxes[batch.mailbox] = None
                self.report.add_problem(Problem(batch.mailbox, f"the mailbox cannot be created: {error}"))
        return self._mailboxes[batch.mailbox]

    async def _open(self, batch: Batch) -> MailboxId:
        try:
            mailbox = await self._account.mailbox(batch.mailbox)
        except NoSuchMailbox:
            return await self._create(batch)
        if batch.subscribed:
            await self._account.apply([SetSubscription(batch.mailbox, True)])
        return mailbox.id

    async def _create(self, batch: Batch) -> MailboxId:
        subscribe = self._options.subscribe if batch.subscribed is None else batch.subscribed
        above = await self._missing_above(batch.mailbox) if subscribe and batch.subscribed is None else []
        create = CreateMailbox(batch.mailbox, batch.special_use, exist_ok=True, subscribe=subscribe)
        try:
            outcomes = await self._account.apply([*above, create])
        except CannotChange:
            # Another mailbox of the account has the special use already.
            create = CreateMailbox(batch.mailbox, exist_ok=True, subscribe=subscribe)
            outcomes = await self._account.apply([*above, create])
        assert isinstance(outcomes[-1], MailboxChanged)
        return outcomes[-1].mailbox.id

    async def _missing_above(self, name: str) -> list[CreateMailbox]:
        """Subscribe to those above it as well: without, mail programs show them greyed out."""
        levels = name.split(SEPARATOR)
        there = await self._account.mailboxes() if len(levels) > 1 else {}
        above = (SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels)))
        return [CreateMailbox(each, exist_ok=True, subscribe=True) for each in above if each not in there]

    async def _append(self, batch: Batch, mailbox: MailboxId) -> None:
        """Store the messages as one transaction; one by one where that is refused, to find which cannot be."""
        operations = [self._operation(message, mailbox) for message in batch.messages]
        try:
            outcomes = await self._account.apply(operations)
        except AccountDamaged:
            raise
        except StoreError:
            await self._append_singly(batch, operations)
            return
        duplicates = sum(isinstance(outcome, Appended) and outcome.duplicate for outcome in outcomes)
        counts = self.report.counts(batch.mailbox)
        counts.duplicates += duplicates
        counts.imported += len(outcomes) - duplicates

    def _operation(self, message: Incoming, mailbox: MailboxId) -> Append:
        flags, changes = self._flags.fit(message.flags)
        for change in changes:
            self.report.add_note(Problem(message.origin, change))
        return Append(mailbox, message.source, flags, message.internal_date, message.identity)

    async def _append_singly(self, batch: Batch, operations: list[Append]) -> None:
        counts = self.report.counts(batch.mailbox)
        for message, operation in zip(batch.messages, operations, strict=True):
            try:
                outcome = (await self._account.apply([operation]))[0]
            except AccountDamaged:
                raise
            except (OverQuota, StoreUnavailable) as error:
                self.report.stopped = f"{message.origin}: {error}"
                return
            except StoreError as error:
                counts.refused += 1
                self.report.add_problem(Problem(message.origin, str(error)))
                continue
            duplicate = isinstance(outcome, Appended) and outcome.duplicate
            counts.duplicates += duplicate
            counts.imported += not duplicate


def _close(source: Iterator[Batch]) -> None:
    """End a generator and so let go of its open files."""
    close = getattr(source, "close", None)
    if close is not None:
        close()
