"""A progress bar on a terminal; silence elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from mailwren.cli.output import clean

Advance: TypeAlias = Callable[[int, str], None]
"""Called with how much is done in all, and a word on what is going on."""

_WIDTH: Final = 40
"""Characters beside the bar, so that both stay on one line."""


def shorten(word: str) -> str:
    """The end of a long word matters most: it is a mailbox's own name."""
    word = clean(word)
    return word if len(word) <= _WIDTH else f"…{word[1 - _WIDTH :]}"


@contextmanager
def progress_bar(title: str, total: int | None, *, octets: bool = False) -> Iterator[Advance]:
    """Show how far a long piece of work is; ``total`` of ``None`` when that is not known."""
    if not sys.stderr.isatty():
        yield lambda _done, _word: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    count = DownloadColumn(binary_units=True) if octets else MofNCompleteColumn()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TimeRemainingColumn(),
        TextColumn("{task.fields[word]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total, word="")
        yield lambda done, word: progress.update(task, completed=done, word=escape(shorten(word)))
