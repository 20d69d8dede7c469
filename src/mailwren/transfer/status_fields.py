"""Flags that mbox files keep in header fields of the messages, and those fields.

They are the file's, not the message's: what programs wrote there to remember its state. Importing reads them and
takes them out, so that a message is the one that arrived, and the same one when its state has changed in the
meantime. Fields whose value is not of the known form are the sender's and stay.

| field | written by | says |
| --- | --- | --- |
| Status, X-Status, X-Keywords | mutt, pine, Dovecot, mailx | flags, keywords |
| X-UID, X-IMAP, X-IMAPbase | Dovecot, UW-IMAP | nothing that is needed here |
| X-Mozilla-Status, -Status2, -Keys | Thunderbird, SeaMonkey | flags, keywords |
"""

import re
from dataclasses import dataclass

_ENDING = rb"[ \t]*(?:\r\n|\n|\r|\Z)"
_FIELDS = re.compile(
    rb"(?im)^(?:"
    rb"(?P<status>status|x-status):[ \t]*(?P<letters>[A-Za-z]{0,8})" + _ENDING + rb"|"
    rb"(?P<keywords>x-keywords|x-mozilla-keys):(?P<names>(?:[^\r\n]*(?:\r\n|\n|\r)[ \t])*[^\r\n]*)" + _ENDING + rb"|"
    rb"x-mozilla-status:[ \t]*(?P<mozilla>[0-9a-f]{4})" + _ENDING + rb"|"
    rb"x-mozilla-status2:[ \t]*(?P<mozilla2>[0-9a-f]{8})" + _ENDING + rb"|"
    rb"x-uid:[ \t]*\d*" + _ENDING + rb"|"
    rb"(?P<base>x-imap|x-imapbase):[ \t]*\d+[ \t]+\d+(?:[ \t][^\r\n]*)?" + _ENDING + rb")"
)
_MAYBE = re.compile(rb"(?im)^(?:status|x-(?:status|keywords|mozilla-|uid|imap)[a-z0-9]*):")
_LETTERS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
_MOZILLA = ((0x0001, "\\Seen"), (0x0002, "\\Answered"), (0x0004, "\\Flagged"), (0x1000, "$Forwarded"))
_MOZILLA_EXPUNGED = 0x0008
_MOZILLA2 = ((0x00200000, "\\Deleted"), (0x00800000, "$MDNSent"))
_MOZILLA_LABEL = 0x0E000000
_INTERNAL = b"DON'T DELETE THIS MESSAGE"


@dataclass(slots=True)
class State:
    """What the fields said, and the header without them."""

    header: bytes
    flags: tuple[str, ...]
    gone: bool = False
    """Not a message of the mailbox: expunged and not yet compacted away, or a program's own bookkeeping."""


def take_state(header: bytes, commas: bool = True) -> State:
    """Read the fields out of a header block (with or without the blank line at its end).

    Args:
        header: the block.
        commas: keywords are divided by blanks or commas, which some programs write; else by blanks alone.
    """
    if _MAYBE.search(header) is None:
        return State(header, ())
    found = _Found(commas)
    kept = _FIELDS.sub(found.take, header)
    internal = found.base and _INTERNAL in header
    return State(kept, tuple(dict.fromkeys(found.flags)), found.expunged or internal)


class _Found:
    """Collects while the fields are cut out."""

    def __init__(self, commas: bool) -> None:
        self._commas = commas
        self.flags: list[str] = []
        self.expunged = False
        self.base = False

    def take(self, field: re.Match[bytes]) -> bytes:
        """Read one field; what stands in its place is nothing."""
        if field["status"]:
            self._letters(field["letters"].decode("ascii"))
        elif field["keywords"]:
            names = field["names"].replace(b",", b" ") if self._commas else field["names"]
            self.flags += names.decode("utf-8", "replace").split()
        elif field["mozilla"]:
            self._mozilla(int(field["mozilla"], 16))
        elif field["mozilla2"]:
            self._mozilla2(int(field["mozilla2"], 16))
        elif field["base"]:
            self.base = True
        return b""

    def _letters(self, letters: str) -> None:
        self.flags += [_LETTERS[letter] for letter in letters.upper() if letter in _LETTERS]

    def _mozilla(self, bits: int) -> None:
        self.flags += [flag for bit, flag in _MOZILLA if bits & bit]
        self.expunged = self.expunged or bool(bits & _MOZILLA_EXPUNGED)

    def _mozilla2(self, bits: int) -> None:
        self.flags += [flag for bit, flag in _MOZILLA2 if bits & bit]
        label = (bits & _MOZILLA_LABEL) >> 25
        if label:
            self.flags.append(f"$label{label}")


def write_state(flags: frozenset[str], ending: bytes) -> bytes:
    """The fields for a message's flags, as mutt, Dovecot and others read them; empty where there are none."""
    letters = {flag.lower(): letter for letter, flag in _LETTERS.items()}
    lower = {flag.lower() for flag in flags}
    seen = "R" if "\\seen" in lower else ""
    state = "".join(letters[flag] for flag in sorted(lower & letters.keys()) if flag != "\\seen")
    keywords = sorted(flag for flag in flags if not flag.startswith("\\"))
    lines = [f"Status: {seen}O"]
    if state:
        lines.append(f"X-Status: {state}")
    if keywords:
        lines.append("X-Keywords: " + " ".join(keywords))
    return b"".join(line.encode() + ending for line in lines)
