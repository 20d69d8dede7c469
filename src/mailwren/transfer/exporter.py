"""Exports an account's mailboxes into a folder that appears whole, or not at all.

Everything is written into a hidden folder beside the target, which takes the target's name in the end. An account
that is in use meanwhile is exported mailbox by mailbox as each is when its turn comes.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path

from mailwren.base import limits
from mailwren.base.ids import ContentId, FlagSetId
from mailwren.imap.names import canonical
from mailwren.store.api import Account
from mailwren.store.errors import AccountDamaged, StoreError
from mailwren.store.values import SEPARATOR, ContentFacts, Mailbox
from mailwren.transfer.file_names import MaildirPaths, TreePaths, subscription_row
from mailwren.transfer.files import readable_name, reason
from mailwren.transfer.incoming import Problem
from mailwren.transfer.maildir_names import SUBSCRIPTIONS
from mailwren.transfer.manifest import MANIFEST, ManifestEntry, write_manifest
from mailwren.transfer.report import ExportReport, Progress
from mailwren.transfer.writers import Outgoing, writer_for


class ExportFormat(StrEnum):
    """What is written."""

    MBOX = "mbox"
    MAILDIR = "maildir"
    EML = "eml"


class ExportRefused(Exception):
    """The export cannot be made; nothing was written. The text is fit for users."""


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, and how."""

    format: ExportFormat = ExportFormat.MBOX
    mailboxes: tuple[str, ...] = ()
    """Names, each with everything below it; none: all."""
    overwrite: bool = False
    """Replace an earlier export (never anything else)."""


