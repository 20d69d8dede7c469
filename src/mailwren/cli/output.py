"""How results are printed: plain columns for pipes, tables for terminals, JSON for scripts."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """A table; ``right`` are the columns of numbers. Without a terminal: columns of blanks, one line per row."""
    if sys.stdout.isatty():
        _print_rich_table(headings, rows, right)
        return
    lines = [[clean(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def _print_rich_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for column, heading in enumerate(headings):
        table.add_column(heading, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    Console().print(table)


def print_panel(title: str, lines: Sequence[str]) -> None:
    """A few lines that must not be overlooked: in a frame on a terminal, otherwise as they are."""
    if not sys.stdout.isatty():
        print(f"{title}:")
        for line in lines:
            print(f"  {line}")
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    Console(highlight=False).print(Panel(Text("\n".join(lines)), title=title, expand=False, padding=(1, 3)))


def notice(text: str) -> None:
    """A word to the user that is no result."""
    print(text, file=sys.stderr)


def clean(text: str) -> str:
    """Text without characters that could command a terminal: mailbox names come from clients."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def size_text(octets: int | None) -> str:
    """A size for people: ``1.4 MiB``."""
    if octets is None:
        return "no limit"
    size = float(octets)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def count_text(count: int | None) -> str:
    """A number of things, or that there is no limit."""
    return "no limit" if count is None else f"{count:,}"


def time_text(seconds: int) -> str:
    """A time for people and scripts alike."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
