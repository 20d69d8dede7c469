"""Whether a segment is about the contents that the store has now. Pure.

Content ids are given out once, so what is indexed stays true, unless a database is put back from a backup: then the
same ids are given out again, for other messages. Such a segment is noticed by the database's file being another one, by
ids that were not given out yet, and by email ids that differ.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from mailwren.base.ids import ContentId
from mailwren.search.index.segment import SegmentFacts

_SPREAD: Final = 32
_NEWEST: Final = 32


def samples_of(contents: Sequence[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    """Content ids and email ids to be compared later: some of all, and the newest, which are the first to differ."""
    chosen = contents[:: max(len(contents) // _SPREAD, 1)]
    return tuple(sorted({*chosen, *contents[-_NEWEST:]}))


def is_valid(facts: SegmentFacts, database: str, last: int, known: Mapping[ContentId, str]) -> bool:
    """Whether a segment can be used.

    Args:
        facts: what it says of itself.
        database: identifies the database's file as it is now.
        last: the last content id that the store has given out.
        known: email ids of those of its samples that are still there.
    """
    if facts.database != database or facts.last > last:
        return False
    return all(known.get(ContentId(content), email_id) == email_id for content, email_id in facts.samples)
