"""Brings an account's quota in line with what its user may have."""

from mailwren.store.api import Account
from mailwren.store.operations import SetQuota


async def keep_quota(account: Account, octets: int | None, messages: int | None) -> None:
    """Set the account's limits where they differ; costs one read otherwise. ``None`` is no limit."""
    usage = await account.usage()
    if (usage.octets_limit, usage.messages_limit) != (octets, messages):
        await account.apply([SetQuota(octets, messages)])
