"""Answers queries exactly, by looking: the mailbox's arrays first, then headers, then bodies.

A step maps ascending rows to those of them that match; AND narrows, OR adds, NOT takes away. So each kind of test
works on many messages at once, and the dear ones see only what the cheap ones left over. Rows come in blocks, between
which others have their turn and which bound what is held in memory.
"""

from array import array
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial
from time import monotonic
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ContentId, FlagSetId, Uid
from mailwren.base.ranges import RangeSet
from mailwren.search.annotations import AnnotationTest
from mailwren.search.content_rows import ContentRowsCache, FoundRows
from mailwren.search.facts import UNREADABLE, FactCache, FactColumns, read_facts, read_saved
from mailwren.search.fields import FieldCache
from mailwren.search.fuzzy import relevancy
from mailwren.search.index.answers import Answer, candidates
from mailwren.search.index.asking import Indexes
from mailwren.search.index.attached import AttachedTexts
from mailwren.search.pace import Others, Pace, next_round
from mailwren.search.plan import (
    AndStep,
    ConstantStep,
    Cost,
    FlagStep,
    LeafStep,
    NotStep,
    OrStep,
    Step,
    Test,
    TextTest,
    leaves,
    plan,
)
from mailwren.search.query import (
    And,
    AnnotationContains,
    BodyContains,
    ChangedSince,
    EmailId,
    Fact,
    FactBetween,
    FlagTest,
    HeaderContains,
    Not,
    Or,
    PositionIn,
    Query,
    Resembles,
    TextContains,
    ThreadId,
    UidIn,
)
from mailwren.search.reading import Reader
from mailwren.search.rows import Rows, Snapshot, Span, chosen_rows, within
from mailwren.search.salvage import read_all
from mailwren.store.api import Account
from mailwren.store.flag_columns import compact, distinct, marks
from mailwren.store.mailbox_state import MailboxState

_BLOCK: Final = {
    Cost.NUMBERS: 8192,
    Cost.FLAGS: 32_768,
    Cost.FACTS: 8192,
    Cost.IDENTITY: limits.FACTS_READ_AT_ONCE,
    Cost.HEADER: 2048,
    Cost.BODY: 512,
}
"""Rows of one block by the dearest step: well under a millisecond for arrays, a few megabytes for the others."""

_FLAG_SETS: Final = 64
"""Combinations of flags that are looked at before others have their turn."""
_FEW: Final = 16
"""Messages that are looked at rather than asking the index."""


