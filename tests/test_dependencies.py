"""docs/dependencies.md and pyproject.toml say the same, and what is required is used."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PAGE = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
MODULES = {"argon2-cffi": "argon2"}
"""What a package is imported as, where that is not its name."""
FOR_PEOPLE = {"typer", "rich"}


def _required(requirements: list[str]) -> dict[str, str]:
    """Least versions by package."""
    return {name: version for name, _, version in (each.partition(">=") for each in requirements)}


def _rows(heading: str) -> dict[str, str]:
    """Least versions by package, as a section of the page has them; every row is complete."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = (part for part in section if part.startswith(heading))
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = re.fullmatch(r"\[([a-z0-9-]+)\]\(https://[^)]+\)", cells[0])
        if name:
            assert all(cells[1:4]), line
            rows[name[1]] = cells[1]
    return rows


def _imported() -> Iterator[tuple[str, str]]:
    """The package of this project, and the outermost name of what it imports."""
    for path in (ROOT / "src" / "mailwren").rglob("*.py"):
        package = path.relative_to(ROOT / "src" / "mailwren").parts[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((package, alias.name.split(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield package, node.module.split(".")[0]


def test_every_dependency_has_its_row() -> None:
    """The page lists what is required, no more and no less, with the least version, purpose and licence."""
    groups = PROJECT["dependency-groups"]
    assert _rows("The server") == _required(PROJECT["project"]["dependencies"])
    extras = PROJECT["project"]["optional-dependencies"].values()
    assert _rows("Extras") == _required([each for extra in extras for each in extra])
    assert _rows("Tests") == _required(groups["test"])
    assert _rows("Checks") == _required(groups["check"])


def test_what_the_server_requires_it_imports() -> None:
    """No package is there for nothing."""
    names = {name for _, name in _imported()}
    for requirement in _required(PROJECT["project"]["dependencies"]):
        assert MODULES.get(requirement, requirement) in names


def test_only_the_command_line_knows_what_is_for_people() -> None:
    """typer and rich stay out of what serves mail."""
    assert {package for package, name in _imported() if name in FOR_PEOPLE} == {"cli"}
