"""A mail program that keeps a copy of one mailbox: it goes away at any moment, and brings the copy up to date later.

It does what RFC 7162 §6 and RFC 4549 §6.1 tell clients to do, in one of three ways (:class:`Way`), and believes every
word of the server's. It does no input or output: :meth:`CachingClient.sync` and :meth:`CachingClient.run` are
generators of commands, which are sent the responses to each.
"""

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum

from mailwren.base.ranges import RangeSet

NUMBERED = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(?: \((.*)\))?\s*\Z", re.DOTALL)
VANISHED = re.compile(rb"\* VANISHED (\(EARLIER\) )?([\d:,]+)\s*\Z")
UID = re.compile(rb"\bUID (\d+)")
FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
MODSEQ = re.compile(rb"MODSEQ \((\d+)\)")
HIGHEST = re.compile(rb"\S+ OK \[HIGHESTMODSEQ (\d+)\]")
UID_VALIDITY = re.compile(rb"\* OK \[UIDVALIDITY (\d+)\]")
MODIFIED = re.compile(rb"\S+ (?:OK|NO) \[MODIFIED ([\d:,]+)\]")
SEARCHED = re.compile(rb"\* SEARCH([ \d]*)")

Commands = Generator[bytes, list[bytes], None]
"""Commands to send; each is answered with all its responses, the tagged one last."""


class Way(Enum):
    """How a client brings its copy up to date."""

    QRESYNC = "QRESYNC"
    CONDSTORE = "CONDSTORE"
    NEITHER = "neither"


@dataclass
class Copy:
    """What the client knows of one message."""

    flags: frozenset[bytes] | None = None
    modseq: int = 0


