"""A strict reader of ENVELOPE, BODY and BODYSTRUCTURE, made from the grammar of RFC 9051 §9 alone."""

import re
from typing import TypeAlias

Node: TypeAlias = "bytes | int | list[Node] | None"

_STRING = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"')
_NUMBER = re.compile(rb"\d+")


class SyntaxBroken(AssertionError):
    """The text does not follow the grammar."""


def read_list(text: bytes) -> list[Node]:
    """Read one parenthesised list that is the whole text: quoted strings, numbers, NIL, lists.

    Blanks stand singly between elements, or not at all between two lists (``1*address``, ``1*body``).
    """
    stack: list[list[Node]] = [[]]
    position = 0
    separated = True
    while position < len(text):
        octet = text[position : position + 1]
        if octet == b" ":
            if separated:
                raise SyntaxBroken(f"blank out of place at {position}: {text[position - 40 : position + 20]!r}")
            separated = True
            position += 1
            continue
        if octet == b")":
            if separated or len(stack) == 1:
                raise SyntaxBroken(f"parenthesis out of place at {position}: {text[position - 40 : position]!r}")
            closed = stack.pop()
            stack[-1].append(closed)
            position += 1
            continue
        follows_list = bool(stack[-1]) and isinstance(stack[-1][-1], list) and octet == b"("
        if not separated and not follows_list:
            raise SyntaxBroken(f"no blank at {position}: {text[position - 40 : position + 20]!r}")
        if octet == b"(":
            stack.append([])
            separated = True
            position += 1
            continue
        position, value = _read_atom(text, position)
        stack[-1].append(value)
        separated = False
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], list):
        raise SyntaxBroken(f"not one list: {text[:80]!r}")
    return stack[0][0]


def _read_atom(text: bytes, position: int) -> tuple[int, Node]:
    match = _STRING.match(text, position)
    if match:
        return match.end(), re.sub(rb"\\(.)", rb"\1", match[1])
    match = _NUMBER.match(text, position)
    if match:
        return match.end(), int(match[0])
    if text.startswith(b"NIL", position):
        return position + 3, None
    raise SyntaxBroken(f"neither string, number, NIL nor list at {position}: {text[position : position + 40]!r}")


def check_envelope(node: Node) -> None:
    """Ten fields: strings or NIL, and address lists or NIL in their places; groups open and close."""
    _expect(isinstance(node, list) and len(node) == 10, "ten fields", node)
    assert isinstance(node, list)
    for index in (0, 1, 8, 9):
        _expect(_is_nstring(node[index]), "nstring", node[index])
    for index in range(2, 8):
        if node[index] is not None:
            _check_addresses(node[index])


def _check_addresses(node: Node) -> None:
    _expect(isinstance(node, list) and len(node) > 0, "1*address", node)
    assert isinstance(node, list)
    in_group = False
    for address in node:
        _expect(isinstance(address, list) and len(address) == 4, "an address of four", address)
        assert isinstance(address, list)
        _expect(all(_is_nstring(field) for field in address), "nstrings", address)
        if address[3] is None:
            _expect((address[2] is None) == in_group, "groups that begin before they end, and never nest", address)
            in_group = not in_group
        else:
            _expect(address[2] is not None, "a mailbox with the host", address)
    _expect(not in_group, "groups that end", node)


def check_body(node: Node, *, extended: bool) -> None:
    """BODY, or BODYSTRUCTURE with all extension fields, of one part and everything in it."""
    _expect(isinstance(node, list) and len(node) > 0, "body", node)
    assert isinstance(node, list)
    if isinstance(node[0], list):
        parts = [child for child in node if isinstance(child, list)]
        count = next(index for index, child in enumerate(node) if not isinstance(child, list))
        for part in parts[:count]:
            check_body(part, extended=extended)
        rest = node[count:]
        _expect(isinstance(rest[0], bytes), "media-subtype", rest)
        if not extended:
            _expect(len(rest) == 1, "nothing after the subtype", rest)
            return
        _expect(len(rest) == 5, "parameters, disposition, language, location", rest)
        _check_parameters(rest[1])
        _check_extension(rest[2:])
        return
    _check_single(node, extended=extended)


def _check_single(node: list[Node], *, extended: bool) -> None:
    _expect(len(node) >= 7 and isinstance(node[0], bytes) and isinstance(node[1], bytes), "type and subtype", node)
    _check_parameters(node[2])
    _expect(_is_nstring(node[3]) and _is_nstring(node[4]), "id and description", node)
    _expect(isinstance(node[5], bytes) and node[5] != b"", "encoding", node)
    _expect(isinstance(node[6], int), "octets", node)
    assert isinstance(node[0], bytes)
    assert isinstance(node[1], bytes)
    rest = node[7:]
    if node[0].lower() == b"text":
        _expect(bool(rest) and isinstance(rest[0], int), "lines", node)
        rest = rest[1:]
    elif node[0].lower() == b"message" and node[1].lower() in {b"rfc822", b"global"}:
        _expect(len(rest) >= 3 and isinstance(rest[2], int), "envelope, body and lines", node)
        check_envelope(rest[0])
        check_body(rest[1], extended=extended)
        rest = rest[3:]
    if not extended:
        _expect(not rest, "no extension", node)
        return
    _expect(len(rest) == 4 and _is_nstring(rest[0]), "md5, disposition, language, location", node)
    _check_extension(rest[1:])


def _check_parameters(node: Node) -> None:
    if node is None:
        return
    _expect(isinstance(node, list) and len(node) > 0 and len(node) % 2 == 0, "pairs of strings", node)
    assert isinstance(node, list)
    _expect(all(isinstance(child, bytes) for child in node), "strings", node)


def _check_extension(node: list[Node]) -> None:
    disposition, language, location = node
    if disposition is not None:
        _expect(isinstance(disposition, list) and len(disposition) == 2, "disposition", disposition)
        assert isinstance(disposition, list)
        _expect(isinstance(disposition[0], bytes), "disposition type", disposition)
        _check_parameters(disposition[1])
    if isinstance(language, list):
        _expect(len(language) > 0 and all(isinstance(tag, bytes) for tag in language), "languages", language)
    else:
        _expect(_is_nstring(language), "language", language)
    _expect(_is_nstring(location), "location", location)


def _is_nstring(node: Node) -> bool:
    return node is None or isinstance(node, bytes)


def _expect(condition: bool, what: str, node: object) -> None:
    if not condition:
        raise SyntaxBroken(f"expected {what}, got {str(node)[:200]}")
