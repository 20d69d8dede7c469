"""The parts of a message that are indexed apart from each other, and the words of one message in each of them. Pure.

What is indexed is exactly what :mod:`mailwren.search.bodies` and :mod:`mailwren.search.headers` look at.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mailwren.base import limits
from mailwren.message.fold import fold
from mailwren.message.text import header_text
from mailwren.search.headers import FieldTest
from mailwren.search.index.words import words_of
from mailwren.search.needle import Needle, fold_linear

BODY: Final = "body"
"""Text parts, attachments' names, headers of enclosed messages."""
HEADER: Final = "header"
"""The whole header, names of fields included, and the parts' MIME headers."""
SUBJECT: Final = "subject"
"""Subjects, of which many differ."""
FIELDS: Final = ("subject", "from", "to", "cc", "bcc", "list-id")
"""Fields that people search in. Each has a zone of its whole values besides, see :func:`values_of`."""


def values_of(field: str) -> str:
    """The zone in which not words stand, but the field's values: they are few, or short, and hold every needle whole.

    Raises:
        KeyError: none of :data:`FIELDS`.
    """
    return _VALUES[field]


_VALUES: Final = {field: f"{field} values" for field in FIELDS}
ZONES: Final = (BODY, HEADER, SUBJECT, *_VALUES.values())

_ANY: Final = Needle("")
_FIELD_TESTS: Final = {field: FieldTest(field, _ANY) for field in FIELDS}


@dataclass(slots=True)
class Document:
    """One message as it is indexed.

    Attributes:
        content: its id in the store.
        email_id: the store's fingerprint of it.
        words: the distinct words, or values, by zone.
        unsure: zones of which these are not all; there the message has to be looked at whatever is searched for.
        attached: the text of attached documents, which searches that look at the message see as well.
    """

    content: int
    email_id: str
    words: dict[str, set[str]] = field(default_factory=lambda: {zone: set() for zone in ZONES})
    unsure: set[str] = field(default_factory=set)
    attached: str = ""

    def add_texts(self, texts: Iterable[str]) -> None:
        """Take in texts of the body."""
        for text in texts:
            self._add(BODY, fold_linear(text))

    def add_header(self, block: bytes) -> None:
        """Take in the message's own header."""
        self.add_block(block)
        for name, test in _FIELD_TESTS.items():
            for value in test.folded(block):
                self._add_value(values_of(name), value)
                if name == SUBJECT:
                    self._add(SUBJECT, value)

    def add_block(self, block: bytes) -> None:
        """Take in a header block, the message's own or a part's."""
        self._add(HEADER, fold(header_text(block)))

    def add_attached(self, text: str) -> None:
        """Take in the text of attached documents: as many of its lines as there is room for their words.

        Beyond it the text is left out. A table of numbers would otherwise have every search look at the message.
        """
        known = self.words[BODY]
        kept: list[str] = []
        for lines in _some_lines(text):
            words = words_of(fold_linear(lines))
            if BODY not in self.unsure:
                if len(words | known) > limits.INDEX_WORDS:
                    break
                known |= words
            kept.append(lines)
        self.attached = "\n".join(kept)

    def give_up(self) -> None:
        """The message is not to be indexed."""
        self.unsure.update(ZONES)
        for words in self.words.values():
            words.clear()
        self.attached = ""

    def _add_value(self, zone: str, folded: str) -> None:
        if len(folded) > limits.INDEX_VALUE or "\n" in folded:
            self.unsure.add(zone)
        elif folded:
            self.words[zone].add(folded)

    def _add(self, zone: str, folded: str) -> None:
        words = self.words[zone]
        if len(words) <= limits.INDEX_WORDS:
            words |= words_of(folded)
        if len(words) > limits.INDEX_WORDS:
            self.unsure.add(zone)


_LINES: Final = 4096
"""Characters that are folded together, so that short lines do not cost more than long ones."""


def _some_lines(text: str) -> Iterator[str]:
    """A text in pieces of whole lines: no word, and no run without blanks, is cut."""
    start = 0
    while start < len(text):
        stop = text.find("\n", start + _LINES)
        stop = len(text) if stop < 0 else stop
        yield text[start:stop]
        start = stop + 1
