"""Finds what there is to import below a path: mbox files, Maildir folders, folders of single messages.

Layouts may be mixed. A file or folder becomes a mailbox named for its place below the path; what belongs to no
mailbox is passed over when it is known bookkeeping of a mail program, and a :class:`Problem` otherwise.
"""

import os
import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mailwren.base import limits
from mailwren.store.values import INBOX, SEPARATOR
from mailwren.transfer.files import NotAFile, is_folder, read_beginning, readable_name, reason
from mailwren.transfer.from_lines import first_from_line, line_ending
from mailwren.transfer.incoming import Problem
from mailwren.transfer.mailbox_names import Levels, decode_level, level_of
from mailwren.transfer.maildir_names import read_subscriptions
from mailwren.transfer.manifest import MANIFEST, ManifestEntry, read_manifest
from mailwren.transfer.recognition import SNIFFED, is_message_name, why_not_mail

_MBOX_ENDING = re.compile(r"(?i)\.(?:mbox|mbx)$")
_BOOKKEEPING = re.compile(
    r"(?i)\..*|.*\.(?:msf|dat|lock|wdseml|cmeta)|subscriptions|filterlog\.html|maildirsize|maildirfolder"
    r"|dovecot(?:-uid|-keywords|-acl|\.index|\.list|\.mailbox|\.sieve).*|courierimap.*"
    r"|cyrus\.(?:header|index|cache|squat|expunge|annotations)|mailwren-(?:export\.json|index\.tsv)"
)
"""Files of mail programs that hold no mail, as a rule."""
_REMOVED = re.compile(r",\d+")
"""Messages that MH has removed."""
_BOOKKEEPING_FOLDER = re.compile(r"(?i)\.imap|\.git|.*\.mozmsgs|courierimapkeywords")
"""Folders of mail programs that hold no mail."""
_MAILDIR_PARTS = frozenset({"cur", "new", "tmp"})
_DBOX_ADVICE = "a Dovecot dbox: convert it with `doveadm backup maildir:FOLDER` and import that folder"


class FolderKind(Enum):
    """How the messages of a mailbox are kept."""

    MBOX = "mbox"
    MAILDIR = "maildir"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True)
class Folder:
    """What becomes one mailbox."""

    kind: FolderKind
    path: Path
    levels: Levels
    """The mailbox's name, from the path that is imported; none for what stands in that path itself."""
    own_name: str = INBOX
    """What the mailbox is called when there are no levels and no other name is given."""
    files: tuple[str, ...] = ()
    """For LOOSE: the names of the message files."""
    subscribed: bool | None = None
    """``None`` where the source does not tell."""
    special_use: tuple[str, ...] = ()


