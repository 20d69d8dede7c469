"""Rows of one connection that reads."""

import random
import time

from bench.wire import Imap
from bench.work import Measure, Row, Work, number_in, repeat

_HEADER_LIST = (
    b"UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID "
    b"Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])"
)
_CHANGED = 1000


def _command(command: bytes) -> Measure:
    return lambda work: repeat(work, lambda: work.big.run(command))


def _for_each_message(command: bytes) -> Measure:
    return lambda work: repeat(work, lambda: work.big.run(command), work.count)


def _login(work: Work) -> float:
    def act() -> None:
        connection = Imap(work.server.imap_port)
        connection.run(b"SELECT Big")
        connection.close()

    return repeat(work, act)


def _bodies(work: Work) -> float:
    start = time.perf_counter()
    octets = work.big.run(b"FETCH 1:* BODY.PEEK[]")
    return octets / 1e6 / (time.perf_counter() - start)


def _random_bodies(work: Work) -> float:
    source = random.Random(5)
    return repeat(work, lambda: work.big.run(b"FETCH %d BODY.PEEK[]" % source.randint(1, work.count)))


def _resynchronise(work: Work) -> float:
    """SELECT of a program that was away while a thousand messages changed one by one."""
    connection = Imap(work.server.imap_port)
    connection.run(b"ENABLE QRESYNC")
    known = connection.ask(b"SELECT Big")
    uid_validity, modseq = number_in(known, b"UIDVALIDITY"), number_in(known, b"HIGHESTMODSEQ")
    for number in random.Random(7).sample(range(1, work.count + 1), min(_CHANGED, work.count)):
        connection.run(b"STORE %d +FLAGS.SILENT (Resync%d)" % (number, modseq))
    result = repeat(work, lambda: connection.run(b"SELECT Big (QRESYNC (%d %d))" % (uid_validity, modseq)))
    connection.close()
    return result


READING = {
    "login": Row("login + SELECT, new connection each", "/s", _login),
    "noop": Row("NOOP, one after another", "/s", _command(b"NOOP")),
    "select": Row("SELECT", "/s", _command(b"SELECT Big")),
    "flags": Row("UID FETCH 1:* FLAGS", "msg/s", _for_each_message(b"UID FETCH 1:* FLAGS")),
    "envelopes": Row(
        "FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
        "msg/s",
        _for_each_message(b"FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)"),
    ),
    "headers": Row("FETCH 1:* of Thunderbird's header list", "msg/s", _for_each_message(_HEADER_LIST)),
    "headers-whole": Row("FETCH 1:* BODY.PEEK[HEADER]", "msg/s", _for_each_message(b"FETCH 1:* BODY.PEEK[HEADER]")),
    "bodies": Row("FETCH 1:* BODY.PEEK[]", "MB/s", _bodies),
    "part": Row("FETCH 1:* BODY.PEEK[1]<0.2048>", "msg/s", _for_each_message(b"FETCH 1:* BODY.PEEK[1]<0.2048>")),
    "random": Row("FETCH n BODY.PEEK[], at random, one at a time", "/s", _random_bodies),
    "qresync": Row("SELECT (QRESYNC …), 1,000 changes", "/s", _resynchronise),
}
