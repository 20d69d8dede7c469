"""Names of mailboxes made from names of files and folders, and the other way for Maildir.

A name is handled as its levels, each a text, until it becomes the mailbox's name.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailwren.imap import names
from mailwren.imap.errors import ImapError
from mailwren.store.values import INBOX, SEPARATOR, Mailbox

Levels = tuple[str, ...]

SPECIAL_NAMES: Mapping[str, str] = {
    name: use
    for use, spellings in {
        "\\Sent": ("sent", "sent items", "sent messages", "sent mail", "sent-mail", "gesendet", "gesendete elemente"),
        "\\Trash": ("trash", "deleted items", "deleted messages", "deleted", "bin", "papierkorb"),
        "\\Junk": ("junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail"),
        "\\Drafts": ("drafts", "draft", "entwürfe"),
        "\\Archive": ("archive", "archives", "archiv"),
    }.items()
    for name in spellings
}
"""What well-known names, in lower case, are for."""


def decode_level(raw: bytes) -> str:
    """A level as IMAP servers write it on disk: modified UTF-7 where it is valid, else UTF-8, else Latin-1."""
    try:
        return names.decode_utf7(raw)
    except ValueError:
        return raw.decode("latin-1")


def plain_level(raw: bytes) -> str:
    """A level as file names have it: UTF-8, else Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def level_of(name: str, utf7: bool) -> str:
    """The level that a file's or folder's name stands for."""
    raw = os.fsencode(name)
    return decode_level(raw) if utf7 else plain_level(raw)


@dataclass(slots=True)
class Naming:
    """Makes mailbox names of one import."""

    root: str = ""
    """Everything goes below this mailbox; what would go to INBOX, or is a single file, goes into it."""
    special: Mapping[str, str] = field(default_factory=dict)
    """Existing mailboxes by their special use; empty: names are kept."""

    def name(self, levels: Levels, own_name: str = INBOX) -> tuple[str, str]:
        """The mailbox's name for its levels, and what had to be changed ("" for nothing).

        Args:
            levels: below the root; none for what stands in the path itself.
            own_name: what that is called where no root is given.

        Raises:
            ValueError: no mailbox can have the name; the text says why.
        """
        given = [level for level in levels or (() if self.root else (own_name,)) if level]
        cleaned = [_clean(level) for level in given]
        cleaned[:1] = map(names.canonical, cleaned[:1])
        if self.root:
            result = SEPARATOR.join([self.root, *([] if cleaned == [INBOX] else cleaned)])
        else:
            result = self._special(cleaned) or SEPARATOR.join(cleaned) or INBOX
        result = names.canonical(result)
        try:
            names.check(result)
        except ImapError as error:
            raise ValueError(error.text) from error
        changed = any(new not in {old, INBOX} for new, old in zip(cleaned, map(_composed, given), strict=True))
        return result, "characters that no mailbox name can have were replaced" if changed else ""

    def _special(self, levels: list[str]) -> str:
        own = levels[1:] if len(levels) == 2 and levels[0] == INBOX else levels
        if len(own) != 1:
            return ""
        return self.special.get(SPECIAL_NAMES.get(own[0].lower(), ""), "")


def _composed(level: str) -> str:
    return unicodedata.normalize("NFC", level)


def _clean(level: str) -> str:
    """A level without what cannot be in a mailbox's name: separators and control characters become ``_``."""
    text = _composed(level)
    return text if text.isprintable() and SEPARATOR not in text else "".join(map(_fit, text))


def _fit(char: str) -> str:
    unfit = char == SEPARATOR or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or ord(char) & 0xFFFE == 0xFFFE
    return "_" if unfit else char


def special_mailboxes(mailboxes: Iterable[Mailbox]) -> dict[str, str]:
    """The mailbox of each special use."""
    return {use: mailbox.name for mailbox in mailboxes for use in mailbox.special_use}
