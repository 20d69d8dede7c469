"""What users and teams may keep: the options that say it, and writing it where it is kept to."""

from pathlib import Path
from typing import Annotated, Final, Protocol

import typer

from mailwren.cli.access import open_store
from mailwren.cli.failures import Misuse
from mailwren.cli.output import count_text, size_text
from mailwren.config.errors import WrongValue
from mailwren.config.kinds import Kind
from mailwren.config.settings import SETTINGS, Config, QuotaLimits

Storage = Annotated[
    str | None, typer.Option("--storage", metavar="SIZE", help='How much mail, such as "5 GiB"; "none": the default.')
]
Messages = Annotated[
    str | None, typer.Option("--messages", metavar="COUNT", help='How many messages; "none": the default.')
]
Mailboxes = Annotated[
    str | None, typer.Option("--mailboxes", metavar="COUNT", help='How many mailboxes; "none": the default.')
]
Annotations = Annotated[
    str | None,
    typer.Option("--annotations", metavar="SIZE", help='How much in annotations of mailboxes; "none": the default.'),
]
_KINDS: Final = {setting.key: setting.kind for setting in SETTINGS}


class Keeper(Protocol):
    """Whoever keeps mail: a user or a team. ``None`` is the configuration's limit."""

    @property
    def quota_octets(self) -> int | None:
        """Octets of messages."""
        ...

    @property
    def quota_messages(self) -> int | None:
        """Messages."""
        ...

    @property
    def quota_mailboxes(self) -> int | None:
        """Mailboxes."""
        ...

    @property
    def quota_annotations(self) -> int | None:
        """Octets of annotations."""
        ...


def read_quota(
    storage: str | None, messages: str | None, mailboxes: str | None, annotations: str | None
) -> QuotaLimits:
    """The options as numbers; ``None`` is the configuration's limit. Raises Misuse."""
    return QuotaLimits(
        _read_limit("quota.storage", storage),
        _read_limit("quota.messages", messages),
        _read_limit("quota.mailboxes", mailboxes),
        _read_limit("quota.annotations", annotations),
    )


def _read_limit(key: str, text: str | None) -> int | None:
    if text is None:
        return None
    kind: Kind[int | None] = _KINDS[key]
    try:
        return kind.read_text(text, Path.cwd())
    except WrongValue as error:
        fault = error.faults[0]
        raise Misuse(f"--{key.partition('.')[2]}: {fault.problem}; {fault.advice}.") from error


def changed_quota(
    keeper: Keeper, storage: str | None, messages: str | None, mailboxes: str | None, annotations: str | None
) -> QuotaLimits:
    """Somebody's own limits after the options; what they do not name stays. Raises Misuse."""
    if storage is None and messages is None and mailboxes is None and annotations is None:
        raise Misuse("Say what to limit: --storage, --messages, --mailboxes or --annotations.")
    quota = read_quota(storage, messages, mailboxes, annotations)
    return QuotaLimits(
        keeper.quota_octets if storage is None else quota.octets,
        keeper.quota_messages if messages is None else quota.messages,
        keeper.quota_mailboxes if mailboxes is None else quota.mailboxes,
        keeper.quota_annotations if annotations is None else quota.annotation_octets,
    )


def quota_of(config: Config, keeper: Keeper) -> QuotaLimits:
    """The limits that apply to somebody."""
    return config.quota_for(
        keeper.quota_octets, keeper.quota_messages, keeper.quota_mailboxes, keeper.quota_annotations
    )


async def apply_quota(config: Config, account_id: str, limits: QuotaLimits) -> None:
    """Write limits into the account, where they are kept to."""
    from mailwren.store.operations import SetQuota

    async with open_store(config) as store:
        account = await store.account(account_id)
        try:
            await account.apply([SetQuota(*limits)])
        finally:
            await store.release(account)


def quota_text(limits: QuotaLimits) -> str:
    """Limits for people."""
    return (
        f"storage {size_text(limits.octets)}, messages {count_text(limits.messages)}, "
        f"mailboxes {count_text(limits.mailboxes)}, annotations {size_text(limits.annotation_octets)}"
    )


def quota_facts(keeper: Keeper) -> dict[str, int | None]:
    """Somebody's own limits for scripts."""
    return {
        "octets": keeper.quota_octets,
        "messages": keeper.quota_messages,
        "mailboxes": keeper.quota_mailboxes,
        "annotation_octets": keeper.quota_annotations,
    }
