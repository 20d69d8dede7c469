"""The kept text of attached documents, for searches that look at the texts of messages."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from mailwren.base.logs import log
from mailwren.search.index.segment import IndexDamaged, Segment


class AttachedTexts:
    """What one account's index keeps, as it was when a search began.

    Args:
        segments: those that keep any.
        discard: called with one that turns out to be damaged.
    """

    __slots__ = ("_discard", "_segments")

    def __init__(self, segments: Sequence[Segment], discard: Callable[[Segment], None]) -> None:
        self._segments: Final = list(segments)
        self._discard: Final = discard

    async def text(self, content: int) -> str:
        """The text of the documents attached to a message, a bounded one; empty where none is known."""
        for segment in self._segments:
            if segment.facts.first <= content <= segment.facts.last:
                return await self._text(segment, content)
        return ""

    async def _text(self, segment: Segment, content: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            places = segment.texts_known
            if places is None:
                places = await loop.run_in_executor(None, segment.texts)
            return await loop.run_in_executor(None, segment.text, content) if places.get(content) else ""
        except (IndexDamaged, OSError) as error:
            log.warning("a part of a search index is damaged", file=str(segment.path), reason=str(error))
            self._segments.remove(segment)
            self._discard(segment)
            return ""