class SearchEngine:
    """Searches mailboxes; one for all sessions of a process, so that they share what it remembers.

    Args:
        clock: monotonic seconds.
        slice_seconds: how long a search holds the event loop before others have their turn.
        others: how they are given it.
        indexes: what answers text tests without looking at the messages, as far as it knows them.
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        slice_seconds: float = limits.SLICE_SECONDS,
        others: Others = next_round,
        indexes: Indexes | None = None,
    ) -> None:
        self._clock = clock
        self._slice = slice_seconds
        self._others = others
        self._facts = FactCache()
        self._fields = FieldCache()
        self._indexes = indexes
        self._rows = ContentRowsCache()

    async def search(
        self,
        account: Account,
        state: MailboxState,
        query: Query,
        view_uids: "array[int]",
        length: int,
        *,
        among: RangeSet | None = None,
        progress: Callable[[int, int], None] | None = None,
        relevancies: dict[int, int] | None = None,
        others: Others | None = None,
    ) -> list[int]:
        """The positions in the view of the messages that match, ascending.

        Args:
            account: whose mailbox it is.
            state: the mailbox.
            query: what to look for.
            view_uids: the UIDs that the session knows, possibly older than the state's: messages that have gone
                meanwhile match nothing, ones that came in since are not looked at.
            length: the first so many of ``view_uids`` are searched.
            among: only these UIDs are looked at; ``None`` is all of them.
            progress: told now and then how many of how many messages were looked at.
            relevancies: takes the relevancy of each message found, 1 to 100, by its position.
            others: how others are given their turn, if not as always; what it raises ends the search.

        Raises:
            QueryTooDeep: the query's tree is too deep.
            StoreError: the store could not be read.
        """
        step = plan(query)
        snapshot = Snapshot(state, view_uids, length)
        pace = Pace(self._clock, self._slice, others or self._others)
        tests = list(leaves(step))
        costs = [leaf.cost for leaf in tests]
        columns = self._facts.columns(state) if Cost.FACTS in costs else FactColumns(snapshot.uids)
        fields = partial(self._fields.values, state)
        keep = sum(cost >= Cost.HEADER for cost in costs) > 1
        answers = await self._ask(account, tests, snapshot.count, among, pace)
        attached = await self._attached(account, tests)
        reader = Reader(account, snapshot.contents, fields, pace, answers, keep=keep, attached=attached)
        evaluation = _Evaluation(account, snapshot, columns, reader, pace)
        result: list[int] = []
        if isinstance(step, FlagStep) and among is None and relevancies is None:
            rows = await evaluation.indexed(step)
            if rows is not None:
                return snapshot.positions(rows)
        chosen = await self._chosen(state, snapshot, step, answers, pace)
        sure = chosen is not None and chosen.covered and _is_certain(step, answers)
        size = _BLOCK[Cost.NUMBERS if sure else step.cost]
        for block in snapshot.blocks(size, among, None if chosen is None else chosen.rows):
            if progress is not None:
                progress(block[0], snapshot.count)
            rows = block if sure else await evaluation.block(step, block)
            positions = snapshot.positions(rows)
            result.extend(positions)
            if relevancies is not None:
                scores = [relevancy(reader.scores.get(row, [])) for row in rows]
                relevancies.update(zip(positions, scores, strict=True))
            await pace.rest()
        return result

    async def _ask(
        self, account: Account, tests: list[LeafStep], count: int, among: RangeSet | None, pace: Pace
    ) -> dict[TextTest, Answer]:
        """What the index tells of the tests that look into messages."""
        if self._indexes is None or min(count, count if among is None else len(among)) <= _FEW:
            return {}
        texts = (HeaderContains, BodyContains, TextContains, Resembles)
        asked = [leaf.test for leaf in tests if isinstance(leaf.test, texts)]
        return await self._indexes.ask(account, asked, pace) if asked else {}

    async def _attached(self, account: Account, tests: list[LeafStep]) -> AttachedTexts | None:
        """The text of attached documents, where a test looks at bodies; asked for last, to know all that answers do."""
        if self._indexes is None or all(leaf.cost < Cost.BODY for leaf in tests):
            return None
        return await self._indexes.attached(account)

    async def _chosen(
        self, state: MailboxState, snapshot: Snapshot, step: Step, answers: dict[TextTest, Answer], pace: Pace
    ) -> FoundRows | None:
        """The rows that have to be evaluated; ``None`` for all."""
        wanted = candidates(step, answers)
        if wanted is None:
            return None
        covered = next(iter(answers.values())).covered
        return await self._rows.of(state, snapshot.contents).rows(wanted, covered, snapshot.count, pace)


def _is_certain(step: Step, answers: dict[TextTest, Answer]) -> bool:
    """Whether the index alone answers a step, as far as it knows the messages."""
    if not isinstance(step, LeafStep) or not isinstance(step.test, HeaderContains | BodyContains | TextContains):
        return False
    answer = answers.get(step.test)
    return answer is not None and not answer.possible


class _Evaluation:
    """One search under way."""

    def __init__(self, account: Account, snapshot: Snapshot, columns: FactColumns, reader: Reader, pace: Pace) -> None:
        self._account = account
        self._snapshot = snapshot
        self._columns = columns
        self._pace = pace
        self._reader = reader
        self._verdicts: dict[int, tuple[set[int], set[int]]] = {}
        """Of each step the flag sets that were looked at, and those of them that match."""
        self._spans: dict[int, list[Span]] = {}
        self._annotations: dict[AnnotationContains, AnnotationTest] = {}

    async def block(self, step: Step, rows: Rows) -> Rows:
        """Those of ``rows`` that match; what was read for the block before is forgotten."""
        self._reader.forget()
        return await self._match(step, rows)

    async def _match(self, step: Step, rows: Rows) -> Rows:
        if not rows:
            return rows
        match step:
            case ConstantStep(matches):
                return rows if matches else []
            case FlagStep():
                return await self._flag_rows(step, rows)
            case LeafStep():
                return await self._leaf_rows(step, rows)
            case AndStep(steps):
                for part in steps:
                    rows = await self._match(part, rows)
                return rows
            case OrStep(steps):
                return await self._any_rows(steps, rows)
            case NotStep(inner):
                return _without(rows, await self._match(inner, rows))

    async def _any_rows(self, steps: tuple[Step, ...], rows: Rows) -> Rows:
        found: list[int] = []
        for part in steps:
            matching = await self._match(part, rows)
            if matching:
                found.extend(matching)
                rows = _without(rows, matching)
        found.sort()
        return found

    async def _flag_rows(self, step: FlagStep, rows: Rows) -> Rows:
        flags = compact(_picked(self._snapshot.flags, rows))
        in_use = self._snapshot.flag_sets()
        matching = await self._matching(step, distinct(flags) if in_use is None else in_use)
        return chosen_rows(rows, marks(flags, matching))

    async def indexed(self, step: FlagStep) -> Rows | None:
        """All rows that match, if there is a quicker way than looking at each."""
        in_use = self._snapshot.flag_sets()
        return None if in_use is None else self._snapshot.with_flag_sets(await self._matching(step, in_use))

    async def _matching(self, step: FlagStep, flag_sets: set[int]) -> set[int]:
        """The flag sets that match, of these and of those that were asked about before."""
        known, matching = self._verdicts.setdefault(id(step), (set(), set()))
        new = list(flag_sets - known)
        for start in range(0, len(new), _FLAG_SETS):
            some = new[start : start + _FLAG_SETS]
            names = {each: _folded(self._account.flag_set(FlagSetId(each)).names) for each in some}
            matching |= flag_sets_matching(step.query, names)
            known.update(some)
            await self._pace.rest()
        return matching

    async def _leaf_rows(self, step: LeafStep, rows: Rows) -> Rows:
        test: Test = step.test
        match test:
            case UidIn() | PositionIn():
                return within(rows, self._spans_of(step, test))
            case ChangedSince(modseq):
                modseqs = self._snapshot.modseqs
                return [row for row in rows if modseqs[row] >= modseq]
            case FactBetween():
                await self._read(test.fact, rows)
                return self._columns.between(rows, test)
            case EmailId() | ThreadId():
                return await self._identity_rows(test, rows)
            case AnnotationContains():
                return await self._annotated_rows(test, rows)
            case HeaderContains() | BodyContains() | TextContains() | Resembles():
                return await self._reader.matching(test, rows)

    async def _read(self, fact: Fact, rows: Rows) -> None:
        snapshot = self._snapshot
        if fact is Fact.SAVED_DAY:
            await read_saved(self._account, self._columns, snapshot, rows, self._pace)
        else:
            await read_facts(self._account, self._columns, snapshot.contents, rows, self._pace)

    def _spans_of(self, step: LeafStep, test: UidIn | PositionIn) -> list[Span]:
        spans = self._spans.get(id(step))
        if spans is None:
            if isinstance(test, UidIn):
                spans = self._snapshot.spans_of_uids(test.uids)
            else:
                spans = self._snapshot.spans_of_positions(test.spans)
            self._spans[id(step)] = spans
        return spans

    async def _annotated_rows(self, test: AnnotationContains, rows: Rows) -> Rows:
        if not self._snapshot.annotated:
            return []
        known = self._annotations.setdefault(test, AnnotationTest(test))
        uids = self._snapshot.uids
        result: list[int] = []
        for start in range(0, len(rows), limits.FACTS_READ_AT_ONCE):
            part = rows[start : start + limits.FACTS_READ_AT_ONCE]
            wanted = [Uid(uids[row]) for row in part]
            found = {
                each.uid
                for each in await self._account.message_annotations(self._snapshot.mailbox, wanted, known.entries)
                if known.matches(each)
            }
            result.extend(row for row in part if uids[row] in found)
            await self._pace.rest()
        return result

    async def _identity_rows(self, test: EmailId | ThreadId, rows: Rows) -> Rows:
        contents = self._snapshot.contents
        result: list[int] = []
        for start in range(0, len(rows), limits.FACTS_READ_AT_ONCE):
            part = rows[start : start + limits.FACTS_READ_AT_ONCE]
            facts = await read_all(self._account.facts, [ContentId(contents[row]) for row in part], UNREADABLE)
            if isinstance(test, EmailId):
                wanted, length = test.email_id, len(test.email_id) if test.is_prefix else None
                result.extend(row for row, fact in zip(part, facts, strict=True) if fact.email_id[:length] == wanted)
            else:
                result.extend(row for row, fact in zip(part, facts, strict=True) if fact.thread_id == test.thread_id)
            await self._pace.rest()
        return result


@lru_cache(maxsize=limits.FLAG_SETS_FOLDED)
def _folded(names: frozenset[str]) -> frozenset[str]:
    """The names of a combination of flags in lower case."""
    return frozenset([name.lower() for name in names])


def flag_sets_matching(query: Query, sets: Mapping[int, frozenset[str]]) -> AbstractSet[int]:
    """Which of some flag sets, given with their names in lower case, answer a query of flag tests alone."""
    match query:
        case FlagTest(name):
            folded = name.lower()
            return {each for each, names in sets.items() if folded in names}
        case Not(inner):
            return sets.keys() - flag_sets_matching(inner, sets)
        case And(queries):
            return set(sets).intersection(*[flag_sets_matching(part, sets) for part in queries])
        case Or(queries):
            return set[int]().union(*[flag_sets_matching(part, sets) for part in queries])
        case _:
            raise AssertionError(f"not a test of flags: {query}")


def _picked(values: "array[int]", rows: Rows) -> "array[int]":
    """The values of rows; a plain slice where the rows are without gaps."""
    first, last = rows[0], rows[-1]
    if len(rows) == last - first + 1:
        return values[first : last + 1]
    return array("I", map(values.__getitem__, rows))


def _without(rows: Rows, gone: Rows) -> Rows:
    """The rows that are not ``gone``."""
    if len(gone) == len(rows):
        return []
    dropped = set(gone)
    return [row for row in rows if row not in dropped] if dropped else rows
