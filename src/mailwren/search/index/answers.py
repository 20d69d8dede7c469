"""What the index tells of a test: which messages match, which may, and of which it knows nothing. Pure."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from mailwren.search.index.folder import Range
from mailwren.search.plan import AndStep, LeafStep, OrStep, Step, TextTest
from mailwren.search.query import BodyContains, HeaderContains, Resembles, TextContains
from mailwren.search.rows import Rows


@dataclass(frozen=True, slots=True)
class Answer:
    """The index's word on one test.

    Attributes:
        certain: contents that match.
        possible: contents that have to be looked at; no others that are covered match.
        covered: the ranges of content ids that the index knows, ascending.
    """

    certain: AbstractSet[int]
    possible: AbstractSet[int]
    covered: tuple[Range, ...]

    def split(self, contents: Sequence[int], rows: Rows) -> tuple[list[int], list[int]]:
        """Those of ``rows`` that match, and those that have to be looked at; ``contents`` by row."""
        certain, possible = self.certain, self.possible
        rest = [row for row in rows if contents[row] not in certain] if certain else rows
        if not rest:
            return list(rows), []
        matching = [row for row in rows if contents[row] in certain] if len(rest) < len(rows) else []
        if len(self.covered) == 1:
            low, high = self.covered[0]
            return matching, [row for row in rest if contents[row] in possible or not low <= contents[row] <= high]
        return matching, [row for row in rest if contents[row] in possible or not self._covers(contents[row])]

    def _covers(self, content: int) -> bool:
        return any(first <= content <= last for first, last in self.covered)


def candidates(step: Step, answers: Mapping[TextTest, Answer]) -> AbstractSet[int] | None:
    """The covered contents that can match a step; ``None``: any of them."""
    match step:
        case LeafStep(HeaderContains() | BodyContains() | TextContains() | Resembles() as test):
            answer = answers.get(test)
            if answer is None:
                return None
            return answer.certain | answer.possible if answer.possible else answer.certain
        case AndStep(steps):
            known = [each for each in (candidates(part, answers) for part in steps) if each is not None]
            return set.intersection(*map(set, known)) if known else None
        case OrStep(steps):
            parts = [candidates(part, answers) for part in steps]
            return None if None in parts else set().union(*(each for each in parts if each is not None))
        case _:
            return None
