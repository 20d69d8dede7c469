"""What the index tells of a test: which messages match, which may, and of which it knows nothing. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailwren.search.index.folder import Range
from mailwren.search.plan import AndStep, LeafStep, OrStep, Step, TextTest
from mailwren.search.query import BodyContains, HeaderContains, Resembles, TextContains
from mailwren.search.rows import Rows


class ContentIds:
    """Content ids in ascending order; as a set only once somebody asks for single ones.

    Attributes:
        ascending: all of them, each once.
    """

    __slots__ = ("_members", "ascending")

    def __init__(self, ascending: Sequence[int] = ()) -> None:
        self.ascending: Final = ascending
        self._members: frozenset[int] | None = None

    def __len__(self) -> int:
        return len(self.ascending)

    @property
    def members(self) -> frozenset[int]:
        """The same as a set."""
        if self._members is None:
            self._members = frozenset(self.ascending)
        return self._members

    def __or__(self, other: "ContentIds") -> "ContentIds":
        if not self or not other:
            return self or other
        return ContentIds(sorted(self.members | other.members))


@dataclass(frozen=True, slots=True)
class Answer:
    """The index's word on one test.

    Attributes:
        certain: contents that match.
        possible: contents that have to be looked at; no others that are covered match.
        covered: the ranges of content ids that the index knows, ascending.
    """

    certain: ContentIds
    possible: ContentIds
    covered: tuple[Range, ...]

    def split(self, contents: Sequence[int], rows: Rows) -> tuple[list[int], list[int]]:
        """Those of ``rows`` that match, and those that have to be looked at; ``contents`` by row."""
        certain, possible = self.certain.members, self.possible.members
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


def candidates(step: Step, answers: Mapping[TextTest, Answer]) -> ContentIds | None:
    """The covered contents that can match a step; ``None``: any of them."""
    match step:
        case LeafStep(HeaderContains() | BodyContains() | TextContains() | Resembles() as test):
            answer = answers.get(test)
            if answer is None:
                return None
            return answer.certain | answer.possible
        case AndStep(steps):
            known = [each for each in (candidates(part, answers) for part in steps) if each is not None]
            if len(known) < 2:
                return known[0] if known else None
            return ContentIds(sorted(frozenset.intersection(*(each.members for each in known))))
        case OrStep(steps):
            parts = [candidates(part, answers) for part in steps]
            known = [each for each in parts if each is not None]
            if len(known) < len(parts):
                return None
            return ContentIds(sorted(frozenset().union(*(each.members for each in known))))
        case _:
            return None
