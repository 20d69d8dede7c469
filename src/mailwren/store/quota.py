"""Brings an account's quota in line with what its user may have."""

from mailwren.store.api import Account
from mailwren.store.operations import SetQuota


async def keep_quota(
    account: Account,
    octets: int | None,
    messages: int | None,
    mailboxes: int | None = None,
    annotation_octets: int | None = None,
) -> None:
    """Set the account's limits where they differ; costs one read otherwise. ``None`` is no limit."""
    usage = await account.usage()
    now = (usage.octets_limit, usage.messages_limit, usage.mailboxes_limit, usage.annotation_octets_limit)
    if now != (octets, messages, mailboxes, annotation_octets):
        await account.apply([SetQuota(octets, messages, mailboxes, annotation_octets)])
