"""Words of attached documents in the search index: found, in phrases too, kept with their segments, and forgotten."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.support.documents import attached
from tests.unit.search.test_index import MORE, Mail, with_mail

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.search.attached.extracting import Extractor
from mailwren.search.attached.kinds import Kind
from mailwren.search.evaluate import SearchEngine
from mailwren.search.index.asking import Indexes
from mailwren.search.index.building import Indexer
from mailwren.search.index.segment import IndexDamaged, Segment
from mailwren.search.index.status import index_status
from mailwren.search.query import And, BodyContains, HeaderContains, Not, Query, Resembles, TextContains
from mailwren.store.operations import Copy, CreateMailbox, Expunge
from mailwren.store.sqlite.account import SqliteAccount
from mailwren.store.sqlite.folders import account_folder
from mailwren.store.sqlite.store import SqliteMailStore


class Told(Extractor):
    """Takes what follows a PDF file's mark for its text."""

    def text(self, kind: Kind, pieces: Iterable[bytes], characters: int) -> str:
        """The text."""
        return b"".join(pieces).removeprefix(b"%PDF-").decode()[:characters]


def _document(text: str, subject: str = "x") -> bytes:
    return attached(b"%PDF-" + text.encode(), name="a.pdf", subject=subject)


def _build(mail: Mail, *, anew: bool = False) -> None:
    assert Indexer(mail.folder, extractor=Told()).run(anew=anew)


TEXTS = ("The Straße to Öhringen is long", "second line\nbegins here", "会议记录在附件里", "numbers 4711 and 0815")
FOUND: list[tuple[Query, list[int]]] = [
    (BodyContains("straße"), [41]),
    (BodyContains("ringen"), [41]),
    (BodyContains("STRASSE"), [41]),
    (TextContains("öhringen is LONG"), [41]),
    (TextContains("traße to ö"), [41]),
    (BodyContains("line\nbegins"), [42]),
    (BodyContains("begins line"), []),
    (BodyContains("记录在"), [43]),
    (BodyContains("议"), [43]),
    (BodyContains("711"), [44]),
    (BodyContains("4711 and"), [44]),
    (And((BodyContains("see below"), Not(BodyContains("4711")))), [41, 42, 43]),
    (Resembles(BodyContains("numebrs")), [44]),
    (HeaderContains("subject", "straße"), []),
]


async def _all(mail: Mail) -> None:
    for query, positions in FOUND:
        assert [each for each in await mail.find(query) if each > 40] == positions, query


def _again(mail: Mail) -> None:
    """Search as another worker, or after a start anew."""
    mail.engine = SearchEngine(indexes=Indexes(lambda name: account_folder(mail.data, name), mail.wanted.append))


def test_words_of_documents_are_found(tmp_path: Path) -> None:
    """Words, pieces of them, phrases, scripts without blanks; by whoever searches, whatever the index did since."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.compare(MORE[:3])
        await mail.add(*map(_document, TEXTS))
        assert await mail.find(BodyContains("straße")) == []
        _build(mail)
        await _all(mail)
        _again(mail)
        await _all(mail)
        for number in range(5):
            await mail.add(f"Subject: n{number}\r\n\r\nrare {number}\r\n".encode())
            _build(mail)
            await _all(mail)
        _build(mail, anew=True)
        await _all(mail)
        await mail.compare(MORE)
        assert index_status(mail.folder).documents == len(TEXTS)
        assert not mail.wanted

    with_mail(tmp_path, work)


def test_a_mailbox_of_few_messages(tmp_path: Path) -> None:
    """Messages that are looked at without asking for words show their documents too, copies and large ones as well."""

    async def work(mail: Mail) -> None:
        large = _document("needle in haystack").replace(b"see below", b"so much\r\n" * (limits.SEARCH_WHOLE // 9 + 1))
        await mail.add(*map(_document, TEXTS), large)
        _build(mail)
        account = await mail.open()
        inbox = (await account.mailbox("INBOX")).id
        await account.apply([CreateMailbox("Other")])
        other = (await account.mailbox("Other")).id
        await account.apply([Copy(inbox, RangeSet([(4, 5)]), other)])
        for query, positions in FOUND:
            assert [each for each in await mail.find(query) if each < 4] == [each - 41 for each in positions], query
        assert await mail.find(BodyContains("in hay")) == [4]
        assert await mail.find(TextContains("in hay"), "Other") == [1]
        assert await mail.find(BodyContains("4711 and"), "Other") == [0]
        assert await mail.find(Resembles(BodyContains("neelde")), "Other") == [1]

    with_mail(tmp_path, work)


def test_documents_of_removed_messages_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the words go the texts; those of other messages stay."""
    monkeypatch.setattr(limits, "INDEX_FORGET_SECONDS", -60)

    async def work(mail: Mail) -> None:
        mail.store = SqliteMailStore(mail.data, restorable=-10)  # what is expunged goes for good
        await mail.add(*map(_document, TEXTS), *(b"Subject: %d\r\n\r\nx\r\n" % n for n in range(30)))
        _build(mail)
        account = await mail.open()
        inbox = (await account.mailbox("INBOX")).id
        await account.apply([Expunge(inbox, RangeSet([(1, 3), (10, 30)]), only_deleted=False)])
        assert await mail.find(BodyContains("ringen")) == []
        assert await mail.find(BodyContains("4711 and")) == [0]
        await mail.store.sweep("alice")
        _build(mail)
        assert index_status(mail.folder).documents == 1
        assert await mail.find(BodyContains("4711 and")) == [0]
        (path,) = mail.segments()
        segment = Segment(path)
        assert [segment.text(content) for content in segment.contents()][:2] == [TEXTS[3], ""]
        assert segment.text(1) == ""

    with_mail(tmp_path, work)


