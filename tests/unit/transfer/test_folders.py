"""Trees of other programs: which mailboxes they become, with which flags and subscriptions."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailwren.base import limits
from mailwren.transfer.detect import Layout, detect
from mailwren.transfer.importer import ImportOptions, import_paths
from mailwren.transfer.report import ImportReport

from .conftest import FakeAccount, contents

FROM = b"From a@b Thu Jan  1 00:00:01 1970\n"
MAIL = b"Subject: 1\n\nx\n"
ENTRY = b'{"name": "%s", "path": "%s", "subscribed": false, "special_use": ["\\\\Sent"]}'
MANIFEST = b'{"version": 1, "format": "mbox", "mailboxes": [' + ENTRY + b"]}"
Write = Callable[[str, bytes], Path]


def run(account: FakeAccount, path: Path) -> tuple[ImportReport, dict[str, list[Any]]]:
    """Import a path; the report, and flags by mailbox."""
    report = asyncio.run(import_paths(account, [path]))
    found = asyncio.run(contents(account))
    return report, {name: [set(row[1]) for row in rows] for name, rows in found.items()}


def test_maildir_plus_plus(account: FakeAccount, write: Write) -> None:
    """Folders with their names in modified UTF-7, flags of all spellings, Dovecot's keywords and subscriptions."""
    write("M/cur/1.a:2,S", MAIL)
    write("M/cur/2.a!2,RF", MAIL + b"2")
    write("M/cur/3.a;2,PTD", MAIL + b"3")
    write("M/cur/4.a,S=14,W=17:2,ac", MAIL + b"4")
    write("M/cur/5.a", MAIL + b"5")
    write("M/new/6.a", MAIL + b"6")
    write("M/tmp/7.a", MAIL + b"7")
    write("M/dovecot-keywords", b"0 Junk\n2 $Label1\n26 Nothing\nx y\n")
    write("M/dovecot-uidlist", b"3 V1 N9\n")
    write("M/maildirfolder", b"")
    write("M/subscriptions", b"V\t2\n\nSent\tEntw&APw-rfe\nGone\n")
    write("M/.Sent.Entw&APw-rfe/cur/1.b:2,", MAIL)
    write("M/.Sent/new/.keep", b"")
    write("M/.R&D/cur/1.c:2,a", MAIL)
    path = write("M/.INBOX.Sub/cur/1.d:2,", MAIL)
    report, flags = run(account, path)
    assert report.problems == []
    assert flags == {
        "INBOX": [
            {"\\Seen"},
            {"\\Answered", "\\Flagged"},
            {"$Forwarded", "\\Deleted", "\\Draft"},
            {"Junk", "$Label1"},
            set(),
            set(),
        ],
        "INBOX/Sub": [set()],
        "R&D": [set()],
        "Sent": [],
        "Sent/Entwürfe": [set()],
    }
    assert account.subscribed == {"Sent/Entwürfe"}


def test_courier_keywords_and_subscriptions(account: FakeAccount, write: Write) -> None:
    """Courier's keyword list and its subscriptions with INBOX before each name are understood."""
    write("M/cur/1.a:2,S", MAIL)
    write("M/courierimapkeywords/:list", b"Work\nHome\n\n1.a:0 1\n2.b:7\nbroken\n")
    write("M/courierimapsubscribed", b"INBOX\nINBOX.Sent\n")
    write("M/.Drafts/cur/1.b:2,", MAIL)
    path = write("M/.Sent/cur/1.b:2,", MAIL)
    report, flags = run(account, path)
    assert (report.problems, flags["INBOX"]) == ([], [{"\\Seen", "Work", "Home"}])
    assert account.subscribed == {"INBOX", "Sent"}


def test_maildir_with_folders_below_each_other(account: FakeAccount, write: Write) -> None:
    """Dovecot's LAYOUT=fs: folders are folders; one without cur and new only holds others."""
    write("M/cur/1.a:2,S", MAIL)
    write("M/Sent/cur/1.b:2,F", MAIL)
    write("M/Lists/&ZeVnLIqe-/cur/1.b:2,", MAIL)
    path = write("M/subscriptions", b"Lists/&ZeVnLIqe-\n")
    report, flags = run(account, path)
    assert report.problems == []
    assert flags == {"INBOX": [{"\\Seen"}], "Sent": [{"\\Flagged"}], "Lists/日本語": [set()]}
    assert account.subscribed == {"Lists/日本語"}