class Walker:
    """Goes through one path to import."""

    def __init__(self, root: Path, utf7: bool = True) -> None:
        """Begin at ``root``; folder names are modified UTF-7 where that is valid, unless ``utf7`` is false."""
        self._root = root.resolve()
        self._utf7 = utf7
        self._subscribed: frozenset[Levels] | None = None

    def folders(self) -> Iterator[Folder | Problem]:
        """Everything below the path, in the order of names; what is not taken is a :class:`Problem`."""
        if not is_folder(self._root):
            yield from self._single_file()
            return
        manifest = read_manifest(self._root)
        if manifest is not None:
            yield from self._exported(*manifest)
            return
        self._subscribed = read_subscriptions(self._root)
        yield from self._folder(self._root, (), beside_maildir=False)

    def _single_file(self) -> Iterator[Folder | Problem]:
        path = self._root
        try:
            beginning = read_beginning(path, SNIFFED)
        except OSError as error:
            yield Problem(readable_name(path), reason(error))
            return
        name = _without_ending(path.name)
        if _is_mbox(beginning) and not is_message_name(path.name):
            own_name = INBOX if name.lower() in {"mbox", "inbox"} else level_of(name, self._utf7)
            yield Folder(FolderKind.MBOX, path, (), own_name)
        else:
            yield Folder(FolderKind.LOOSE, path.parent, (), INBOX, (path.name,))

    def _exported(self, form: str, entries: list[ManifestEntry]) -> Iterator[Folder | Problem]:
        """What an export's manifest lists; files that it does not list are none of its mailboxes."""
        kinds = {"mbox": FolderKind.MBOX, "maildir": FolderKind.MAILDIR, "eml": FolderKind.LOOSE}
        if form not in kinds:
            yield Problem(readable_name(self._root / MANIFEST), f"an export of an unknown format: {form[:40]!r}")
            return
        for entry in entries:
            path = self._root / entry.path
            try:
                if path.resolve(strict=True) != path:
                    raise NotAFile("a symbolic link: not followed")
                files = tuple(_message_files(path)) if kinds[form] is FolderKind.LOOSE else ()
            except OSError as error:
                yield Problem(readable_name(path), f"the exported mailbox {entry.name[:80]!r}: {reason(error)}")
                continue
            levels = tuple(entry.name.split(SEPARATOR))
            yield Folder(kinds[form], path, levels, INBOX, files, entry.subscribed, entry.special_use)

    def _folder(self, path: Path, levels: Levels, beside_maildir: bool) -> Iterator[Folder | Problem]:
        """A folder and everything below it; what stands in or below a Maildir is only taken when it clearly is mail."""
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as error:
            yield Problem(readable_name(path), reason(error))
            return
        names = {entry.name for entry in entries}
        if len(levels) > limits.MAILBOX_DEPTH:
            yield Problem(readable_name(path), f"more than {limits.MAILBOX_DEPTH} folders deep")
        elif is_dbox(names):
            yield Problem(readable_name(path), _DBOX_ADVICE)
        else:
            if is_maildir(path):
                beside_maildir = True
                yield self._maildir(path, levels)
                entries = [entry for entry in entries if entry.name not in _MAILDIR_PARTS or entry.is_symlink()]
            yield from self._entries(path, levels, entries, beside_maildir)

    def _maildir(self, path: Path, levels: Levels) -> Folder:
        return Folder(FolderKind.MAILDIR, path, levels, subscribed=self._is_subscribed(levels))

    def _is_subscribed(self, levels: Levels) -> bool | None:
        if self._subscribed is None:
            return None
        return (levels or (INBOX,)) in self._subscribed

    def _entries(
        self, path: Path, levels: Levels, entries: list["os.DirEntry[str]"], beside_maildir: bool
    ) -> Iterator[Folder | Problem]:
        loose: list[str] = []
        for entry in entries:
            if entry.is_symlink():
                if entry.is_dir() or not _BOOKKEEPING.fullmatch(entry.name):
                    yield Problem(readable_name(entry.path), "a symbolic link: not followed")
            elif entry.is_dir(follow_symlinks=False):
                yield from self._subfolder(path / entry.name, levels, beside_maildir)
            else:
                yield from self._file(path / entry.name, levels, loose, beside_maildir)
        if loose:
            own_name = INBOX if beside_maildir else level_of(path.name, self._utf7) or INBOX
            files = tuple(loose)
            yield Folder(FolderKind.LOOSE, path, levels, own_name, files, self._is_subscribed(levels))

    def _subfolder(self, path: Path, levels: Levels, beside_maildir: bool) -> Iterator[Folder | Problem]:
        """Maildir++ folders are hidden and say all their levels; other hidden ones could hold anything at all."""
        name = path.name
        if name.startswith(".") and is_maildir(path):
            below = tuple(decode_level(os.fsencode(level)) for level in name[1:].split(".") if level)
            yield self._maildir(path, levels + below)
        elif _BOOKKEEPING_FOLDER.fullmatch(name):
            return
        elif not name.startswith("."):
            yield from self._folder(path, (*levels, self._folder_level(name)), beside_maildir)
        elif _holds_something(path):
            yield Problem(readable_name(path), "a hidden folder: not searched")

    def _folder_level(self, name: str) -> str:
        """Thunderbird puts the folders below ``Work`` into ``Work.sbd``, Apple Mail's export is ``Work.mbox/mbox``."""
        return level_of(_without_ending(name.removesuffix(".sbd")), self._utf7)

    def _file(self, path: Path, levels: Levels, loose: list[str], beside_maildir: bool) -> Iterator[Folder | Problem]:
        """A file that is an mbox is a mailbox; any other is a message of its folder's mailbox.

        Programs' own files are only taken when they clearly are mail, and passed over without a word otherwise.
        """
        if is_message_name(path.name):
            loose.append(path.name)
        if is_message_name(path.name) or _REMOVED.fullmatch(path.name):
            return
        try:
            beginning = read_beginning(path, SNIFFED)
        except OSError as error:
            yield Problem(readable_name(path), reason(error))
            return
        name = _without_ending(path.name)
        own_files = beside_maildir or _BOOKKEEPING.fullmatch(path.name) is not None
        if _is_mbox(beginning) or (not beginning and not own_files and _may_be_empty_mbox(path.name)):
            inside = name == "mbox" and _MBOX_ENDING.search(path.parent.name) is not None and levels
            own = levels if inside else (*levels, level_of(name, self._utf7))
            yield Folder(FolderKind.MBOX, path, own, subscribed=self._is_subscribed(own))
        elif not (own_files and why_not_mail(beginning, named_as_mail=False)):
            loose.append(path.name)


def is_dbox(names: AbstractSet[str]) -> bool:
    """Whether the names in a folder are those of a Dovecot sdbox or mdbox."""
    return "dbox-Mails" in names or names >= {"mailboxes", "storage"}


def is_maildir(path: Path) -> bool:
    """Whether a folder is a Maildir folder: ``cur`` or ``new`` in it (a copy may have lost the empty ones)."""
    return any(is_folder(path / part) for part in ("cur", "new"))


def _is_mbox(beginning: bytes) -> bool:
    return first_from_line(beginning, line_ending(beginning)) is not None


def _may_be_empty_mbox(name: str) -> bool:
    """An mbox that holds no message is an empty file: taken for one when its name is an mbox's."""
    return "." not in name or _MBOX_ENDING.search(name) is not None


def _holds_something(path: Path) -> bool:
    """Whether a hidden folder could hold mail: an empty one, or one with bookkeeping alone, cannot."""
    try:
        return any(not _BOOKKEEPING.fullmatch(name) and name not in _MAILDIR_PARTS for name in os.listdir(path))  # noqa: PTH208 - names alone
    except OSError:
        return True


def _without_ending(name: str) -> str:
    return _MBOX_ENDING.sub("", name) or name


def _message_files(path: Path) -> Iterator[str]:
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and not _BOOKKEEPING.fullmatch(entry.name):
                yield entry.name
