"""Names of mailboxes as names of files and folders: any name, also a hostile one, gets a safe one of its own.

A level is percent-encoded where it must be: what is no printable character or means something to a file system or
a shell, a dot, hyphen, tilde or blank where it would, the names that systems reserve, endings that this export uses
itself. What is too long is cut and marked with a hash. Two names that some file system takes for one (case, Unicode
forms) are told apart by a number. So a path tells the name to people; the manifest tells it exactly.
"""

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath

from mailwren.base import limits
from mailwren.imap.names import encode_utf7
from mailwren.store.values import INBOX, SEPARATOR

_UNSAFE = frozenset('%/\\:*?"<>|')
_RESERVED = re.compile(
    r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?|cur|new|tmp|mailboxes|storage|dbox-mails|mailwren-.*"
    r"|courierimapkeywords"
)
"""Names that mean something to Windows or to mail programs."""
_OWN_ENDING = re.compile(r"(?i)\.(?=(?:mbox|mbx|eml|sbd|mozmsgs)$)")
_PATH_LIMIT = 1000
"""Octets of a whole path below the export: far below every system's limit with the target's own path added."""


def safe_level(level: str) -> str:
    """One level of a mailbox's name as the name of a file or folder."""
    text = "".join(_encoded(char) if char in _UNSAFE or not char.isprintable() else char for char in level)
    text = _OWN_ENDING.sub("%2E", text)
    if text[:1] in {".", "-", "~", " "} or _RESERVED.fullmatch(text):
        text = _encoded(text[0]) + text[1:]
    if text[-1:] in {".", " "}:
        text = text[:-1] + _encoded(text[-1])
    return _shortened(text, limits.EXPORT_LEVEL)


def _encoded(char: str) -> str:
    return "".join(f"%{octet:02X}" for octet in char.encode("utf-8", "surrogatepass"))


def _shortened(text: str, octets: int) -> str:
    raw = text.encode("utf-8")
    if len(raw) <= octets:
        return text
    mark = hashlib.sha256(raw).hexdigest()[:16]
    # A percent-encoded octet is not cut in two.
    return re.sub(r"%[0-9A-F]?$", "", raw[: octets - 17].decode("utf-8", "ignore")) + "~" + mark


class TreePaths:
    """Paths of mailboxes in an export as a tree of folders: the same levels below each other."""

    def __init__(self, ending: str) -> None:
        """Files of mailboxes get ``ending``; with an empty one, mailboxes are folders."""
        self._ending = ending
        self._folders: dict[tuple[str, ...], str] = {(): ""}
        self._used: set[str] = set()

    def path(self, name: str) -> str:
        """The path for a mailbox, with ``/``; to be asked once for each name."""
        levels = tuple(name.split(SEPARATOR))
        if not self._ending:
            return self._folder(levels)
        return self._unused(self._folder(levels[:-1]), safe_level(levels[-1]), self._ending)

    def _folder(self, levels: tuple[str, ...]) -> str:
        if levels not in self._folders:
            above = self._folder(levels[:-1])
            self._folders[levels] = self._unused(above, safe_level(levels[-1]), "")
        return self._folders[levels]

    def _unused(self, above: str, level: str, ending: str) -> str:
        path = str(PurePosixPath(above, level)) if above else level
        if len(path.encode("utf-8")) > _PATH_LIMIT:
            path = _shortened(path.replace("/", "%2F"), limits.EXPORT_LEVEL)
        return _first_unused(self._used, path, ending)


class MaildirPaths:
    """Paths of mailboxes in a Maildir++ export: INBOX is the folder itself, others are ``.Level.Level`` in it."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def path(self, name: str) -> str:
        """The path for a mailbox; to be asked once for each name."""
        if name == INBOX:
            return "."
        joined = ".".join(self._level(level) for level in name.split(SEPARATOR))
        return _first_unused(self._used, "." + _shortened(joined, limits.EXPORT_LEVEL), "")

    @staticmethod
    def _level(level: str) -> str:
        """In modified UTF-7, as IMAP servers write it, with percent-encoding for what Maildir++ cannot have."""
        text = encode_utf7(level).decode("ascii")
        return "".join(_encoded(char) if char in "./%" else char for char in text)


def _first_unused(used: set[str], path: str, ending: str) -> str:
    """The path, or the path with the first number that makes it different for every file system."""
    candidate, number = path + ending, 2
    while (key := unicodedata.normalize("NFKD", candidate).casefold()) in used:
        candidate = f"{path}~{number}{ending}"
        number += 1
    used.add(key)
    return candidate


def subscription_row(name: str) -> str:
    """A name as Dovecot's and Courier's ``subscriptions`` files of Maildir++ have it."""
    return ".".join(encode_utf7(level).decode("ascii") for level in name.split(SEPARATOR))
