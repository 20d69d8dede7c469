"""Header fields of whole mailboxes as they are compared, kept for the next search of the same field.

Clients search while their users type: the same few fields again and again. A mailbox's subjects are a hundredth of its
mail, and finding text in them then takes no reading and no decoding.

What is here can be thrown away at any moment; it is read again. Contents never change, so nothing here ever does.
"""

from typing import Final
from weakref import WeakKeyDictionary

from mailwren.base import limits
from mailwren.store.mailbox_state import MailboxState

SEPARATOR: Final = "\0"
"""Between a message's values of one field: a needle that holds it must not be looked for in them."""
_OVERHEAD: Final = 150
"""Octets of memory that a value takes beside its text."""


class FieldValues:
    """One field of one mailbox's messages.

    Attributes:
        known: the folded values by content, a message's values joined by :data:`SEPARATOR`; empty without the field.
        size: about how many octets of memory they take.
    """

    __slots__ = ("_limit", "known", "size")

    def __init__(self, limit: int) -> None:
        """Take up to ``limit`` octets."""
        self._limit: Final = limit
        self.known: Final[dict[int, str]] = {}
        self.size = 0

    def keep(self, content: int, text: str) -> bool:
        """Remember a message's values; whether that was done: not if they are uncommonly long or there is no room."""
        if len(text) > limits.FIELD_KEPT or self.size >= self._limit:
            return False
        if content not in self.known:
            self.known[content] = text
            self.size += len(text) + _OVERHEAD
        return True


class FieldCache:
    """The fields that were searched last, of all mailboxes, within a bound on memory.

    Args:
        octets: how much memory to take, about.
    """

    def __init__(self, octets: int = limits.FIELDS_CACHED) -> None:
        self._octets = octets
        self._mailboxes: WeakKeyDictionary[MailboxState, dict[str, FieldValues]] = WeakKeyDictionary()

    def values(self, state: MailboxState, field: str) -> FieldValues:
        """What is known of a field in a mailbox, to be added to."""
        fields = self._mailboxes.pop(state, {})
        values = fields.pop(field.lower(), None) or FieldValues(self._octets)
        self._mailboxes[state] = fields
        fields[field.lower()] = values  # at the end: what stands first was used least lately
        self._trim(values)
        return values

    def _trim(self, wanted: FieldValues) -> None:
        mailboxes = list(self._mailboxes.values())
        total = sum(values.size for fields in mailboxes for values in fields.values())
        for fields in mailboxes:
            for field, values in list(fields.items()):
                if total <= self._octets:
                    return
                if values is not wanted:
                    total -= values.size
                    del fields[field]
