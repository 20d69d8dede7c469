"""Annotations of messages as SEARCH and SORT look at them (RFC 5257 §4.8, §4.9)."""

from collections.abc import Sequence
from typing import Final

from mailwren.base.ids import Uid
from mailwren.imap.names import Pattern
from mailwren.search.needle import Needle
from mailwren.search.ordering import parts
from mailwren.search.pace import Pace
from mailwren.search.query import AnnotationContains
from mailwren.search.sort_columns import SortColumns, TextColumn
from mailwren.search.sort_order import AnnotationKey
from mailwren.store.api import Account
from mailwren.store.mailbox_state import MailboxState
from mailwren.store.values import MessageAnnotation


class AnnotationTest:
    """One test, prepared.

    Attributes:
        entries: the only entries that are of interest; ``None`` where a pattern says which.
    """

    __slots__ = ("_kinds", "_needle", "_pattern", "entries")

    def __init__(self, test: AnnotationContains) -> None:
        is_pattern = "*" in test.entry or "%" in test.entry
        self._kinds: Final = test.kinds
        self._needle: Final = Needle(test.text, test.collation)
        self._pattern: Final = Pattern(test.entry) if is_pattern else None
        self.entries: Final[Sequence[str] | None] = None if is_pattern else (test.entry,)

    def matches(self, annotation: MessageAnnotation) -> bool:
        """Whether an annotation with one of the entries answers the test."""
        if annotation.is_shared not in self._kinds:
            return False
        if self._pattern is not None and not self._pattern.matches(annotation.entry):
            return False
        return not self._needle.folded or self._needle.is_in(text_of(annotation.value))


def text_of(value: bytes) -> str:
    """A value as text: "Text values SHOULD use the utf-8 character set" (RFC 5257 §3.2.2)."""
    return value.decode("utf-8", "replace")


async def annotation_column(
    account: Account, state: MailboxState, columns: SortColumns, key: AnnotationKey, pace: Pace
) -> TextColumn:
    """The values of an annotation in step with the columns; empty where there is none."""
    result = TextColumn()
    mailbox = state.mailbox
    for part in parts(len(columns)):
        uids = [Uid(uid) for uid in columns.uids[part]]
        known: dict[Uid, str] = {}
        if mailbox.annotations:
            found = await account.message_annotations(mailbox.id, uids, (key.entry,))
            known = {each.uid: text_of(each.value) for each in found if each.is_shared is key.is_shared}
        result.extend([known.get(uid, "") for uid in uids])
        await pace.rest()
    return result
