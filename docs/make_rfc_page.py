"""Makes docs/rfc.md from docs/rfc.toml and the capability rows: ``python docs/make_rfc_page.py``."""

import re
import tomllib
from pathlib import Path

from mailwren.server.features import CAPABILITIES

ROOT = Path(__file__).parent.parent
_STATES = {"done": "done", "partial": "partly done", "not planned": "not planned", "not applicable": "nothing to do"}


def page() -> str:
    """The page's text."""
    rows = tomllib.loads((ROOT / "docs" / "rfc.toml").read_text("utf-8"))["section"]
    lines = [
        "# What of the RFCs is done",
        "",
        "Made from `docs/rfc.toml` and the server's capability rows by `docs/make_rfc_page.py`; a test holds it true.",
        "",
        "## Capabilities",
        "",
        "| capability | source |",
        "| --- | --- |",
        *(f"| `{row.name}` | {row.rfc} |" for row in CAPABILITIES),
    ]
    for rfc in sorted({row["rfc"] for row in rows}, reverse=True):
        lines += ["", f"## RFC {rfc}", "", "| section | state | code | shown by |", "| --- | --- | --- | --- |"]
        lines += [_line(row) for row in rows if row["rfc"] == rfc]
    return "\n".join(lines) + "\n"


def _line(row: dict[str, object]) -> str:
    cells = (f"{row['section']} {row['title']}", _STATES[str(row["state"])], _links(row["files"]), _links(row["tests"]))
    return f"| {' | '.join(cells)} |"


def _links(paths: object) -> str:
    assert isinstance(paths, list)
    return ", ".join(f"[{re.sub('^(src/mailwren|tests)/', '', path)}](../{path})" for path in paths)


if __name__ == "__main__":
    (ROOT / "docs" / "rfc.md").write_text(page(), "utf-8")
