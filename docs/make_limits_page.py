"""Makes docs/limits.md from src/mailwren/base/limits.py: ``python docs/make_limits_page.py``."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from mailwren.base import limits

ROOT = Path(__file__).parent.parent
LIMITS = ROOT / "src" / "mailwren" / "base" / "limits.py"
SETTINGS = ROOT / "src" / "mailwren" / "config" / "settings.py"
_HEADING = re.compile(r"^# --- (.+?) -+$")
_DEFAULT = re.compile(r"default=(?:float\()?limits\.(\w+)\)?,\s*metadata=_row\(\s*\"([^\"]+)\"")
_OCTETS = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))
_SECONDS = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))


def page() -> str:
    """The page's text."""
    lines = [
        "# Limits",
        "",
        "Every limit of size, count, depth and time, with its reason. Those with a setting can be changed there, see",
        "[configuration](configuration.md). Made from `src/mailwren/base/limits.py` by `docs/make_limits_page.py`; a",
        "test holds it true.",
    ]
    settings = dict(_DEFAULT.findall(SETTINGS.read_text("utf-8")))
    for heading, rows in _sections():
        lines += ["", f"## {heading[0].upper()}{heading[1:]}", "", "| limit | value | reason | setting |"]
        lines += ["| --- | --- | --- | --- |"]
        for name, value, reason in rows:
            setting = f"`{settings[name]}`" if name in settings else ""
            lines.append(f"| `{name}` | {value} | {reason} | {setting} |".replace("|  |", "| |"))
    return "\n".join(lines) + "\n"


def _sections() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Headings, each with its limits: name, value in words, reason."""
    text = LIMITS.read_text("utf-8")
    headings = {number: match[1] for number, line in enumerate(text.splitlines(), 1) if (match := _HEADING.match(line))}
    rows: dict[str, list[tuple[str, str, str]]] = {heading: [] for heading in headings.values()}
    body = ast.parse(text).body
    for node, following in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            heading = headings[max(number for number in headings if number < node.lineno)]
            assert isinstance(following, ast.Expr)
            assert isinstance(following.value, ast.Constant)
            reason = " ".join(str(following.value.value).replace("``", "`").split()).replace("|", "\\|")
            rows[heading].append((node.target.id, _words(node), reason))
    yield from rows.items()


def _words(node: ast.AnnAssign) -> str:
    """The value with its unit: what is written in 1024s are octets."""
    assert isinstance(node.target, ast.Name)
    name, value = node.target.id, getattr(limits, node.target.id)
    if "MICROSECONDS" in name:
        return f"{value:,} µs"
    if "SECONDS" in name or isinstance(value, float):
        return _in_units(value, _SECONDS) if value >= 1 else f"{value * 1000:g} ms"
    if "1024" in ast.unparse(node):
        return _in_units(value, _OCTETS)
    return f"{value:,}"


def _in_units(value: float, units: tuple[tuple[str, int], ...]) -> str:
    for unit, size in units:
        if value >= size and value % size == 0:
            return f"{value / size:,.0f} {unit}"
    return f"{value:,}"


if __name__ == "__main__":
    (ROOT / "docs" / "limits.md").write_text(page(), "utf-8")
