"""SORT and THREAD the naive way, straight from RFC 5256's text: slow, with objects, and nothing shared with the server.

Messages are dictionaries' worth of plain values (:class:`Mail`); trees are built of :class:`Node`.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cmp_to_key
from itertools import count


class Unreadable(str):
    """Text whose charset is unknown, or that is not valid in it, as octets: behind all other text (RFC 5255 §4.6)."""

    __slots__ = ()

    def by_octets(self) -> str:
        """Characters that no other text has, in the order of the octets."""
        return "".join(chr(0xF0000 + ord(each)) for each in self)


@dataclass(eq=False)
class Mail:
    """What the RFC looks at."""

    number: int
    subject: str = ""
    """Decoded."""
    sent: int = 0
    arrival: int = 0
    size: int = 0
    message_id: str = ""
    references: tuple[str, ...] = ()
    sender: str = ""
    recipient: str = ""
    cc: str = ""
    display_sender: str = ""
    display_recipient: str = ""


# --- the base subject (RFC 5256 §2.1, §5) ----------------------------------------------------------------------
_BLOB = r"\[[^\[\]]*\][ \t]*"
_REFWD = r"(?:re|fwd?)[ \t]*(?:" + _BLOB + r")?:"
_LEADER = re.compile(r"(?:(?:" + _BLOB + r")*" + _REFWD + r"|[ \t])", re.IGNORECASE | re.ASCII)
_ONE_BLOB = re.compile(_BLOB)
_TRAILER = re.compile(r"(?:\(fwd\)|[ \t])\Z", re.IGNORECASE)


def base_subject(subject: str) -> tuple[str, bool]:
    """Steps 1 to 7, each as it stands there; and whether it is a reply or forward."""
    text = re.sub(r"[\t\r\n]", " ", subject)
    text = re.sub(r" {2,}", " ", text)
    reply = False
    while True:
        while found := _TRAILER.search(text):
            reply = reply or found[0] != " "
            text = text[: found.start()]
        matched = True
        while matched:
            matched = False
            if found := _LEADER.match(text):
                reply = reply or found[0] != " "
                text, matched = text[found.end() :], True
            if (found := _ONE_BLOB.match(text)) and text[found.end() :]:
                text, matched = text[found.end() :], True
        if text.lower().startswith("[fwd:") and text.endswith("]"):
            text, reply = text[5:-1], True
            continue
        return Unreadable(text).by_octets() if isinstance(subject, Unreadable) else text, reply


def casemap(text: str) -> str:
    """i;unicode-casemap (RFC 5051 §2), one code point after the other."""
    result = ""
    for character in text:
        title = character.title()
        result += unicodedata.normalize("NFKD", title if len(title) == 1 else character)
    return result


# --- SORT --------------------------------------------------------------------------------------------------
def naive_sort(mails: list[Mail], program: list[tuple[str, bool]]) -> list[int]:
    """The numbers in order: pairwise comparisons, criterion by criterion, then the sequence number."""

    def value(mail: Mail, key: str) -> object:
        match key:
            case "SUBJECT":
                return casemap(base_subject(mail.subject)[0]).encode()
            case "FROM":
                return casemap(mail.sender).encode()
            case "TO":
                return casemap(mail.recipient).encode()
            case "CC":
                return casemap(mail.cc).encode()
            case "DISPLAYFROM":
                return casemap(mail.display_sender).encode()
            case "DISPLAYTO":
                return casemap(mail.display_recipient).encode()
            case "DATE":
                return mail.sent
            case "ARRIVAL":
                return mail.arrival
            case "SIZE":
                return mail.size
            case _:
                return mail.number

    def compare(left: Mail, right: Mail) -> int:
        for key, reverse in program:
            one, other = value(left, key), value(right, key)
            if one != other:
                return (-1 if one < other else 1) * (-1 if reverse else 1)  # type: ignore[operator] # same kind
        return left.number - right.number

    return [mail.number for mail in sorted(mails, key=cmp_to_key(compare))]


# --- THREAD ------------------------------------------------------------------------------------------------
@dataclass(eq=False)
class Node:
    """A message, or a dummy."""

    mail: Mail | None = None
    parent: "Node | None" = None
    children: "list[Node]" = field(default_factory=list)

    def under(self, other: "Node") -> bool:
        """Whether this is the other or one of its descendants."""
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    def adopt(self, child: "Node") -> None:
        """Become the parent."""
        child.parent = self
        self.children.append(child)

    def leave(self) -> None:
        """Have no parent."""
        if self.parent is not None:
            self.parent.children.remove(self)
            self.parent = None

    def first(self) -> Mail:
        """The message, or the first child's."""
        return self.mail if self.mail is not None else self.children[0].first()

    def date(self) -> tuple[int, int]:
        """What siblings are sorted by."""
        return self.first().sent, self.first().number


