"""Transcript scripts: what clients send and what the server must answer.

A script is a header of ``key: value`` lines, an empty line, and steps:

    connections: 2          how many clients (default 1)
    state: selected         none, authenticated or selected (the default), for every connection
    messages: 3             small messages in INBOX (default 0)
    append: a.eml, b.raw    then these files of messages/, *.eml with each LF made CRLF
    mailboxes: Work, A/B    created beforehand
    rev2: 2                 the connections that enabled IMAP4rev2
    users: 2=ben, 3=cleo    who logs in on a connection (default anna, to whom messages and mailboxes belong)
    settings: a=1, b=2      settings of the server's configuration, by field, with numbers for values
    groups: crew=ben, desk*=ben+cleo   groups and their members; a star: with a mailbox of its own
    packet: no              do not also run it with pipelined commands in one packet
    ordered: yes            the untagged answers come in the order written, not in any order

    1 C: NOOP               connection 1 sends a command; a tag is put before it
    1 S: * 3 EXISTS         untagged answers to it, in any order (but see ``ordered``)
    1 S: OK                 its tagged answer, which ends the step (further words must follow as they stand)
    1 ! * EXPUNGE           must not occur anywhere in this step's answers
    1 C> raw line           a line of its own without a tag (after a literal's announcement; DONE)
    1 S> + idling           the next output must be this line, without waiting for a tagged answer; a ``1 S: OK``
                            behind it is the tagged answer to the command that is still open

In answers ``...`` stands for anything, ``$name`` for anything without blanks and brackets that must be the same at
every place, ``<CRLF>`` for a line end inside (literals). ``1 S: ...`` alone allows further untagged answers.
In what the client sends ``$name`` is replaced and ``<CRLF>`` is a line end.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .inprocess import Client, end_of_response, split_responses

_VARIABLE = re.compile(rb"\$[a-z]")
"""A variable in what is sent; a lone ``$`` is the saved search result, and keywords begin with a capital."""
_LINE = re.compile(r"^(\d+) (C:|C>|S:|S>|!) ?(.*)$")


@dataclass
class Step:
    """One exchange on one connection."""

    connection: int
    sends: bytes
    tagged: bool
    where: str
    expected: list[str] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    next_line: str | None = None


@dataclass
class Script:
    """A parsed transcript."""

    path: Path
    header: dict[str, str]
    steps: list[Step]


def parse_script(path: Path) -> Script:
    """Read a script. Raises ValueError with the place of what cannot be read."""
    header: dict[str, str] = {}
    steps: list[Step] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path.name}:{number}"
        match = _LINE.match(line)
        if match is None:
            key, colon, value = line.partition(":")
            if not colon or steps:
                raise ValueError(f"{where}: cannot be read: {line!r}")
            header[key.strip()] = value.strip()
            continue
        _add(steps, int(match[1]), match[2], match[3], where)
    return Script(path, header, steps)


def _add(steps: list[Step], connection: int, kind: str, text: str, where: str) -> None:
    if kind in ("C:", "C>"):
        steps.append(Step(connection, text.replace("<CRLF>", "\r\n").encode("utf-8"), kind == "C:", where))
        return
    if kind == "S>":
        steps.append(Step(connection, b"", False, where, next_line=text))
        return
    if not steps or steps[-1].connection != connection:
        raise ValueError(f"{where}: there is no command of connection {connection} before")
    if kind == "!":
        steps[-1].forbidden.append(text)
    else:
        steps[-1].expected.append(text)


class Player:
    """Plays a script against clients."""

    def __init__(self, clients: dict[int, Client], mode: str) -> None:
        """Use one client for each number; ``mode`` is ``whole``, ``bytes`` or ``packet``."""
        self._clients = clients
        self._mode = mode
        self._ordered = False
        self._variables: dict[str, str] = {}
        self._open: dict[int, tuple[Step, bytes]] = {}

    async def play(self, script: Script) -> None:
        """Play every step; AssertionError tells the line that failed."""
        self._ordered = script.header.get("ordered") == "yes"
        batches = self._batches(script.steps)
        for batch in batches:
            client = self._clients[batch[0].connection]
            tags: list[tuple[Step, bytes]] = []
            data = b""
            for step in batch:
                text, tag = self._text(step, client)
                data += text
                if tag:
                    tags.append((step, tag))
            if data:
                client.send(data, byte_by_byte=self._mode == "bytes")
            for step, tag in tags:
                if not any(_is_tagged(text) for text in step.expected):
                    self._open[step.connection] = (step, tag)  # answered by a later step (IDLE, literals)
                    continue
                await self._check(client, step, tag)
            await self._lines(client, batch)

    async def _lines(self, client: Client, batch: list[Step]) -> None:
        for step in batch:
            if step.next_line is not None:
                try:
                    line = await client.line()
                except TimeoutError:
                    raise AssertionError(f"{step.where}: nothing came") from None
                assert self._match(step.next_line, line[:-2].decode("utf-8", "replace")), f"{step.where}: got {line!r}"
            if not step.tagged and step.expected:
                command, tag = self._open.pop(step.connection)
                del command
                await self._check(client, step, tag)

    def _batches(self, steps: list[Step]) -> list[list[Step]]:
        batches: list[list[Step]] = []
        for step in steps:
            pipelined = (
                self._mode == "packet"
                and batches
                and batches[-1][-1].connection == step.connection
                and all(self._simple(each) for each in (batches[-1][-1], step))
            )
            if pipelined:
                batches[-1].append(step)
            else:
                batches.append([step])
        return batches

    @staticmethod
    def _simple(step: Step) -> bool:
        return step.tagged and any(_is_tagged(text) for text in step.expected) and not _VARIABLE.search(step.sends)

    def _text(self, step: Step, client: Client) -> tuple[bytes, bytes]:
        if step.next_line is not None:
            return b"", b""
        sends = step.sends
        for name, value in self._variables.items():
            sends = sends.replace(b"$" + name.encode(), value.encode())
        if not step.tagged:
            return sends + b"\r\n", b""
        tag = client.tag()
        return tag + b" " + sends + b"\r\n", tag

    async def _check(self, client: Client, step: Step, tag: bytes) -> None:
        output = await client.until(lambda data: end_of_response(data, tag))
        responses = [each.decode("utf-8", "replace") for each in split_responses(output)[0]]
        tagged = responses.pop()
        for text in step.forbidden:
            found = [each for each in [*responses, tagged] if self._match(text, each)]
            assert not found, f"{step.where}: must not occur: {found}"
        wanted = [text for text in step.expected if not _is_tagged(text)]
        anything = "..." in wanted
        for text in wanted:
            if text == "...":
                continue
            for index, each in enumerate(responses[:1] if self._ordered and not anything else responses):
                if self._match(text, each):
                    del responses[index]
                    break
            else:
                raise AssertionError(f"{step.where}: no answer like {text!r} in {responses}, {tagged!r}")
        assert anything or not responses, f"{step.where}: unexpected: {responses}"
        (final,) = [text for text in step.expected if _is_tagged(text)]
        words = tagged.partition(" ")[2]
        assert self._match(final + "...", words), f"{step.where}: wanted {final!r}, got {words!r}"

    def _match(self, wanted: str, got: str) -> bool:
        pattern = ""
        names: list[str] = []
        for piece in re.split(r"(\.\.\.|\$[a-z][a-z0-9]*|<CRLF>)", wanted):
            if piece == "...":
                pattern += "(?s:.*)"
            elif piece == "<CRLF>":
                pattern += "\r\n"
            elif re.fullmatch(r"\$[a-z][a-z0-9]*", piece):
                name = piece[1:]
                if name in self._variables:
                    pattern += re.escape(self._variables[name])
                elif name in names:
                    pattern += f"(?P={name})"
                else:
                    names.append(name)
                    pattern += rf"(?P<{name}>[^ ()\[\]]+)"
            else:
                pattern += re.escape(piece)
        match = re.fullmatch(pattern, got)
        if match:
            self._variables.update(match.groupdict())
        return match is not None


def _is_tagged(text: str) -> bool:
    return re.match(r"(OK|NO|BAD)\b", text) is not None
