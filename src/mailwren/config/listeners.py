"""The kind of setting that listeners are: tables in TOML, ``PROTOCOL:HOST:PORT`` or ``lmtp:unix:PATH`` in text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mailwren.base import limits
from mailwren.config.errors import Fault, WrongValue
from mailwren.config.kinds import Choice, FilePath, Kind, Text, WholeNumber, describe, wrong
from mailwren.config.suggest import did_you_mean
from mailwren.config.values import ALL_ADDRESSES, AUTOMATIC_LISTENERS, SOCKET_MODE, Listener, ListenProtocol

_FIELDS: Final[Mapping[str, Kind[Any]]] = {
    "protocol": Choice(ListenProtocol),
    "host": Text('an address, a host name, or "*" for all addresses', r"\*|[0-9A-Za-z._:%-]{1,255}"),
    "port": WholeNumber(0, 65535),
    "path": FilePath("the path of a UNIX socket"),
    "mode": Text('the permissions of the socket as octal digits, such as "0660"', r"0?[0-7]{3}"),
}
_TEXT_WANTED: Final = "HOST:PORT, [IPV6]:PORT or *:PORT"


@dataclass(frozen=True, slots=True)
class Listeners:
    """Where the server listens."""

    wanted: str = 'tables [[listen]], each with a protocol and with host and port, or with a path ("lmtp" only)'

    def read(self, value: object, folder: Path) -> tuple[Listener, ...]:
        """A list of tables, of which every fault is reported, or ``"automatic"``."""
        if value == "automatic":
            return AUTOMATIC_LISTENERS
        if not isinstance(value, list):
            raise wrong(value, self.wanted)
        listeners: list[Listener] = []
        faults: list[Fault] = []
        for number, entry in enumerate(value):
            try:
                listeners += _read_table(entry, folder)
            except WrongValue as error:
                faults += [Fault(f.problem, f.advice, (number, *f.below)) for f in error.faults]
        if faults:
            raise WrongValue(*faults)
        return _distinct(listeners)

    def read_text(self, text: str, folder: Path) -> tuple[Listener, ...]:
        """Listeners with commas between: ``imap:127.0.0.1:143, lmtp:unix:/run/mailwren/lmtp.sock``."""
        if text.strip() == "automatic":
            return AUTOMATIC_LISTENERS
        listeners: list[Listener] = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            protocol, _, address = part.partition(":")
            listeners += read_address(Choice(ListenProtocol).read(protocol, folder), address, folder)
        return _distinct(listeners)

    def show(self, value: tuple[Listener, ...]) -> str:
        """A list of inline tables."""
        if value == AUTOMATIC_LISTENERS:
            return '"automatic"'
        return f"[{', '.join(map(_show_listener, value))}]"


def read_address(protocol: ListenProtocol, text: str, folder: Path) -> list[Listener]:
    """``HOST:PORT`` or ``unix:PATH`` as on the command line. Raises WrongValue."""
    text = text.strip()
    if text.startswith("unix:"):
        return _read_table({"protocol": protocol.value, "path": text.removeprefix("unix:")}, folder)
    match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\[\]:]*)):(?P<port>[0-9]{1,5})", text)
    if match is None:
        wanted = _TEXT_WANTED + (", or unix:PATH" if protocol is ListenProtocol.LMTP else "")
        raise WrongValue(Fault(f"{describe(text)} is not an address to listen on", f"it must be {wanted}"))
    host = match["six"] or match["host"] or "*"
    return _read_table({"protocol": protocol.value, "host": host, "port": int(match["port"])}, folder)


def _read_table(entry: object, folder: Path) -> list[Listener]:
    """One ``[[listen]]`` table; ``host = "*"`` makes two listeners of it."""
    if not isinstance(entry, Mapping):
        raise wrong(entry, "a table with protocol, host and port")
    values, faults = _read_fields(entry, folder)
    faults += _misfits(entry)
    if faults:
        raise WrongValue(*faults)
    protocol = values["protocol"]
    if "path" in values:
        return [Listener(protocol, path=values["path"], mode=int(values.get("mode", f"{SOCKET_MODE:o}"), 8))]
    hosts = ALL_ADDRESSES if values["host"] == "*" else ((values["host"], False),)
    return [Listener(protocol, host, values["port"], optional=optional) for host, optional in hosts]


def _read_fields(entry: Mapping[str, object], folder: Path) -> tuple[dict[str, Any], list[Fault]]:
    """Each known field's value, and what is wrong with any of them."""
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in entry.items():
        kind = _FIELDS.get(name)
        if kind is None:
            advice = f"known here are {', '.join(_FIELDS)}{did_you_mean(name, list(_FIELDS))}"
            faults.append(Fault("is not a setting of a listener", advice, (name,)))
            continue
        try:
            values[name] = kind.read(value, folder)
        except WrongValue as error:
            faults += [Fault(f.problem, f.advice, (name,)) for f in error.faults]
    return values, faults


def _misfits(entry: Mapping[str, object]) -> list[Fault]:
    """What is missing in a listener, or does not go together."""
    faults = []
    if "protocol" not in entry:
        faults.append(Fault("has no protocol", f"add protocol = {Choice(ListenProtocol).wanted}"))
    if "path" in entry:
        if entry.get("protocol") in {"imap", "imaps"}:
            faults.append(
                Fault("a UNIX socket is for LMTP only", 'give host and port, or protocol = "lmtp"', ("path",))
            )
        faults += [Fault("does not go with path", "remove one of them", (n,)) for n in ("host", "port") if n in entry]
        return faults
    advice = 'such as host = "127.0.0.1" or "*" and port = 143'
    faults += [Fault(f"has no {name}", f"add it, {advice}") for name in ("host", "port") if name not in entry]
    if "mode" in entry:
        faults.append(Fault("is for UNIX sockets only", "remove it, or give a path", ("mode",)))
    return faults


def _distinct(listeners: Sequence[Listener]) -> tuple[Listener, ...]:
    """The listeners, unless there are none or two of them need the same address."""
    if not 1 <= len(listeners) <= limits.LISTENERS:
        raise WrongValue(Fault(f"{len(listeners)} listeners", f"give 1 to {limits.LISTENERS} of them"))
    faults = [
        Fault(f"{second.address} clashes with {first.protocol} on {first.address}", "give each its own address or port")
        for number, second in enumerate(listeners)
        for first in listeners[:number]
        if _clash(first, second)
    ]
    if faults:
        raise WrongValue(*faults)
    return tuple(listeners)


def _clash(first: Listener, second: Listener) -> bool:
    """Do both need the same path, or the same port of an address?"""
    if first.path is not None or second.path is not None:
        return first.path == second.path
    if first.port != second.port or first.port == 0:
        return False
    wildcard = "::" if ":" in first.host else "0.0.0.0"  # noqa: S104 - compared, not bound
    same_family = (":" in first.host) == (":" in second.host)
    return first.host == second.host or (same_family and wildcard in {first.host, second.host})


def _show_listener(listener: Listener) -> str:
    """An inline table."""
    fields: dict[str, object]
    if listener.path is not None:
        fields = {"path": listener.path, "mode": f"{listener.mode:04o}"}
    else:
        fields = {"host": listener.host, "port": listener.port}
    shown = (
        f"{name} = {_FIELDS[name].show(value)}" for name, value in {"protocol": listener.protocol, **fields}.items()
    )
    return f"{{ {', '.join(shown)} }}"
