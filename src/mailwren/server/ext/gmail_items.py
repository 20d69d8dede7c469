"""X-GM-MSGID, X-GM-THRID and X-GM-LABELS of messages (developers.google.com/gmail/imap/imap-extensions)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import FlagSetId, MailboxId
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.ext.gmail import write_labels
from mailwren.store.values import INBOX, Mailbox

if TYPE_CHECKING:
    from mailwren.server.core.fetch_columns import Batch
    from mailwren.store.api import Account

_USES: Final = {"\\Sent": "\\Sent", "\\Drafts": "\\Draft", "\\Trash": "\\Trash", "\\Junk": "\\Junk"}
"""Labels of mailboxes with a special use."""
FLAG_LABELS: Final = {"\\Important": "$Important", "\\Starred": "\\Flagged"}
"""Labels that are flags."""
_ID_DIGITS: Final = 10
"""Characters of an EMAILID behind its first that make its number: 60 bits."""

_THREAD_NUMBERS: Final = 2**63

_ORDER: Final = {"X-GM-THRID": 0, "X-GM-MSGID": 1, "X-GM-LABELS": 2}


def in_gmails_order(items: list[FetchItem]) -> list[FetchItem]:
    """Gmail's items before all others, in the order in which Gmail sends them: getmail understands no other."""
    if not any(item.name in _ORDER for item in items):
        return items
    return sorted(items, key=lambda item: _ORDER.get(item.name, len(_ORDER)))


# --- numbers ------------------------------------------------------------------------------------------------
def message_number(email_id: str) -> int:
    """X-GM-MSGID: EMAILID as a number."""
    return int.from_bytes(urlsafe_b64decode(email_id[1 : 1 + _ID_DIGITS] + "AA")) >> 12


def email_id_prefix(number: int) -> str:
    """How the EMAILID of a number begins; what no number of a message can be begins like none."""
    if number >> (6 * _ID_DIGITS):
        return "-"
    return "M" + urlsafe_b64encode((number << 12).to_bytes(9)).decode("ascii")[:_ID_DIGITS]


def thread_number(thread_id: str) -> int:
    """X-GM-THRID: THREADID as a number that is no larger than Gmail's own: programs keep it in a signed one."""
    return int(thread_id[1:], 16) & (_THREAD_NUMBERS - 1)


def thread_ids(number: int) -> tuple[str, ...]:
    """Which THREADIDs have a number."""
    return () if number >= _THREAD_NUMBERS else (f"T{number:016x}", f"T{number + _THREAD_NUMBERS:016x}")


# --- labels -------------------------------------------------------------------------------------------------
def label_of(mailbox: Mailbox) -> str:
    """What a mailbox is called as a label."""
    if mailbox.name == INBOX:
        return "\\Inbox"
    return next((_USES[use] for use in mailbox.special_use if use in _USES), mailbox.name)


async def message_number_cells(batch: "Batch") -> Sequence[bytes]:
    """The item X-GM-MSGID of many messages."""
    return [b"X-GM-MSGID %d" % message_number(fact.email_id) for fact in await batch.facts()]


async def thread_number_cells(batch: "Batch") -> Sequence[bytes]:
    """The item X-GM-THRID of many messages."""
    return [b"X-GM-THRID %d" % thread_number(fact.thread_id) for fact in await batch.facts()]


async def label_cells(batch: "Batch") -> Sequence[bytes]:
    """The item X-GM-LABELS of many messages."""
    flagged = {flags: _flag_labels(batch.account, FlagSetId(flags)) for flags in set(batch.flags)}
    labels: dict[int, list[str]] = {content: [] for content in batch.contents}
    if batch.own:
        await collect_labels(batch.account, batch.mailbox, labels)
    return [
        write_labels([*labels[content], *flagged[flags]], batch.utf8)
        for content, flags in zip(batch.contents, batch.flags, strict=True)
    ]


def _flag_labels(account: "Account", flags: FlagSetId) -> list[str]:
    names = {name.lower() for name in account.flag_set(flags).names}
    return [label for label, flag in FLAG_LABELS.items() if flag.lower() in names]


async def collect_labels(account: "Account", selected: MailboxId, labels: dict[int, list[str]]) -> None:
    """Note for each content the labels of the other mailboxes that hold it."""
    wanted = set(labels)
    for mailbox in (await account.mailboxes()).values():
        if mailbox.id == selected or not mailbox.messages:
            continue
        state = await account.open_mailbox(mailbox.id)
        for content in wanted.intersection(state.contents):
            labels[content].append(label_of(mailbox))
