"""Whatever a client sends, an LMTP session answers with well-formed replies and raises nothing."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mailwren.base import limits
from mailwren.delivery.addresses import Address
from mailwren.delivery.lmtp_session import LmtpSession, MessageArrived, Signal
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.status import DeliveryStatus

# Reply-line = code [ SP text ], the lines of one reply with the same code (RFC 5321 §4.2.1)
TEXT = rb"[^\x00-\x1f\x7f]*\r\n"
REPLIES = re.compile(rb"(?:(?:([2-5][0-9]{2})-" + TEXT + rb"(?:\1-" + TEXT + rb")*\1 |[2-5][0-9]{2} )" + TEXT + rb")*")
WORDS = st.sampled_from(
    [
        b"LHLO x\r\n", b"MAIL FROM:<a@b>\r\n", b"MAIL FROM:<a@b> SMTPUTF8 BODY=BINARYMIME\r\n", b"RCPT TO:<c@d>\r\n",
        b"RCPT TO:<\xc3\xbc@d>\r\n", b"RCPT TO:<unknown>\r\n", b"DATA\r\n", b".\r\n", b"\r\n.\r\n", b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n", b"BDAT 99999\r\n", b"RSET\r\n", b"STARTTLS\r\n", b"HELP\r\n", b"VRFY x\r\n", b"LHLO\r\n",
        b"MAIL FROM:", b"RCPT TO:", b"<", b">", b'"', b"\\", b"@", b":", b"[", b" ", b"=", b"\r", b"\n", b"\r\n", b"\0",
        b"\xc2\xa0", b"SIZE=", b"BODY=", b"x" * 9000,
    ]
)  # fmt: skip
INPUT = st.lists(WORDS | st.binary(max_size=8)).map(b"".join)


def resolve(address: Address) -> Recipient | DeliveryStatus:
    """Everybody but one is a user."""
    if address.local == "unknown":
        return DeliveryStatus(550, "5.1.1", "Unknown")
    return Recipient(address, address.local, address.local)


def converse(pieces: list[bytes]) -> tuple[bytes, int]:
    """What the session says to the pieces, and how many messages it took."""
    session = LmtpSession(LmtpSettings(host="h", message_size=1000), resolve, id="1", offers_tls=True)
    said, messages = b"", 0
    for piece in pieces:
        session.receive(piece)
        while (event := session.next_event()) is not None and event is not Signal.CLOSE:
            if event is Signal.START_TLS:
                session.tls_started()
            elif isinstance(event, MessageArrived):
                messages += 1
                assert event.message.size <= 1000
                for _ in event.recipients:
                    session.answer(DeliveryStatus(250, "2.1.5", "Stored"))
        said += session.data_to_send()
        assert session.buffered <= limits.LMTP_LINE or event is Signal.CLOSE
        if event is Signal.CLOSE:
            break
    return said + session.data_to_send(), messages


@given(INPUT)
@settings(deadline=None)
def test_only_replies(data: bytes) -> None:
    """The answer to any octets is a sequence of replies."""
    said, _ = converse([data])
    assert REPLIES.fullmatch(said)


@given(INPUT.filter(lambda data: b"STARTTLS" not in data.upper()))
@settings(max_examples=50, deadline=None)
def test_cutting_changes_nothing(data: bytes) -> None:
    """The answers are the same when each octet comes alone."""
    assert converse([data]) == converse([data[index : index + 1] for index in range(len(data))])


def test_many_wrong_commands_end_the_session() -> None:
    """Message text that is taken for commands does not go on for ever."""
    said, _ = converse([b"some text\r\n" * 1000])
    assert said.endswith(b"421 4.7.0 Too many wrong commands\r\n")
    assert said.count(b"\r\n") == 1 + limits.LMTP_BAD_COMMANDS + 1


def test_a_flood_of_commands_lets_others_have_their_turn() -> None:
    """After a bounded number of commands the session says that it is busy, and goes on when asked."""
    session = LmtpSession(LmtpSettings(host="h"), resolve, id="1")
    session.receive(b"NOOP\r\n" * (limits.LMTP_COMMANDS_AT_ONCE + 1))
    assert session.next_event() is Signal.BUSY
    assert session.next_event() is None
    assert session.data_to_send().count(b"\r\n") == limits.LMTP_COMMANDS_AT_ONCE + 2
