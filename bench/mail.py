"""Mail for the benchmark: made up, but with the shape of real mail.

Its mean is about 12 kB and its median half of that. Six of ten messages answer another and refer to the whole thread,
six of ten have several parts, a quarter has an attachment, half have encoded words in their headers.
"""

import base64
import quopri
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import NamedTuple

WORDS = (  # noqa: SIM905 - a page of words reads better than a list of them
    "the quick report meeting about server update please review attached budget thanks regards project "
    "milestone customer invoice shipping release candidate deadline question answer schedule holiday "
    "weather garden coffee network storage mailbox protocol garden river mountain window table paper "
    "green yellow silver "
).split()
NAMES = (
    ("Anna Schmidt", "anna"), ("Jürgen Müller", "juergen"), ("Bob Stone", "bob"), ("Chen Wei", "chen"),
    ("Olga Petrova", "olga"), ("Support Team", "support"), ("Marie Dubois", "marie"), ("João Silva", "joao"),
)  # fmt: skip
DOMAINS = ("example.org", "example.com", "lists.example.net", "mail.example.edu")
RARE_WORD = "xylographic"
RARE = [RARE_WORD[start:stop] for start in range(5) for stop in range(start + 6, len(RARE_WORD) + 1)]
"""Pieces of the word that stands in one of two thousand messages."""
LESS_RARE = [f"{number:04d}" for number in random.Random(8).sample(range(1000, 10_000), 500)]
"""Digits that stand in ids and numbers of one message in some hundred."""
_BEGIN = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
_STEP = timedelta(minutes=50)
_LONGEST = 20
"""Messages that a message refers to."""
_SIZES = (4_000, 15_000, 30_000)
"""Octets of attachments."""


class _Thread(NamedTuple):
    """What an answer takes from what it answers."""

    references: list[str]
    subject: str


def messages(count: int, seed: int = 1) -> Iterator[bytes]:
    """So many messages, the same for the same seed."""
    source = random.Random(seed)
    threads: list[_Thread] = []
    for number in range(count):
        yield _message(source, number, threads)


def small_messages(count: int, seed: int = 2) -> Iterator[bytes]:
    """So many messages of about 500 octets; the rare word in twenty of a million."""
    source = random.Random(seed)
    for number in range(count):
        name, user = source.choice(NAMES)
        rare = f" {RARE_WORD}" if number % 50_000 == 777 else ""
        yield (
            f"Date: {format_datetime(_BEGIN + timedelta(minutes=number))}\r\n"
            f"From: {_encoded(source, name)} <{user}@{source.choice(DOMAINS)}>\r\nTo: <millie@example.org>\r\n"
            f"Subject: {_words(source, 5)}\r\nMessage-ID: <{number}.{source.randrange(10**9)}@example.org>\r\n\r\n"
            f"{_words(source, 30)}{rare} {source.randrange(10**6)}\r\n"
        ).encode()


def _words(source: random.Random, count: int) -> str:
    return " ".join(source.choices(WORDS, k=count))


def _encoded(source: random.Random, text: str) -> str:
    if text.isascii():
        return text
    if len(text) > 30:
        # One encoded word is no longer than 75 octets: encode what has to be.
        return " ".join(_encoded(source, word) for word in text.split())
    if source.random() < 0.5:
        return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="
    return f"=?utf-8?Q?{quopri.encodestring(text.encode(), header=True).decode()}?="


def _message(source: random.Random, number: int, threads: list[_Thread]) -> bytes:
    message_id = f"<{number}.{source.randrange(10**9)}@{source.choice(DOMAINS)}>"
    date = _BEGIN + _STEP * number
    headers = [f"Return-Path: <{number}@{source.choice(DOMAINS)}>", *_received(source, date)]
    name, user = source.choice(NAMES)
    to_name, to_user = source.choice(NAMES)
    if threads and source.random() < 0.6:
        answered = source.choice(threads[-200:])
        headers += [f"In-Reply-To: {answered.references[-1]}", f"References: {' '.join(answered.references)}"]
        subject = answered.subject if answered.subject.startswith("Re: ") else f"Re: {answered.subject}"
        threads.append(_Thread([*answered.references, message_id][-_LONGEST:], subject))
    else:
        subject = _words(source, source.randint(2, 8))
        if source.random() < 0.1:
            subject = "Übersicht " + subject
        threads.append(_Thread([message_id], subject))
    headers += [
        f"Date: {format_datetime(date + timedelta(seconds=source.randrange(60)))}",
        f"From: {_encoded(source, name)} <{user}@{source.choice(DOMAINS)}>",
        f"To: {_encoded(source, to_name)} <{to_user}@example.org>",
        f"Subject: {_encoded(source, subject)}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
    ]
    if source.random() < 0.3:
        headers.append(f"List-Id: <{source.choice(WORDS)}.lists.example.net>")
    headers.append("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k1;\r\n\tb=" + _signature(source))
    # A folded line where names of other messages would make one longer than mail may have.
    text = "\r\n".join(headers).replace("> <", ">\r\n <")
    return (text + "\r\n" + _body(source, number)).encode()


def _received(source: random.Random, date: datetime) -> list[str]:
    return [
        f"Received: from mx{hop}.{source.choice(DOMAINS)} (mx{hop} [192.0.2.{source.randrange(255)}])\r\n"
        f"\tby mail.example.org (Postfix) with ESMTPS id {source.randrange(16**10):010X}\r\n"
        f"\tfor <anna@example.org>; {format_datetime(date)}"
        for hop in range(source.randint(2, 5))
    ]


def _signature(source: random.Random) -> str:
    return "\r\n\t".join(base64.b64encode(source.randbytes(48)).decode() for _ in range(4))


def _body(source: random.Random, number: int) -> str:
    text = "\r\n".join(_words(source, 12) for _ in range(source.randint(5, 60)))
    if number % 2000 == 1999:
        text += f"\r\n{RARE_WORD} {number}"
    kind = source.random()
    if kind < 0.3:
        return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{text}\r\n"
    if kind < 0.4:
        quoted = quopri.encodestring(f"{text}\r\nGrüße\r\n".encode()).decode()
        return "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted
    boundary = f"=_b{number}"
    html = "<html><body>" + "".join(f"<p>{line}</p>\r\n" for line in text.split("\r\n")) + "</body></html>"
    alternative = (
        f"--{boundary}a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f"--{boundary}a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--{boundary}a--\r\n"
    )
    top = f'Content-Type: multipart/alternative; boundary="{boundary}a"\r\n\r\n'
    if kind < 0.75:
        return top + alternative
    octets = base64.encodebytes(source.randbytes(source.choice(_SIZES))).decode().replace("\n", "\r\n")
    return (
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n{top}{alternative}'
        f'--{boundary}\r\nContent-Type: application/pdf; name="report{number}.pdf"\r\n'
        f'Content-Disposition: attachment; filename="report{number}.pdf"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{octets}--{boundary}--\r\n"
    )