def test_a_message_has_room_for_so_many_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond is left out, so that no document has every search look at its message."""
    monkeypatch.setattr(limits, "INDEX_WORDS", 200)
    line = "".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)} " for n in range(150)) * 30
    reads: list[int] = []
    read = SqliteAccount.read

    async def counted(self: SqliteAccount, content: int, *arguments: int) -> bytes:
        reads.append(content)
        return await read(self, content, *arguments)  # type: ignore[arg-type]  # passed on as it came

    async def work(mail: Mail) -> None:
        await mail.fill()
        numbers = " ".join(map(str, range(1000, 2000)))
        await mail.add(_document(f"{line}\n{numbers}\nlater words"))
        _build(mail)
        assert await mail.find(BodyContains("zc ad")) == [41]
        monkeypatch.setattr(SqliteAccount, "read", counted)
        assert await mail.find(BodyContains("1234")) == []
        assert await mail.find(BodyContains("later")) == []
        assert reads == []

    with_mail(tmp_path, work)


def test_batches_end_when_texts_are_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; segments are merged with their texts."""
    monkeypatch.setattr(limits, "INDEX_TEXTS", 10)

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.add(*map(_document, TEXTS))
        _build(mail)
        await _all(mail)
        assert index_status(mail.folder).documents == len(TEXTS)
        assert mail.build(anew=True)  # without anything that reads them
        assert index_status(mail.folder).documents == 0
        await mail.compare()
        assert await mail.find(BodyContains("ringen")) == []

    with_mail(tmp_path, work)


def test_damaged_texts_are_noticed(tmp_path: Path) -> None:
    """A search goes on without them, and the segment is built anew."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        await mail.add(*map(_document, TEXTS))
        _build(mail)
        (path,) = mail.segments()
        segment = Segment(path)
        content = segment.texts().contents[0]
        start, length = segment.texts().get(content) or (0, 0)
        octets = path.read_bytes()
        for damaged in (octets[: start + 12] + b"\0\0\0" + octets[start + 15 :], octets[: start + 2]):
            path.unlink(missing_ok=True)
            path.write_bytes(damaged)
            with pytest.raises(IndexDamaged):
                Segment(path).text(content)
            _again(mail)
            assert await mail.find(BodyContains("öhringen is long")) == []
            assert mail.wanted
            assert not path.exists()
        assert 20 < length < 200
        _build(mail)
        await _all(mail)

    with_mail(tmp_path, work)


def test_without_documents_nothing_is_kept(tmp_path: Path) -> None:
    """A segment is, octet for octet, what it is without anything that reads documents."""

    async def work(mail: Mail) -> None:
        await mail.fill()
        mail.build()
        (path,) = mail.segments()
        before = path.read_bytes()
        _build(mail, anew=True)
        assert path.read_bytes() == before
        assert b"texts" not in before
        account = await mail.open()
        indexes = Indexes(lambda name: account_folder(mail.data, name))
        assert await indexes.attached(account) is None

    with_mail(tmp_path, work)
