"""All messages of the corpus: in, again, out in every format and in again."""

import asyncio
import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailwren.store.sqlite.store import SqliteMailStore
from mailwren.transfer.exporter import ExportFormat, ExportOptions, export_account
from mailwren.transfer.gathering import batches
from mailwren.transfer.importer import import_paths
from mailwren.transfer.incoming import Incoming, Reading
from mailwren.transfer.mailbox_names import Naming

from .conftest import contents

CORPUS = Path(os.environ.get("MAILWREN_CORPUS") or Path(__file__).parents[3].parent / "shared/corpus")

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not (CORPUS / "MANIFEST.tsv").is_file(), reason=f"no message corpus in {CORPUS}"),
]

OTHER_COUNTS = {
    # Tests of what happens without any header field: not taken for mail.
    "cpython-test_email/Lib/test/test_email/data/msg_19.txt": 0,
    "enmime/testdata/mail/erroneous.raw": 0,
    "james-mime4j/core/src/test/resources/testmsgs/malformedHeader-noheader.msg": 0,
    "proton-bridge/pkg/message/testdata/plaintext-invalid-header.eml": 0,
    "proton-bridge/pkg/message/testdata/plaintext-missing-header.eml": 0,
    # A From_ line and nothing else.
    "ponymail/test/resources/fail/NoList.mbox": 0,
    # Maildir's tmp holds what is not delivered yet.
    "perl-Email-Folder/t/testmaildir/tmp/1050314226.9981_8.penfold": 0,
    # From_ lines without a date, which the manifest's script did not look for.
    "mimekit/UnitTests/TestData/mbox/content-length.mbox.txt": 29,
    "mimekit/UnitTests/TestData/mbox/issue1189.mbox.txt": 4,
    "mimekit/UnitTests/TestData/mbox/simple.mbox.txt": 3,
    "mimekit/UnitTests/TestData/mbox/unmunged.mbox.txt": 2,
    # From_ lines without a blank line before them.
    "kde-kmime/autotests/data/simple-encapsulated.mbox": 2,
    "perl-Mail-Mbox-MessageParser/t/mailboxes/mailarc-1-dos.txt": 16,
    "perl-Mail-Mbox-MessageParser/t/mailboxes/mailarc-1.txt": 16,
    "perl-Mail-Mbox-MessageParser/t/mailboxes/mailarc-3.txt": 17,
    "sisimai-set-of-emails/maildir/dos/rhost-cox-01.eml": 2,
    "sisimai-set-of-emails/maildir/mac/rhost-cox-01.eml": 2,
}
"""Where the count is not the manifest's, and why."""


def found() -> Iterator[tuple[str, Incoming]]:
    """The file and the message, for every message that is read."""
    for batch in batches([CORPUS], Naming(), Reading()):
        for message in batch.messages:
            path, _, offset = message.origin.rpartition(":")
            file = path if offset.isdecimal() and Path(path).is_file() else message.origin
            yield str(Path(file).relative_to(CORPUS.resolve())), message


def test_every_message_is_found() -> None:
    """The counts of all files are those of the manifest, but for those that are explained."""
    counts = Counter(file for file, _ in found())
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        rows = csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE)
        expected = {row["file"]: int(row["messages"]) for row in rows} | OTHER_COUNTS
    assert counts == Counter(expected)


def test_line_endings_make_no_difference() -> None:
    """The same bounces with CRLF and with bare CR are stored alike."""
    stored = {file.removeprefix("sisimai-set-of-emails/maildir/"): message.source for file, message in found()}
    pairs = {file.removeprefix("mac/"): octets for file, octets in stored.items() if file.startswith("mac/")}
    assert len(pairs) > 30
    assert {file: stored[f"dos/{file}"] for file in pairs if f"dos/{file}" in stored} == pairs


@pytest.mark.slow
def test_the_corpus_goes_in_once_and_comes_back_whole(tmp_path: Path) -> None:
    """A second import adds nothing; an export in any format, imported into an empty account, is equal in everything."""

    async def there_and_back() -> None:
        store = SqliteMailStore(None)
        account = await store.account("first")
        report = await import_paths(account, [CORPUS])
        no_mail = {Path(problem.origin).name for problem in report.problems}
        assert no_mail == {Path(file).name for file in list(OTHER_COUNTS)[:6]} | {
            "COPYING",
            "MANIFEST.tsv",
            "README.md",
        }
        assert (report.notes, report.stopped, report.duplicates) == ([], "", 0)
        again = await import_paths(account, [CORPUS])
        assert (again.imported, again.duplicates) == (0, report.imported)
        original = await contents(account)
        assert sum(map(len, original.values())) == report.imported > 6700
        for form in ExportFormat:
            exported = await export_account(account, tmp_path / form, ExportOptions(form))
            copy = await store.account(form)
            back = await import_paths(copy, [tmp_path / form])
            assert (back.problems, back.notes, back.imported) == ([], [], exported.messages)
            assert await contents(copy) == original
            assert await copy.subscriptions() == await account.subscriptions()
        await store.close()

    asyncio.run(there_and_back())