@dataclass
class CachingClient:
    """The client: its copy, and while it is connected what it knows of the session.

    Attributes:
        way: how it comes up to date.
        mailbox: the mailbox's name.
        uid_validity: the mailbox's UIDVALIDITY, 0 at first.
        modseq: up to where the copy is complete; 0 when that is not known.
        copies: messages by UID.
        known_to: the UID up to which all messages are known.
        numbers: the UIDs of message numbers, 0 where not known; only who is told EXPUNGE keeps them.
        count: how many messages there are.
        synced: whether the copy was brought up to date in this session.
    """

    way: Way
    mailbox: bytes = b"Box"
    uid_validity: int = 0
    modseq: int = 0
    copies: dict[int, Copy] = field(default_factory=dict)
    known_to: int = 0
    numbers: list[int] = field(default_factory=list)
    count: int = 0
    synced: bool = False
    _modseq_seen: int = 0
    _modseq_told: int = 0
    _session_modseq: int = 0
    _learning: bool = False
    _flags_seen: set[int] = field(default_factory=set)

    @property
    def keeps_modseqs(self) -> bool:
        """Whether it keeps mod-sequences."""
        return self.way is not Way.NEITHER

    # --- coming and going -----------------------------------------------------------------------------------
    def disconnected(self) -> None:
        """The connection is gone; what was told since the last tagged answer counts for nothing."""
        self.numbers, self.count = [], 0
        self.synced = self._learning = False
        self.copies = {uid: each for uid, each in self.copies.items() if uid <= self.known_to}
        self._modseq_seen = self._modseq_told = self._session_modseq = 0

    def sync(self, *, uids: bool = False, matches: bool = False, other_order: bool = False) -> Commands:
        """Select the mailbox and bring the copy up to date.

        Args:
            uids: QRESYNC with known UIDs.
            matches: QRESYNC with message sequence match data.
            other_order: CONDSTORE behind QRESYNC, not before it.
        """
        if self.way is Way.QRESYNC:
            yield from self._exchange(b"ENABLE QRESYNC")
        parameters = [b"CONDSTORE"] if self.keeps_modseqs else []
        if self.way is Way.QRESYNC and self.modseq:
            parameters.insert(0 if other_order else 1, self._parameter(uids=uids, matches=matches))
        known = max(self.copies, default=0)
        yield from self._exchange(b"SELECT " + self.mailbox + (b" (%b)" % b" ".join(parameters) if parameters else b""))
        if self.way is not Way.QRESYNC:
            yield from self._learn_what_is_gone()
            if self.way is Way.CONDSTORE and self.modseq and known:
                yield from self._exchange(b"UID FETCH 1:%d (FLAGS) (CHANGEDSINCE %d)" % (known, self.modseq))
            elif known:
                yield from self._exchange(b"UID FETCH 1:%d (FLAGS)" % known)
        yield from self._learn_what_is_new()
        self.synced = True
        self.modseq = self._session_modseq

    def _parameter(self, *, uids: bool, matches: bool) -> bytes:
        parameter = b"QRESYNC (%d %d" % (self.uid_validity, self.modseq)
        if uids and self.known_to:
            parameter += b" 1:%d" % self.known_to
        if matches and self.copies:
            some = list(enumerate(sorted(self.copies), 1))[:: max(1, len(self.copies) // 3)]
            sets = (RangeSet.of(number for number, _ in some), RangeSet.of(uid for _, uid in some))
            parameter += b" (%b)" % b" ".join(str(each).encode() for each in sets)
        return parameter + b")"

    def _learn_what_is_gone(self) -> Commands:
        yield from self._exchange(b"UID FETCH 1:* (UID)")
        present = set(self.numbers)
        self.copies = {uid: each for uid, each in self.copies.items() if uid in present}

    def _learn_what_is_new(self) -> Commands:
        for _ in range(20):
            if self.count == len(self.copies) and 0 not in self.numbers:
                return
            items = b"(FLAGS MODSEQ)" if self.keeps_modseqs else b"(FLAGS)"
            self._learning = True
            yield from self._exchange(b"UID FETCH %d:* %b" % (self.known_to + 1, items))
            self._learning = False
            self.known_to = max([self.known_to, *self.copies])
            yield from self._exchange(b"NOOP")
        raise AssertionError(f"{self.count} messages, but the copy has {sorted(self.copies)}, {self.numbers}")

    # --- commands -------------------------------------------------------------------------------------------
    def run(self, command: bytes) -> Commands:
        """Run a command in the selected mailbox, and look at what is new."""
        yield from self._exchange(command)
        yield from self._learn_what_is_new()
        self.modseq = self._session_modseq

    def glance(self) -> Commands:
        """Look at all messages by number, during which nobody is told of those that went away."""
        yield from self._exchange(b"FETCH 1:* (UID FLAGS%b)" % (b" MODSEQ" if self.keeps_modseqs else b""))
        self.modseq = self._session_modseq

    def remove(self, uids: list[int]) -> Commands:
        """Remove messages."""
        names = ",".join(map(str, uids)).encode()
        yield from self.store(uids, b"+FLAGS.SILENT", [b"\\Deleted"], None, "uid")
        yield from self.run(b"UID EXPUNGE " + names)

    def store(
        self, uids: list[int], mode: bytes, flags: list[bytes], unchanged_since: int | None, how: str
    ) -> Commands:
        """Change flags of messages; of a silent change the client works out itself what it does."""
        chosen = [uid for uid in uids if uid in self.copies]
        if not chosen:
            return
        names = chosen
        numbers = sorted(self.copies) if self.way is Way.QRESYNC else self.numbers
        if how == "number" and len(numbers) == self.count and all(uid in numbers for uid in chosen):
            names = [numbers.index(uid) + 1 for uid in chosen]
        condition = b" (UNCHANGEDSINCE %d)" % unchanged_since if unchanged_since is not None else b""
        text = b"STORE %b%b %b (%b)" % (str(RangeSet.of(names)).encode(), condition, mode, b" ".join(flags))
        if names is chosen:
            text = b"UID " + text
        before = {uid: self.copies[uid].flags for uid in chosen}
        self._flags_seen.clear()
        tagged = yield from self._exchange(text)
        modified = MODIFIED.match(tagged)
        left = set(RangeSet.parse(modified[1].decode())) if modified else set()
        refused = {uid for uid, name in zip(chosen, names, strict=True) if name in left}
        if b" OK " in tagged:
            for uid in set(chosen) - refused - self._flags_seen:
                old = before[uid]
                if uid in self.copies and old is not None:
                    self.copies[uid].flags = _changed(old, mode, frozenset(flags))
        yield from self._learn_what_is_new()
        self.modseq = self._session_modseq

    def _exchange(self, command: bytes) -> Generator[bytes, list[bytes], bytes]:
        answers = yield command
        for answer in answers[:-1]:
            self.hear(answer)
        self._tagged(answers[-1])
        return answers[-1]

    # --- responses ------------------------------------------------------------------------------------------
    def hear(self, answer: bytes) -> None:
        """Believe an untagged response."""
        if match := NUMBERED.match(answer):
            number = int(match[1])
            if match[2] == b"EXISTS":
                if self.way is not Way.QRESYNC:
                    self.numbers += [0] * (number - self.count)
                self.count = number
            elif match[2] == b"EXPUNGE":
                assert self.way is not Way.QRESYNC
                self.copies.pop(self.numbers.pop(number - 1), None)
                self.count -= 1
            else:
                self._fetched(number, match[3])
        elif match := VANISHED.match(answer):
            assert self.way is Way.QRESYNC
            gone = RangeSet.parse(match[2].decode())
            if not match[1]:
                self.count -= len(gone)
            for uid in gone:
                self.copies.pop(uid, None)
        elif match := UID_VALIDITY.match(answer):
            if int(match[1]) != self.uid_validity:
                self.uid_validity, self.modseq, self.known_to = int(match[1]), 0, 0
                self.copies.clear()
        elif match := HIGHEST.match(answer):
            self._modseq_told = int(match[1])

    def _fetched(self, number: int, items: bytes) -> None:
        modseq, flags, uid = MODSEQ.search(items), FLAGS.search(items), UID.search(items)
        if modseq is not None:
            self._modseq_seen = max(self._modseq_seen, int(modseq[1]))
        if self.way is not Way.QRESYNC and uid is not None:
            assert self.numbers[number - 1] in (0, int(uid[1]))
            self.numbers[number - 1] = int(uid[1])
        name = int(uid[1]) if uid is not None else self.numbers[number - 1]
        if name not in self.copies and not (self._learning and name > self.known_to):
            return  # of a message that is still to be asked for
        copy = self.copies.setdefault(name, Copy())
        if flags is not None:
            copy.flags = frozenset(flags[1].split()) - {b"\\Recent"}
            self._flags_seen.add(name)
        if modseq is not None:
            copy.modseq = int(modseq[1])

    def _tagged(self, answer: bytes) -> None:
        """The rule of RFC 7162 §6: a HIGHESTMODSEQ counts whatever it says, else the highest MODSEQ."""
        if match := HIGHEST.match(answer):
            self._modseq_told = int(match[1])
        self._session_modseq = self._modseq_told or max(self._session_modseq, self._modseq_seen)
        self._modseq_told = self._modseq_seen = 0

    # --- what it comes to -----------------------------------------------------------------------------------
    def picture(self) -> dict[int, tuple[frozenset[bytes] | None, int]]:
        """The copy: flags and mod-sequences (0 where it keeps none) by UID."""
        return {uid: (copy.flags, copy.modseq) for uid, copy in self.copies.items()}


def _changed(before: frozenset[bytes], mode: bytes, flags: frozenset[bytes]) -> frozenset[bytes]:
    if mode.startswith(b"+"):
        return before | flags
    return before - flags if mode.startswith(b"-") else flags
