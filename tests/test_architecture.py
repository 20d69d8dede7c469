"""The shape of the code: imports go down only, files and functions stay small, citations have one form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "mailwren"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))

LAYERS = {
    "base": 0,
    "imap": 1,
    "message": 1,
    "config": 1,
    "store": 2,
    "auth": 2,
    "search": 3,
    "delivery": 3,
    "transfer": 3,
    "server": 4,
    "cli": 5,
}
"""A package may import from packages of a smaller number, and from itself."""
PURE = ("imap", "message")
IMPURE = {"asyncio", "socket", "ssl", "sqlite3", "apsw", "logging", "structlog", "threading", "pathlib", "subprocess"}
SURROUNDINGS = re.compile(r"\btime\.(time|monotonic|perf_counter|sleep|localtime)\b|\.(now|today)\(\)|\bos\.(?!path\b)")
"""Reading the clock or the environment; pure functions of ``time`` and ``os.path`` are welcome."""
FILE_LINES = 600
FUNCTION_LINES = 50


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _package(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_imports_go_down_only(path: Path) -> None:
    """A module imports only from its own package and from layers below it."""
    package = _package(path)
    if not package:
        return
    for name in _imports(ast.parse(path.read_text("utf-8"))):
        words = name.split(".")
        if words[0] != "mailwren" or len(words) < 2 or words[1] == package or words[1] not in LAYERS:
            continue
        assert LAYERS[words[1]] < LAYERS[package], f"{_relative(path)} imports {name}"


@pytest.mark.parametrize("path", [each for each in MODULES if _package(each) in PURE], ids=_relative)
def test_the_wire_and_messages_are_pure(path: Path) -> None:
    """The pure packages know no sockets, clock, disk, threads or logging."""
    text = path.read_text("utf-8")
    assert not {name.split(".")[0] for name in _imports(ast.parse(text))} & IMPURE
    assert not SURROUNDINGS.search(text)


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_files_and_functions_stay_small(path: Path) -> None:
    """No file over 600 lines, no function over 50 without its docstring."""
    text = path.read_text("utf-8")
    assert text.count("\n") <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node) is not None
            first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= FUNCTION_LINES, f"{_relative(path)}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_citations_have_one_form(path: Path) -> None:
    """An RFC is cited as ``RFC 9051 §6.4.6``."""
    wrong = re.findall(r"\bRFC-?\d{4,5}\b|\brfc \d{3,5}\b|RFC \d+,? [Ss]ection", path.read_text("utf-8"))
    assert not wrong


@pytest.mark.parametrize("path", MODULES, ids=_relative)
def test_every_module_says_what_it_owns(path: Path) -> None:
    """Every module that has code has a docstring, and nothing is left for later."""
    text = path.read_text("utf-8")
    if text.strip():
        assert ast.get_docstring(ast.parse(text))
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)


@pytest.mark.parametrize("path", TESTS, ids=_relative)
def test_every_test_says_what_holds(path: Path) -> None:
    """Every test function has a docstring."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{_relative(path)}: {node.name}"
