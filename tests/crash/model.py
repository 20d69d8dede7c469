"""What a client knows of its mailboxes: every acknowledged change, and the one whose answer never came."""

from dataclasses import dataclass, field

Message = tuple[str, frozenset[str]]
"""A token that names the message, and its flags."""


@dataclass
class Folder:
    """A mailbox as its only writer knows it."""

    messages: dict[int, Message] = field(default_factory=dict)
    """By UID."""
    largest_uid: int = 0
    """The largest UID ever seen here: no new message may have it or a smaller one."""

    def copy(self) -> "Folder":
        """An independent copy."""
        return Folder(dict(self.messages), self.largest_uid)


@dataclass
class Unsure:
    """A command whose answer never came: it happened wholly or not at all."""

    what: str
    new: dict[str, list[Message]] = field(default_factory=dict)
    """Messages it would add, by mailbox, in order; their UIDs are not known."""
    gone: dict[str, set[int]] = field(default_factory=dict)
    """UIDs it would remove, by mailbox."""
    flags: dict[str, dict[int, frozenset[str]]] = field(default_factory=dict)
    """Flags it would leave, by mailbox and UID."""
    twice: bool = False
    """It may have added and not removed: a MOVE into another account."""


def difference(name: str, known: Folder, unsure: Unsure | None, found: dict[int, Message]) -> tuple[str, bool | None]:
    """Compare a mailbox after the crash with what is known.

    Returns:
        What is wrong (empty when nothing), and whether the unsure command happened here (``None``: cannot be told).
    """
    before = _compare(known.messages, [], known.largest_uid, found)
    if unsure is None or not (name in unsure.new or name in unsure.gone or name in unsure.flags):
        return before, None
    after_messages = {
        uid: (token, unsure.flags.get(name, {}).get(uid, flags))
        for uid, (token, flags) in known.messages.items()
        if uid not in unsure.gone.get(name, set())
    }
    new = unsure.new.get(name, [])
    after = _compare(after_messages, new, known.largest_uid, found)
    if not before and not after:
        return "", None
    if not before:
        return "", False
    if not after:
        return "", True
    return f"{name}: neither before nor after {unsure.what}: {before} / {after}", None


def _compare(known: dict[int, Message], new: list[Message], largest: int, found: dict[int, Message]) -> str:
    for uid, message in known.items():
        if uid not in found:
            return f"UID {uid} {message[0]} is lost"
        if found[uid] != message:
            return f"UID {uid} is {found[uid]}, not {message}"
    others = [(uid, found[uid]) for uid in sorted(found) if uid not in known]
    if [message for _, message in others] != new:
        return f"unexpected messages {others[:5]}, wanted {new[:5]}"
    if any(uid <= largest for uid, _ in others):
        return f"a UID was used again: {others[:5]}, largest seen {largest}"
    return ""
