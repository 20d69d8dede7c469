"""The documentation is true: its links lead somewhere, and the commands, settings and messages it names are there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from mailwren.cli.main import app
from mailwren.config.settings import SECTIONS, SETTINGS
from mailwren.store.sqlite.check_rules import RULES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCE = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
OPERATING = (ROOT / "docs" / "operating.md").read_text("utf-8")
COMMANDS: Any = typer.main.get_command(app)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
SYSTEM_FOLDERS = {"backup", "etc", "opt", "proc", "run", "some", "srv", "tmp", "usr", "var"}
"""Where files of any machine may be, in examples."""


class Call(NamedTuple):
    """A use of the program in a page's code."""

    text: str
    words: list[str]
    options: list[str]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _code(page: Path) -> Iterator[str]:
    """The lines of code blocks and the code within sentences."""
    text = page.read_text("utf-8")
    for block in FENCED.findall(text):
        # A line that begins deeper than a command goes on with it.
        yield from re.sub(r"\\\n *|\n {8,}", " ", block).splitlines()[1:-1]
    yield from re.findall(r"^ {4,}(\S.*)", FENCED.sub("", text), re.MULTILINE)
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCED.sub("", text)))


def _calls(page: Path) -> Iterator[Call]:
    for line in _code(page):
        for match in re.finditer(r"(?:^|[\s/(`])mailwren ((?:--data \S+ )?[a-z]+(?= |$).*)", line):
            text = re.split(r" [&>;] | \|(?! --) | && |\$\(", match[1].removeprefix("--data ").strip())[0]
            text = re.sub(r"^/\S+ ", "", text)
            words = [word for word in text.split() if re.fullmatch(r"[a-z]+", word)]
            yield Call(text, words, re.findall(r"(?<![\w-])--[a-z-]+", text))


def _slug(heading: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _anchors(page: Path) -> set[str]:
    text = FENCED.sub("", page.read_text("utf-8"))
    return {_slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to another file of the project, and to a heading in it, is good."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), f"{_name(page)} links to {target}"
        assert not anchor or anchor in _anchors(file), f"{_name(page)} links to {target}"


def test_pages_named_in_code_exist() -> None:
    """Comments and docstrings point to pages that are there."""
    files = [ROOT / "pyproject.toml", *(ROOT / "packaging").iterdir(), *(ROOT / "bench").glob("*.py")]
    text = SOURCE + "".join(path.read_text("utf-8") for path in files)
    pages = set(re.findall(r"\bdocs/[a-z_-]+\.(?:md|toml)\b", text))
    assert len(pages) > 3
    assert [page for page in pages if not (ROOT / page).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_exist(page: Path) -> None:
    """Every command in an example is one of the program's, with options that it has."""
    for call in _calls(page):
        command = COMMANDS.commands.get(call.words[0])
        assert command is not None, f"{_name(page)}: mailwren {call.text}"
        group = getattr(command, "commands", None)
        if group is not None:
            if len(call.words) == 1:
                continue
            command = group.get(call.words[1])
            assert command is not None, f"{_name(page)}: mailwren {call.text}"
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert set(call.options) <= known, f"{_name(page)}: mailwren {call.text}"


def test_commands_are_found() -> None:
    """The search for them does not pass over everything."""
    found = {call.words[0] for page in PAGES for call in _calls(page)}
    assert found >= {"serve", "user", "import", "export", "deliver", "check", "config"}
    assert sum(len(list(_calls(page))) for page in PAGES) > 80


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_settings_exist(page: Path) -> None:
    """What looks like a setting is one."""
    known = {setting.key for setting in SETTINGS}
    named = set(re.findall(rf"`((?:{'|'.join(SECTIONS)})\.[a-z_]+)`", page.read_text("utf-8")))
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_path_of_one_machine(page: Path) -> None:
    """Absolute paths in examples are where any machine has such files."""
    for line in _code(page):
        for folder in re.findall(r"(?:^|[\s\"'=(:])/([A-Za-z][\w.-]*)/", line):
            assert folder in SYSTEM_FOLDERS, f"{_name(page)}: {line}"


def test_the_readmes_commands_are_what_continuous_integration_runs() -> None:
    """`.ci/run` ends in `./check`, which begins with the README's `./test`."""
    assert "\n./test\n" in (ROOT / "README.md").read_text("utf-8")
    assert re.search(r"^exec \./check ", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    commands = re.findall(r"^[^#\s].*", (ROOT / "check").read_text("utf-8"), re.MULTILINE)
    assert next(line for line in commands if "test " in line) == './test "$@"'


def test_every_command_stands_in_the_reference() -> None:
    """docs/commands.md has each command, README.md each outer one."""
    reference = (ROOT / "docs" / "commands.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, command in COMMANDS.commands.items():
        if name == "version":
            continue
        assert f"`mailwren {name}" in readme
        assert f"mailwren {name}" in reference
        for inner in getattr(command, "commands", {}):
            assert f"mailwren {name} {inner}" in reference


def test_events_in_the_log_are_logged() -> None:
    """The page on operating names events that the program logs, with the level that it gives them."""
    rows = re.findall(r"^\| (info|warning|error) \| (`[^|]+`) \|", OPERATING, re.MULTILINE)
    assert len(rows) > 10
    for level, events in rows:
        for event in re.findall(r"`([^`]+)`", events):
            direct = re.search(rf'log\.({level}|exception)\(\s*"{re.escape(event)}"', SOURCE)
            assert direct or f'"{event}"),' in SOURCE, event


def test_every_finding_of_a_check_is_explained() -> None:
    """The page on operating says of each rule what to do, and of no finding that there is none of."""
    first = [row.split("|")[1] for row in OPERATING.splitlines() if row.startswith("| *")]
    told = [re.escape(text).replace("…", ".*") for row in first for text in re.findall(r"\*([^*]+)\*", row)]
    assert len(told) > 15
    for rule in RULES:
        assert any(re.search(text, rule.what) for text in told), rule.what
    everything = "\n".join([*(rule.what for rule in RULES), SOURCE])
    for name, value in (("{DATABASE_NAME}", "mail.sqlite3"), ("{config.users_file.name}", "users.sqlite3")):
        everything = everything.replace(name, value)
    for text in told:
        assert re.search(text, everything), text