def _linked(mails: list[Mail]) -> Node:
    """Steps 1 and 2."""
    unique = (f"unique {number}" for number in count())
    table: dict[str, Node] = {}
    names: dict[int, str] = {}
    for mail in mails:
        name = mail.message_id if mail.message_id and mail.message_id not in table else next(unique)
        names[mail.number] = name
        table[name] = Node(mail)
    for mail in mails:
        before: Node | None = None
        for reference in mail.references:
            node = table.setdefault(reference, Node())
            if before is not None and node.parent is None and not before.under(node):
                before.adopt(node)
            before = node
        current = table[names[mail.number]]
        current.leave()
        if before is not None and not before.under(current):
            before.adopt(current)
    root = Node()
    for node in list(table.values()):
        if node.parent is None:
            root.adopt(node)
    return root


def _prune(node: Node, root: Node) -> None:
    """Step 3, the youngest first."""
    for child in list(node.children):
        _prune(child, root)
        if child.mail is not None:
            continue
        if not child.children:
            child.leave()
        elif node is not root or len(child.children) == 1:
            for grandchild in list(child.children):
                grandchild.leave()
                node.adopt(grandchild)
            child.leave()


def _sort(node: Node) -> None:
    """Step 6 (and more than step 4 needs)."""
    for child in node.children:
        _sort(child)
    node.children.sort(key=Node.date)


def _thread_subject(node: Node) -> tuple[str, bool]:
    text, reply = base_subject(node.first().subject)
    return casemap(text), reply and node.mail is not None


def _gather(root: Node) -> None:
    """Step 5."""
    table: dict[str, Node] = {}
    for node in root.children:
        subject, reply = _thread_subject(node)
        if not subject:
            continue
        known = table.get(subject)
        if known is None or (
            known.mail is not None and (node.mail is None or (_thread_subject(known)[1] and not reply))
        ):
            table[subject] = node
    for node in list(root.children):
        if node.parent is not root:
            continue
        subject, reply = _thread_subject(node)
        if not subject or table[subject] is node:
            continue
        known = table[subject]
        node.leave()
        if known.mail is None and node.mail is None:
            for child in list(node.children):
                child.leave()
                known.adopt(child)
        elif known.mail is None or (reply and not _thread_subject(known)[1]):
            known.adopt(node)
        else:
            dummy = Node()
            known.leave()
            dummy.adopt(known)
            dummy.adopt(node)
            root.adopt(dummy)
            table[subject] = dummy


def _written(node: Node) -> str:
    """``thread-members / thread-nested``."""
    number = str(node.mail.number) if node.mail is not None else ""
    if len(node.children) == 1:
        return f"{number} {_written(node.children[0])}"
    nested = "".join(f"({_written(child)})" for child in node.children)
    return f"{number} {nested}" if number and nested else number + nested


def _all(root: Node) -> str:
    return "".join(f"({_written(child)})" for child in root.children)


def naive_references(mails: list[Mail]) -> str:
    """THREAD=REFERENCES, as the response has it."""
    root = _linked(mails)
    _prune(root, root)
    _sort(root)
    _gather(root)
    _sort(root)
    return _all(root)


def naive_refs(mails: list[Mail]) -> str:
    """THREAD=REFS (draft-ietf-morg-inthread-01 §4)."""
    root = _linked(mails)
    _prune(root, root)
    _sort(root)

    def latest(node: Node) -> int:
        return max([*([node.mail.arrival] if node.mail else []), *map(latest, node.children)])

    root.children.sort(key=lambda node: (latest(node), node.first().number))
    return _all(root)


def naive_ordered_subject(mails: list[Mail]) -> str:
    """THREAD=ORDEREDSUBJECT."""
    threads: dict[str, list[Mail]] = {}
    for mail in sorted(mails, key=lambda mail: (mail.sent, mail.number)):
        threads.setdefault(casemap(base_subject(mail.subject)[0]), []).append(mail)
    result = ""
    for thread in sorted(threads.values(), key=lambda thread: (thread[0].sent, thread[0].number)):
        head, *others = thread
        nested = str(others[0].number) if len(others) == 1 else "".join(f"({each.number})" for each in others)
        result += f"({head.number} {nested})" if others else f"({head.number})"
    return result
