"""The index of one account as searches ask it: its segments open, their vocabularies in memory as far as there is room.

A search asks for what is there now. A segment that turns out to be damaged is removed, and what it stood for is looked
at message by message, until it is built anew.
"""

import asyncio
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.base.logs import log
from mailwren.search.fuzzy import FuzzyText, without_accents
from mailwren.search.index import folder as places
from mailwren.search.index.answers import Answer, ContentIds
from mailwren.search.index.attached import AttachedTexts
from mailwren.search.index.folder import Range
from mailwren.search.index.resembling import Outline, outlines
from mailwren.search.index.segment import IndexDamaged, Posting, Segment, Zone
from mailwren.search.index.validity import is_valid
from mailwren.search.index.words import Place, Question, Wanted, question
from mailwren.search.index.zones import BODY, FIELDS, HEADER, SUBJECT, values_of
from mailwren.search.needle import fold_linear
from mailwren.search.pace import Pace
from mailwren.search.plan import TextTest
from mailwren.search.query import BodyContains, HeaderContains, Resembles, TextContains
from mailwren.store.api import Account
from mailwren.store.errors import StoreError

_FEW: Final = 32
"""Candidates that are looked at rather than asking the index for more of the needle's words."""
_ZONES: Final[dict[type, tuple[str, ...]]] = {
    BodyContains: (BODY,),
    TextContains: (HEADER, BODY),
    HeaderContains: (HEADER,),
}
_WORDS_AT_ONCE: Final = 256
"""Words whose postings are joined before others have their turn."""


@dataclass(frozen=True, slots=True)
class _Resemblance:
    """The question what resembles a text."""

    words: tuple[Outline, ...]
    is_certain: bool = False


_About = tuple[tuple[str, ...], str, Question | _Resemblance]
"""The zones to ask, the folded needle, and the question."""
_Key = tuple[tuple[str, ...], str, type, bool]
"""The same for telling answers apart."""


class ZoneCache:
    """Zones of all accounts' segments, those used last, within a bound on memory."""

    __slots__ = ("_limit", "_size", "_zones")

    def __init__(self, octets: int = limits.INDEX_CACHED) -> None:
        self._limit: Final = octets
        self._size = 0
        self._zones: Final[OrderedDict[tuple[Segment, str], Zone]] = OrderedDict()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._zones)

    async def zone(self, segment: Segment, name: str) -> Zone:
        """A zone, read in a thread if it is not there. Raises OSError, IndexDamaged."""
        zone = self._zones.get((segment, name))
        if zone is None:
            zone = await asyncio.get_running_loop().run_in_executor(None, segment.zone, name)
            if (segment, name) not in self._zones:
                self._zones[segment, name] = zone
                self._size += zone.octets
        self._zones.move_to_end((segment, name))
        while self._size > self._limit and len(self._zones) > 1:
            self._size -= self._zones.popitem(last=False)[1].octets
        return zone

    def drop(self, segments: Collection[Segment]) -> None:
        """Forget the zones of segments that are no more."""
        for key in [key for key in self._zones if key[0] in segments]:
            self._size -= self._zones.pop(key).octets


