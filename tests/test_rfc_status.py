"""The RFC status table tells the truth about the code."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
ROWS: list[dict[str, Any]] = tomllib.loads((ROOT / "docs" / "rfc.toml").read_text("utf-8"))["section"]
SOURCES = {path: path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")}
CITED = re.compile(r"RFC (\d+)((?: §[0-9A-Z]+(?:\.[0-9]+)*(?:, | to | and )?)*)")


def _name(row: dict[str, Any]) -> str:
    return f"{row['rfc']}-{row['section']}"


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_files_and_tests_exist(row: dict[str, Any]) -> None:
    """A section that is done names code and a test that are there; one that is not names none."""
    assert row["state"] in ("done", "partial", "not planned", "not applicable")
    assert bool(row["files"]) == bool(row["tests"]) == (row["state"] in ("done", "partial"))
    for path in (*row["files"], *row["tests"]):
        assert (ROOT / path).exists(), path


def test_every_cited_section_has_a_row() -> None:
    """A section of RFC 9051 or RFC 3501 that the code cites stands in the table, itself or the one above it."""
    known = {(row["rfc"], row["section"]) for row in ROWS}
    missing: set[str] = set()
    for path, text in SOURCES.items():
        for rfc, sections in CITED.findall(text):
            for section in re.findall(r"§([0-9A-Z]+(?:\.[0-9]+)*)", sections):
                parents = [section.rsplit(".", count)[0] for count in range(section.count(".") + 1)]
                if int(rfc) in (9051, 3501) and not any((int(rfc), parent) in known for parent in parents):
                    missing.add(f"{path.name}: RFC {rfc} §{section}")
    assert not missing


def test_the_page_is_made_from_the_table() -> None:
    """docs/rfc.md is what docs/make_rfc_page.py makes."""
    spec = importlib.util.spec_from_file_location("make_rfc_page", ROOT / "docs" / "make_rfc_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "rfc.md").read_text("utf-8") == module.page()
