"""Delivers messages into users' mailboxes and says what became of each recipient.

Rules for whoever edits this file:

1. 250 is said only after the store has the message on disk.
2. No exception escapes: what is not understood is 451 for the recipient and a line in the log. Mail that a fault of
   ours refuses for good is lost mail.
3. A message goes once into a mailbox, however many recipients mean it.
"""

import asyncio
import errno
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.logs import log
from mailwren.delivery.addresses import Address
from mailwren.delivery.composing import compose
from mailwren.delivery.envelope import Envelope, trace_header
from mailwren.delivery.folders import folder_named
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.resolving import Users, resolve_address
from mailwren.delivery.settings import DeliverySettings
from mailwren.delivery.status import NO_STORAGE, TEMPORARY, DeliveryStatus
from mailwren.store.api import Account, MailStore
from mailwren.store.errors import AccountDamaged, NoSuchMailbox, OverQuota, StoreError
from mailwren.store.octets import MessageSource, Spool
from mailwren.store.operations import Append
from mailwren.store.quota import keep_quota
from mailwren.store.values import INBOX, Mailbox

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

OVER_QUOTA_NOW = DeliveryStatus(452, "4.2.2", "The mailbox is full, try again later")
OVER_QUOTA = DeliveryStatus(552, "5.2.2", "The mailbox is full")
LARGER_THAN_QUOTA = DeliveryStatus(552, "5.2.3", "The message is larger than the whole mailbox may be")
DAMAGED = DeliveryStatus(451, "4.3.0", "The mailbox cannot be used at present, try again later")


class Delivery:
    """Final delivery; one for all sessions of a process."""

    def __init__(
        self, store: MailStore, users: Users, settings: DeliverySettings, clock: Callable[[], datetime]
    ) -> None:
        """Deliver into ``store`` for ``users``; ``clock`` tells the present time, aware."""
        self._store = store
        self._users = users
        self._settings = settings
        self._clock = clock

    def resolve(self, address: Address) -> Recipient | DeliveryStatus:
        """The recipient behind an address, or why mail for it is refused."""
        return resolve_address(address, self._users, self._settings)

    async def deliver(self, recipient: Recipient, message: Spool, envelope: Envelope) -> DeliveryStatus:
        """Deliver to one recipient. The message stays the caller's."""
        return (await self._to_account([recipient], message, envelope))[0]

    async def deliver_each(
        self, recipients: Sequence[Recipient], message: Spool, envelope: Envelope
    ) -> AsyncGenerator[DeliveryStatus, None]:
        """Deliver to all recipients at the same time, and tell the status of each in order, as soon as it is known."""
        groups: dict[str, list[Recipient]] = {}
        for recipient in recipients:
            groups.setdefault(recipient.account_id, []).append(recipient)
        if len(groups) == 1:
            for status in await self._to_account(recipients, message, envelope):
                yield status
            return
        turns = asyncio.Semaphore(limits.DELIVERIES_AT_ONCE)
        tasks = {
            account_id: asyncio.create_task(self._in_turn(turns, group, message, envelope))
            for account_id, group in groups.items()
        }
        try:
            positions = dict.fromkeys(groups, 0)
            for recipient in recipients:
                position = positions[recipient.account_id]
                positions[recipient.account_id] = position + 1
                yield (await tasks[recipient.account_id])[position]
        finally:
            for task in tasks.values():
                task.cancel()

    async def _in_turn(
        self, turns: asyncio.Semaphore, recipients: Sequence[Recipient], message: Spool, envelope: Envelope
    ) -> list[DeliveryStatus]:
        async with turns:
            return await self._to_account(recipients, message, envelope)

    async def _to_account(
        self, recipients: Sequence[Recipient], message: Spool, envelope: Envelope
    ) -> list[DeliveryStatus]:
        """Deliver to recipients of one account, in one transaction. Never raises."""
        first = recipients[0]
        try:
            account = await self._store.account(first.account_id)
            try:
                status = await self._to_open_account(account, recipients, message, envelope)
            finally:
                await self._store.release(account)
        except AccountDamaged as error:
            log.error("account damaged", user=first.user, account=first.account_id, error=str(error))
            status = DAMAGED
        except (StoreError, OSError) as error:
            log.error("delivery failed", id=envelope.id, user=first.user, error=str(error))
            status = NO_STORAGE if getattr(error, "errno", None) in _NO_SPACE else TEMPORARY
        except Exception:  # noqa: BLE001 - rule 2
            log.exception("delivery failed", id=envelope.id, user=first.user)
            status = TEMPORARY
        return [status] * len(recipients)

    async def _to_open_account(
        self, account: Account, recipients: Sequence[Recipient], message: Spool, envelope: Envelope
    ) -> DeliveryStatus:
        # Who has never logged in, or is a team, has limits as well.
        await keep_quota(account, *recipients[0].limits)
        targets = await self._targets(account, recipients)
        try:
            try:
                await self._append(account, targets, message, envelope)
            except NoSuchMailbox:
                # A folder went away just now: the mail goes where it goes without that folder.
                inbox = await account.mailbox(INBOX)
                targets = {inbox.id: (inbox, recipients[0])}
                await self._append(account, targets, message, envelope)
        except OverQuota:
            status = await self._over_quota(account, message)
            log.warning("over quota", id=envelope.id, user=recipients[0].user, code=status.code)
            return status
        for mailbox, recipient in targets.values():
            log.info("delivered", id=envelope.id, user=recipient.user, mailbox=mailbox.name, octets=message.size)
        return DeliveryStatus(250, "2.1.5", f"{envelope.id} Stored")

    async def _targets(
        self, account: Account, recipients: Sequence[Recipient]
    ) -> dict[MailboxId, tuple[Mailbox, Recipient]]:
        """The mailboxes meant, each with the first recipient that means it."""
        targets: dict[MailboxId, tuple[Mailbox, Recipient]] = {}
        for recipient in recipients:
            mailbox = await self._target(account, recipient)
            targets.setdefault(mailbox.id, (mailbox, recipient))
        return targets

    async def _target(self, account: Account, recipient: Recipient) -> Mailbox:
        if recipient.detail:
            mailboxes = await account.mailboxes()
            name = folder_named(recipient.detail, mailboxes)
            if name is not None:
                return mailboxes[name]
        return await account.mailbox(INBOX)

    async def _append(
        self,
        account: Account,
        targets: dict[MailboxId, tuple[Mailbox, Recipient]],
        message: Spool,
        envelope: Envelope,
    ) -> None:
        sources: list[MessageSource] = []
        try:
            for _, recipient in targets.values():
                sources.append(await self._compose(recipient, message, envelope))
            await account.apply([Append(target, source) for target, source in zip(targets, sources, strict=True)])
        finally:
            for source in sources:
                if isinstance(source, Spool):
                    source.close()

    async def _compose(self, recipient: Recipient, message: Spool, envelope: Envelope) -> MessageSource:
        header = trace_header(envelope, recipient.address, self._clock())
        folder = self._settings.spool_folder
        if message.size <= limits.LITERAL_IN_MEMORY:
            return compose(header, message, folder)
        return await asyncio.to_thread(compose, header, message, folder)

    async def _over_quota(self, account: Account, message: Spool) -> DeliveryStatus:
        """For now or for good: as configured, but never "later" to what will not fit however much is deleted."""
        limit = (await account.usage()).octets_limit
        if limit is not None and message.size > limit:
            return LARGER_THAN_QUOTA
        return OVER_QUOTA if self._settings.over_quota_permanent else OVER_QUOTA_NOW
