"""Flags out of header fields that mail programs keep in mbox files."""

import pytest

from mailwren.transfer.incoming import Incoming, Reading
from mailwren.transfer.mbox import MboxReader
from mailwren.transfer.status_fields import take_state, write_state


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        (b"Status: RO\n", {"\\Seen"}),
        (b"Status: O\n", set()),
        (b"Status: RO\nX-Status: AFTD\n", {"\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"}),
        (b"X-Keywords: Junk $Forwarded               \n", {"Junk", "$Forwarded"}),
        (b"X-Keywords: one\n  two\n\tthree\n", {"one", "two", "three"}),
        (b"X-Keywords: $Forwarded,$NotJunk\n", {"$Forwarded", "$NotJunk"}),
        (b"X-UID: 17\nX-IMAPbase: 1234 17 Junk\n", set()),
        (b"X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\n", {"\\Seen"}),
        (b"X-Mozilla-Status: 1007\n", {"\\Seen", "\\Answered", "\\Flagged", "$Forwarded"}),
        (b"X-Mozilla-Status2: 00a00000\n", {"\\Deleted", "$MDNSent"}),
        (b"X-Mozilla-Status2: 06000000\n", {"$label3"}),
        (b"X-Mozilla-Keys: $label1 work" + b" " * 70 + b"\n", {"$label1", "work"}),
        (b"X-Mozilla-Keys: " + b" " * 80 + b"\n", set()),
    ],
)
def test_fields_become_flags_and_go(fields: bytes, flags: set[str]) -> None:
    """The fields of mutt, Dovecot and Thunderbird are read and taken out; everything around them stays."""
    state = take_state(b"From: a@b\n" + fields + b"Subject: x\n y\n\n")
    assert (state.header, set(state.flags), state.gone) == (b"From: a@b\nSubject: x\n y\n\n", flags, False)


def test_other_fields_of_the_same_name_stay() -> None:
    """A value that no mail program writes is the sender's field."""
    header = b"Status: delivered to you\nX-Status: 7\nX-UID: abc\nX-Mozilla-Status: what\nX-IMAP: no\n\n"
    state = take_state(header)
    assert (state.header, state.flags) == (header, ())


def test_crlf_and_the_end_of_the_header() -> None:
    """Fields end in CRLF as well as in LF, and may be the last ones."""
    state = take_state(b"Status: RO\r\nA: b\r\nX-Status: F")
    assert (state.header, state.flags) == (b"A: b\r\n", ("\\Seen", "\\Flagged"))


def test_expunged_and_bookkeeping_messages_are_left_out() -> None:
    """Messages that Thunderbird has expunged and Dovecot's internal one are no messages of the mailbox."""
    internal = (
        b"From MAILER-DAEMON Fri Jan  2 00:00:00 1970\nDate: 1 Jan 1970 00:00:00 +0000\n"
        b"From: Mail System Internal Data <MAILER-DAEMON@host>\n"
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1234567 0000000017 Junk\nStatus: RO\n\n"
        b"This text is part of the internal format of your mail folder.\n\n"
    )
    gone = (
        b"From - Fri Jan  2 00:00:00 1970\nX-Mozilla-Status: 0009\nX-Mozilla-Status2: 00000000\nSubject: gone\n\nx\n\n"
    )
    kept = (
        b"From - Fri Jan  2 00:00:00 1970\nX-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\nSubject: kept\n\nx\n\n"
    )
    found = list(MboxReader(internal + gone + kept, "x", "INBOX", Reading()).messages())
    assert [item.source for item in found if isinstance(item, Incoming)] == [b"Subject: kept\r\n\r\nx\r\n"]
    assert len(found) == 1


def test_what_is_written_is_read() -> None:
    """Reading undoes writing for every combination of flags."""
    flags = {"\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted", "Junk", "$Forwarded"}
    for flag in sorted(flags):
        for chosen in (flags, {flag}, flags - {flag}):
            assert set(take_state(write_state(frozenset(chosen), b"\n")).flags) == chosen


def test_only_the_header_is_searched() -> None:
    """The same words in a body are text."""
    octets = b"From - Fri Jan  2 00:00:00 1970\nSubject: x\n\nStatus: RO\nX-Mozilla-Status: 0008\n"
    (message,) = MboxReader(octets, "x", "INBOX", Reading()).messages()
    assert isinstance(message, Incoming)
    assert (message.flags, message.source) == ((), b"Subject: x\r\n\r\nStatus: RO\r\nX-Mozilla-Status: 0008\r\n")
