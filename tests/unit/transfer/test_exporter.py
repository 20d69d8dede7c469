"""Exporting an account: targets, choices, failures, paths."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.base.ids import ContentId
from mailwren.store.errors import StoreError
from mailwren.store.operations import Append, CreateMailbox, MailboxChanged
from mailwren.transfer.exporter import ExportFormat, ExportOptions, ExportRefused, export_account
from mailwren.transfer.file_names import MaildirPaths, TreePaths, safe_level
from mailwren.transfer.manifest import MANIFEST
from mailwren.transfer.report import ExportReport, Progress

from .conftest import FakeAccount

WHEN = datetime(2020, 1, 1, tzinfo=UTC)


def fill(account: FakeAccount, *names: str, messages: int = 1) -> None:
    """Put messages into mailboxes."""

    async def append() -> None:
        for name in names:
            (outcome,) = await account.apply([CreateMailbox(name)])
            assert isinstance(outcome, MailboxChanged)
            octets = [b"Subject: %d\r\n\r\n" % number for number in range(messages)]
            await account.apply([Append(outcome.mailbox.id, each, (), WHEN) for each in octets])

    asyncio.run(append())


def export(account: FakeAccount, target: Path, **options: object) -> ExportReport:
    """Export and wait."""
    return asyncio.run(export_account(account, target, ExportOptions(**options)))  # type: ignore[arg-type] # passed on as given


def tree(folder: Path) -> set[str]:
    """All files below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_chosen_mailboxes_come_with_what_is_below_them(account: FakeAccount, tmp_path: Path) -> None:
    """Named mailboxes and their children are written, others not."""
    fill(account, "a", "a/b", "ab", "c")
    report = export(account, tmp_path / "out", mailboxes=("a", "c"))
    assert tree(tmp_path / "out") == {"a.mbox", "a/b.mbox", "c.mbox", MANIFEST}
    assert (report.mailboxes, report.octets) == ({"a": 1, "a/b": 1, "c": 1}, 42)


def test_an_unknown_mailbox_is_refused(account: FakeAccount, tmp_path: Path) -> None:
    """A mailbox that is not there is named, and nothing is written."""
    with pytest.raises(ExportRefused, match="no mailbox 'x'"):
        export(account, tmp_path / "out", mailboxes=("inbox", "x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_that_are_there_are_never_overwritten(account: FakeAccount, tmp_path: Path, overwrite: bool) -> None:
    """A folder with other files, a file, a link: refused, whatever is asked for."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/INBOX.mbox").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("full", "file", "link"):
        with pytest.raises(ExportRefused):
            export(account, tmp_path / name, overwrite=overwrite)
    assert tree(tmp_path) == {"full/INBOX.mbox", "file"}


def test_an_empty_folder_is_a_target(account: FakeAccount, tmp_path: Path) -> None:
    """An empty folder, and one whose parents are missing, get the export."""
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "a/b/c"):
        export(account, target)
        assert tree(target) == {"INBOX.mbox", MANIFEST}
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "a"}
    assert (tmp_path / "empty").stat().st_mode & 0o777 == 0o700


def test_an_earlier_export_is_replaced_when_asked(account: FakeAccount, tmp_path: Path) -> None:
    """Without the option it stays; with it, the new export alone is there."""
    fill(account, "old")
    export(account, tmp_path / "out")
    with pytest.raises(ExportRefused, match="not empty"):
        export(account, tmp_path / "out")
    del account.boxes["old"]
    export(account, tmp_path / "out", overwrite=True, format=ExportFormat.EML)
    assert tree(tmp_path / "out") == {"INBOX/mailwren-index.tsv", MANIFEST}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failure_leaves_nothing_behind(account: FakeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk in the middle leaves the earlier export as it was, and no half a one."""
    fill(account, "a")
    export(account, tmp_path / "out")
    before = tree(tmp_path)

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device", str(tmp_path / "out/x"))

    monkeypatch.setattr("mailwren.transfer.writers.write_record", full)
    with pytest.raises(ExportRefused, match="No space left on device"):
        export(account, tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_message_that_cannot_be_read_is_a_problem(
    account: FakeAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One damaged message costs no other."""
    fill(account, "a", messages=3)
    original = account.read

    async def read(content: ContentId, start: int = 0, length: int | None = None) -> bytes:
        if content == 1:
            raise StoreError("its octets are gone")
        return await original(content, start, length)

    monkeypatch.setattr(account, "read", read)
    report = export(account, tmp_path / "out", format=ExportFormat.EML)
    assert [(problem.origin, problem.reason) for problem in report.problems] == [("a:2", "its octets are gone")]
    assert {"a/000001.eml", "a/000003.eml"} <= tree(tmp_path / "out")
    assert report.messages == 2


def test_progress_is_told(account: FakeAccount, tmp_path: Path) -> None:
    """After each piece: the mailbox, messages and octets so far."""
    fill(account, "a", messages=250)
    told: list[tuple[str, int, int]] = []

    def tell(progress: Progress) -> None:
        told.append((progress.mailbox, progress.messages, progress.octets))

    asyncio.run(export_account(account, tmp_path / "out", None, tell))
    assert [(name, messages) for name, messages, _ in told] == [("a", 100), ("a", 200), ("a", 250)]


def test_exports_are_written_again_the_same(account: FakeAccount, tmp_path: Path) -> None:
    """The same account gives the same octets."""
    fill(account, "a", "b/c", messages=3)
    for form in ExportFormat:
        for number in (1, 2):
            export(account, tmp_path / f"{form}{number}", format=form)
        one, two = tmp_path / f"{form}1", tmp_path / f"{form}2"
        assert {name: (one / name).read_bytes() for name in tree(one)} == {
            name: (two / name).read_bytes() for name in tree(two)
        }


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40)
    | st.sampled_from(["..", ".", "con", "a.mbox", "a", "A", "cur", "a~2", "a.b", "000001.eml", "x" * 300, "%2E", "-"]),
    min_size=1,
    max_size=4,
).map("/".join)


@given(st.lists(NAMES, unique=True, max_size=12))
@settings(max_examples=200, deadline=None)
def test_paths_are_safe_and_distinct(names: list[str]) -> None:
    """Whatever mailboxes are called, each gets a path of its own that stays below the target."""
    for paths in (TreePaths(".mbox"), TreePaths(""), MaildirPaths()):
        made = [paths.path(name) for name in names]
        assert len({path.casefold() for path in made}) == len(made)
        for path in made:
            parts = PurePosixPath(path).parts
            assert not path.startswith(("/", "-", "~"))
            assert ".." not in parts
            assert all(len(os.fsencode(part)) <= 230 and part.isprintable() for part in parts)
            assert len(os.fsencode(path)) <= 1300


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/"), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_short_levels_can_be_read_back(level: str) -> None:
    """Percent-encoding is undone by anyone's decoder, as long as nothing had to be cut."""
    from urllib.parse import unquote

    assert unquote(safe_level(level)) == level


@pytest.mark.parametrize("name", ["Sent", "Entwürfe", "2019", "R&D", "a b", "Dovecot", "maildir notes", "日本語"])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    """People find their mailboxes under their names."""
    assert TreePaths(".mbox").path(f"x/{name}") == f"x/{name}.mbox"