class AccountIndex:
    """One account's index.

    Args:
        account: the account's folder.
        zones: where vocabularies are kept.
        damaged: called after something was found damaged and removed.

    Attributes:
        used: when it was asked last, by the clock of whoever keeps it.
    """

    __slots__ = ("_account", "_answers", "_damaged", "_folder", "_lock", "_segments", "_state", "_zones", "used")

    def __init__(self, account: Path, zones: ZoneCache, damaged: Callable[[], None]) -> None:
        self._account: Final = account
        self._folder: Final = places.index_folder(account)
        self._zones: Final = zones
        self._damaged: Final = damaged
        self._lock: Final = asyncio.Lock()
        self.used = 0.0
        self._state = 0
        self._segments: tuple[Segment, ...] = ()
        self._answers: OrderedDict[_Key, Answer] = OrderedDict()

    async def ask(self, account: Account, tests: Iterable[TextTest], pace: Pace) -> dict[TextTest, Answer]:
        """What the index tells of some tests; nothing of those that it cannot help with.

        Raises:
            StoreError: the store could not be read.
        """
        asked = {test: about for test in tests if (about := _about(test)) is not None}
        if not asked:
            return {}
        segments = await self._refreshed(account)
        result: dict[TextTest, Answer] = {}
        for test, (zones, folded, wanted) in asked.items() if segments else ():
            key = zones, folded, type(wanted), wanted.is_certain
            known = self._answers.get(key)
            if known is None:
                known = await self._answer(segments, zones, wanted, pace)
                if segments is self._segments and len(known.certain) + len(known.possible) <= limits.INDEX_ANSWER:
                    self._keep(key, known)
            result[test] = known
        # Where a segment was found damaged in between, some answers know less than others: let none be used.
        return result if len({each.covered for each in result.values()}) == 1 else {}

    async def attached(self, account: Account) -> AttachedTexts | None:
        """The text of attached documents, if there is any. Raises StoreError, OSError."""
        segments = [segment for segment in await self._refreshed(account) if segment.has_texts]
        return AttachedTexts(segments, self._discard) if segments else None

    def close(self) -> None:
        """Let go of files and memory; a search that is under way keeps what it needs."""
        self._zones.drop(set(self._segments))
        self._segments, self._state = (), 0
        self._answers.clear()

    def _keep(self, key: _Key, answer: Answer) -> None:
        self._answers[key] = answer
        if len(self._answers) > limits.INDEX_ANSWERS:
            self._answers.popitem(last=False)

    # --- which segments there are -------------------------------------------------------------------------------
    async def _refreshed(self, account: Account) -> tuple[Segment, ...]:
        if places.state_of(self._folder) != self._state:
            async with self._lock:
                # Noted before looking: what changes meanwhile is looked at again.
                state = places.state_of(self._folder)
                if state != self._state:
                    await self._open(account)
                    self._state = state
        return self._segments

    async def _open(self, account: Account) -> None:
        open_before = {segment.path.name: segment for segment in self._segments}
        loop = asyncio.get_running_loop()
        opened, complete = await loop.run_in_executor(None, partial(_opened, self._folder, open_before))
        kept: list[Segment] = []
        for segment in opened:
            if segment in self._segments or await self._is_valid(account, segment):
                kept.append(segment)
            else:
                log.warning("a part of a search index belongs to other mail", file=str(segment.path))
                self._discard(segment)
        self._zones.drop(set(self._segments).difference(kept))
        self._segments = tuple(kept)
        self._answers.clear()
        if not complete:
            self._damaged()

    async def _is_valid(self, account: Account, segment: Segment) -> bool:
        database = places.database_identity(self._account)
        known = await account.email_ids([ContentId(content) for content, _ in segment.facts.samples])
        return is_valid(segment.facts, database, await account.last_content(), known)

    def _discard(self, segment: Segment) -> None:
        segment.path.unlink(missing_ok=True)
        self._damaged()

    # --- answers ------------------------------------------------------------------------------------------------
    async def _answer(
        self, segments: Sequence[Segment], zones: Sequence[str], wanted: Question | _Resemblance, pace: Pace
    ) -> Answer:
        certain: list[int] = []
        possible: list[int] = []
        covered: list[Range] = []
        for segment in segments:
            try:
                numbers = await _matching(
                    segment, [await self._zones.zone(segment, name) for name in zones], wanted, pace
                )
                contents = segment.contents()
            except (IndexDamaged, OSError) as error:
                log.warning("a part of a search index is damaged", file=str(segment.path), reason=str(error))
                self._discard(segment)
                continue
            unsure = {number for name in zones for number in segment.facts.unsure.get(name, ())}
            if wanted.is_certain:
                certain += _at(contents, numbers)
                possible += _at(contents, sorted(unsure.difference(numbers)) if unsure else ())
            else:
                possible += _at(contents, sorted(unsure.union(numbers)) if unsure else numbers)
            _cover(covered, (segment.facts.first, segment.facts.last))
        return Answer(ContentIds(certain), ContentIds(possible), tuple(covered))


def _opened(folder: Path, known: Mapping[str, Segment]) -> tuple[list[Segment], bool]:
    """The segments of a folder, those that are open already among them, and whether none was found damaged."""
    result: list[Segment] = []
    complete = True
    for _, path in places.segments(folder):
        segment = known.get(path.name)
        try:
            result.append(Segment(path) if segment is None or not segment.is_current() else segment)
        except FileNotFoundError:
            continue  # merged meanwhile
        except IndexDamaged as error:
            log.warning("a part of a search index is damaged", file=str(path), reason=str(error))
            path.unlink(missing_ok=True)
            complete = False
    return result, complete


def _about(test: TextTest) -> _About | None:
    """The zones to ask, the folded needle and the question; ``None`` where the index is no help."""
    if isinstance(test, Resembles):
        text = FuzzyText(test.test.text)
        words = tuple(outlines(text))
        return (_ZONES[type(test.test)], text.phrase, _Resemblance(words)) if words else None
    if test.collation is not None:
        return None
    folded = fold_linear(test.text)
    wanted = question(folded)
    if isinstance(test, HeaderContains):
        name = test.field.lower() if test.field.isascii() else ""
        if name in FIELDS:
            return _about_field(name, folded, wanted)
        wanted = Question(wanted.wanted, is_certain=False)
    zones = _ZONES[type(test)]
    return (zones, folded, wanted) if wanted.wanted else None


def _about_field(field: str, folded: str, wanted: Question) -> _About | None:
    """Ask for words of subjects, otherwise for whole values."""
    if not folded or "\n" in folded:
        return None
    if field == SUBJECT and wanted.is_certain:
        return (SUBJECT,), folded, wanted
    return (values_of(field),), folded, Question((Wanted(folded, Place.ANYWHERE),), is_certain=True)


