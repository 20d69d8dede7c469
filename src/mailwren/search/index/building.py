"""Bringing an account's index up to date: what is missing is read, in batches, and small segments are merged.

For a process of its own: this takes the processor for long, and memory. Everything can be ended at any moment; what was
not renamed yet is not there.
"""

import os
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from mailwren.base import limits
from mailwren.base.logs import log
from mailwren.search.attached.extracting import Extractor
from mailwren.search.index import folder as places
from mailwren.search.index.documents import read_document
from mailwren.search.index.folder import Range
from mailwren.search.index.merging import merge
from mailwren.search.index.segment import (
    CONTENTS,
    IndexDamaged,
    KeptTexts,
    Segment,
    SegmentFacts,
    ZoneWriter,
    compressed_text,
    write_segment,
)
from mailwren.search.index.validity import is_valid, samples_of
from mailwren.search.index.zones import ZONES, Document
from mailwren.store.sqlite.index_source import IndexSource

Progress = Callable[[int], None]
"""Called with the number of messages read so far."""
_DEAD: Final = 4
"""A segment of whose messages more than one in so many is gone is written anew."""


@dataclass(slots=True)
class _Batch:
    """Messages that become one segment."""

    contents: list[tuple[int, str]] = field(default_factory=list)
    unsure: dict[str, list[int]] = field(default_factory=dict)
    words: "dict[str, dict[str, array[int]]]" = field(default_factory=lambda: {zone: {} for zone in ZONES})
    postings: int = 0
    texts: dict[int, bytes] = field(default_factory=dict)
    """What is kept of attached documents, by the message's number."""
    text_octets: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is to be written."""
        if len(self.contents) >= limits.INDEX_CONTENTS or self.postings >= limits.INDEX_POSTINGS:
            return True
        if self.text_octets >= limits.INDEX_TEXTS:
            return True
        return sum(map(len, self.words.values())) >= limits.INDEX_DISTINCT

    def add(self, document: Document) -> None:
        """Take in one more message, of a higher content id than all before."""
        number = len(self.contents)
        self.contents.append((document.content, document.email_id))
        for zone in document.unsure:
            self.unsure.setdefault(zone, []).append(number)
        for zone, words in document.words.items():
            known = self.words[zone]
            for word in words:
                posting = known.get(word)
                if posting is None:
                    known[word] = array("H", [number])
                else:
                    posting.append(number)
            self.postings += len(words)
        if document.attached:
            text = self.texts[number] = compressed_text(document.attached)
            self.text_octets += len(text)

    def write(self, folder: Path, database: str, covered: Range) -> Path:
        """Write the segment. Raises OSError."""
        facts = SegmentFacts(*covered, database, samples_of(self.contents), _frozen(self.unsure))
        sections = []
        for zone, words in self.words.items():
            writer = ZoneWriter(len(self.contents))
            encoded = {word.encode("utf-8", "surrogatepass"): posting for word, posting in words.items()}
            for word in sorted(encoded):
                writer.add(word, encoded[word])
            sections.append((zone, writer.sections()))
        texts = KeptTexts(array("H", self.texts), array("I", map(len, self.texts.values())), self.texts.values())
        return write_segment(folder, facts, [content for content, _ in self.contents], sections, texts)


class Indexer:
    """Builds the index of one account.

    Args:
        account: the account's folder.
        progress: told how far it is.
        extractor: what reads attached documents; without it they have no text.
    """

    def __init__(self, account: Path, progress: Progress = lambda _: None, extractor: Extractor | None = None) -> None:
        self._account: Final = account
        self._folder: Final = places.index_folder(account)
        self._progress: Final = progress
        self._extractor: Final = extractor
        self._read = 0

    def run(self, *, anew: bool = False, wait: bool = False) -> bool:
        """Bring the index up to date.

        Args:
            anew: throw away what is there first.
            wait: wait where another process writes this account's index.

        Returns:
            False where another process does so already.

        Raises:
            StoreError, OSError: as they come; what was done stays done.
        """
        with IndexSource(self._account) as source, places.writing(self._folder, wait=wait) as is_ours:
            if not is_ours:
                return False
            if anew:
                places.clear(self._folder)
            database = places.database_identity(self._account)
            self._discard(source, database)
            while missing := list(places.gaps(self._ranges(), source.last())):
                for each in missing:
                    self._fill(source, database, each)
            self._rewrite(source)
            return True

    def _ranges(self) -> list[Range]:
        return [each for each, _ in places.segments(self._folder)]

    def _discard(self, source: IndexSource, database: str) -> None:
        """Remove what a crash left, what is damaged, and what is about another past of the store."""
        kept = []
        last = source.last()
        for each in places.segments(self._folder):
            try:
                segment = Segment(each[1])
            except (IndexDamaged, FileNotFoundError) as error:
                log.warning("a part of a search index is damaged and built anew", reason=str(error))
                continue
            segment.close()
            samples = source.email_ids([content for content, _ in segment.facts.samples])
            if is_valid(segment.facts, database, last, samples):
                kept.append(each)
            else:
                log.warning("a part of a search index belongs to other mail and is built anew", file=str(each[1]))
        for path in places.superseded(self._folder, kept):
            path.unlink(missing_ok=True)

    def _fill(self, source: IndexSource, database: str, missing: Range) -> None:
        first, last = missing
        batch = _Batch()
        for content in source.contents(first, last):
            batch.add(read_document(source, content, self._extractor))
            self._read += 1
            self._progress(self._read)
            if batch.is_full:
                self._finish(batch, database, (first, content.id))
                first, batch = content.id + 1, _Batch()
        if first <= last:
            self._finish(batch, database, (first, last))

    def _finish(self, batch: _Batch, database: str, covered: Range) -> None:
        batch.write(self._folder, database, covered)
        self._merge(database)

    def _merge(self, database: str) -> None:
        """Merge neighbours as long as the later one is not much smaller than the earlier one."""
        while True:
            opened = [Segment(path) for _, path in places.segments(self._folder)[-_LOOKED_AT:]]
            try:
                pair = next((pair for pair in pairwise(opened) if _belong(*pair)), None)
                if pair is None:
                    return
                merge(self._folder, list(pair), database)
            finally:
                for segment in opened:
                    segment.close()
            for segment in pair:
                segment.path.unlink(missing_ok=True)

    def _rewrite(self, source: IndexSource) -> None:
        """Forget messages that are gone, where they have become many."""
        due = time.time() - limits.INDEX_FORGET_SECONDS
        for _, path in places.segments(self._folder):
            if path.stat().st_mtime > due:
                continue
            os.utime(path)  # looked at now
            segment = Segment(path)
            try:
                present = source.present(segment.facts.first, segment.facts.last)
                if segment.count - len(present) > segment.count // _DEAD:
                    merge(self._folder, [segment], segment.facts.database, present)
            finally:
                segment.close()


def _frozen(unsure: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {zone: tuple(numbers) for zone, numbers in unsure.items()}


_LOOKED_AT: Final = 32
"""Segments at the end among which there can be something to merge."""


def _belong(earlier: Segment, later: Segment) -> bool:
    """Whether two neighbours are to be one."""
    adjacent = earlier.facts.last + 1 == later.facts.first
    octets = earlier.path.stat().st_size + later.path.stat().st_size
    if not adjacent or earlier.count + later.count > CONTENTS or octets > limits.INDEX_SEGMENT:
        return False
    return earlier.count <= limits.INDEX_MERGED * later.count
