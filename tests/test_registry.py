"""The table of capabilities tells the truth about the code."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mailwren.server.features import CAPABILITIES

ROOT = Path(__file__).parent.parent


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_registry_page", ROOT / "docs" / "make_registry_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MODULE = _module()
ROWS: list[dict[str, Any]] = MODULE.rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["words"][0])
def test_a_row_is_shown_by_code_and_tests(row: dict[str, Any]) -> None:
    """What is done names a module and tests that are there; what is not names none, and says why."""
    assert row["state"] in ("done", "planned", "not planned")
    done = row["state"] == "done"
    assert bool(row["module"]) == bool(row["tests"]) == done
    for path in filter(None, (row["module"], *row["tests"])):
        assert (ROOT / path).exists(), path
    if row["state"] == "not planned":
        assert row["note"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["words"][0])
def test_done_is_what_the_server_says(row: dict[str, Any]) -> None:
    """A row is done if and only if the server has one of its words to advertise, or the note says why it has none."""
    advertised = [
        each.name for each in CAPABILITIES if any(MODULE.stands_for(word, each.name) for word in row["words"])
    ]
    if row["state"] == "done":
        assert advertised or row["note"]
    else:
        assert not advertised


def test_every_capability_has_a_row() -> None:
    """Whatever the server advertises stands in the table."""
    words = [word for row in ROWS for word in row["words"]]
    missing = [each.name for each in CAPABILITIES if not any(MODULE.stands_for(word, each.name) for word in words)]
    assert not missing


def test_nothing_is_left_for_later() -> None:
    """A row is done, or there is a reason why not."""
    assert not [row["words"] for row in ROWS if row["state"] == "planned"]


def test_the_page_is_made_from_the_table() -> None:
    """docs/capabilities.md is what docs/make_registry_page.py makes."""
    assert (ROOT / "docs" / "capabilities.md").read_text("utf-8") == MODULE.page()
