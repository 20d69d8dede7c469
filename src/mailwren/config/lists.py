"""Kinds of settings that hold several values: lists of words, tables of text, the default mailboxes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailwren.base import limits
from mailwren.config.errors import Fault, WrongValue
from mailwren.config.kinds import Flag, Kind, Text, describe, quote, wrong
from mailwren.config.suggest import did_you_mean
from mailwren.config.values import SPECIAL_USES, DefaultMailbox

_SERVER_URL: Final = re.compile(
    r"(?i:imap)://[A-Za-z0-9._-]+(?::[0-9]{1,5})?(?:/(?:[A-Za-z0-9._~!$'()*+,:@&=/-]|%[0-9A-Fa-f]{2})*)?"
)


@dataclass(frozen=True, slots=True)
class Words:
    """A list of words, each fitting a pattern, in the order given and without repeats.

    Args:
        wanted: what the list is, to follow "must be".
        pattern: of one word, in any case.
        upper: kept in upper case; otherwise in lower case.
    """

    wanted: str
    pattern: str
    upper: bool = False

    def read(self, value: object, _folder: Path) -> tuple[str, ...]:
        """A TOML list of strings."""
        if not isinstance(value, list):
            raise wrong(value, self.wanted)
        faults = [
            Fault(f"{describe(word)} is not taken here", f"the list must be {self.wanted}", (number,))
            for number, word in enumerate(value)
            if not isinstance(word, str) or not re.fullmatch(self.pattern, word, re.IGNORECASE)
        ]
        if faults:
            raise WrongValue(*faults)
        return tuple(dict.fromkeys(word.upper() if self.upper else word.lower() for word in value))

    def read_text(self, text: str, folder: Path) -> tuple[str, ...]:
        """Words with commas or blanks between."""
        return self.read(text.replace(",", " ").split(), folder)

    def show(self, value: tuple[str, ...]) -> str:
        """A TOML list."""
        return f"[{', '.join(map(quote, value))}]"


@dataclass(frozen=True, slots=True)
class WordsForNames:
    """A table of names, each with a list of words."""

    wanted: str
    words: Words

    def read(self, value: object, folder: Path) -> dict[str, tuple[str, ...]]:
        """A TOML table of lists."""
        if not isinstance(value, Mapping):
            raise wrong(value, self.wanted)
        result: dict[str, tuple[str, ...]] = {}
        faults: list[Fault] = []
        for name, words in value.items():
            try:
                result[name] = self.words.read(words, folder)
            except WrongValue as error:
                faults += [Fault(f.problem, f.advice, (name, *f.below)) for f in error.faults]
        if faults:
            raise WrongValue(*faults)
        return result

    def read_text(self, text: str, folder: Path) -> dict[str, tuple[str, ...]]:
        """``NAME=WORD WORD; NAME=WORD``."""
        result: dict[str, tuple[str, ...]] = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, sign, words = part.partition("=")
            if not sign or not name.strip():
                raise wrong(part, "NAME=WORD WORD; NAME=WORD")
            result[name.strip()] = self.words.read_text(words, folder)
        return result

    def show(self, value: Mapping[str, tuple[str, ...]]) -> str:
        """An inline table."""
        return _inline_table({name: self.words.show(words) for name, words in value.items()})


@dataclass(frozen=True, slots=True)
class IdFields:
    """The fields of the ID command's answer (RFC 2971 §3.3)."""

    wanted: str = 'a table of at most 30 texts, such as { name = "Mailwren", "support-url" = "https://…" }'

    def read(self, value: object, _folder: Path) -> dict[str, str]:
        """A TOML table of strings."""
        if not isinstance(value, Mapping) or len(value) > 30:
            raise wrong(value, self.wanted)
        faults = [
            Fault(f"{describe(text)} is not taken here", "names have up to 30 characters, texts up to 1024", (name,))
            for name, text in value.items()
            if not isinstance(text, str) or not re.fullmatch(r"[^\x00\r\n]{0,1024}", text) or not _fits_id_name(name)
        ]
        if faults:
            raise WrongValue(*faults)
        return dict(value)

    def read_text(self, text: str, folder: Path) -> dict[str, str]:
        """``NAME=TEXT; NAME=TEXT``."""
        pairs = [part.partition("=") for part in text.split(";") if part.strip()]
        if not all(sign and name.strip() for name, sign, _ in pairs):
            raise wrong(text, "NAME=TEXT; NAME=TEXT")
        return self.read({name.strip(): value.strip() for name, _, value in pairs}, folder)

    def show(self, value: Mapping[str, str]) -> str:
        """An inline table."""
        return _inline_table({name: quote(text) for name, text in value.items()})


