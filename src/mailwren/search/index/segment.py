"""A file of the index: the words of a range of contents, written once and never changed.

Numbers are little-endian. The file begins with ``MAGIC``, the length and CRC-32 of a JSON document that says which
contents these are and where the sections lie; each section has a CRC-32 of its own. The contents are numbered from 0,
at most 65,536 of them, and each zone (see zones.py) has three sections:

- *vocabulary*: its distinct words in the order of their octets, a line feed before, between and behind them;
- *lengths*: how many octets each word's postings take, two octets each;
- *postings*: in which contents each word stands: ascending numbers of two octets each, or, where that is smaller, a
  bitmap with one bit for each content. Such a file is one container of a roaring bitmap, so nothing more is needed.

Vocabulary and lengths are compressed; postings are not, so that a word's can be read alone.

Where messages have attached documents whose text was read, three more sections keep it, for searches that have to look
at texts: *texts.numbers*, those of the contents that have any, ascending; *texts.lengths*, the octets of each; and last
*texts* themselves, each compressed alone and with a checksum of its own.
"""

import json
import os
import sys
import weakref
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from pathlib import Path
from typing import Any, Final

import zstandard

from mailwren.search.index.words import Place, Wanted
from mailwren.store.durable import sync_folder

MAGIC: Final = b"MWRNIDX1"
CONTENTS: Final = 65_536
"""Contents of the largest segment: their numbers take two octets."""
_HEAD: Final = len(MAGIC) + 8
_SPAN: Final = 4096
"""Octets of a vocabulary between two places whose words were counted."""
_PIECE: Final = 16 * 1024
"""Octets of a piece of a vocabulary: comparing its words with one takes well below a millisecond."""
_STRETCH: Final = 64 * 1024
"""Octets of a vocabulary that are looked through at once: the longest ones take many milliseconds."""
_READ_WHOLE: Final = 256
"""Words whose postings are read one by one; with more, the section is read at once."""
_SWAPPED: Final = sys.byteorder != "little"
_TO_FLAG: Final = bytes.maketrans(b"01", b"\0\1")

Posting = Sequence[int]
"""Ascending numbers of contents in a segment."""


class IndexDamaged(Exception):
    """A file of the index is not what was written."""


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a segment says of itself.

    Attributes:
        first: the first content id that it stands for.
        last: the last one.
        database: identifies the database's file.
        samples: some content ids with their email ids, to notice that the store has another past.
        unsure: by zone, numbers of contents that have to be looked at whatever is searched for.
    """

    first: int
    last: int
    database: str
    samples: tuple[tuple[int, str], ...]
    unsure: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ZoneOctets:
    """One zone's sections, not compressed."""

    vocabulary: bytes
    lengths: bytes
    postings: bytes


@dataclass(frozen=True, slots=True)
class KeptTexts:
    """Texts of attached documents that are to be written.

    Attributes:
        numbers: the contents' numbers (``array("H")``), ascending.
        lengths: octets of each text (``array("I")``).
        frames: the texts, as :func:`compressed_text` makes them.
    """

    numbers: "array[int]"
    lengths: "array[int]"
    frames: Iterable[bytes]


# --- writing ----------------------------------------------------------------------------------------------------
class ZoneWriter:
    """Takes a zone's words in ascending order."""

    __slots__ = ("_bitmap", "_lengths", "_postings", "_words")

    def __init__(self, contents: int) -> None:
        self._bitmap: Final = (contents + 7) // 8
        self._words: Final[list[bytes]] = []
        self._lengths: Final = array("H")
        self._postings = bytearray()

    def add(self, word: bytes, posting: "array[int]") -> None:
        """Add a word with the numbers (``array("H")``, ascending) of the contents that it stands in."""
        self._words.append(word)
        if 2 * len(posting) < self._bitmap:
            octets = _little_endian(posting)
        else:
            flags = bytearray(8 * self._bitmap)
            for number in posting:
                flags[-1 - number] = 1
            octets = int(flags.translate(bytes.maketrans(b"\0\1", b"01")), 2).to_bytes(self._bitmap, "little")
        self._lengths.append(len(octets))
        self._postings += octets

    @property
    def octets(self) -> int:
        """About how much was taken in."""
        return len(self._postings) + 12 * len(self._words)

    def sections(self) -> ZoneOctets:
        """What is to be written."""
        vocabulary = b"\n" + b"\n".join([*self._words, b""])
        return ZoneOctets(vocabulary, _little_endian(self._lengths), bytes(self._postings))


