"""Parenthesised lists as they stand on the wire, taken apart without looking at what they say: BODYSTRUCTURE."""

import re
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    rb" *+(?:(\()|(\))|(\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"|\{[0-9]{1,10}\}\r\n|[^\s()\"{]++))", re.DOTALL
)


@dataclass(slots=True)
class Nested:
    """A list with its elements, or one element that is no list (then ``items`` is ``None``)."""

    start: int
    stop: int
    """Where it stands in the octets, half open."""
    items: "list[Nested] | None" = field(default=None)


def parse_nested(data: bytes) -> Nested:
    """The list that ``data`` is, however deep. Raises ValueError."""
    root = Nested(0, len(data), [])
    open_lists = [root]
    position = 0
    while position < len(data):
        match = _TOKEN.match(data, position)
        if match is None:
            raise ValueError(f"no list at {position}")
        position = match.end()
        start = match.start(match.lastindex or 0)
        items = open_lists[-1].items
        assert items is not None
        if match[1]:
            items.append(Nested(start, start, []))
            open_lists.append(items[-1])
        elif match[2]:
            open_lists.pop().stop = position
            if not open_lists:
                raise ValueError("too many closing parentheses")
        else:
            if match[3].startswith(b"{"):
                position += int(match[3][1:-3])
            items.append(Nested(start, position))
    if len(open_lists) != 1 or root.items is None or len(root.items) != 1:
        raise ValueError("not one list")
    return root.items[0]


def body_part(structure: Nested, numbers: tuple[int, ...]) -> Nested | None:
    """The structure of the part that section numbers name, within a BODYSTRUCTURE; ``None`` where there is none."""
    part: Nested = structure
    container: Nested | None = structure
    for number in numbers:
        if container is None:
            return None
        candidates = _children(container) or [container]
        if not 1 <= number <= len(candidates):
            return None
        part = candidates[number - 1]
        container = _numbered_below(part)
    return part


def _children(part: Nested) -> list[Nested]:
    """The parts of a multipart; of anything else none."""
    children: list[Nested] = []
    for item in part.items or []:
        if item.items is None:
            break
        children.append(item)
    return children


def _numbered_below(part: Nested) -> Nested | None:
    """What a part's further numbers count: its own parts, or the enclosed message."""
    if _children(part):
        return part
    items = part.items or []
    # body-type-msg: type subtype parameters id description encoding size envelope body lines (RFC 9051 §9)
    enclosed = items[8] if len(items) > 9 else None
    return enclosed if enclosed is not None and items[7].items is not None and enclosed.items is not None else None