@dataclass(frozen=True, slots=True)
class ServersForNames:
    """A table of names, each with the IMAP URL of a server, or of a mailbox on one (RFC 5092)."""

    wanted: str

    def read(self, value: object, _folder: Path) -> dict[str, str]:
        """A TOML table of strings."""
        if not isinstance(value, Mapping):
            raise wrong(value, self.wanted)
        faults = [
            Fault(f"{describe(url)} is not taken here", "a URL such as imap://mail.example.org/Team", (name,))
            for name, url in value.items()
            if not name or not isinstance(url, str) or _SERVER_URL.fullmatch(url) is None
        ]
        if faults:
            raise WrongValue(*faults)
        return dict(value)

    def read_text(self, text: str, folder: Path) -> dict[str, str]:
        """``NAME=URL; NAME=URL``."""
        pairs = [part.partition("=") for part in text.split(";") if part.strip()]
        return self.read({name.strip(): value.strip() for name, _, value in pairs}, folder)

    def show(self, value: Mapping[str, str]) -> str:
        """An inline table."""
        return _inline_table({name: quote(text) for name, text in value.items()})


@dataclass(frozen=True, slots=True)
class SharedAnnotations:
    """The server's entries that all users can read (RFC 5464 §3.2.1.1)."""

    wanted: str = 'a table of texts, such as { "/shared/admin" = "mailto:postmaster@example.org" }'

    def read(self, value: object, _folder: Path) -> dict[str, str]:
        """A TOML table of strings; names become lower case, as they are compared."""
        if not isinstance(value, Mapping) or len(value) > limits.ANNOTATIONS_PER_MAILBOX:
            raise wrong(value, self.wanted)
        faults = [
            Fault(f"{describe(text)} is not taken here", "names begin with /shared/, values are texts", (name,))
            for name, text in value.items()
            if not isinstance(text, str) or _SHARED_ENTRY.fullmatch(name) is None
        ]
        if faults:
            raise WrongValue(*faults)
        return {name.lower(): text for name, text in value.items()}

    def read_text(self, text: str, folder: Path) -> dict[str, str]:
        """``NAME=TEXT; NAME=TEXT``."""
        pairs = [part.partition("=") for part in text.split(";") if part.strip()]
        return self.read({name.strip(): value.strip() for name, _, value in pairs}, folder)

    def show(self, value: Mapping[str, str]) -> str:
        """An inline table."""
        return _inline_table({name: quote(text) for name, text in value.items()})


_SHARED_ENTRY: Final = re.compile(r"/shared(?:/[\x20-\x24\x26-\x29\x2b-\x2e\x30-\x7e]+)+", re.IGNORECASE)


def _fits_id_name(name: str) -> bool:
    return re.fullmatch(r"[ !#-\[\]-~]{1,30}", name) is not None


def _inline_table(fields: Mapping[str, str]) -> str:
    shown = [
        f"{name if re.fullmatch('[A-Za-z0-9_-]+', name) else quote(name)} = {text}" for name, text in fields.items()
    ]
    return f"{{ {', '.join(shown)} }}" if shown else "{}"


_MAILBOX_FIELDS: Final[Mapping[str, Kind[Any]]] = {
    "name": Text("a mailbox's name, levels separated by /", r"(?!/|.*//)[^\x00-\x1f\x7f*%\\\"]{1,250}(?<!/)"),
    "special_use": Text("a special use", r"\\?[A-Za-z]{1,30}"),
    "subscribed": Flag(),
}


