"""Making one segment of several neighbours, word by word, without the messages."""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

from mailwren.search.index.segment import (
    KeptTexts,
    Segment,
    SegmentFacts,
    ZoneOctets,
    ZoneWriter,
    write_segment,
)
from mailwren.search.index.zones import ZONES

_GONE: Final = -1
_PIECE: Final = 1 << 20
"""Octets of a vocabulary that are cut into words at a time."""

_Entry = tuple[bytes, int, Sequence[int]]
"""A word, the number of its segment, and the numbers of its contents there."""


def merge(folder: Path, segments: Sequence[Segment], database: str, present: Sequence[int] | None = None) -> Path:
    """Write one segment that stands for what adjacent segments stand for.

    Args:
        folder: where it is written.
        segments: ascending.
        database: identifies the database's file.
        present: the contents that are still there, ascending; all by default.

    Raises:
        OSError, IndexDamaged: as they come.
    """
    contents: list[int] = []
    numbers: list[list[int]] = []
    for segment in segments:
        mapping: list[int] = []
        for content in segment.contents():
            if present is None or _has(present, content):
                mapping.append(len(contents))
                contents.append(content)
            else:
                mapping.append(_GONE)
        numbers.append(mapping)
    unsure: dict[str, list[int]] = {}
    for segment, mapping in zip(segments, numbers, strict=True):
        for zone, each in segment.facts.unsure.items():
            unsure.setdefault(zone, []).extend(mapping[old] for old in each if mapping[old] != _GONE)
    samples = {sample for segment in segments for sample in segment.facts.samples}
    kept = tuple(sorted(samples)[-_SAMPLES:])
    facts = SegmentFacts(
        segments[0].facts.first,
        segments[-1].facts.last,
        database,
        kept,
        {zone: tuple(each) for zone, each in unsure.items()},
    )
    zones = ((zone, _merged(zone, segments, numbers, len(contents))) for zone in ZONES)
    texts = _kept_texts(segments, numbers) if any(segment.has_texts for segment in segments) else None
    return write_segment(folder, facts, contents, zones, texts)


_SAMPLES: Final = 128


def _kept_texts(segments: Sequence[Segment], numbers: Sequence[Sequence[int]]) -> KeptTexts:
    """The texts of attached documents of those contents that are kept, copied as they are."""
    kept = array("H")
    lengths = array("I")
    places: list[tuple[Segment, int, int]] = []
    for segment, mapping in zip(segments, numbers, strict=True):
        known = segment.texts()
        for content, new in zip(segment.contents(), mapping, strict=True):
            place = known.get(content)
            if place is not None and new != _GONE:
                kept.append(new)
                lengths.append(place[1])
                places.append((segment, *place))
    return KeptTexts(kept, lengths, (segment.read(start, length) for segment, start, length in places))


def _has(ascending: Sequence[int], content: int) -> bool:
    place = bisect_left(ascending, content)
    return place < len(ascending) and ascending[place] == content


def _merged(zone: str, segments: Sequence[Segment], numbers: Sequence[Sequence[int]], count: int) -> ZoneOctets:
    writer = ZoneWriter(count)
    entries = heapq.merge(*(_entries(zone, segment, place) for place, segment in enumerate(segments)))
    for word, same in groupby(entries, key=itemgetter(0)):
        posting = array("H")
        for _, place, old in same:
            mapping = numbers[place]
            posting.extend([mapping[each] for each in old if mapping[each] != _GONE])
        if posting:
            writer.add(word, posting)
    return writer.sections()


def _entries(name: str, segment: Segment, place: int) -> Iterator[_Entry]:
    zone = segment.zone(name)
    postings = zone.all_postings()
    vocabulary = zone.vocabulary
    start = 1
    while start < len(vocabulary):
        stop = vocabulary.find(b"\n", min(start + _PIECE, len(vocabulary) - 1)) + 1
        for word in vocabulary[start : stop - 1].split(b"\n"):
            yield word, place, next(postings)
        start = stop
