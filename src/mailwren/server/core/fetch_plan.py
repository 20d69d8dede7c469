"""What a FETCH command's items come to: worked out once for all commands that ask for the same."""

from dataclasses import dataclass, replace
from typing import Final

from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.ext.annotate import ANNOTATION
from mailwren.imap.ext.condstore import MODSEQ_ITEM
from mailwren.imap.ext.preview import LAZY
from mailwren.server.core.fetch_columns import Column, column_of
from mailwren.server.ext.gmail_items import in_gmails_order

_BATCH: Final = 250
"""Messages whose rows are read together: a few milliseconds of work."""
UID: Final = FetchItem("UID")
FLAGS: Final = FetchItem("FLAGS")
_PLANS: Final = 256
"""Plans that are remembered: each mail program has a dozen ways to ask."""
_ITEMS: Final = 20
_FIELDS: Final = 1000
"""Items, and octets of names of header fields, up to which one is remembered: it takes a few kilobytes."""


@dataclass(frozen=True, slots=True, eq=False)
class FetchPlan:
    """How some items are answered."""

    asked: tuple[FetchItem, ...]
    """As they were asked for."""
    items: tuple[FetchItem, ...]
    """Each once, in the order of the answer."""
    columns: tuple[Column, ...]
    batch: int
    """Messages that are answered together."""
    may_lack: bool
    """Some values can be empty: then the item is left out."""
    lasting: bool
    """Lines may be kept for the next time."""
    tells_flags: bool
    tells_modseqs: bool
    asks_modseq: bool
    """It was asked for by itself, which tells that the client keeps them (RFC 7162 §3.1)."""
    sets_seen: bool
    """Whoever asks reads the message, unless nobody is to know of it (RFC 9051 §6.4.5)."""
    has_annotations: bool

    @property
    def name(self) -> str:
        """What tells the plan's lines from those of others."""
        return repr(self.items)


_known: Final[dict[tuple[int, bool, bool], FetchPlan]] = {}
"""By the identity of the items, which the parser hands out again: a plan has them, so that none has it after them."""


def plan_of(items: tuple[FetchItem, ...], *, with_uid: bool = False, with_modseq: bool = False) -> FetchPlan:
    """The plan for items as they were asked for, with UID before and MODSEQ behind them if need be."""
    key = (id(items), with_uid, with_modseq)
    plan = _known.get(key)
    if plan is None:
        plan = _plan(items, with_uid, with_modseq)
        if _is_short(items):
            if len(_known) >= _PLANS:
                _known.clear()
            _known[key] = plan
    return plan


def _is_short(items: tuple[FetchItem, ...]) -> bool:
    if len(items) > _ITEMS or any(item.entries for item in items):
        return False
    return sum(len(name) for item in items if item.section is not None for name in item.section.fields) <= _FIELDS


def _plan(items: tuple[FetchItem, ...], with_uid: bool, with_modseq: bool) -> FetchPlan:
    distinct = list(dict.fromkeys(_plain(item) for item in items))
    if with_modseq and MODSEQ_ITEM not in distinct:
        distinct.append(MODSEQ_ITEM)
    if with_uid and UID not in distinct:
        distinct.insert(0, UID)
    ordered = tuple(in_gmails_order(distinct))
    columns = tuple(map(column_of, ordered))
    return FetchPlan(
        items,
        ordered,
        columns,
        max(1, _BATCH // (sum(column.weight for column in columns) or 1)),
        may_lack=any(column.may_lack for column in columns),
        lasting=all(column.lasting for column in columns),
        tells_flags=FLAGS in ordered,
        tells_modseqs=MODSEQ_ITEM in ordered,
        asks_modseq=MODSEQ_ITEM in items,
        sets_seen=any(map(_sets_seen, items)),
        has_annotations=any(item.name == ANNOTATION for item in ordered),
    )


def _plain(item: FetchItem) -> FetchItem:
    """The item without what makes no difference to the response."""
    return replace(item, peek=False, modifiers=tuple(word for word in item.modifiers if word != LAZY))


def _sets_seen(item: FetchItem) -> bool:
    if item.name in ("RFC822", "RFC822.TEXT"):
        return True
    return item.name in ("BODY[]", "BINARY[]") and not item.peek
