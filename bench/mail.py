"""Mail for the benchmark: made up, but with the shape of real mail (mean about 12 kB)."""

import base64
import random
from collections.abc import Iterator

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


def messages(count: int, seed: int = 1) -> Iterator[bytes]:
    """So many messages, the same for the same seed."""
    source = random.Random(seed)
    roots: list[tuple[str, str]] = []
    for number in range(count):
        yield _message(source, number, roots)


def _words(source: random.Random, count: int) -> str:
    return " ".join(source.choices(WORDS, k=count))


def _encoded(text: str) -> str:
    if text.isascii():
        return text
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def _message(source: random.Random, number: int, roots: list[tuple[str, str]]) -> bytes:
    message_id = f"<{number}.{source.randrange(10**9)}@{source.choice(DOMAINS)}>"
    subject = _words(source, source.randint(2, 8))
    headers = [f"Return-Path: <{number}@{source.choice(DOMAINS)}>"]
    headers += [
        f"Received: from mx{hop}.{source.choice(DOMAINS)} (mx{hop} [192.0.2.{source.randrange(255)}])\r\n"
        f"\tby mail.example.org (Postfix) with ESMTPS id {source.randrange(16**10):010X}\r\n"
        f"\tfor <anna@example.org>; Mon, {number % 28 + 1:02d} Mar 2026 10:{number % 60:02d}:00 +0000"
        for hop in range(source.randint(2, 5))
    ]
    name, user = source.choice(NAMES)
    to_name, to_user = source.choice(NAMES)
    if roots and source.random() < 0.6:
        parent, parent_subject = source.choice(roots[-200:])
        headers += [f"In-Reply-To: {parent}", f"References: {parent}"]
        subject = f"Re: {parent_subject}"
    else:
        roots.append((message_id, subject))
    if source.random() < 0.1:
        subject = "Übersicht " + subject
    headers += [
        f"Date: Mon, {number % 28 + 1} Mar 2026 10:{number % 60:02d}:{source.randrange(60):02d} +0100",
        f"From: {_encoded(name)} <{user}@{source.choice(DOMAINS)}>",
        f"To: {_encoded(to_name)} <{to_user}@example.org>",
        f"Subject: {_encoded(subject)}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
    ]
    if source.random() < 0.3:
        headers.append(f"List-Id: <{source.choice(WORDS)}.lists.example.net>")
    headers.append("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k1;\r\n\tb=" + "Ab3/" * 60)
    return ("\r\n".join(headers) + "\r\n" + _body(source, number)).encode()


def _body(source: random.Random, number: int) -> str:
    text = "\r\n".join(_words(source, 12) for _ in range(source.randint(5, 60)))
    if number % 2000 == 1999:
        text += f"\r\n{RARE_WORD} {number}"
    kind = source.random()
    if kind < 0.4:
        return f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{text}\r\n"
    boundary = f"=_b{number}"
    html = "<html><body>" + "".join(f"<p>{line}</p>\r\n" for line in text.split("\r\n")) + "</body></html>"
    alternative = (
        f"--{boundary}a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
        f"--{boundary}a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n--{boundary}a--\r\n"
    )
    top = f'Content-Type: multipart/alternative; boundary="{boundary}a"\r\n\r\n'
    if kind < 0.75:
        return top + alternative
    octets = base64.encodebytes(source.randbytes(source.choice((6_000, 20_000, 30_000)))).decode().replace("\n", "\r\n")
    return (
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n{top}{alternative}'
        f'--{boundary}\r\nContent-Type: application/pdf; name="report{number}.pdf"\r\n'
        f'Content-Disposition: attachment; filename="report{number}.pdf"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{octets}--{boundary}--\r\n"
    )
