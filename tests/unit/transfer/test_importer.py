"""Importing into an account: batches, repetition, refusals, reports."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailwren.base import limits
from mailwren.store.errors import AccountDamaged, InvalidName, LimitReached, StoreError, StoreUnavailable
from mailwren.store.operations import Append, CreateMailbox
from mailwren.transfer.importer import ImportOptions, MboxDialect, import_paths, total_octets
from mailwren.transfer.incoming import Problem
from mailwren.transfer.report import ImportReport, Progress

from .conftest import FakeAccount, contents

FROM = b"From a@b Thu Jan  1 00:00:01 1970\n"
Write = Callable[[str, bytes], Path]


def mbox(*numbers: int) -> bytes:
    """An mbox with a message for each number."""
    return b"".join(FROM + b"Subject: %d\nTo: x\n\nbody\n\n" % number for number in numbers)


def run(account: FakeAccount, *paths: Path, options: ImportOptions | None = None) -> ImportReport:
    """Import and wait."""
    return asyncio.run(import_paths(account, paths, options))


def subjects(account: FakeAccount, name: str = "INBOX") -> list[int]:
    """The numbers of a mailbox's messages."""
    state = account.states[int(account.boxes[name].id)]
    return [int(account.stored[content][0].split(b"\r\n")[0].removeprefix(b"Subject: ")) for content in state.contents]


def test_a_second_import_adds_nothing(account: FakeAccount, write: Write) -> None:
    """Everything is found again; messages that are equal in one folder both are there."""
    path = write("mbox", mbox(1, 2, 2, 2, 3))
    first, second = run(account, path), run(account, path)
    assert (first.imported, first.duplicates, first.complete) == (5, 0, True)
    assert (second.imported, second.duplicates, second.complete) == (0, 5, True)
    assert subjects(account) == [1, 2, 2, 2, 3]


def test_new_mailboxes_are_subscribed_with_those_above(account: FakeAccount, write: Write) -> None:
    """Names above a new mailbox are subscribed with it where they are new, not where they were there."""
    path = write("mail", mbox(1))
    run(account, path, options=ImportOptions(mailbox="Old", subscribe=False))
    run(account, path, options=ImportOptions(mailbox="Old/New/Mail"))
    run(account, path, options=ImportOptions(mailbox="Other/Quiet", subscribe=False))
    assert account.subscribed == {"Old/New", "Old/New/Mail"}


def test_a_grown_mbox_adds_what_is_new(account: FakeAccount, write: Write) -> None:
    """Only the messages behind those of the first import are added, also equal ones."""
    run(account, write("mbox", mbox(1, 2)))
    report = run(account, write("mbox", mbox(1, 2, 2, 3)))
    assert (report.imported, report.duplicates) == (2, 2)
    assert subjects(account) == [1, 2, 2, 3]


def test_changed_flags_do_not_make_a_message_new(account: FakeAccount, write: Write) -> None:
    """A message that was read in the meantime is the same message."""
    run(account, write("mbox", FROM + b"X-Mozilla-Status: 0000\nSubject: 1\n\nx\n"))
    report = run(account, write("mbox", FROM + b"X-Mozilla-Status: 0001\nSubject: 1\n\nx\n"))
    assert report.duplicates == 1


def test_messages_are_stored_in_batches(account: FakeAccount, write: Write) -> None:
    """Transactions have as many messages as the limit says, and large ones fewer."""
    run(account, write("mbox", mbox(*range(limits.IMPORT_BATCH_MESSAGES * 2 + 7))))
    assert [size for size in account.batch_sizes if size] == [limits.IMPORT_BATCH_MESSAGES] * 2 + [7]
    account.batch_sizes.clear()
    large = FROM + b"A: b\n\n" + b"x" * limits.IMPORT_BATCH_OCTETS + b"\n\n"
    run(account, write("large", large + large))
    assert [size for size in account.batch_sizes if size] == [1, 1]


def test_a_full_account_stops_the_import(account: FakeAccount, write: Write) -> None:
    """What fits is stored, the report says why it stopped, and nothing is tried after that."""
    account.octets_limit = 400
    report = run(account, write("mbox", mbox(*range(150))), write("other", mbox(1000)))
    assert "the account is full" in report.stopped
    assert not report.complete
    assert subjects(account) == list(range(report.imported))
    assert 300 < sum(len(octets) for octets, _, _ in account.stored) <= 400
    assert "other" not in account.boxes


def refuse(number: int, error: StoreError) -> Callable[[Append], StoreError | None]:
    """Refuses one message of :func:`mbox`."""
    start = b"Subject: %d\r\n" % number
    return lambda append: error if isinstance(append.message, bytes) and append.message.startswith(start) else None


