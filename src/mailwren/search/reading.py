"""The tests that look into messages: headers in batches, bodies one by one, others having their turn in between."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mailwren.base import limits
from mailwren.base.ids import ContentId
from mailwren.message.api import Part
from mailwren.message.encoded_words import decode_header
from mailwren.message.header import Header
from mailwren.message.text import header_text
from mailwren.search.bodies import WholeMessage, large_blocks, large_texts, pieces
from mailwren.search.fields import SEPARATOR, FieldValues
from mailwren.search.fuzzy import BODY, FIELDS, OTHER_FIELD, SUBJECT, FuzzyText, Hits
from mailwren.search.headers import BlockTest, FieldTest
from mailwren.search.index.answers import Answer
from mailwren.search.index.attached import AttachedTexts
from mailwren.search.needle import Needle
from mailwren.search.pace import Pace
from mailwren.search.plan import PlainTextTest, TextTest
from mailwren.search.query import HeaderContains, Resembles, TextContains
from mailwren.search.rows import Rows
from mailwren.search.salvage import read_all
from mailwren.store.api import Account
from mailwren.store.errors import MessageDamaged

_HEADERS_AT_FIRST: Final = 16
_HEADERS_AT_MOST: Final = 256


class Reader:
    """The messages of one search.

    Args:
        account: whose messages they are.
        contents: the content of each row.
        fields: what is known of a header field, by its name.
        pace: lets others run.
        answers: what the index tells of tests: only where it is not certain are messages read.
        keep: whether what was read is wanted again before :meth:`forget`, because several tests look at it.
        attached: the text of attached documents, where any is known.
    """

    def __init__(
        self,
        account: Account,
        contents: "array[int]",
        fields: Callable[[str], FieldValues],
        pace: Pace,
        answers: Mapping[TextTest, Answer],
        *,
        keep: bool,
        attached: AttachedTexts | None = None,
    ) -> None:
        self._account = account
        self._contents = contents
        self._fields = fields
        self._pace = pace
        self._answers = answers
        self._attached: Final = attached
        self._keep = limits.SEARCH_KEPT if keep else 0
        self._room = self._keep
        self._headers: dict[int, bytes | None] = {}
        self._long: dict[str, dict[int, str]] = {}
        """By field and row, values that are too long to be remembered after the search."""
        self._messages: dict[int, WholeMessage] = {}
        self._at_once = _HEADERS_AT_FIRST
        self._tests: dict[PlainTextTest, FieldTest | _BodyTest] = {}
        self._sought: dict[str, FuzzyText] = {}
        self.scores: dict[int, list[float]] = {}
        """By row, how well messages fit what they need to resemble only; until :meth:`forget`."""

    def forget(self) -> None:
        """Let go of what was read: other rows follow."""
        self.scores.clear()
        self._headers.clear()
        self._long.clear()
        self._messages.clear()
        self._room = self._keep

    async def matching(self, test: TextTest, rows: Rows) -> list[int]:
        """Those of ``rows`` that match."""
        answer = self._answers.get(test)
        if isinstance(test, Resembles):
            # How well they do is always found by reading them.
            return await self._resembling(test.test, rows if answer is None else answer.split(self._contents, rows)[1])
        if answer is None:
            return await self._looked_at(test, rows)
        certain, open_rows = answer.split(self._contents, rows)
        found = await self._looked_at(test, open_rows) if open_rows else []
        return sorted(certain + found) if found else certain

    async def _looked_at(self, test: PlainTextTest, rows: Rows) -> list[int]:
        prepared = self._tests.get(test)
        if prepared is None:
            prepared = self._tests[test] = _prepared(test)
        if isinstance(prepared, FieldTest):
            assert isinstance(test, HeaderContains)
            return await self._matching_header(test.field, prepared, rows)
        result: list[int] = []
        for row in rows:
            if await self._body_matches(prepared, row):
                result.append(row)
            await self._pace.rest()
        return result

    # --- headers --------------------------------------------------------------------------------------------
    async def _matching_header(self, field: str, test: FieldTest, rows: Rows) -> list[int]:
        needle = test.needle.folded
        if not needle or SEPARATOR in needle:
            return await self._scan_headers(test, rows, None)
        collation = test.needle.collation
        name = field if collation is None else f"{field} {collation.name}"
        texts = self._known_texts(name, rows)
        result = [row for row, text in zip(rows, texts, strict=True) if text is not None and needle in text]
        unknown = [row for row, text in zip(rows, texts, strict=True) if text is None]
        if unknown:
            result += await self._scan_headers(test, unknown, name)
            result.sort()
        await self._pace.rest()
        return result

    def _known_texts(self, name: str, rows: Rows) -> list[str | None]:
        """The values of a field as they are compared, where they are known."""
        contents, known, long = self._contents, self._fields(name).known, self._long.get(name.lower())
        texts = [known.get(contents[row]) for row in rows]
        if not long:
            return texts
        return [long.get(row) if text is None else text for row, text in zip(rows, texts, strict=True)]

    def _remembered(self, name: str, row: int, folded: list[str]) -> str:
        """A field's values in one text, remembered if there is room."""
        text = SEPARATOR.join(folded)
        if not self._fields(name).keep(self._contents[row], text) and len(text) <= self._room:
            self._room -= len(text)
            self._long.setdefault(name.lower(), {})[row] = text
        return text

    async def _scan_headers(self, test: FieldTest, rows: Rows, name: str | None) -> list[int]:
        """Those of ``rows`` whose headers match; the values of the field are remembered by its name, if it is given."""
        result: list[int] = []
        start = 0
        while start < len(rows):
            part = rows[start : start + self._at_once]
            start += len(part)
            for row, header in zip(part, await self._read_headers(part), strict=True):
                block = await self._large_header(row) if header is None else header
                if test(block) if name is None else self._kept_and_matching(test, row, block, name):
                    result.append(row)
                if header is None:  # decoding it may have taken long
                    await self._pace.rest()
            await self._pace.rest()
        return result

    def _kept_and_matching(self, test: FieldTest, row: int, header: bytes, name: str) -> bool:
        return test.needle.folded in self._remembered(name, row, test.folded(header))

    async def _large_header(self, row: int) -> bytes:
        """A header that is not read together with others, as far as headers are looked into."""
        content = ContentId(self._contents[row])
        try:
            root = await self._account.structure(content)
            return await self._account.read(content, 0, min(root.body_start, limits.HEADER_PARSED))
        except MessageDamaged:
            return b""

    async def _read_headers(self, rows: Rows) -> list[bytes | None]:
        """The headers of rows, ``None`` for large ones."""
        known = self._headers
        if known and all(row in known for row in rows):
            return [known[row] for row in rows]
        contents = [ContentId(self._contents[row]) for row in rows]
        headers: list[bytes | None] = await read_all(self._read_small_headers, contents, b"")
        octets = sum(len(header) for header in headers if header is not None)
        self._at_once = max(1, min(_HEADERS_AT_MOST, 2 * len(rows), limits.SEARCH_HEADERS * len(rows) // (octets + 1)))
        if self._room >= octets:
            self._room -= octets
            known.update(zip(rows, headers, strict=True))
        return headers

    async def _read_small_headers(self, contents: Sequence[ContentId]) -> list[bytes | None]:
        return await self._account.small_headers(contents, limits.SEARCH_HEADER)

    # --- what resembles a text ----------------------------------------------------------------------------------
    async def _resembling(self, test: PlainTextTest, rows: Rows) -> list[int]:
        sought = self._sought.get(test.text)
        if sought is None:
            sought = self._sought[test.text] = FuzzyText(test.text)
        result: list[int] = []
        start = 0
        while start < len(rows):
            part = rows[start : start + self._at_once]
            start += len(part)
            fields = await self._field_texts(test, part) if isinstance(test, HeaderContains) else [""] * len(part)
            for row, text in zip(part, fields, strict=True):
                hits = Hits(sought)
                if isinstance(test, HeaderContains):
                    await self._look(hits, text, FIELDS.get(test.field.lower(), OTHER_FIELD))
                else:
                    await self._look_at_message(hits, row, headers=isinstance(test, TextContains))
                score = hits.score()
                if score:
                    result.append(row)
                    self.scores.setdefault(row, []).append(score)
                await self._pace.rest()
        return result

    async def _field_texts(self, test: HeaderContains, rows: Rows) -> list[str]:
        """The values of a field of each row, folded."""
        known = zip(rows, self._known_texts(test.field, rows), strict=True)
        texts = {row: text for row, text in known if text is not None}
        unknown = [row for row in rows if row not in texts]
        if unknown:
            field = FieldTest(test.field, Needle(test.text))
            for row, header in zip(unknown, await self._read_headers(unknown), strict=True):
                folded = field.folded(await self._large_header(row) if header is None else header)
                texts[row] = self._remembered(test.field, row, folded)
                if header is None:  # decoding it may have taken long
                    await self._pace.rest()
        return [texts[row] for row in rows]

    async def _look_at_message(self, hits: Hits, row: int, *, headers: bool) -> None:
        content = ContentId(self._contents[row])
        try:
            message = await self._whole(row)
            if message is not None:
                if headers:
                    for block in message.blocks():
                        await self._look_at_block(hits, block)
                for text in message.texts():
                    await self._look(hits, text, BODY, often=True)
                await self._look(hits, await self._attached_text(content), BODY, often=True)
                return
            root = await self._account.structure(content)
            if headers:
                async for block in large_blocks(self._account, content, root):
                    await self._look_at_block(hits, block)
            async for text in large_texts(self._account, content, root, 0):
                await self._look(hits, text, BODY, often=True)
            await self._look(hits, await self._attached_text(content), BODY, often=True)
        except MessageDamaged:
            return

    async def _look_at_block(self, hits: Hits, block: bytes) -> None:
        for subject in Header(block).all(b"subject"):
            await self._look(hits, decode_header(subject), SUBJECT)
        await self._look(hits, header_text(block), OTHER_FIELD)

    async def _look(self, hits: Hits, text: str, weight: float, *, often: bool = False) -> None:
        for _step in hits.look(text, weight, often=often):
            await self._pace.rest()

    # --- bodies ---------------------------------------------------------------------------------------------
    async def _whole(self, row: int) -> WholeMessage | None:
        """A message in memory, ``None`` where it is large. Raises MessageDamaged."""
        message = self._messages.get(row)
        if message is not None:
            return message
        content = ContentId(self._contents[row])
        root = await self._account.structure(content)
        if root.body_end > limits.SEARCH_WHOLE:
            return None
        message = WholeMessage(await self._account.read(content), root)
        if self._room >= message.size:
            self._room -= message.size
            self._messages[row] = message
        return message

    async def _body_matches(self, test: "_BodyTest", row: int) -> bool:
        content = ContentId(self._contents[row])
        try:
            message = await self._whole(row)
            if message is None:
                found = await self._large_matches(test, content, await self._account.structure(content))
            else:
                found = test.matches(message)
        except MessageDamaged:
            return False
        return found or await self._attached_matches(test, content)

    async def _attached_text(self, content: ContentId) -> str:
        return "" if self._attached is None else await self._attached.text(content)

    async def _attached_matches(self, test: "_BodyTest", content: ContentId) -> bool:
        text = await self._attached_text(content)
        for piece in pieces(text, max(len(test.needle) - 1, 0)) if text else ():
            if test.needle.is_in(piece):
                return True
            await self._pace.rest()
        return False

    async def _large_matches(self, test: "_BodyTest", content: ContentId, root: Part) -> bool:
        if test.block is not None:
            async for block in large_blocks(self._account, content, root):
                if test.block(block):
                    return True
                await self._pace.rest()
        async for text in large_texts(self._account, content, root, max(len(test.needle) - 1, 0)):
            if test.needle.is_in(text):
                return True
            await self._pace.rest()
        return False


class _BodyTest:
    """BODY, or TEXT, which looks at headers too."""

    __slots__ = ("block", "needle")

    def __init__(self, needle: Needle, *, headers: bool) -> None:
        self.needle: Final = needle
        self.block: Final = BlockTest(needle) if headers else None

    def matches(self, message: WholeMessage) -> bool:
        """Whether a message matches."""
        if self.block is not None and any(map(self.block, message.blocks())):
            return True
        return any(map(self.needle.is_in, message.texts()))


def _prepared(test: PlainTextTest) -> FieldTest | _BodyTest:
    needle = Needle(test.text, test.collation)
    if isinstance(test, HeaderContains):
        return FieldTest(test.field, needle)
    return _BodyTest(needle, headers=isinstance(test, TextContains))