def compressed_text(text: str) -> bytes:
    """A text as it is kept."""
    return zstandard.ZstdCompressor(level=6, write_checksum=True).compress(text.encode("utf-8", "surrogatepass"))


def write_segment(
    folder: Path,
    facts: SegmentFacts,
    contents: Sequence[int],
    zones: Iterable[tuple[str, ZoneOctets]],
    texts: KeptTexts | None = None,
) -> Path:
    """Write a segment, on the disk when this returns. Raises OSError."""
    compressor = zstandard.ZstdCompressor(level=6)
    sections: list[tuple[str, bytes]] = [
        ("contents", compressor.compress(_little_endian(array("Q", [each - facts.first for each in contents]))))
    ]
    for zone, octets in zones:
        sections.append((f"{zone}.vocabulary", compressor.compress(octets.vocabulary)))
        sections.append((f"{zone}.lengths", compressor.compress(octets.lengths)))
        sections.append((f"{zone}.postings", octets.postings))
    if texts is not None and texts.numbers:
        sections.append(("texts.numbers", compressor.compress(_little_endian(texts.numbers))))
        sections.append(("texts.lengths", compressor.compress(_little_endian(texts.lengths))))
    places: dict[str, list[int]] = {}
    position = 0
    for name, data in sections:
        places[name] = [position, len(data), zlib.crc32(data)]
        position += len(data)
    if texts is not None and texts.numbers:
        places["texts"] = [position, sum(texts.lengths), 0]  # never read whole
    head = json.dumps(
        {
            "first": facts.first,
            "last": facts.last,
            "contents": len(contents),
            "database": facts.database,
            "samples": facts.samples,
            "unsure": facts.unsure,
            "sections": places,
        }
    ).encode("ascii")
    path = folder / segment_name(facts.first, facts.last)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(MAGIC + len(head).to_bytes(4, "little") + zlib.crc32(head).to_bytes(4, "little") + head)
        file.writelines(data for _, data in sections)
        if texts is not None:
            file.writelines(texts.frames)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(folder)
    return path


def segment_name(first: int, last: int) -> str:
    """The name of the file that stands for contents ``first`` to ``last``."""
    return f"{first:012d}-{last:012d}.seg"