def test_order_and_dates_of_maildir(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Messages come in the order of their UIDs; dates are the files', unless the folder was copied."""
    write("M/cur/1300000000.a:2,", b"Subject: first\n\n")
    write("M/cur/1200000000.b:2,", b"Subject: second\n\n")
    write("M/cur/1100000000.c:2,S", b"Subject: third\n\n")
    path = write("M/dovecot-uidlist", b"3 V1 N9 Gabc\n1 :1300000000.a:2,\n3 W20 :1200000000.b\n")
    os.utime(tmp_path / "M/cur/1300000000.a:2,", (1000000000, 1000000000))
    run(account, path)
    rows = asyncio.run(contents(account))["INBOX"]
    assert [(row[0].split(b"\r\n")[0], row[2]) for row in rows] == [
        (b"Subject: first", 1000000000),
        (b"Subject: second", 1200000000),
        (b"Subject: third", 1100000000),
    ]


def test_messages_beside_the_folders_of_a_maildir_are_taken(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Mail in the wrong place is mail; other files there are the programs' own."""
    write("M/cur/1.a:2,S", MAIL)
    write("M/2:2,F", b"From: a@b\n\nx\n")
    write("M/sieve/spam.sieve", b'require "fileinto";\n')
    write("M/sieve/empty", b"")
    write("M/.Noselect/maildirfolder", b"")
    (tmp_path / "M/.dovecot.sieve").symlink_to("sieve/spam.sieve")
    path = write("M/.qmail", b"./Maildir/\n")
    report, flags = run(account, path)
    assert (report.problems, flags) == ([], {"INBOX": [{"\\Seen"}, {"\\Flagged"}]})


def test_thunderbird(account: FakeAccount, write: Write) -> None:
    """mbox files with .sbd folders; indexes and rules are passed over; names are UTF-8 and not decoded."""
    state = b"X-Mozilla-Status: 0005\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1   \n"
    write("T/Inbox", b"From - Thu Jan  1 00:00:01 1970\n" + state + b"Subject: 1\n\nx\n\n")
    write("T/Inbox.msf", b'// <!-- <mdb:mork:z v="1.4"/> -->\n')
    write("T/Work", b"")
    write("T/Work.sbd/A &- B", FROM + MAIL + b"\n")
    write("T/Work.sbd/A &- B.msf", b"")
    write("T/Work.sbd/Deep", FROM + MAIL)
    write("T/Work.sbd/Deep.sbd/Deeper", b"From \r\nX-Mozilla-Status: 0000\r\nSubject: 1\r\n\r\nx\r\n\r\n")
    write("T/msgFilterRules.dat", b'version="9"\nlogging="no"\n')
    path = write("T/filterlog.html", b"<html>")
    assert detect(path) is Layout.THUNDERBIRD
    report, flags = run(account, path)
    assert report.problems == []
    assert flags == {
        "INBOX": [{"\\Seen", "\\Flagged", "$label1"}],
        "Work": [],
        "Work/A &- B": [set()],
        "Work/Deep": [set()],
        "Work/Deep/Deeper": [set()],
    }


def test_dovecot_mbox_tree(account: FakeAccount, write: Write) -> None:
    """mbox files in folders, names in modified UTF-7, states in header fields, the internal message left out."""
    internal = (
        b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n"
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 12 34 Junk\nStatus: RO\n\nThis text\n\n"
    )
    write("mail/inbox", internal + FROM + b"X-UID: 1\nStatus: RO\nX-Keywords: Junk\n" + MAIL)
    write("mail/Entw&APw-rfe", FROM + b"Status: O\nX-Status: AT\n" + MAIL)
    write("mail/lists/python", FROM + MAIL)
    write("mail/.imap/inbox/dovecot.index.log", b"\x01\x02\0\0")
    write("mail/.subscriptions", b"lists/python\n")
    path = write("mail/inbox.lock", b"")
    report, flags = run(account, path)
    assert report.problems == []
    assert flags == {
        "INBOX": [{"\\Seen", "Junk"}],
        "Entwürfe": [{"\\Answered", "\\Draft"}],
        "lists/python": [set()],
    }
    assert account.subscribed == {"lists/python"}


def test_folders_of_eml(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Sub-folders are mailboxes, files go in the order of their numbers, dates come from Received."""
    received = b"Received: by x; Mon, 4 Mar 2019 10:00:00 +0000\n"
    write("E/Work/10.eml", received + b"Subject: ten\n\n")
    write("E/Work/9.eml", b"Subject: nine\n\n")
    write("E/Work/Old/a.EML", b"\xef\xbb\xbfSubject: x\r\n\r\nbare\nlf\r\n")
    path = write("E/root.eml", b"Subject: r\r\r x\r")
    os.utime(tmp_path / "E/Work/9.eml", (1000000000, 1000000000))
    report, _ = run(account, path)
    assert report.problems == []
    rows = asyncio.run(contents(account))
    assert [(row[0], row[2]) for row in rows["Work"]] == [
        (b"Subject: nine\r\n\r\n", 1000000000),
        (
            received.replace(b"\n", b"\r\n") + b"Subject: ten\r\n\r\n",
            int(datetime(2019, 3, 4, 10, tzinfo=UTC).timestamp()),
        ),
    ]
    assert rows["Work/Old"][0][0] == b"\xef\xbb\xbfSubject: x\r\n\r\nbare\nlf\r\n"
    assert rows["E"][0][0] == b"Subject: r\r\n\r\n x\r\n"


def test_a_single_file(account: FakeAccount, write: Write) -> None:
    """A message goes to INBOX, an mbox to a mailbox of its name; an .eml with a From_ line is read as mbox."""
    report, flags = run(account, write("a.eml", FROM + MAIL))
    assert (report.imported, len(flags["INBOX"])) == (1, 1)
    report, flags = run(account, write("Archive 2019.mbox", FROM + MAIL))
    assert len(flags["Archive 2019"]) == 1


def test_mh(account: FakeAccount, write: Write) -> None:
    """Numbered files, with what the sequences say; removed ones begin with a comma."""
    for number in (1, 2, 10):
        write(f"inbox/{number}", b"Subject: %d\n\nx\n" % number)
    write("inbox/,3", MAIL)
    path = write("inbox/.mh_sequences", b"cur: 1\nunseen: 2-9\nflagged: 10 x 5-\nreplied: 1\n")
    assert detect(path) is Layout.MH
    report, flags = run(account, path)
    assert report.problems == []
    assert flags["INBOX"] == [{"\\Seen", "\\Answered"}, set(), {"\\Seen", "\\Flagged"}]


def test_dbox_is_refused_with_advice(account: FakeAccount, write: Write) -> None:
    """What is not read is named, with the command that converts it."""
    path = write("D/mailboxes/INBOX/dbox-Mails/u.1", b"2 M")
    report, _ = run(account, path)
    assert "doveadm backup" in report.problems[0].reason
    write("S/storage/m.1", b"2 M")
    path = write("S/mailboxes/x", b"")
    assert detect(path) is Layout.DBOX
    report, _ = run(account, path)
    assert [("doveadm backup" in problem.reason) for problem in report.problems] == [True]


def test_apple_mail_export(account: FakeAccount, write: Write) -> None:
    """A folder Work.mbox with a file mbox in it is the mailbox Work."""
    write("A/Work.mbox/table_of_contents", b"\0\0\0\0")
    _, flags = run(account, write("A/Work.mbox/mbox", FROM + MAIL))
    assert flags["Work"] == [set()]


def test_links_and_hidden_folders_are_not_entered(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """Nothing outside of the path is read; a hidden folder is named, because it may hold mail."""
    write("other/1.eml", MAIL)
    write("M/.hidden/1.eml", MAIL)
    path = write("M/new/1.a", MAIL)
    (tmp_path / "M/cur").symlink_to(tmp_path / "other")
    (tmp_path / "M/.Sent").symlink_to(tmp_path / "M")
    report, flags = run(account, path)
    assert flags == {"INBOX": [set()]}
    assert {Path(problem.origin).name: problem.reason for problem in report.problems} == {
        ".Sent": "a symbolic link: not followed",
        "cur": "a symbolic link: not followed",
        ".hidden": "a hidden folder: not searched",
    }


def test_a_path_that_is_a_link_is_followed(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """What the user names may be a link."""
    (tmp_path / "link").symlink_to(write("M/new/1.a", MAIL))
    report, flags = run(account, tmp_path / "link")
    assert (report.problems, flags) == ([], {"INBOX": [set()]})


@pytest.mark.parametrize("name", ["a\rb", "x\N{LINE SEPARATOR}y"])
def test_names_that_no_mailbox_can_have_are_changed_and_noted(account: FakeAccount, write: Write, name: str) -> None:
    """Control characters in folder names become underscores, and the report says so."""
    report, flags = run(account, write(f"T/{name}/1.eml", MAIL))
    assert sorted(flags) == ["INBOX", f"{name[0]}_{name[-1]}"]
    assert len(report.notes) == 1


def test_trees_that_are_too_deep_are_problems(account: FakeAccount, write: Write) -> None:
    """A folder below the deepest level of mailboxes is named and not entered."""
    path = write("T" + "/d" * (limits.MAILBOX_DEPTH + 2) + "/1.eml", MAIL)
    report, _ = run(account, path)
    assert ["deep" in problem.reason for problem in report.problems] == [True]


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[]",
        MANIFEST % (b"x", b"../out"),
        MANIFEST % (b"x", b"/etc/passwd"),
        b"[" * 100_000,
    ],
)
def test_a_manifest_that_cannot_be_believed_is_no_manifest(account: FakeAccount, write: Write, manifest: bytes) -> None:
    """A broken or hostile manifest leads nowhere; the tree is read as any other."""
    write("out", FROM + MAIL)
    write("T/box.mbox", FROM + MAIL)
    _, flags = run(account, write("T/mailwren-export.json", manifest))
    assert flags == {"INBOX": [], "box": [set()]}


def test_a_manifest_does_not_lead_through_links(account: FakeAccount, write: Write, tmp_path: Path) -> None:
    """A folder of an export that was replaced by a link is a problem."""
    write("other/x.mbox", FROM + MAIL)
    path = write("T/mailwren-export.json", MANIFEST % (b"x", b"sub/x.mbox"))
    (tmp_path / "T/sub").symlink_to(tmp_path / "other")
    report, flags = run(account, path)
    assert (flags, len(report.problems)) == ({"INBOX": []}, 1)


def test_special_uses_come_back_where_they_are_free(account: FakeAccount, write: Write) -> None:
    """An exported special use is given again, unless another mailbox has it."""
    write("T/A.mbox", FROM + MAIL)
    write("T/B.mbox", FROM + MAIL)
    entries = ENTRY % (b"A", b"A.mbox") + b"," + ENTRY % (b"B", b"B.mbox")
    path = write("T/mailwren-export.json", MANIFEST.replace(ENTRY, entries))
    report, flags = run(account, path)
    assert (report.problems, flags["A"], flags["B"]) == ([], [set()], [set()])
    assert [account.boxes[name].special_use for name in ("A", "B")] == [("\\Sent",), ()]
    assert account.subscribed == set()


@pytest.mark.parametrize(
    ("name", "octets", "layout"),
    [
        ("x/new/1", MAIL, Layout.MAILDIR),
        ("x/.Sub/cur/1", MAIL, Layout.MAILDIR),
        ("x", FROM + MAIL, Layout.MBOX),
        ("x", b"Note: no mail\n", Layout.NOT_MAIL),
        ("x.eml", MAIL, Layout.MESSAGE),
        ("x/mailwren-export.json", b"{}", Layout.EXPORT),
        ("x/a/1.eml", MAIL, Layout.FOLDERS),
        ("x", b"", Layout.NOT_MAIL),
    ],
)
def test_layouts_are_told_apart(write: Write, name: str, octets: bytes, layout: Layout) -> None:
    """What a path is, from names and first octets."""
    assert detect(write(name, octets)) is layout
    assert layout.description


def test_a_missing_path_is_told(tmp_path: Path, account: FakeAccount) -> None:
    """A path that is not there is a layout and a problem, not an error."""
    assert detect(tmp_path / "no") is Layout.MISSING
    report = asyncio.run(import_paths(account, [tmp_path / "no"], ImportOptions()))
    assert len(report.problems) == 1
