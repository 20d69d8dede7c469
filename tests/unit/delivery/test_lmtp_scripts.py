"""Runs the transcripts in tests/scripts/lmtp against the session: as written, byte by byte, and all at once."""

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailwren.delivery.addresses import Address
from mailwren.delivery.delivery import OVER_QUOTA_NOW
from mailwren.delivery.lmtp_session import LmtpSession, MessageArrived, Signal
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.resolving import DISABLED, UNKNOWN_USER
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.status import TEMPORARY, DeliveryStatus

SCRIPTS = Path(__file__).parents[2] / "scripts" / "lmtp"
STORED = DeliveryStatus(250, "2.1.5", "Stored")
ANSWERS = {"alice": STORED, "bob": STORED, "full": OVER_QUOTA_NOW, "later": TEMPORARY, "off": DISABLED}

Send = Callable[["Conversation", bytes], None]


def resolve(address: Address) -> Recipient | DeliveryStatus:
    """The users of the transcripts' README."""
    user = address.local.partition("+")[0].lower()
    if user not in ANSWERS:
        return UNKNOWN_USER
    return DISABLED if user == "off" else Recipient(address, user, user)


@dataclass
class Conversation:
    """A session with somebody who stores its messages."""

    session: LmtpSession = field(
        default_factory=lambda: LmtpSession(
            LmtpSettings(host="mail.example.org", message_size=200, recipients=3), resolve, id="1"
        )
    )
    said: bytes = b""
    messages: list[bytes] = field(default_factory=list)
    closed: bool = False

    def hear(self, data: bytes) -> None:
        """Feed the session and do what it asks for."""
        self.session.receive(data)
        while (event := self.session.next_event()) is not None and event is not Signal.CLOSE:
            if isinstance(event, MessageArrived):
                self.messages.append(bytes(event.message.view()))
                for recipient in event.recipients:
                    self.session.answer(ANSWERS[recipient.user])
        self.closed = event is Signal.CLOSE
        self.said += self.session.data_to_send()


def send_whole(conversation: Conversation, data: bytes) -> None:
    """In one piece."""
    conversation.hear(data)


def send_bytes(conversation: Conversation, data: bytes) -> None:
    """One octet at a time."""
    for index in range(len(data)):
        conversation.hear(data[index : index + 1])


def lines_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Kind and unescaped content of each line that is no comment."""
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text = line[3:].encode("ascii").decode("unicode_escape").encode("latin-1")
            yield line[0], text + (b"\r\n" if line[0] == "C" else b"")


def check(conversation: Conversation, kind: str, expected: bytes) -> None:
    """Hold what the server did against one line of the transcript."""
    if kind == "S":
        line, _, conversation.said = conversation.said.partition(b"\r\n")
        assert fnmatch.fnmatchcase(line.decode("latin-1"), expected.decode("latin-1").replace("[", "[[]"))
    elif kind == "M":
        assert expected == conversation.messages.pop(0)
    else:
        assert conversation.closed


@pytest.mark.parametrize("send", [send_whole, send_bytes])
@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path, send: Send) -> None:
    """The server answers as the transcript says, however the client's octets are cut."""
    conversation = Conversation()
    conversation.hear(b"")
    for kind, text in lines_of(path):
        if kind in "Cc":
            assert conversation.said.count(b"\r\n") == 0, "an answer that the transcript does not have"
            send(conversation, text)
        else:
            check(conversation, kind, text)
    assert (conversation.said, conversation.messages) == (b"", [])


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.txt")), ids=lambda path: path.stem)
def test_one_packet(path: Path) -> None:
    """The same answers come when everything is sent at once."""
    lines = list(lines_of(path))
    conversation = Conversation()
    conversation.hear(b"".join(text for kind, text in lines if kind in "Cc"))
    for kind, text in lines:
        if kind not in "Cc":
            check(conversation, kind, text)
    assert (conversation.said, conversation.messages) == (b"", [])
