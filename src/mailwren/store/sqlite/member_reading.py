"""Reading mailboxes as a member sees them: with what is private in them as it is for him.

What a member has changed of his own is not in the log: ``member_flags`` holds each message's last such change, and
loses it only together with the message, whose end is in the log.
"""

import json
from array import array
from collections.abc import Collection, Sequence
from typing import Any, Final

import apsw

from mailwren.base.ids import MailboxId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.store.mailbox_state import Columns, MessageRow
from mailwren.store.sqlite import selection
from mailwren.store.sqlite.log_reading import COLUMNS_AT_ONCE, Reading
from mailwren.store.sqlite.mailbox_rows import mailbox_of
from mailwren.store.sqlite.merged_flags import MergedFlags
from mailwren.store.sqlite.private_flags import private_flags
from mailwren.store.sqlite.rows import fetch, fetch_one, fetch_value
from mailwren.store.values import Changes, Mailbox

_MEMBER: Final = "(SELECT id FROM member WHERE identifier = ?)"
_VALUES: Final = (
    "m.id, m.name, m.object_id, m.uid_validity, m.uid_next, max(m.highest_modseq, coalesce(s.highest_modseq, 0)), "
    "coalesce(s.first_recent, 1), m.special_use, m.messages, "
    "iif(instr(' ' || m.private_flags || ' ', ' \\Seen '), m.messages - coalesce(s.seen, 0), m.unseen), "
    "m.deleted, m.size, m.deleted_size, m.acl, m.private_flags, m.annotations"
)
_FROM: Final = f"mailbox m LEFT JOIN member_state s ON s.mailbox = m.id AND s.member = {_MEMBER}"
_BY_ID: Final = f"SELECT {_VALUES} FROM {_FROM} WHERE m.id = ?"  # noqa: S608 - the texts from above
_BY_NAME: Final = f"SELECT {_VALUES} FROM {_FROM} WHERE m.name = ?"  # noqa: S608 - the same
_ALL: Final = f"SELECT json_group_array(json_array({_VALUES}) ORDER BY m.name) FROM {_FROM}"  # noqa: S608 - the same
_SOME: Final = (
    f"SELECT json_group_array(json_array({_VALUES})) FROM {_FROM} "  # noqa: S608 - the same
    "WHERE m.id IN (SELECT value FROM json_each(?))"
)
_CHANGED: Final = (
    "FROM member_flags WHERE mailbox = ? AND modseq > ? AND member = (SELECT id FROM member WHERE identifier = ?)"
)
_MESSAGES: Final = (
    "SELECT m.uid AS uid, m.content AS content, m.flags AS flags, max(m.modseq, coalesce(f.modseq, 0)) AS modseq, "
    "coalesce(f.flags, 0) AS own FROM message m LEFT JOIN member_flags f ON f.mailbox = m.mailbox AND f.member = "
    "(SELECT id FROM member WHERE identifier = ?) AND f.uid = m.uid WHERE m.mailbox = ?"
)
_TEXTS: Final = (
    "SELECT group_concat(uid), group_concat(content), group_concat(flags), group_concat(modseq), group_concat(own) "
)
_ROWS: Final = selection.OverUids(f"{_TEXTS} FROM ({_MESSAGES} AND m.$UIDS ORDER BY m.uid)")
_COLUMNS: Final = f"{_TEXTS} FROM ({_MESSAGES} AND m.uid BETWEEN ? AND ? ORDER BY m.uid LIMIT ?)"
_OCTETS_OF_A_UID: Final = 8
"""What a UID in the log takes, about: a member's change is as much work."""


class MemberReading(Reading):
    """Reads mailboxes as one member sees them."""

    __slots__ = ("_flags", "_member")

    def __init__(self, member: str, flags: MergedFlags) -> None:
        """For a member by identifier, whose flags are put together by ``flags``."""
        self._member: Final = member
        self._flags: Final = flags

    def mailboxes(self, connection: apsw.Connection) -> list[Mailbox]:
        """All mailboxes in the order of their names."""
        return [mailbox_of(row) for row in json.loads(fetch_value(connection, _ALL, (self._member,)))]

    def some_mailboxes(self, connection: apsw.Connection, mailboxes: Collection[MailboxId]) -> list[Mailbox]:
        """These mailboxes, without those that are no more."""
        rows = json.loads(fetch_value(connection, _SOME, (self._member, json.dumps(list(mailboxes)))))
        return [mailbox_of(row) for row in rows]

    def mailbox_by_name(self, connection: apsw.Connection, name: str) -> Mailbox | None:
        """A mailbox as it is now."""
        rows = fetch(connection, _BY_NAME, (self._member, name))
        return mailbox_of(rows[0]) if rows else None

    def mailbox(self, connection: apsw.Connection, mailbox: MailboxId) -> Mailbox | None:
        """A mailbox as it is now."""
        rows = fetch(connection, _BY_ID, (self._member, mailbox))
        return mailbox_of(rows[0]) if rows else None

    def log_length(self, connection: apsw.Connection, mailbox: MailboxId, modseq: ModSeq) -> int:
        """Octets of the log after a mod-sequence, and as much for each change of the member's own."""
        own: int = fetch_value(connection, f"SELECT count(*) {_CHANGED}", (mailbox, modseq, self._member))
        return super().log_length(connection, mailbox, modseq) + own * _OCTETS_OF_A_UID

    def changes(self, connection: apsw.Connection, mailbox: Mailbox, modseq: ModSeq) -> Changes:
        """What changed after ``modseq`` for everybody or for the member."""
        changes = super().changes(connection, mailbox, modseq)
        text = fetch_value(connection, f"SELECT group_concat(uid) {_CHANGED}", (mailbox.id, modseq, self._member))
        if text is None:
            return changes
        own = RangeSet.of(selection.numbers(text))
        return Changes(changes.modseq, changes.changed.union(own).difference(changes.expunged), changes.expunged)

    def rows(self, connection: apsw.Connection, mailbox: Mailbox, uids: RangeSet) -> list[MessageRow]:
        """The rows of messages, ascending by UID."""
        rows: list[MessageRow] = []
        for texts in _ROWS.run(connection, uids, self._member, mailbox.id):
            rows += zip(*self._merged(connection, mailbox, texts), strict=True)
        return rows

    def _some_columns(self, connection: apsw.Connection, mailbox: Mailbox, first: int, last: int) -> Columns | None:
        texts = fetch_one(connection, _COLUMNS, (self._member, mailbox.id, first, last, COLUMNS_AT_ONCE))
        if texts[0] is None:
            return None
        uids, contents, flags, modseqs = self._merged(connection, mailbox, texts)
        return array("I", uids), array("Q", contents), array("I", flags), array("Q", modseqs)

    def _whole(self, connection: apsw.Connection, mailbox: Mailbox) -> Columns:
        # In one thread: flags are put together by what all of the process's threads would share.
        return self.columns(connection, mailbox)

    # Any: a row of SQLite's, whose columns have no static types.
    def _merged(self, connection: apsw.Connection, mailbox: Mailbox, texts: Any) -> Sequence[Sequence[int]]:
        """UIDs, contents, flag sets as the member sees them, and mod-sequences."""
        uids, contents, flags, modseqs, own = map(selection.numbers, texts)
        private = private_flags(mailbox.private_flags)
        merge = self._flags.merged
        seen = [merge(connection, *pair, private) for pair in zip(flags, own, strict=True)]
        return uids, contents, seen, modseqs
