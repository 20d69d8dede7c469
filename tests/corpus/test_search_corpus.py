"""Searching all messages of the corpus for pieces of them, against folding every text and looking for the needle."""

import csv
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.searched_mailbox import SearchedMailbox

from mailwren.message.api import Part
from mailwren.message.fold import fold
from mailwren.message.parse import parse_message
from mailwren.message.text import body_texts, field_texts, header_text
from mailwren.search.evaluate import SearchEngine
from mailwren.search.query import BodyContains, HeaderContains, TextContains

CORPUS = Path(os.environ.get("MAILWREN_CORPUS") or Path(__file__).parents[2].parent / "shared/corpus")
NEEDLES = 4
"""Of each kind in each field: a search of the whole corpus takes a few tenths of a second."""

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not (CORPUS / "MANIFEST.tsv").is_file(), reason=f"no message corpus in {CORPUS}"),
]


@dataclass
class Decoded:
    """One message's texts, as the reference sees them."""

    subject: list[str]
    senders: list[str]
    headers: list[str]
    bodies: list[str]
    raw_subject_encoded: bool
    transfer_encoded: bool


@dataclass
class Corpus:
    """All messages: to search, and decoded."""

    mailbox: SearchedMailbox
    decoded: list[Decoded]
    folded: list[Decoded]


def octets_of_messages() -> Iterator[bytes]:
    """Every message; mboxes are simply cut at their From_ lines."""
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
            octets = (CORPUS / row["file"]).read_bytes()
            if int(row["messages"] or 0) > 1:
                yield from re.split(rb"(?m)^From \S+ [^\r\n]*\r?\n", octets)[1:]
            else:
                yield octets


def parts_below(part: Part) -> Iterator[Part]:
    """All parts but the message itself."""
    for child in part.children:
        yield child
        yield from parts_below(child)


def decode(octets: bytes) -> Decoded:
    """A message's texts."""
    root = parse_message(octets).root
    block = octets[: root.body_start]
    parts = list(parts_below(root))
    return Decoded(
        field_texts(block, b"subject"),
        field_texts(block, b"from"),
        [header_text(block), *(header_text(octets[part.header_start : part.body_start]) for part in parts)],
        list(body_texts(octets, root)),
        bool(re.search(rb"(?mi)^subject:.*=\?", block)),
        any(part.encoding in {"base64", "quoted-printable"} and part.type == "text" for part in [root, *parts]),
    )


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """The corpus, stored and decoded."""
    mailbox = SearchedMailbox()
    decoded = []
    for octets in octets_of_messages():
        mailbox.add(octets)
        decoded.append(decode(octets))
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
    return Corpus(mailbox, decoded, folded)


def piece(source: random.Random, text: str, *, around: str = "") -> str:
    """A random piece of a text, at a place where ``around`` matches if it is given; now and then in another case."""
    places = [match.start() for match in re.finditer(around, text)] if around else range(len(text))
    if not places:
        return ""
    place = source.choice(places)
    start = max(place - source.randint(0, 8), 0)
    needle = text[start : place + source.choice((1, 2, 4, 9, 30))]
    return source.choice((needle, needle, needle.upper(), needle.lower()))


Choose = Callable[[Decoded], list[str]]
ANY = ""
KINDS: dict[str, tuple[Choose, str]] = {
    "anywhere in a body": (lambda each: each.bodies, ANY),
    "over word borders": (lambda each: each.bodies, r"\w \w"),
    "over line ends": (lambda each: each.bodies, r"\n\w"),
    "encoded bodies": (lambda each: each.bodies if each.transfer_encoded else [], ANY),
    "Latin accents": (lambda each: each.bodies + each.subject, r"[\u00c0-\u024f]"),
    "Greek and Cyrillic": (lambda each: each.bodies + each.subject, r"[\u0370-\u052f]"),
    "Arabic and Hebrew": (lambda each: each.bodies + each.subject, r"[\u0590-\u06ff]"),
    "Chinese, Japanese, Korean": (lambda each: each.bodies + each.subject, r"[\u3040-\u9fff\uac00-\ud7af]"),
    "compatibility forms and emoji": (
        lambda each: each.bodies,
        r"[\u00aa-\u00bf\u2000-\u2fff\uff00-\uffef]|[^\0-\uffff]",
    ),
    "subjects": (lambda each: each.subject, ANY),
    "encoded subjects": (lambda each: each.subject if each.raw_subject_encoded else [], ANY),
    "senders": (lambda each: each.senders, ANY),
    "addresses": (lambda each: each.senders, r"@"),
    "header blocks": (lambda each: each.headers, ANY),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_of_the_corpus_are_found_exactly(corpus: Corpus, kind: str) -> None:
    """Every piece of any text is found in exactly the messages whose decoded texts hold it."""
    choose, around = KINDS[kind]
    source = random.Random(kind)
    texts = [text for each in corpus.decoded for text in choose(each) if text and re.search(around, text)]
    assert texts, "the corpus has texts of this kind"
    engine = SearchEngine()
    for _ in range(NEEDLES):
        needle = piece(source, source.choice(texts), around=around)
        folded = fold(needle)

        def holding(choose: Choose, folded: str = folded) -> list[int]:
            return [n for n, each in enumerate(corpus.folded) if any(folded in text for text in choose(each))]

        found = corpus.mailbox.find(BodyContains(needle), engine)
        assert found == (holding(lambda each: [*each.bodies, ""])), needle
        found = corpus.mailbox.find(TextContains(needle), engine)
        assert found == (holding(lambda each: [*each.headers, *each.bodies, ""])), needle
        assert corpus.mailbox.find(HeaderContains("Subject", needle), engine) == holding(lambda each: each.subject)
        assert corpus.mailbox.find(HeaderContains("From", needle), engine) == holding(lambda each: each.senders)