# --- reading ----------------------------------------------------------------------------------------------------
class Zone:
    """A zone's vocabulary and postings, ready to be asked. Nothing is read here but postings.

    Attributes:
        octets: about how much memory this takes.
    """

    __slots__ = ("_counts", "_offsets", "_segment", "_start", "octets", "vocabulary")

    def __init__(self, segment: "Segment", start: int, vocabulary: bytes, lengths: bytes) -> None:
        """Ask about a zone of ``segment`` whose postings begin at an offset of its file. Raises IndexDamaged."""
        if vocabulary[:1] != b"\n" or len(lengths) != 2 * (vocabulary.count(b"\n") - 1):
            raise IndexDamaged("a vocabulary makes no sense")
        self.vocabulary: Final = vocabulary
        self._segment: Final = segment
        self._start: Final = start
        self._offsets: Final = array("I", accumulate(_numbers("H", lengths), initial=0))
        spans = (vocabulary.count(b"\n", start, start + _SPAN) for start in range(0, len(vocabulary), _SPAN))
        self._counts: Final = array("I", accumulate(spans, initial=0))
        self.octets: Final = len(vocabulary) + 4 * len(self._offsets) + 4 * len(self._counts) + 500

    def words(self, wanted: Wanted) -> Iterator[list[int]]:
        """The ordinals of the words that hold what is wanted, ascending: those of one stretch after the other."""
        vocabulary = self.vocabulary
        text = wanted.text.encode("utf-8", "surrogatepass")
        if wanted.place in (Place.BEGINNING, Place.WHOLE):
            text = b"\n" + text
        if wanted.place in (Place.END, Place.WHOLE):
            text += b"\n"
        lead = text.startswith(b"\n")
        position, size = 0, len(vocabulary)
        while position < size:
            found: list[int] = []
            stop = position + _STRETCH
            until = stop + len(text) - 1
            while position < stop and (place := vocabulary.find(text, position, until)) >= 0:
                span = place // _SPAN
                count = self._counts[span] + vocabulary.count(b"\n", span * _SPAN, place)
                found.append(count if lead else count - 1)
                end = vocabulary.find(b"\n", place + 1)
                position = size if end < 0 else end
            yield found
            position = max(position, stop)

    def pieces(self) -> Iterator[tuple[int, str]]:
        """The vocabulary in pieces of some thousand words: each with the ordinal of its first one."""
        start, ordinal, last = 0, 0, len(self.vocabulary) - 1
        while start < last:
            stop = self.vocabulary.find(b"\n", min(start + _PIECE, last))
            piece = self.vocabulary[start : stop + 1]
            yield ordinal, piece.decode("utf-8", "surrogatepass")
            ordinal += piece.count(b"\n") - 1
            start = stop

    def frequency(self, words: Sequence[int]) -> int:
        """At most so many contents hold any of the words."""
        total = 0
        for word in words:
            length = self._offsets[word + 1] - self._offsets[word]
            total += self._segment.count if length == self._segment.bitmap else length // 2
        return min(total, self._segment.count)

    def all_postings(self) -> Iterator[Posting]:
        """Those of each word in turn. Raises OSError, IndexDamaged."""
        return self.postings(range(len(self._offsets) - 1))

    def postings(self, words: Sequence[int]) -> Iterator[Posting]:
        """The numbers of the contents in which each word stands. Raises OSError, IndexDamaged."""
        offsets = self._offsets
        if len(words) > _READ_WHOLE:
            whole = self._segment.read(self._start, offsets[-1])
            for word in words:
                yield self._segment.decoded(whole[offsets[word] : offsets[word + 1]])
            return
        for word in words:
            start, stop = offsets[word], offsets[word + 1]
            yield self._segment.decoded(self._segment.read(self._start + start, stop - start))


@dataclass(frozen=True, slots=True)
class TextPlaces:
    """Where in a segment's file texts lie.

    Attributes:
        contents: those that have one, ascending.
        offsets: where each begins, and the end of the last one.
    """

    contents: "array[int]"
    offsets: "array[int]"

    def get(self, content: int) -> tuple[int, int] | None:
        """Offset in the file and octets of a content's text; ``None`` without one."""
        place = bisect_left(self.contents, content)
        if place == len(self.contents) or self.contents[place] != content:
            return None
        return self.offsets[place], self.offsets[place + 1] - self.offsets[place]


