"""Which line of a TOML file a key stands in: the standard parser does not tell.

Works on text that the standard parser has accepted; it finds the ends of strings and brackets and nothing more.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Final, NamedTuple

from mailwren.config.errors import KeyPath

_TOKEN: Final = re.compile(
    r'(?P<long>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5})'
    r'|(?P<key>"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|[A-Za-z0-9_-]+)'
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<line>\n)"
    r"|(?P<mark>[\[\]{}=])",
    re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def positions(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of every key and table header outside of inline values."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    entries: dict[KeyPath, int] = {}
    for statement in _statements(text):
        line = statement[0].line
        if statement[0].text == "[":
            table = _header(statement, entries)
            for length in range(1, len(table) + 1):
                found.setdefault(table[:length], line)
        else:
            path = table + _keys(statement)
            for length in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:length], line)
    return found


def line_of(found: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a key, or of what it stands in, as near as is known."""
    for length in range(len(path), 0, -1):
        line = found.get(path[:length])
        if line is not None:
            return line
    return None


def _statements(text: str) -> Iterator[list[_Token]]:
    """The tokens of each header or assignment; they may span lines inside brackets."""
    line = 1
    depth = 0
    statement: list[_Token] = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        token = match.group()
        depth += (token in {"[", "{"}) - (token in {"]", "}"})
        if kind == "line" and depth == 0 and statement:
            yield statement
            statement = []
        elif kind in {"key", "mark"} or (kind == "long" and statement):
            statement.append(_Token(kind, token, line))
        line += token.count("\n")
    if statement:
        yield statement


def _keys(statement: list[_Token]) -> tuple[str, ...]:
    """The keys before the first ``=`` (or all of a header's)."""
    names = []
    for token in statement:
        if token.text == "=":
            break
        if token.kind == "key":
            names.append(_name(token.text))
    return tuple(names)


def _name(token: str) -> str:
    """A key without its quotes."""
    return next(iter(tomllib.loads(f"{token} = 0")))


def _header(statement: list[_Token], entries: dict[KeyPath, int]) -> KeyPath:
    """The path of ``[table]`` or ``[[list]]``, with the number of the entry wherever a list is passed."""
    keys = _keys(statement)
    is_list = [token.text for token in statement[:2]] == ["[", "["]
    path: KeyPath = ()
    for position, key in enumerate(keys):
        path += (key,)
        if is_list and position == len(keys) - 1:
            entries[path] = entries.get(path, -1) + 1
        if path in entries:
            path += (entries[path],)
    return path
