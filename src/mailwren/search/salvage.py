"""Reading many messages although some cannot be read: a search goes on without them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mailwren.base.ids import ContentId
from mailwren.store.errors import MessageDamaged

T = TypeVar("T")


async def read_all(
    read: Callable[[Sequence[ContentId]], Awaitable[list[T]]], contents: Sequence[ContentId], unreadable: T
) -> list[T]:
    """What ``read`` tells of each message; ``unreadable`` stands for those that are damaged or gone.

    A message that cannot be read must not make its whole mailbox impossible to search. Halving finds it in few reads.
    """
    try:
        return await read(contents)
    except MessageDamaged:
        if len(contents) <= 1:
            return [unreadable] * len(contents)
    middle = len(contents) // 2
    first = await read_all(read, contents[:middle], unreadable)
    return first + await read_all(read, contents[middle:], unreadable)
