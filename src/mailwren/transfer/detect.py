"""What kind of mail store a path is, told from names and first octets, so that a user can be told and asked."""

from enum import Enum
from pathlib import Path

from mailwren.transfer.files import read_beginning
from mailwren.transfer.folders import is_dbox, is_maildir
from mailwren.transfer.from_lines import first_from_line, line_ending
from mailwren.transfer.manifest import MANIFEST
from mailwren.transfer.recognition import SNIFFED, is_message_name, why_not_mail


class Layout(Enum):
    """What a path to import is. The value is a short word, :attr:`description` says it to users."""

    EXPORT = "export"
    MBOX = "mbox"
    MESSAGE = "message"
    MAILDIR = "maildir"
    THUNDERBIRD = "thunderbird"
    MH = "mh"
    DBOX = "dbox"
    FOLDERS = "folders"
    NOT_MAIL = "not-mail"
    MISSING = "missing"

    @property
    def description(self) -> str:
        """In words."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Layout.EXPORT: "an export made by mailwren",
    Layout.MBOX: "an mbox file",
    Layout.MESSAGE: "a single message",
    Layout.MAILDIR: "a Maildir",
    Layout.THUNDERBIRD: "a Thunderbird folder tree",
    Layout.MH: "an MH folder",
    Layout.DBOX: "a Dovecot dbox, which is not read: convert it with `doveadm backup maildir:FOLDER`",
    Layout.FOLDERS: "a tree of folders",
    Layout.NOT_MAIL: "not mail",
    Layout.MISSING: "not there, or not readable",
}


def detect(path: Path) -> Layout:
    """What a path is. Never raises; reads a few octets at most."""
    try:
        path = path.resolve(strict=True)
        return _detect_folder(path) if path.is_dir() else _detect_file(path)
    except OSError:
        return Layout.MISSING


def _detect_file(path: Path) -> Layout:
    beginning = read_beginning(path, SNIFFED)
    if first_from_line(beginning, line_ending(beginning)) is not None:
        return Layout.MBOX
    return Layout.NOT_MAIL if why_not_mail(beginning, is_message_name(path.name)) else Layout.MESSAGE


def _detect_folder(path: Path) -> Layout:
    names = {entry.name for entry in path.iterdir()}
    if MANIFEST in names:
        return Layout.EXPORT
    if is_maildir(path) or any(name.startswith(".") and is_maildir(path / name) for name in names):
        return Layout.MAILDIR
    if is_dbox(names):
        return Layout.DBOX
    if any(name.endswith((".msf", ".sbd")) for name in names):
        return Layout.THUNDERBIRD
    return Layout.MH if ".mh_sequences" in names else Layout.FOLDERS
