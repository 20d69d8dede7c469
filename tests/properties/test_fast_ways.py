"""Whatever way the server takes for speed, its answers are those of a server that takes none."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.fast_and_slow import Script, take_every_way, take_no_short_cut, workers

from mailwren.base import limits


def _part(kind: bytes, body: bytes, *more: bytes) -> bytes:
    return b"\r\n".join((b"Content-Type: " + kind, *more, b"", body))


def _message(subject: bytes, body: bytes, *more: bytes) -> bytes:
    head = (
        b"From: Anna <anna@example.org>",
        b"To: ben@example.org, Cleo <cleo@example.org>",
        b"Subject: " + subject,
        b"Date: Mon, 3 Mar 2025 10:00:00 +0100",
        b"Message-ID: <" + subject.replace(b" ", b".") + b"@example.org>",
        *more,
    )
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _multipart(kind: bytes, *parts: bytes) -> bytes:
    mark = b"=_%d" % len(parts)
    inside = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts)
    return inside + b"--" + mark + b"--\r\n"


def _multi(subject: bytes, *parts: bytes) -> bytes:
    return _message(
        subject, _multipart(b"mixed", *parts), b'Content-Type: multipart/mixed; boundary="=_%d"' % len(parts)
    )


def _deep(levels: int) -> bytes:
    part = _part(b"text/plain", b"the innermost")
    for level in range(levels):
        mark = b"level%d" % level
        part = _part(b'multipart/mixed; boundary="%b"' % mark, b"--%b\r\n%b\r\n--%b--\r\n" % (mark, part, mark))
    return _message(b"deep", b"", b"MIME-Version: 1.0").replace(b"\r\n\r\n", b"\r\n" + part, 1)


TEXT = _part(b"text/plain; charset=utf-8", b"Text of a part", b"Content-Transfer-Encoding: 8bit")
BASE64 = _part(b"application/pdf; name=a.pdf", b"JVBERi0xLjQKAAEC\r\n", b"Content-Transfer-Encoding: base64")
QUOTED = _part(b"text/html", b"<b>gr=C3=BCn</b>=\r\n more", b"Content-Transfer-Encoding: quoted-printable")
UNKNOWN = _part(b"text/plain", b"whatever", b"Content-Transfer-Encoding: x-unknown")
MESSAGES = (
    b"Subject: nothing but a header\r\n\r\n",
    b"no header at all",
    _message(b"plain", b"Hello, world\r\n"),
    _message(b"Re: plain", b"Answer\r\n", b"References: <plain@example.org>", b"In-Reply-To: <plain@example.org>"),
    _message(b"8bit gr\xc3\xbcn", b"Gr\xc3\xbc\xc3\x9fe \xff\xfe\r\n" * 9),
    _message(b"nul", b"a\0b\0c\r\n"),
    _message(b"listed", b"x\r\n", b"List-Id: <list.example.org>", b"Cc: dora@example.org", b"X-Other: 100%\r\n more"),
    _multi(b"two parts", TEXT, BASE64),
    _multi(b"three parts", TEXT, QUOTED, BASE64),
    _multi(b"unknown encoding", TEXT, UNKNOWN),
    _multi(b"inside", TEXT, _part(b"message/rfc822", _multi(b"within", QUOTED, BASE64))),
    _deep(12),
    _multi(b"broad", *([TEXT] * 250)),
    _message(b"long header", b"x\r\n", *[b"X-Field-%d: " % n + b"y" * 70 for n in range(250)]),
    _message(b"recipients", b"x\r\n", b"Cc: " + b",\r\n ".join(b"n%d@example.org" % n for n in range(700))),
    _message(b"below 16 KiB", b"0123456789 abcdef\r\n" * 800),
    _message(b"above 16 KiB", b"0123456789 abcdef\r\n" * 1200),
    _message(b"in a file", bytes(random.Random(1).choices(b"abcdef\r\n\n \xfc", k=limits.BLOB_IN_DATABASE + 4000))),
    _multi(b"file", TEXT, _part(b"application/pdf", b"QUJD\r\n" * 12000, b"Content-Transfer-Encoding: base64")),
)
FLAGS = (b"\\Seen", b"\\Deleted", b"\\Flagged", b"\\Answered", b"work", b"Home", b"$Forwarded")
ITEMS = (
    *(b"FLAGS", b"UID", b"FLAGS", b"UID", b"MODSEQ", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
    *(b"BODYSTRUCTURE", b"EMAILID", b"THREADID", b"PREVIEW", b"PREVIEW (LAZY)", b"SAVEDATE", b"X-GM-LABELS"),
    *(b"X-GM-MSGID", b"RFC822", b"RFC822.HEADER", b"RFC822.TEXT", b"BODY[]", b"BODY.PEEK[]", b"BODY.PEEK[]<0.2048>"),
    *(b"BODY.PEEK[]<5.10>", b"BODY.PEEK[]<999999.1>", b"BODY[TEXT]", b"BODY.PEEK[TEXT]<0.100>", b"BODY.PEEK[HEADER]"),
    *(b"BODY.PEEK[HEADER]<3.40>", b"BODY.PEEK[1]", b"BODY[1]", b"BODY.PEEK[1]<0.2048>", b"BODY.PEEK[2]"),
    *(b"BODY.PEEK[1.MIME]", b"BODY.PEEK[2.MIME]", b"BODY.PEEK[2.HEADER]", b"BODY.PEEK[2.TEXT]", b"BODY.PEEK[2.1]"),
    *(b"BODY.PEEK[2.2.MIME]", b"BODY.PEEK[3]", b"BODY.PEEK[2.HEADER.FIELDS (Subject)]", b"BODY.PEEK[1.1.1.1.1]"),
    b"BODY.PEEK[HEADER.FIELDS (Subject From)]",
    b"BODY.PEEK[HEADER.FIELDS (subject)]<2.5>",
    b"BODY.PEEK[HEADER.FIELDS (X-Other List-Id)]",
    b"BODY.PEEK[HEADER.FIELDS (Date From To Cc Subject Message-ID References In-Reply-To List-Id)]",
    b"BODY.PEEK[HEADER.FIELDS.NOT (Received Subject)]",
    *(b"BINARY.PEEK[1]", b"BINARY[2]", b"BINARY.PEEK[2]<1.5>", b"BINARY.PEEK[]", b"BINARY.SIZE[1]", b"BINARY.SIZE[2]"),
)
KEYS = (
    *(b"ALL", b"UNSEEN", b"FLAGGED", b"UNSEEN FLAGGED", b"NOT DELETED", b"KEYWORD work", b"OR SEEN KEYWORD home"),
    *(b"RECENT", b"NEW", b"DELETED", b"ANSWERED UNKEYWORD work", b"SUBJECT plain", b"SUBJECT e", b"FROM anna"),
    *(b"TEXT hello", b"BODY part", b"CC dora", b"HEADER List-Id list", b"LARGER 16000", b"SMALLER 500", b"MODSEQ 20"),
    *(b"SINCE 2-Jan-2025", b"BEFORE 4-Jan-2025", b"SENTON 3-Mar-2025", b"2:4", b"UID 3:9", b"UNSEEN 1:5", b"$"),
    *(b"NOT TEXT hello UNSEEN", b"OR (SUBJECT re) (LARGER 20000)", b"SAVEDSINCE 1-Jan-2020"),
)
RETURNS = (
    *(b"", b"", b"RETURN () ", b"RETURN (SAVE) ", b"RETURN (ALL COUNT SAVE) ", b"RETURN (MIN MAX) "),
    b"RETURN (PARTIAL 1:3) ",
)
ORDERS = (b"SUBJECT", b"REVERSE DATE", b"ARRIVAL", b"SIZE", b"FROM SUBJECT", b"DISPLAYTO", b"REVERSE CC ARRIVAL")
PREPARATIONS: tuple[tuple[bytes, ...], ...] = (
    *((), (), (), (b"CONDSTORE",), (b"CONDSTORE",), (b"IMAP4rev2",), (b"QRESYNC",), (b"UTF8=ACCEPT",)),
    *((b"UIDONLY",), (b"QRESYNC", b"UIDONLY")),
)
"""What clients enable."""


class Commands:
    """Makes up what clients ask, by chance, the same for the same number."""

    def __init__(self, number: int) -> None:
        self._random = random.Random(number)
        pick = self._random.choice
        self.size = pick([2, 4, 0])
        """How small limits are; 0 leaves them as they are."""
        self.start = [self.append() for _ in range(self._random.randint(2, 8))]
        self.enabled = [pick(PREPARATIONS) for _ in range(4)]
        makers = (*[self.fetch] * 5, *[self.store] * 6, *[self.search] * 3, self.select, self.select, self.append)
        self.steps: list[tuple[int, bytes]] = []
        number = 0
        self.usual = [pick(makers)() for _ in range(4)] + [self.fetch() for _ in range(3)] + self.changes()
        for _ in range(self._random.randint(15, 60)):
            if self._random.random() < 0.6:
                number = self._random.randrange(4)
            maker = pick(makers) if self._random.random() < 0.85 else None
            usual = self._random.random() < 0.65
            self.steps.append((number, pick(self.usual) if usual else pick(OTHERS) if maker is None else maker()))

    def changes(self) -> list[bytes]:
        """Flags that are changed again and again, and searched for."""
        flag, other = self._random.sample(FLAGS[:5], 2)
        messages = (b"2", b"5", b"7", b"2:5", b"1:9", b"1,3,6:7")
        stores = [b"UID STORE %b %bFLAGS (%b)" % (each, sign, flag) for each in messages for sign in (b"+", b"-")]
        keys = [b"KEYWORD " + each if each == b"work" else each[1:].upper() for each in (flag, other)]
        return [*stores, *[b"UID SEARCH " + key for key in keys for _ in range(3)], b"UID STORE 4 FLAGS (%b)" % other]

    def some(self, choices: Sequence[bytes], least: int, most: int) -> bytes:
        """Some of them with spaces between."""
        return b" ".join(self._random.sample(choices, self._random.randint(least, most)))

    def maybe(self, chance: float, text: bytes) -> bytes:
        """The text, with a mod-sequence perhaps, or nothing."""
        if self._random.random() > chance:
            return b""
        return text % self._random.randint(0, 60) if b"%d" in text else text

    def numbers(self, uid: bytes) -> bytes:
        """A sequence set."""
        last = 30 if uid else 9
        first = self._random.randint(1, last)
        return self._random.choice(
            [
                *(b"1:*", b"1:*", b"*", b"$", b"2:5", b"1,3,5,7", b"%d" % first, b"%d" % first, b"%d:*" % first),
                b"%d:%d" % (first, self._random.randint(1, last)),
            ]
        )

    def append(self) -> bytes:
        """APPEND of one message or of several."""
        text = b"APPEND %BOX%"
        for octets in self._random.choices(MESSAGES, k=self._random.randint(1, 4)):
            sign = b"~" if b"\0" in octets else b""
            day = self._random.randint(1, 9)
            text += b' (%b) " %d-Jan-2025 12:00:00 +0100"' % (self.some(FLAGS, 0, 3), day)
            text += b" %b{%d+}\r\n%b" % (sign, len(octets), octets)
        return text

    def fetch(self) -> bytes:
        """FETCH of some items, or of what programs ask for."""
        items = b"(%b)" % self.some(ITEMS, 1, 4)
        usual = [b"FAST", b"ALL", b"FULL", b"(FLAGS)", b"(UID FLAGS MODSEQ)", b"(UID BODY[])", b"(FLAGS BODYSTRUCTURE)"]
        if self._random.random() < 0.4:
            items = self._random.choice(usual)
        uid = self.maybe(0.6, b"UID ")
        more = self.maybe(0.1, b" (CHANGEDSINCE %d)") or self.maybe(0.06, b" (CHANGEDSINCE %d VANISHED)")
        return uid + b"FETCH " + self.numbers(uid) + b" " + items + (more or self.maybe(0.05, b" (PARTIAL 1:4)"))

    def store(self) -> bytes:
        """STORE of flags."""
        sign, silent = self._random.choice([b"", b"+", b"-"]), self.maybe(0.4, b".SILENT")
        uid = self.maybe(0.6, b"UID ")
        condition = self.maybe(0.2, b" (UNCHANGEDSINCE %d)")
        what = (uid, self.numbers(uid), condition, sign, silent, self.some(FLAGS, 0, 2))
        return b"%bSTORE %b%b %bFLAGS%b (%b)" % what

    def search(self) -> bytes:
        """SEARCH, SORT or THREAD."""
        key, uid, pick = self._random.choice(KEYS), self.maybe(0.6, b"UID "), self._random.choice
        order, algorithm = pick(ORDERS), pick([b"REFERENCES", b"ORDEREDSUBJECT", b"REFS"])
        search = b"SEARCH %b" % pick(RETURNS)
        return uid + pick([search, search, search, b"SORT (%b) UTF-8 " % order, b"THREAD %b UTF-8 " % algorithm]) + key

    def select(self) -> bytes:
        """SELECT or EXAMINE, perhaps with what a client knew."""
        more = self.maybe(0.2, b" (CONDSTORE)") or self.maybe(0.3, b" (QRESYNC (1763900000 %d 1:20))")
        return self._random.choice([b"SELECT "] * 4 + [b"EXAMINE "]) + b"%BOX%" + more


OTHERS = (
    *(b"NOOP", b"NOOP", b"EXPUNGE", b"CLOSE", b"UNSELECT", b"CHECK", b"STATUS %BOX% (MESSAGES UNSEEN HIGHESTMODSEQ)"),
    *(b"UID EXPUNGE 1:5", b"UID EXPUNGE 3:*", b"COPY 1:3 %BOX%", b"UID COPY 1:9 Drafts", b"MOVE 2 %BOX%"),
    *(b"UID MOVE 4:6 Drafts", b"UID MOVE 1:3 %BOX%", b"COPY $ %BOX%", b"UID COPY 2:9 %BOX%", b"ENABLE CONDSTORE"),
    *(b"RENAME INBOX Old", b"IDLE\r\nDONE", b"LANGUAGE de", b"SELECT %BOX%", b"SELECT %BOX%", b"ENABLE IMAP4rev2"),
)
_USERS = ("anna", "anna", "anna", "bert")
Told = list[tuple[bytes, list[bytes]]]


async def _play(script: Script, commands: Commands) -> Told:
    """What four sessions are told, by command; the last one is of another user, in a mailbox shared with him."""
    for worker, user in enumerate(_USERS):
        await script.connect(user, worker)
    boxes = [b"INBOX" if user == "anna" else b'"Other Users/anna/INBOX"' for user in _USERS]
    steps = [(0, b"SETACL INBOX bert lrswitedn"), *[(0, command) for command in commands.start]]
    for number, names in enumerate(commands.enabled):
        steps += [(number, b"ENABLE " + b" ".join(names))] if names else []
        steps.append((number, b"SELECT %BOX%"))
    steps += commands.steps
    for number in range(len(_USERS)):
        steps += [(number, b"NOOP"), (number, b"UID FETCH 1:* (FLAGS)")]
        steps.append((number, b"STATUS %BOX% (MESSAGES UNSEEN UIDNEXT SIZE DELETED)"))
    told: Told = []
    for place, (number, command) in enumerate(steps):
        text = command.replace(b"%BOX%", boxes[number], 1).replace(b"Old", b"Old%d" % place)
        told.append((b"%d: %b" % (number, text[:200]), await script.run(number, text)))
    return told


async def _slowly(commands: Commands) -> Told:
    async with workers(None, 1) as contexts:
        return await _play(Script(contexts, forgets=True), commands)


async def _fast(commands: Commands, folder: Path) -> Told:
    async with workers(folder, 2) as contexts:
        return await _play(Script(contexts, forgets=False), commands)


@pytest.mark.parametrize("number", range(12))
def test_fast_ways_lead_to_the_same_answers(number: int, tmp_path: Path) -> None:
    """Octet for octet, in two processes with everything that is kept, and in one that keeps nothing."""
    commands = Commands(number)
    with pytest.MonkeyPatch.context() as patch:
        take_no_short_cut(patch, commands.size)
        slow = asyncio.run(_slowly(commands))
    with pytest.MonkeyPatch.context() as patch:
        take_every_way(patch, commands.size)
        fast = asyncio.run(_fast(commands, tmp_path))
    for (command, expected), (_, found) in zip(slow, fast, strict=True):
        assert found == expected, command
