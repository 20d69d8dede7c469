"""What is exported and imported again is the same: octets, flags, dates, names."""

import asyncio
import contextlib
import mailbox
import re
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.imap import names
from mailwren.imap.errors import ImapError
from mailwren.store.api import Account
from mailwren.store.operations import Append, CreateMailbox, MailboxChanged
from mailwren.store.sqlite.store import SqliteMailStore
from mailwren.transfer.exporter import ExportFormat, ExportOptions, export_account
from mailwren.transfer.from_lines import line_ending
from mailwren.transfer.importer import import_paths
from mailwren.transfer.incoming import Incoming, Reading, with_identity
from mailwren.transfer.maildir import MaildirReader
from mailwren.transfer.mbox import MboxReader
from mailwren.transfer.mbox_writing import write_record
from mailwren.transfer.writers import EmlWriter, MaildirWriter, Outgoing

from .conftest import contents

PIECES = st.sampled_from(
    [
        b"\r\n", b"\n", b"\r", b"From ", b">From ", b">>From ", b"From a@b Thu Jan  1 00:00:01 1970", b"Subject: x",
        b"Status: RO", b"X-Keywords: a b", b"Content-Length: 10", b"X-Mailwren-Export: octets=3; lines=crlf; date=x",
        b"X-Mozilla-Status: 0008", b" ", b"x", b"\0", b"\xff", b"\xef\xbb\xbf", b"Return-Path: <a@b>", b"From - ",
    ]
)  # fmt: skip
MESSAGES = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=12).map(b"".join))
FLAGS = st.frozensets(
    st.sampled_from(["\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "$Forwarded", "Junk", "a:b", "$1"])
    | st.from_regex(r"[A-Za-z0-9$&'+,./:;<=>?@^_`|}~!#-]{1,12}", fullmatch=True),
    max_size=5,
).filter(lambda flags: len({flag.lower() for flag in flags}) == len(flags))
DATES = st.builds(
    lambda moment, minutes: moment.replace(tzinfo=timezone(timedelta(minutes=minutes))),
    st.datetimes(datetime(1900, 1, 3), datetime(9999, 12, 29)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001 - its zone is drawn too
    st.integers(-14 * 60, 14 * 60),
)
LISTS = st.lists(st.tuples(MESSAGES, FLAGS, DATES), max_size=4)


@given(LISTS)
@settings(max_examples=400, deadline=None)
def test_mbox_gives_back_every_message(messages: list[tuple[bytes, frozenset[str], datetime]]) -> None:
    """Any octets in any order come back out of one mbox file, with flags and dates."""
    written = b"".join(write_record(*message) for message in messages)
    assert not messages or line_ending(written) == b"\n"
    found = list(MboxReader(written, "x", "INBOX", Reading()).messages())
    assert [
        (item.source, frozenset(item.flags), item.internal_date) for item in found if isinstance(item, Incoming)
    ] == messages
    assert len(found) == len(messages)
    for item, (_, _, date) in zip(found, messages, strict=True):
        assert isinstance(item, Incoming)
        assert item.internal_date is not None
        assert item.internal_date.utcoffset() == date.utcoffset()


@given(LISTS)
@settings(max_examples=60, deadline=None)
def test_maildir_gives_back_every_message(messages: list[tuple[bytes, frozenset[str], datetime]]) -> None:
    """Any octets come back out of a Maildir folder, with flags and dates, in their order."""
    keywords = sorted({flag for _, flags, _ in messages for flag in flags if not flag.startswith("\\")})
    with tempfile.TemporaryDirectory() as folder:
        with MaildirWriter(Path(folder) / "x", keywords, 1, 99) as writer:
            writer.write(Outgoing(number + 1, *message) for number, message in enumerate(messages))
        found = list(MaildirReader(Path(folder) / "x", "INBOX", Reading()).messages())
    assert [
        (item.source, frozenset(item.flags), item.internal_date) for item in found if isinstance(item, Incoming)
    ] == messages


@given(st.lists(MESSAGES, max_size=4))
@settings(max_examples=40, deadline=None)
def test_another_program_reads_the_exported_mbox(bodies: list[bytes]) -> None:
    """Python's own mbox reader finds the same messages, with LF and quoted From_ lines as mboxrd has them."""
    lines = [re.sub(rb"[\r\n]+", b"\r\n", body) for body in bodies]
    messages = [b"Subject: x\r\n\r\n" + text.strip(b"\r\n") + b"\r\n" for text in lines]
    with tempfile.TemporaryDirectory() as folder:
        date = datetime(2020, 1, 1, tzinfo=UTC)
        written = b"".join(write_record(message, frozenset({"\\Seen"}), date) for message in messages)
        (Path(folder) / "x").write_bytes(written)
        with contextlib.closing(mailbox.mbox(Path(folder) / "x", create=False)) as box:
            found = [(box.get_bytes(key), box[key].get_flags()) for key in box.keys()]  # noqa: SIM118 - no dict
    assert [
        (re.sub(rb"\AStatus: RO\n(?:X-Mailwren-Export: .*\n)?", b"", octets), flags) for octets, flags in found
    ] == [(re.sub(rb"(?m)^(>*From )", rb">\1", message.replace(b"\r\n", b"\n")), "RO") for message in messages]


def test_ordinary_messages_are_written_without_a_mark() -> None:
    """What any reader of mbox gives back whole carries nothing but its flags; what it does not is marked."""
    date = datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    from_line = b"From a@b Wed Jan  1 00:00:00 2020 +0100\n"
    message = b"Return-Path: <a@b>\r\n\r\nFrom me\r\n\r\n> From you\r\n\r\n"
    lines = b"Return-Path: <a@b>\n\n>From me\n\n> From you\n\n\n"
    assert write_record(message, frozenset(), date) == from_line + lines
    assert write_record(message, frozenset({"Junk"}), date) == from_line + b"Status: O\nX-Keywords: Junk\n" + lines
    quoted = b">cited\r\nFrom a\r\n>cited\r\n"
    for odd in (b"a: b\n", b"a: b", b"", b"Status: RO\r\n\r\n", b"Content-Length: 0\r\n\r\n", quoted):
        assert b"X-Mailwren-Export: octets=" in write_record(odd, frozenset(), date)


def test_a_changed_export_is_read_as_ordinary_mbox() -> None:
    """Where another program has changed the octets, the count no longer holds; the field goes all the same."""
    date = datetime(2020, 1, 1, tzinfo=UTC)
    written = write_record(b"Subject: x\r\nX-UID: 1\r\n\r\nFrom a\r\n", frozenset({"\\Seen"}), date) * 2
    changed = written.replace(b"Subject: x", b"X-New: y\nSubject: x", 1)
    first, second = MboxReader(changed, "x", "INBOX", Reading()).messages()
    assert isinstance(first, Incoming)
    assert isinstance(second, Incoming)
    assert (first.source, first.flags) == (b"X-New: y\r\nSubject: x\r\n\r\nFrom a\r\n", ("\\Seen",))
    assert second.source == b"Subject: x\r\nX-UID: 1\r\n\r\nFrom a\r\n"


async def _fill(account: Account, boxes: dict[str, list[tuple[bytes, tuple[str, ...], datetime]]]) -> None:
    for name, messages in boxes.items():
        (outcome,) = await account.apply([CreateMailbox(name, exist_ok=True, subscribe=len(messages) % 2 == 1)])
        assert isinstance(outcome, MailboxChanged)
        await account.apply([Append(outcome.mailbox.id, *message) for message in messages])


HOSTILE = [
    "../../etc/passwd", "..", ".", ".hidden", "-rf", "~root", "con", "NUL.txt", "a.mbox", "a", "A", "a.b", "a&b", "&-",
    "Entwürfe", "日本語/テスト", "x" * 400, "x" * 399 + "y", "/".join(["d" * 18] * 50), "cur", "new/cur", "tmp",
    "mailwren-index.tsv", "mailwren-export.json", "000001.eml", "a.eml/000001.eml", " lead", "trail ", "trail.", "50%",
    "%41", 'a:b*c?d"e<f>g|h\\i', "\N{RIGHT-TO-LEFT OVERRIDE}gpj", "subscriptions", "dovecot-keywords", ".mbox",
    "cafe\N{COMBINING ACUTE ACCENT}s", "Sent/2019", "Sent/2019/Q1", "storage", "mailboxes", "courierimapkeywords",
    "ßss", "SSSS", "inbox/sub", "~2", "a~2",
]  # fmt: skip


@pytest.mark.parametrize("form", list(ExportFormat))
def test_an_account_comes_back_whole(form: ExportFormat, tmp_path: Path) -> None:
    """Mailboxes with hostile names, messages with odd octets, flags, dates and subscriptions are all the same."""
    odd = [
        b"",
        b"x",
        b"\n",
        b"From x\nFrom y\n",
        b"a: b\r\n\r\nbody",
        b"a\rb",
        b"a: b\n\nc\r\n",
        b"\0\0\0\0",
        b"a: b\r\n",
    ]
    many = tuple(f"k{number}" for number in range(40))
    zone = timezone(timedelta(hours=-3.5))
    boxes: dict[str, list[tuple[bytes, tuple[str, ...], datetime]]] = {
        "INBOX": [
            (octets, ("\\Seen", "$Forwarded")[: number % 3], datetime(2000 + number, 2, 29 - number, tzinfo=zone))
            for number, octets in enumerate(odd)
        ]
        + [(b"a: b\r\n", many, datetime(1960, 1, 1, tzinfo=UTC))] * 2,
    }
    for number, name in enumerate(HOSTILE):
        message = (b"Subject: %d\r\n\r\n" % number, ("\\Flagged", "Junk"), datetime(2010, 1, 1, tzinfo=UTC))
        boxes[names.canonical(name)] = [message] * (number % 2)
    fitting = {name: box for name, box in boxes.items() if _may_be(name)}
    assert len(fitting) > 40

    async def there_and_back() -> None:
        store = SqliteMailStore(None)
        first, second = await store.account("first"), await store.account("second")
        await _fill(first, fitting)
        report = await export_account(first, tmp_path / "out", ExportOptions(form))
        assert report.messages == sum(map(len, fitting.values()))
        back = await import_paths(second, [tmp_path / "out"])
        assert (back.problems, back.notes, back.imported) == ([], [], report.messages)
        again = await import_paths(second, [tmp_path / "out"])
        assert (again.imported, again.duplicates) == (0, report.messages)
        assert await contents(first) == await contents(second)
        assert await first.subscriptions() == await second.subscriptions()
        await store.close()

    asyncio.run(there_and_back())
    outside = [path for path in tmp_path.iterdir() if path.name != "out"]
    assert outside == []


def _may_be(name: str) -> bool:
    try:
        names.check(name)
    except ImapError:
        return False
    return True


def test_the_forms_are_what_others_expect(tmp_path: Path, account: Account) -> None:
    """Names, flags and times of the files are those of mbox, Maildir++ and .eml."""
    message = (b"Subject: x\r\n\r\nFrom y\r\n", ("\\Seen", "\\Flagged", "Work"), datetime(2010, 1, 1, tzinfo=UTC))

    async def export() -> None:
        await _fill(account, {"Sent/2019": [message], "INBOX": []})
        for form in ExportFormat:
            await export_account(account, tmp_path / form, ExportOptions(form))

    asyncio.run(export())
    mbox = (tmp_path / "mbox/Sent/2019.mbox").read_bytes()
    assert mbox.startswith(b"From MAILER-DAEMON Fri Jan  1 00:00:00 2010\nStatus: RO\nX-Status: F\nX-Keywords: Work\n")
    assert mbox.endswith(b"Subject: x\n\n>From y\n\n")
    (maildir,) = (tmp_path / "maildir/.Sent.2019/cur").iterdir()
    assert maildir.name == "1262304000.U1.mailwren,S=22,W=22:2,FSa"
    assert maildir.read_bytes() == message[0]
    assert maildir.stat().st_mtime == 1262304000
    assert (tmp_path / "maildir/.Sent.2019/dovecot-keywords").read_text() == "0 Work\n"
    assert (tmp_path / "maildir/subscriptions").read_text() == "Sent.2019\n"
    assert (tmp_path / "maildir/.Sent.2019/dovecot-uidlist").read_text().endswith(f"\n1 :{maildir.name[:-6]}\n")
    assert (tmp_path / "maildir/.Sent.2019/maildirfolder").is_file()
    assert not (tmp_path / "maildir/maildirfolder").exists()
    assert (tmp_path / "maildir/new").is_dir()
    eml = tmp_path / "eml/Sent/2019/000001.eml"
    assert (eml.read_bytes(), eml.stat().st_mtime) == (message[0], 1262304000)


@given(st.binary(max_size=30), st.binary(max_size=30))
@settings(max_examples=50, deadline=None)
def test_identities_are_the_messages(one: bytes, other: bytes) -> None:
    """Equal messages of one mailbox are counted, others have identities of their own."""
    items = [Incoming("a", octets, (), None, "", 0) for octets in (one, other, one)]
    identities = [item.identity for item in with_identity(items) if isinstance(item, Incoming)]
    assert len(set(identities)) == 3
    assert identities[0].partition(".")[0] == identities[2].partition(".")[0]


@given(LISTS)
@settings(max_examples=30, deadline=None)
def test_eml_files_are_the_octets(messages: list[tuple[bytes, frozenset[str], datetime]]) -> None:
    """An .eml file is the message and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        with EmlWriter(Path(folder) / "x") as writer:
            writer.write(Outgoing(number + 1, *message) for number, message in enumerate(messages))
        assert [path.read_bytes() for path in sorted(Path(folder).glob("x/*.eml"))] == [
            octets for octets, *_ in messages
        ]
