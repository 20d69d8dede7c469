"""What a commit changed, for the mailboxes that this process has in memory: cheaper than asking the database again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from mailwren.base.ids import ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import MessageRow
from mailwren.store.values import Mailbox


class Added(NamedTuple):
    """One message more."""

    row: MessageRow


class Flagged(NamedTuple):
    """Messages, all of whose flags changed: from which flag set to which one."""

    uids: RangeSet
    changes: Mapping[int, int]
    modseq: ModSeq


class Removed(NamedTuple):
    """Messages are gone."""

    uids: RangeSet
    modseq: ModSeq


Step: TypeAlias = Added | Flagged | Removed


@dataclass(slots=True)
class Delta:
    """Changes of one mailbox in one commit.

    Attributes:
        previous: the mailbox's highest mod-sequence before.
        mailbox: the mailbox after it; ``None`` when it was deleted.
        steps: in order.
        complete: whether the steps tell everything; if not, the database must be asked.
    """

    previous: ModSeq
    mailbox: Mailbox | None = None
    steps: list[Step] = field(default_factory=list)
    complete: bool = True