def test_a_store_that_is_unavailable_stops_the_import(account: FakeAccount, write: Write) -> None:
    """A full disk ends the import with the report so far."""
    account.refused = refuse(2, StoreUnavailable("the disk is full"))
    report = run(account, write("mbox", mbox(1, 2, 3)))
    assert ("disk is full" in report.stopped, report.imported) == (True, 1)


def test_a_refused_message_is_reported_and_the_rest_is_taken(account: FakeAccount, write: Write) -> None:
    """One message that the store will not have costs no other; the report names its place in the file."""
    account.refused = refuse(2, LimitReached("too deep"))
    path = write("mbox", mbox(1, 2, 3))
    report = run(account, path)
    assert [(problem.origin, problem.reason) for problem in report.problems] == [(f"{path}:{len(mbox(1))}", "too deep")]
    assert (report.imported, report.refused, report.complete) == (2, 1, False)


def test_a_damaged_account_passes_through(account: FakeAccount, write: Write) -> None:
    """An account that cannot be used is no matter for a report."""
    account.refused = lambda _: AccountDamaged("broken")
    with pytest.raises(AccountDamaged):
        run(account, write("mbox", mbox(1)))


def test_a_mailbox_that_cannot_be_created_is_reported(
    account: FakeAccount, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its messages count as refused, those of others are taken."""
    original = account._create

    def create(operation: CreateMailbox) -> Any:
        if operation.name == "bad":
            raise InvalidName("not this one")
        return original(operation)

    monkeypatch.setattr(account, "_create", create)
    report = run(account, write("bad", mbox(1, 2)), write("good", mbox(3)))
    assert (report.mailboxes["bad"].refused, subjects(account, "good")) == (2, [3])
    assert [problem.reason for problem in report.problems] == ["the mailbox cannot be created: not this one"]


def test_what_is_not_mail_is_named_and_the_rest_is_taken(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Junk, empty and unreadable files, pipes and links are problems; nothing hangs, nothing is followed."""
    write("in/1.eml", b"Subject: 1\n\nx\n")
    write("in/2.eml", b"")
    write("in/3.eml", b"\x00\x01\x02\x03" * 100)
    write("in/4.eml", b"no header anywhere\n" * 10)
    write("in/5.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100)
    write("in/6.txt", b"Note: a text with a colon\n")
    write("in/popstate.dat", b"# POP3 State File\n")
    write("in/x.msf", b'// <!-- <mdb:mork:z v="1.4"/> -->\n')
    write("secret", b"Subject: secret\n\nx\n")
    (tmp_path / "in/7.eml").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "in/8.eml")
    write("in/9.eml", b"Subject: 9\n\nx\n" + b"x" * 2000)
    report = run(account, tmp_path / "in", tmp_path / "missing", options=ImportOptions(max_message=1000))
    assert {Path(problem.origin).name: problem.reason for problem in report.problems} == {
        "2.eml": "empty file",
        "3.eml": "binary file, not mail",
        "4.eml": "no header field in its first lines, not mail",
        "5.msg": "an Outlook .msg file: save it as .eml, or convert it with msgconvert",
        "6.txt": "no header field in its first lines, not mail",
        "7.eml": "a symbolic link: not followed",
        "8.eml": "not a regular file",
        "9.eml": "too large: 2014 octets",
        "missing": "No such file or directory",
    }
    assert subjects(account, "in") == [1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_problems(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """A file and a folder without permission are named; the rest is taken."""
    write("in/1.eml", b"Subject: 1\n\nx\n")
    write("in/2.eml", b"Subject: 2\n\nx\n")
    write("in/sub/3.eml", b"Subject: 3\n\nx\n")
    (tmp_path / "in/2.eml").chmod(0)
    (tmp_path / "in/sub").chmod(0)
    report = run(account, tmp_path / "in")
    (tmp_path / "in/sub").chmod(0o700)
    assert sorted(problem.reason for problem in report.problems) == ["Permission denied"] * 2
    assert subjects(account, "in") == [1]


def test_keywords_are_made_valid(account: FakeAccount, write: Write) -> None:
    """Characters that keywords cannot have are replaced, once reported, and nothing is lost of the rest."""
    keywords = "Wichtig!  Entwürfe a(b) $Label1 \\Recent \\Seen \\weird " + "x" * 300
    field = b"X-Keywords: " + keywords.encode() + b"\n"
    report = run(account, write("mbox", (FROM + b"Subject: 1\n" + field + b"\nx\n\n") * 2))
    assert account.flag_sets[-1] == {"Wichtig!", "Entw_rfe", "a_b_", "$Label1", "\\Seen", "weird", "x" * limits.KEYWORD}
    assert [note.reason for note in report.notes] == [
        "keyword 'Entwürfe' became 'Entw_rfe'",
        "keyword 'a(b)' became 'a_b_'",
        "keyword '\\\\weird' became 'weird'",
        f"keyword {'x' * 80!r} became {'x' * limits.KEYWORD!r}",
    ]
    assert report.complete


def test_too_many_keywords_are_cut(account: FakeAccount, write: Write) -> None:
    """A message keeps as many keywords as it may have."""
    field = b"X-Keywords: " + b" ".join(b"k%d" % number for number in range(limits.KEYWORDS_PER_MESSAGE + 5)) + b"\n"
    report = run(account, write("mbox", FROM + b"Subject: 1\n" + field + b"\nx\n\n"))
    assert len(account.flag_sets[-1]) == limits.KEYWORDS_PER_MESSAGE
    assert len(report.notes) == 1


def test_mailbox_option_puts_everything_below(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """With a mailbox named, INBOX and single files go into it, other folders below it."""
    write("one.mbox", mbox(1))
    write("tree/Inbox", mbox(2))
    write("tree/Sent", mbox(3))
    write("tree/4.eml", b"Subject: 4\n\nx\n")
    run(account, tmp_path / "one.mbox", tmp_path / "tree", options=ImportOptions(mailbox="Old/"))
    assert (subjects(account, "Old"), subjects(account, "Old/Sent")) == ([1, 2, 4], [3])
    assert account.subscribed == {"Old", "Old/Sent"}


def test_special_folders_are_mapped_when_asked(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Well-known names go to the account's own folder for that use; by default names are kept."""
    for name in ("Sent Items", "Deleted Items", "Spam", "Other"):
        write(f"tree/{name}", mbox(1))
    asyncio.run(account.apply([CreateMailbox("Sent", ("\\Sent",)), CreateMailbox("Trash", ("\\Trash",))]))
    run(account, tmp_path / "tree", options=ImportOptions(map_special=True))
    assert sorted(account.boxes) == ["INBOX", "Other", "Sent", "Spam", "Trash"]
    run(account, tmp_path / "tree")
    assert {"Sent Items", "Deleted Items"} <= set(account.boxes)


def test_mbox_dialect_can_be_told(account: FakeAccount, write: Write) -> None:
    """The option decides how quoting is undone."""
    path = write("mbox", FROM + b"Subject: 1\n\n>>From x\n")
    run(account, path, options=ImportOptions(mbox_dialect=MboxDialect.MBOXO))
    run(account, path, options=ImportOptions(mbox_dialect=MboxDialect.MBOXRD))
    assert [row[0] for row in asyncio.run(contents(account))["INBOX"]] == [
        b"Subject: 1\r\n\r\n>>From x\r\n",
        b"Subject: 1\r\n\r\n>From x\r\n",
    ]


def test_progress_is_told_after_each_batch(account: FakeAccount, write: Write) -> None:
    """Messages and octets only grow, up to all of them."""
    path = write("mbox", mbox(*range(250)))
    told: list[tuple[str, int, int]] = []

    def tell(progress: Progress) -> None:
        told.append((progress.mailbox, progress.messages, progress.octets))

    asyncio.run(import_paths(account, [path], None, tell))
    assert [messages for _, messages, _ in told] == [100, 200, 250]
    assert told[-1] == ("INBOX", 250, total_octets([path]))


def test_long_reports_are_bounded() -> None:
    """Beyond what is listed, problems are counted."""
    report = ImportReport()
    for number in range(limits.IMPORT_LISTED + 3):
        report.add_problem(Problem(str(number), "x"))
    assert (len(report.problems), report.unlisted) == (limits.IMPORT_LISTED, 3)


def test_a_cancelled_import_leaves_whole_batches(account: FakeAccount, write: Write) -> None:
    """After Ctrl-C, what was applied is there, and a second run adds the rest."""
    path = write("mbox", mbox(*range(250)))

    async def interrupted() -> None:
        task: asyncio.Task[ImportReport]

        def stop(_: Progress) -> None:
            task.cancel()

        task = asyncio.create_task(import_paths(account, [path], None, stop))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())
    assert subjects(account) == list(range(100))
    report = run(account, path)
    assert (report.imported, report.duplicates) == (150, 100)


def test_names_of_octets_are_reported_readably(account: FakeAccount, tmp_path: Path) -> None:
    """File names that are no UTF-8 neither stop the import nor break the report."""
    name = os.fsdecode(b"caf\xe9 x.eml")
    (tmp_path / name).write_bytes(b"nothing")
    report = run(account, tmp_path)
    assert report.problems[0].origin.endswith("caf\\xe9 x.eml")


def test_dates_are_kept_with_their_zone(account: FakeAccount, write: Write) -> None:
    """The internal date is the instant of the From_ line."""
    run(account, write("mbox", b"From a@b Mon Jan  5 08:50:15 2004 +0100\nSubject: 1\n\nx\n"))
    ((_, _, seconds, minutes),) = asyncio.run(contents(account))["INBOX"]
    assert (datetime.fromtimestamp(seconds, UTC), minutes) == (datetime(2004, 1, 5, 7, 50, 15, tzinfo=UTC), 60)