@dataclass(frozen=True, slots=True)
class DefaultMailboxes:
    """The mailboxes that every account is given."""

    wanted: str = "tables [[mailbox]], each with a name and perhaps with special_use and subscribed"

    def read(self, value: object, folder: Path) -> tuple[DefaultMailbox, ...]:
        """A list of tables; an empty list for no default mailboxes."""
        if not isinstance(value, list):
            raise wrong(value, self.wanted)
        mailboxes: list[DefaultMailbox] = []
        faults: list[Fault] = []
        for number, entry in enumerate(value):
            try:
                mailboxes.append(_read_mailbox(entry, folder))
            except WrongValue as error:
                faults += [Fault(f.problem, f.advice, (number, *f.below)) for f in error.faults]
        faults += _repeats(mailboxes)
        if faults:
            raise WrongValue(*faults)
        return tuple(mailboxes)

    def read_text(self, text: str, folder: Path) -> tuple[DefaultMailbox, ...]:
        """``Sent=\\Sent, Drafts=\\Drafts, Lists``."""
        entries = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, sign, special_use = part.partition("=")
            entries.append({"name": name.strip()} | ({"special_use": special_use.strip()} if sign else {}))
        return self.read(entries, folder)

    def show(self, value: tuple[DefaultMailbox, ...]) -> str:
        """A list of inline tables."""
        return f"[{', '.join(map(_show_mailbox, value))}]"


def _read_mailbox(entry: object, folder: Path) -> DefaultMailbox:
    """One ``[[mailbox]]`` table."""
    if not isinstance(entry, Mapping):
        raise wrong(entry, "a table with a name")
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in entry.items():
        try:
            values[name] = _mailbox_field(name).read(value, folder)
        except WrongValue as error:
            faults += [Fault(f.problem, f.advice, (name,)) for f in error.faults]
    if "name" not in entry:
        faults.append(Fault("has no name", 'add it, such as name = "Sent"'))
    special_use = values.get("special_use")
    if special_use is not None:
        values["special_use"] = next(
            (f"\\{u}" for u in SPECIAL_USES if u.lower() == special_use.lstrip("\\").lower()), None
        )
        if values["special_use"] is None:
            advice = f"known are {', '.join(SPECIAL_USES)}{did_you_mean(special_use, SPECIAL_USES)}"
            faults.append(Fault(f"{describe(special_use)} is no special use", advice, ("special_use",)))
    if faults:
        raise WrongValue(*faults)
    return DefaultMailbox(**values)


def _mailbox_field(name: str) -> Kind[Any]:
    """The kind of a field. Raises WrongValue for an unknown one."""
    kind = _MAILBOX_FIELDS.get(name)
    if kind is None:
        advice = f"known here are {', '.join(_MAILBOX_FIELDS)}{did_you_mean(name, list(_MAILBOX_FIELDS))}"
        raise WrongValue(Fault("is not a setting of a mailbox", advice))
    return kind


def _repeats(mailboxes: list[DefaultMailbox]) -> list[Fault]:
    """Names and special uses that stand twice, and INBOX, which is always there."""
    faults = []
    for number, mailbox in enumerate(mailboxes):
        before = mailboxes[:number]
        if mailbox.name.upper() == "INBOX":
            faults.append(Fault("INBOX is always there", "remove it from the list", (number, "name")))
        if any(other.name == mailbox.name for other in before):
            faults.append(Fault(f"{quote(mailbox.name)} stands twice", "give each its own name", (number, "name")))
        if mailbox.special_use and any(other.special_use == mailbox.special_use for other in before):
            faults.append(Fault(f"{mailbox.special_use} stands twice", "one mailbox has it", (number, "special_use")))
    return faults


def _show_mailbox(mailbox: DefaultMailbox) -> str:
    """An inline table."""
    fields = {"name": quote(mailbox.name)}
    if mailbox.special_use is not None:
        fields["special_use"] = quote(mailbox.special_use)
    if not mailbox.subscribed:
        fields["subscribed"] = "false"
    return _inline_table(fields)