async def _matching(segment: Segment, zones: Sequence[Zone], wanted: Question | _Resemblance, pace: Pace) -> Posting:
    """The numbers of the contents that hold what is wanted, or of some more where it is not certain."""
    if isinstance(wanted, Question):
        found = [await _holding(segment, zone, wanted, pace) for zone in zones]
        return found[0] if len(found) == 1 else sorted(set().union(*found))
    numbers = set(range(segment.count))
    for outline in wanted.words:
        numbers &= set().union(*[await _resembling(zone, outline, pace) for zone in zones])
    return sorted(numbers)


async def _resembling(zone: Zone, outline: Outline, pace: Pace) -> Posting:
    """The numbers of the contents that have a word which may be the one that is outlined."""
    words: list[int] = []
    for first, piece in zone.pieces():
        words += [first + number for number in outline.found_in(without_accents(piece))]
        await pace.rest()
    return await _union(zone, sorted(words), pace)


async def _holding(segment: Segment, zone: Zone, wanted: Question, pace: Pace) -> Posting:
    """The numbers of the contents that hold all that is wanted, or of some more where it is not certain."""
    if wanted.is_certain:
        return await _union(zone, await _words(zone, wanted.wanted[0], pace), pace)
    found: list[tuple[int, list[int]]] = []
    for each in wanted.wanted:
        words = await _words(zone, each, pace)
        if not words:
            return ()
        found.append((zone.frequency(words), words))
        await pace.rest()
    found.sort()
    if 2 * found[0][0] > segment.count:
        return range(segment.count)
    numbers = set(await _union(zone, found[0][1], pace))
    for frequency, words in found[1:]:
        if len(numbers) <= _FEW or 2 * frequency > segment.count:
            break
        numbers.intersection_update(await _union(zone, words, pace))
    return sorted(numbers)


async def _words(zone: Zone, wanted: Wanted, pace: Pace) -> list[int]:
    """The words that hold what is wanted, as ordinals."""
    words: list[int] = []
    for found in zone.words(wanted):
        words += found
        await pace.rest()
    return words


async def _union(zone: Zone, words: Sequence[int], pace: Pace) -> Posting:
    if len(words) == 1:
        return next(zone.postings(words))
    result: set[int] = set()
    for place, posting in enumerate(zone.postings(words)):
        result.update(posting)
        if place % _WORDS_AT_ONCE == _WORDS_AT_ONCE - 1:
            await pace.rest()
    await pace.rest()
    return sorted(result)


def _at(contents: "array[int]", numbers: Posting) -> list[int]:
    """The contents with these numbers."""
    if not numbers:
        return []
    shift = contents[0]
    if contents[-1] - shift == len(contents) - 1:  # ids without gaps
        return [number + shift for number in numbers]
    return [contents[number] for number in numbers]


def _cover(covered: list[Range], added: Range) -> None:
    if covered and covered[-1][1] + 1 == added[0]:
        covered[-1] = (covered[-1][0], added[1])
    else:
        covered.append(added)


class Indexes:
    """The indexes of all accounts of a data folder, those used last open.

    Args:
        folder: gives an account's folder by its id.
        wanted: told of accounts whose index lacks something that it had.
        octets: of vocabularies that may be kept in memory.
    """

    __slots__ = ("_accounts", "_folder", "_now", "_wanted", "_zones")

    def __init__(
        self,
        folder: Callable[[str], Path],
        wanted: Callable[[str], None] = lambda _: None,
        octets: int = limits.INDEX_CACHED,
    ) -> None:
        self._folder: Final = folder
        self._wanted: Final = wanted
        self._zones: Final = ZoneCache(octets)
        self._accounts: Final[OrderedDict[str, AccountIndex]] = OrderedDict()
        self._now = 0.0

    def tick(self, now: float) -> None:
        """Now and then, with the time in seconds: let go of indexes that nobody has asked for long.

        Their files may have been merged into others meanwhile, or their accounts removed, and take room on the disk
        as long as they are open.
        """
        self._now = now
        while self._accounts and now - next(iter(self._accounts.values())).used >= limits.INDEX_UNUSED_SECONDS:
            self._accounts.popitem(last=False)[1].close()

    async def ask(self, account: Account, tests: Iterable[TextTest], pace: Pace) -> dict[TextTest, Answer]:
        """What the account's index tells of some tests; without one, nothing. Never raises for the index's sake."""
        try:
            return await self._of(account).ask(account, tests, pace)
        except (OSError, StoreError) as error:
            log.warning("a search index cannot be used", account=account.id, reason=str(error))
            return {}

    async def attached(self, account: Account) -> AttachedTexts | None:
        """The text of documents attached to the account's mail, if there is any. Never raises for the index's sake."""
        try:
            return await self._of(account).attached(account)
        except (OSError, StoreError) as error:
            log.warning("a search index cannot be used", account=account.id, reason=str(error))
            return None

    def _of(self, account: Account) -> AccountIndex:
        index = self._accounts.get(account.id)
        if index is None:
            damaged = partial(self._wanted, account.id)
            index = self._accounts[account.id] = AccountIndex(self._folder(account.id), self._zones, damaged)
            if len(self._accounts) > limits.INDEX_ACCOUNTS:
                self._accounts.popitem(last=False)[1].close()
        self._accounts.move_to_end(account.id)
        index.used = self._now
        return index
