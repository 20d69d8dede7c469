"""The search index on all messages of the corpus against folding every text and looking for the needle."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.corpus.test_search_corpus import CORPUS, KINDS, Decoded, decode, octets_of_messages, piece

from mailwren.message.fold import fold
from mailwren.search.evaluate import SearchEngine
from mailwren.search.index.asking import Indexes
from mailwren.search.index.building import Indexer
from mailwren.search.index.folder import index_folder
from mailwren.search.query import BodyContains, HeaderContains, Query, TextContains
from mailwren.store.operations import Append
from mailwren.store.sqlite.folders import account_folder
from mailwren.store.sqlite.store import SqliteMailStore

NEEDLES = 12
"""Of each kind, each looked for in four ways."""

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not (CORPUS / "MANIFEST.tsv").is_file(), reason=f"no message corpus in {CORPUS}"),
]


@dataclass
class Indexed:
    """The corpus in a store, indexed but for the last hundred messages."""

    data: Path
    decoded: list[Decoded]
    folded: list[Decoded]
    text: int
    """Characters of all decoded texts."""


async def _fill(data: Path) -> list[Decoded]:
    store = SqliteMailStore(data)
    account = await store.account("corpus")
    inbox = (await account.mailbox("INBOX")).id
    decoded = []
    waiting: list[Append] = []
    for octets in octets_of_messages():
        decoded.append(decode(octets))
        waiting.append(Append(inbox, octets, (), datetime.now(UTC)))
    for start in range(0, len(waiting) - 100, 200):
        await account.apply(waiting[start : min(start + 200, len(waiting) - 100)])
    await asyncio.to_thread(Indexer(account_folder(data, "corpus")).run)
    await account.apply(waiting[-100:])
    await store.close()
    return decoded


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Indexed:
    """The corpus, stored and indexed."""
    data = tmp_path_factory.mktemp("index")
    decoded = asyncio.run(_fill(data))
    folded = [
        Decoded(
            list(map(fold, each.subject)),
            list(map(fold, each.senders)),
            list(map(fold, each.headers)),
            list(map(fold, each.bodies)),
            each.raw_subject_encoded,
            each.transfer_encoded,
        )
        for each in decoded
    ]
    return Indexed(data, decoded, folded, sum(len("".join([*each.headers, *each.bodies]).encode()) for each in folded))


def test_the_index_is_small(corpus: Indexed) -> None:
    """The index takes no more than a quarter of the text that it stands for."""
    size = sum(path.stat().st_size for path in index_folder(account_folder(corpus.data, "corpus")).iterdir())
    assert size < corpus.text / 4


@pytest.mark.parametrize("kind", KINDS)
def test_the_index_finds_pieces_of_the_corpus_exactly(corpus: Indexed, kind: str) -> None:
    """Every piece of any text is found in exactly the messages whose decoded texts hold it, indexed or not."""
    choose, around = KINDS[kind]
    source = random.Random(f"index {kind}")
    texts = [text for each in corpus.decoded for text in choose(each) if text]

    def holding(folded: str, headers: bool, bodies: bool, field: str = "") -> list[int]:
        def hit(each: Decoded) -> bool:
            looked_at = (each.headers if headers else []) + (each.bodies if bodies else [])
            if field:
                looked_at = each.subject if field == "Subject" else each.senders
            return any(folded in text for text in looked_at)

        return [number for number, each in enumerate(corpus.folded) if hit(each)]

    async def look() -> None:
        store = SqliteMailStore(corpus.data)
        account = await store.account("corpus")
        state = await account.open_mailbox((await account.mailbox("INBOX")).id)
        engine = SearchEngine(indexes=Indexes(lambda account_id: account_folder(corpus.data, account_id)))

        async def find(query: Query) -> list[int]:
            return await engine.search(account, state, query, state.uids, len(state.uids))

        for _ in range(NEEDLES):
            needle = ""
            while not fold(needle):
                needle = piece(source, source.choice(texts), around=around)
            folded = fold(needle)
            assert await find(BodyContains(needle)) == holding(folded, False, True), needle
            assert await find(TextContains(needle)) == holding(folded, True, True), needle
            for field in ("Subject", "From"):
                assert await find(HeaderContains(field, needle)) == holding(folded, False, False, field), needle
        await store.close()

    asyncio.run(look())