async def export_account(
    account: Account,
    target: Path,
    options: ExportOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ExportReport:
    """Write mailboxes into the folder ``target``.

    Raises:
        ExportRefused: the target is there already, a mailbox is not, or writing failed.
        AccountDamaged: the account cannot be read.
    """
    options = options or ExportOptions()
    target = _checked(target, options.overwrite)
    mailboxes = _chosen(await account.mailboxes(), options.mailboxes)
    staging = target.parent / f".{target.name}.{secrets.token_hex(4)}.partial"
    export = _Export(account, staging, options.format, ExportReport(target), progress or (lambda _: None))
    try:
        await asyncio.to_thread(staging.mkdir, 0o700, parents=True)
        await export.run(mailboxes)
        await asyncio.to_thread(_put_in_place, staging, target)
    except OSError as error:
        where = f"{readable_name(error.filename)}: " if error.filename else ""
        raise ExportRefused(f"the export failed: {where}{reason(error)}") from error
    finally:
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
    return export.report


def _chosen(mailboxes: dict[str, Mailbox], names: tuple[str, ...]) -> list[Mailbox]:
    names = tuple(map(canonical, names))
    for name in names:
        if not any(_is_below(mailbox, name) for mailbox in mailboxes):
            raise ExportRefused(f"there is no mailbox {name!r}")
    return [box for name, box in mailboxes.items() if not names or any(_is_below(name, top) for top in names)]


def _is_below(name: str, top: str) -> bool:
    return name == top or name.startswith(top + SEPARATOR)


def _checked(target: Path, overwrite: bool) -> Path:
    """The target's absolute path. Raises ExportRefused where writing would touch files that are there."""
    target = Path(os.path.abspath(target))  # noqa: PTH100 - "..", but no links, is resolved: the link is the target
    shown = readable_name(target)
    try:
        if not target.is_symlink() and not target.exists():
            return target
        if target.is_symlink() or not target.is_dir():
            raise ExportRefused(f"{shown} exists and is not a folder")
        names = os.listdir(target)  # noqa: PTH208 - only asks whether there are any
    except OSError as error:
        raise ExportRefused(f"{shown}: {reason(error)}") from error
    if names and not overwrite:
        raise ExportRefused(f"{shown} is not empty: choose a new folder, or overwrite the export that is there")
    if names and MANIFEST not in names:
        raise ExportRefused(f"{shown} is not empty and holds no earlier export: it is not overwritten")
    return target


def _put_in_place(staging: Path, target: Path) -> None:
    """Make the export durable, then let it take the target's name; an earlier export goes last."""
    os.sync()
    old = staging.with_suffix(".old")
    replaces = target.exists()
    if replaces:
        target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        if replaces:
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Export:
    """One export under way."""

    def __init__(
        self,
        account: Account,
        folder: Path,
        form: ExportFormat,
        report: ExportReport,
        tell: Callable[[Progress], None],
    ) -> None:
        self.report = report
        self._account = account
        self._folder = folder
        self._form = form
        self._tell = tell
        self._paths = MaildirPaths() if form is ExportFormat.MAILDIR else TreePaths(_ending(form))

    async def run(self, mailboxes: list[Mailbox]) -> None:
        """Write all mailboxes and the manifest. Raises OSError: cannot be written."""
        subscriptions = await self._account.subscriptions()
        entries: list[ManifestEntry] = []
        for mailbox in mailboxes:
            path = self._paths.path(mailbox.name)
            await self._mailbox(mailbox, self._folder / path)
            subscribed = mailbox.name in subscriptions
            entries.append(ManifestEntry(mailbox.name, path, subscribed, mailbox.special_use))
        write_manifest(self._folder, self._form, entries)
        if self._form is ExportFormat.MAILDIR:
            rows = "".join(subscription_row(entry.name) + "\n" for entry in entries if entry.subscribed)
            (self._folder / SUBSCRIPTIONS).write_text(rows, encoding="ascii")

    async def _mailbox(self, mailbox: Mailbox, path: Path) -> None:
        state = await self._account.open_mailbox(mailbox.id)
        rows = list(zip(state.uids, state.flags, state.contents, strict=True))
        names = set().union(*(self._account.flag_set(FlagSetId(flags)).names for flags in state.flag_set_ids()))
        keywords = sorted(name for name in names if not name.startswith("\\"))
        self.report.mailboxes[mailbox.name] = 0
        with await asyncio.to_thread(writer_for, self._form, path, state.mailbox, keywords) as writer:
            async for batch in self._batches(mailbox.name, rows):
                await asyncio.to_thread(writer.write, batch)
                self.report.mailboxes[mailbox.name] += len(batch)
                self.report.octets += sum(len(message.octets) for message in batch)
                self._tell(Progress(mailbox.name, self.report.messages, self.report.octets))

    async def _batches(self, name: str, rows: list[tuple[int, int, int]]) -> AsyncIterator[list[Outgoing]]:
        """The messages in pieces that fit into memory."""
        batch: list[Outgoing] = []
        octets = 0
        for start in range(0, len(rows), limits.IMPORT_BATCH_MESSAGES):
            chunk = rows[start : start + limits.IMPORT_BATCH_MESSAGES]
            facts = await self._account.facts([ContentId(content) for _, _, content in chunk])
            for row, fact in zip(chunk, facts, strict=True):
                message = await self._message(name, row, fact)
                if message is None:
                    continue
                batch.append(message)
                octets += len(message.octets)
                if octets >= limits.IMPORT_BATCH_OCTETS:
                    yield batch
                    batch, octets = [], 0
            if batch:
                yield batch
                batch, octets = [], 0

    async def _message(self, mailbox: str, row: tuple[int, int, int], facts: ContentFacts) -> Outgoing | None:
        uid, flags, content = row
        try:
            octets = await self._account.read(ContentId(content))
        except AccountDamaged:
            raise
        except StoreError as error:
            self.report.problems.append(Problem(f"{mailbox}:{uid}", str(error)))
            return None
        names = self._account.flag_set(FlagSetId(flags)).names
        return Outgoing(uid, octets, names, _internal_date(facts))


def _ending(form: ExportFormat) -> str:
    return ".mbox" if form is ExportFormat.MBOX else ""


def _internal_date(facts: ContentFacts) -> datetime:
    """The internal date in its own zone; in UTC at the calendar's ends, where the zone has no such date."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=facts.internal_date)
    try:
        return moment.astimezone(timezone(timedelta(minutes=facts.internal_zone)))
    except OverflowError:
        return moment