class Segment:
    """A segment's file, open for reading from any thread. What it says of itself is read at once.

    Attributes:
        path: the file.
        facts: what it says of itself.
        count: how many contents it has.
        bitmap: octets of a bitmap of them.
    """

    __slots__ = (
        "__weakref__",
        "_close",
        "_contents",
        "_descriptor",
        "_places",
        "_start",
        "_texts",
        "bitmap",
        "count",
        "facts",
        "path",
    )

    def __init__(self, path: Path) -> None:
        """Open a segment. Raises OSError, IndexDamaged."""
        self.path: Final = path
        self._descriptor: Final = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._close: Final = weakref.finalize(self, os.close, self._descriptor)
        self._contents: array[int] | None = None
        self._texts: TextPlaces | None = None
        self._start = 0
        try:
            head = self._head()
            self.facts: Final = SegmentFacts(
                int(head["first"]),
                int(head["last"]),
                str(head["database"]),
                tuple((int(content), str(email)) for content, email in head["samples"]),
                {str(zone): tuple(map(int, numbers)) for zone, numbers in head["unsure"].items()},
            )
            self.count: Final = int(head["contents"])
            self._places: Final[dict[str, list[int]]] = head["sections"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IndexDamaged(f"the head of {path.name} makes no sense") from error
        if path.name != segment_name(self.facts.first, self.facts.last):
            raise IndexDamaged(f"{path.name} holds something else")
        self.bitmap: Final = (self.count + 7) // 8

    def _head(self) -> Any:
        start = os.pread(self._descriptor, _HEAD, 0)
        length = int.from_bytes(start[len(MAGIC) : len(MAGIC) + 4], "little")
        self._start = _HEAD + length
        head = os.pread(self._descriptor, length, _HEAD)
        if not start.startswith(MAGIC) or zlib.crc32(head) != int.from_bytes(start[_HEAD - 4 :], "little"):
            raise IndexDamaged(f"{self.path.name} is no segment, or damaged")
        return json.loads(head)

    def close(self) -> None:
        """Let go of the file at once; nothing can be read any more. Otherwise that happens with the last reference."""
        self._close()

    def is_current(self) -> bool:
        """Whether this is still the file of its name. Raises OSError."""
        return os.path.samestat(os.fstat(self._descriptor), self.path.stat())

    def contents(self) -> "array[int]":
        """The content ids, ascending, by number. Raises OSError, IndexDamaged."""
        if self._contents is None:
            first = self.facts.first
            numbers = array("q", [each + first for each in _numbers("Q", _decompressed(self._section("contents")))])
            if len(numbers) != self.count:
                raise IndexDamaged(f"{self.path.name} has a wrong number of contents")
            self._contents = numbers
        return self._contents

    def zone(self, name: str) -> Zone:
        """One zone, all of it verified. Raises OSError, IndexDamaged."""
        self._section(f"{name}.postings")  # verified now, since later only pieces of it are read
        vocabulary = _decompressed(self._section(f"{name}.vocabulary"))
        start = self._start + self._places[f"{name}.postings"][0]
        return Zone(self, start, vocabulary, _decompressed(self._section(f"{name}.lengths")))

    @property
    def has_texts(self) -> bool:
        """Whether any content has text of attached documents."""
        return "texts" in self._places

    @property
    def texts_known(self) -> "TextPlaces | None":
        """What :meth:`texts` gave before; ``None``: it was not asked for yet."""
        return self._texts

    def texts(self) -> "TextPlaces":
        """Where the kept texts lie. Raises OSError, IndexDamaged."""
        if self._texts is None:
            self._texts = self._text_places() if self.has_texts else TextPlaces(array("q"), array("Q", [0]))
        return self._texts

    def _text_places(self) -> "TextPlaces":
        contents = self.contents()
        numbers = _numbers("H", _decompressed(self._section("texts.numbers")))
        lengths = _numbers("I", _decompressed(self._section("texts.lengths")))
        if len(numbers) != len(lengths) or (numbers and numbers[-1] >= len(contents)):
            raise IndexDamaged(f"the places of texts in {self.path.name} make no sense")
        offsets = array("Q", accumulate(lengths, initial=self._start + self._places["texts"][0]))
        return TextPlaces(array("q", [contents[number] for number in numbers]), offsets)

    def text(self, content: int) -> str:
        """The text of a content's attached documents; empty without any. Raises OSError, IndexDamaged."""
        place = self.texts().get(content)
        if place is None:
            return ""
        return _decompressed(self.read(*place)).decode("utf-8", "surrogatepass")

    def _section(self, name: str) -> bytes:
        try:
            offset, length, checksum = self._places[name]
        except (KeyError, ValueError) as error:
            raise IndexDamaged(f"{self.path.name} lacks a section") from error
        data = self.read(self._start + offset, length)
        if zlib.crc32(data) != checksum:
            raise IndexDamaged(f"a section of {self.path.name} is damaged")
        return data

    def read(self, start: int, length: int) -> bytes:
        """Octets of the file. Raises OSError, IndexDamaged."""
        data = os.pread(self._descriptor, length, start)
        if len(data) != length:
            raise IndexDamaged(f"{self.path.name} is cut off")
        return data

    def decoded(self, octets: bytes) -> Posting:
        """The numbers that a posting stands for."""
        if len(octets) != self.bitmap:
            return _numbers("H", octets)
        bits = f"{int.from_bytes(octets, 'little'):b}"[::-1]
        return list(compress(range(self.count), bits.encode("ascii").translate(_TO_FLAG)))


def _decompressed(data: bytes) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise IndexDamaged("a section cannot be decompressed") from error


def _numbers(typecode: str, octets: bytes) -> "array[int]":
    numbers = array(typecode)
    try:
        numbers.frombytes(octets)
    except ValueError as error:
        raise IndexDamaged("numbers are cut off") from error
    if _SWAPPED:
        numbers.byteswap()
    return numbers


def _little_endian(numbers: "array[int]") -> bytes:
    if _SWAPPED:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
