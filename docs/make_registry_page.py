"""Makes docs/capabilities.md from docs/registry.toml and the capability rows: ``python docs/make_registry_page.py``."""

import re
import tomllib
from pathlib import Path
from typing import Any

from mailwren.server.features import CAPABILITIES
from mailwren.server.table import Capability, State

ROOT = Path(__file__).parent.parent


def rows() -> list[dict[str, Any]]:
    """The rows of the registry."""
    found: list[dict[str, Any]] = tomllib.loads((ROOT / "docs" / "registry.toml").read_text("utf-8"))["capability"]
    return found


def stands_for(word: str, advertised: str) -> bool:
    """Whether a word of the registry is what CAPABILITY says; one that ends in ``=`` stands for any value."""
    name, _, _ = advertised.partition("=")
    return word.upper() == advertised.upper() or (word.endswith("=") and word[:-1].upper() == name.upper())


def page() -> str:
    """The page's text."""
    registry = rows()
    done = sum(row["state"] == "done" for row in registry)
    head = (
        f"{done} of the {len(registry)} rows of the capability registry, with a few words that other servers added to "
        "it, are implemented. Made from `docs/registry.toml` and the rows that CAPABILITY itself is made from by "
        "`docs/make_registry_page.py`; a test holds it true."
    )
    lines = [
        "# Capabilities",
        "",
        head,
        "",
        "| capability | source | state | advertised | code | shown by |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_line(row) for row in registry),
    ]
    notes = [f"- **{' / '.join(row['words'])}**: {row['note']}" for row in registry if row["note"]]
    return "\n".join([*lines, "", "## Notes", "", *notes]) + "\n"


def _line(row: dict[str, Any]) -> str:
    words = " / ".join(f"`{word}`" for word in row["words"])
    cells = (words, row["rfc"], row["state"], _advertised(row), _links([row["module"]]), _links(row["tests"]))
    return f"| {' | '.join(cells)} |"


def _advertised(row: dict[str, Any]) -> str:
    found = [each for each in CAPABILITIES if any(stands_for(word, each.name) for word in row["words"])]
    return ", ".join(dict.fromkeys(_when(each) for each in found))


def _when(capability: Capability) -> str:
    states = {State.ANY: "always", State.NOT_AUTHENTICATED: "before login", State.LOGGED_IN: "after login"}
    return states.get(capability.states, "when selected") + (", where it holds" if capability.when else "")


def _links(paths: list[str]) -> str:
    return ", ".join(f"[{re.sub('^(src/mailwren|tests)/', '', path)}](../{path})" for path in paths if path)


if __name__ == "__main__":
    (ROOT / "docs" / "capabilities.md").write_text(page(), "utf-8")
