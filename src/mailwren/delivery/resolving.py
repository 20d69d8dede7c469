"""Finds the user or the team that an envelope address stands for. Reads the user directory, changes nothing."""

from collections.abc import Iterator
from typing import Protocol

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.auth.groups import Group
from mailwren.auth.users import User
from mailwren.base.logs import log
from mailwren.config.values import QuotaLimits
from mailwren.delivery.addresses import Address, split_detail
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.settings import DeliverySettings
from mailwren.delivery.status import TEMPORARY, DeliveryStatus

UNKNOWN_USER = DeliveryStatus(550, "5.1.1", "There is no such user here")
UNKNOWN_DOMAIN = DeliveryStatus(550, "5.1.2", "Mail for this domain is not taken here")
DISABLED = DeliveryStatus(550, "5.2.1", "This user's mailbox is disabled")


class Users(Protocol):
    """What delivery asks of the user directory."""

    @property
    def groups(self) -> "Groups":
        """The groups, some of which are teams with a mailbox."""
        ...

    def find(self, name: str) -> User | None:
        """The user of a name or an alias, in any case. Raises DirectoryUnavailable."""
        ...


class Groups(Protocol):
    """What delivery asks of the groups."""

    def find(self, name: str) -> Group | None:
        """The group of a name or an alias, in any case. Raises DirectoryUnavailable."""
        ...


def resolve_address(address: Address, users: Users, settings: DeliverySettings) -> Recipient | DeliveryStatus:
    """The recipient behind an address, a user or a team, or why mail for it is refused. Never raises."""
    try:
        for name, detail in _names(address, settings):
            folder = detail if settings.detail_folders else ""
            user = users.find(name)
            if user is not None:
                limits = _limits(user, settings)
                return Recipient(address, user.name, user.account_id, folder, limits) if user.enabled else DISABLED
            team = users.groups.find(name)
            if team is not None and team.has_mailbox:
                return Recipient(address, team.name, team.group_id, folder, _limits(team, settings))
    except DirectoryUnavailable as error:
        log.error("directory unavailable", error=str(error))
        return TEMPORARY
    except Exception:  # noqa: BLE001 - a fault of ours must not cost mail: the MTA tries again
        log.exception("resolve failed", address=str(address))
        return TEMPORARY
    return UNKNOWN_USER if _is_ours(address.domain, settings) else UNKNOWN_DOMAIN


def _limits(owner: User | Group, settings: DeliverySettings) -> QuotaLimits:
    """What an account may hold: its own limits, and where it has none those of everybody."""
    own = (owner.quota_octets, owner.quota_messages, owner.quota_mailboxes, owner.quota_annotations)
    return QuotaLimits(
        *(default if limit is None else limit for limit, default in zip(own, settings.limits, strict=True))
    )


def _names(address: Address, settings: DeliverySettings) -> Iterator[tuple[str, str]]:
    """Names to look for, the most exact first, each with the detail that it leaves over."""
    user, detail = split_detail(address.local, settings.delimiters)
    whole_is_user = user == address.local
    if address.domain:
        yield f"{address.local}@{address.domain}", ""
        if not whole_is_user:
            yield f"{user}@{address.domain}", detail
    # A quoted local part with an @ in it must not reach a user of another domain.
    if _is_ours(address.domain, settings) and "@" not in address.local:
        yield address.local, ""
        if not whole_is_user:
            yield user, detail


def _is_ours(domain: str, settings: DeliverySettings) -> bool:
    return not domain or settings.accept_any_domain or domain.lower() in settings.domains
