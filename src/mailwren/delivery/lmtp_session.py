"""One LMTP session without its socket (RFC 2033): octets in, replies and events out.

The verbs: :meth:`LmtpSession.receive` what arrived; call :meth:`LmtpSession.next_event` until it returns ``None``; send
:meth:`LmtpSession.data_to_send` after each call. An event has to be dealt with as its class says before the session
goes on. Nothing here raises for anything that a client may send.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from mailwren.base import limits
from mailwren.delivery import status as replies
from mailwren.delivery.addresses import Address
from mailwren.delivery.envelope import Envelope, protocol_name
from mailwren.delivery.framing import Framer, LineFault
from mailwren.delivery.lmtp_arguments import parse_chunk, parse_line, parse_mail, parse_rcpt
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.settings import LmtpSettings
from mailwren.delivery.status import DeliveryStatus, Refusal, write_lines, write_reply
from mailwren.delivery.transaction import Transaction
from mailwren.store.octets import Spool

Resolve: TypeAlias = Callable[[Address], Recipient | DeliveryStatus]
"""Finds the user of an address, or says why mail for it is refused."""


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A message is complete: store it and call :meth:`LmtpSession.answer` once for each recipient, in order."""

    envelope: Envelope
    recipients: tuple[Recipient, ...]
    message: Spool
    """Belongs to the session, which closes it after the last answer."""


class Signal(Enum):
    """Events that carry nothing."""

    START_TLS = "send what is to be sent, then start TLS and call tls_started()"
    CLOSE = "send what is to be sent, then close the connection"
    BUSY = "there is more to do; let others have their turn first"


Event: TypeAlias = MessageArrived | Signal


class _Content(Enum):
    """What follows a command line."""

    DATA = "dot-stuffed"
    CHUNK = "counted"
    LAST_CHUNK = "counted, and the message ends with it"


class _Command(NamedTuple):
    """One row of the command table."""

    run: "Callable[[LmtpSession, str], None]"
    rfc: str
    needs_hello: bool = False


_FOREIGN = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE"})


class LmtpSession:
    """The protocol's state of one connection."""

    __slots__ = (
        "_bad",
        "_chunk_refusal",
        "_client",
        "_content",
        "_count",
        "_framer",
        "_id",
        "_new_spool",
        "_offers_tls",
        "_out",
        "_peer",
        "_resolve",
        "_secure",
        "_settings",
        "_transaction",
        "_waiting",
    )

    def __init__(
        self,
        settings: LmtpSettings,
        resolve: Resolve,
        *,
        id: str,  # noqa: A002 - what it is called in the log and on the wire
        peer: str = "",
        secure: bool = False,
        offers_tls: bool = False,
    ) -> None:
        """Begin with the greeting in :meth:`data_to_send`.

        Args:
            settings: what is allowed.
            resolve: finds users; never raises.
            id: of the connection.
            peer: the client's IP address; empty for a UNIX socket.
            secure: TLS is on already.
            offers_tls: STARTTLS is possible.
        """
        self._settings = settings
        self._resolve = resolve
        self._id = id
        self._peer = peer
        self._secure = secure
        self._offers_tls = offers_tls
        self._new_spool: Callable[[], Spool] = lambda: Spool(settings.spool_folder)
        self._framer = Framer(limits.LMTP_LINE)
        self._out: list[bytes] = [f"220 {settings.host} LMTP Mailwren\r\n".encode("ascii", "replace")]
        self._waiting: Event | None = None
        self._client = ""
        self._transaction: Transaction | None = None
        self._content: _Content | None = None
        self._chunk_refusal: DeliveryStatus | None = None
        self._bad = 0
        self._count = 0

    # --- the verbs ------------------------------------------------------------------------------------------
    def receive(self, data: bytes) -> None:
        """Take what arrived."""
        self._framer.feed(data)

    @property
    def buffered(self) -> int:
        """Octets received and not yet used."""
        return self._framer.buffered

    @property
    def is_delivering(self) -> bool:
        """Whether a message waits for its answers."""
        return isinstance(self._waiting, MessageArrived)

    def data_to_send(self) -> bytes:
        """What has to be sent now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event | None:
        """Go on until something has to be done outside or more has to arrive (``None``).

        Returns the same event again while it has not been dealt with.
        """
        for _ in range(limits.LMTP_COMMANDS_AT_ONCE):
            if self._waiting is not None:
                return self._waiting
            if not (self._next_line() if self._content is None else self._next_content()):
                return self._waiting
        return self._waiting or Signal.BUSY

    def answer(self, status: DeliveryStatus) -> None:
        """What became of the message for the next recipient; after the last one the session goes on."""
        transaction = self._transaction
        if transaction is None or not self.is_delivering:
            raise RuntimeError("no message waits for an answer")
        self._answer(transaction, status)
        if transaction.answered == len(transaction.recipients):
            self._waiting = None
            self._end_transaction()

    def tls_started(self) -> None:
        """TLS is on: the session begins anew (RFC 3207 §4.2)."""
        self._secure = True
        self._waiting = None

    def hang_up(self, status: DeliveryStatus) -> None:
        """Say good-bye on the server's own account (421); ignored while a message waits for its answers."""
        if not self.is_delivering and self._waiting is not Signal.CLOSE:
            self._close(status)

    def release(self) -> None:
        """The connection is gone: let go of a message that had only arrived in part."""
        self._end_transaction()

    # --- lines and content ----------------------------------------------------------------------------------
    def _next_line(self) -> bool:
        line = self._framer.line()
        if line is None:
            return False
        try:
            self._run(line)
        except Refusal as refusal:
            self._reply(refusal.status)
            if 500 <= refusal.status.code < 506 or refusal.status.code == 555:
                self._count_bad()
        return True

    def _run(self, line: bytes | LineFault) -> None:
        verb, argument = parse_line(line)
        command = COMMANDS.get(verb)
        if command is None:
            self._unknown(verb)
            return
        if command.needs_hello and not self._client:
            raise Refusal(503, "5.5.1", "LHLO comes first")
        command.run(self, argument)

    def _unknown(self, verb: str) -> None:
        if verb in _FOREIGN:
            # A web page can make a browser send any text to a port of the local machine, in the body of such a request.
            self._close(DeliveryStatus(421, "4.7.0", "This is LMTP, not HTTP"))
            return
        raise Refusal(500, "5.5.1", "There is no such command; HELP names them")

    def _next_content(self) -> bool:
        piece, complete = self._framer.content()
        if piece and self._transaction is not None and self._chunk_refusal is None:
            self._transaction.begin_message(self._new_spool, self._settings.message_size).write(piece)
        if complete:
            content, self._content = self._content, None
            self._content_complete(content)
        return complete or bool(piece)

    def _content_complete(self, content: _Content | None) -> None:
        refusal, self._chunk_refusal = self._chunk_refusal, None
        transaction = self._transaction
        if content is not _Content.CHUNK and transaction is not None:
            self._message_complete(transaction, refusal)
        elif refusal is not None:
            self._reply(refusal)
            self._count_bad()
        elif transaction is not None:
            message = transaction.begin_message(self._new_spool, self._settings.message_size)
            self._reply(message.failure or DeliveryStatus(250, "2.0.0", f"{message.spool.size} octets received"))

    def _message_complete(self, transaction: Transaction, refusal: DeliveryStatus | None) -> None:
        """Hand the message over, or tell every recipient why not: as many replies as recipients (RFC 2033 §4.3)."""
        message = transaction.begin_message(self._new_spool, self._settings.message_size)
        failure = refusal or message.failure
        if failure is None and transaction.recipients:
            self._bad = 0
            self._waiting = MessageArrived(transaction.envelope, tuple(transaction.recipients), message.spool)
            return
        for _ in transaction.recipients:
            self._answer(transaction, failure or replies.TEMPORARY)
        self._end_transaction()

    # --- answers --------------------------------------------------------------------------------------------
    def _reply(self, status: DeliveryStatus) -> None:
        utf8 = self._transaction is not None and self._transaction.parameters.utf8
        self._out.append(write_reply(status, utf8=utf8))

    def _answer(self, transaction: Transaction, status: DeliveryStatus) -> None:
        recipient = transaction.recipients[transaction.answered]
        transaction.answered += 1
        self._reply(status.about(str(recipient.address)))

    def _count_bad(self) -> None:
        self._bad += 1
        if self._bad >= limits.LMTP_BAD_COMMANDS:
            self._close(DeliveryStatus(421, "4.7.0", "Too many wrong commands"))

    def _close(self, status: DeliveryStatus) -> None:
        self._reply(status)
        self._waiting = Signal.CLOSE

    def _end_transaction(self) -> None:
        if self._transaction is not None:
            self._transaction.close()
            self._transaction = None

    def _in_transaction(self) -> Transaction:
        if self._transaction is None:
            raise Refusal(503, "5.5.1", "MAIL comes first")
        if self._transaction.failure is not None:
            raise Refusal(503, "5.5.1", "The transaction has failed, send RSET")
        return self._transaction

    # --- commands -------------------------------------------------------------------------------------------
    def _lhlo(self, argument: str) -> None:
        if not argument:
            raise Refusal(501, "5.5.4", "LHLO needs the client's name")
        self._end_transaction()
        self._client = argument.partition(" ")[0]
        lines = [self._settings.host, "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"]
        lines += [f"SIZE {self._settings.message_size}", "CHUNKING", "BINARYMIME"]
        if self._offers_tls and not self._secure:
            lines.append("STARTTLS")
        self._out.append(write_lines(250, lines))

    def _not_smtp(self, argument: str) -> None:
        del argument
        # RFC 2033 §4.1: "The 500 reply code is recommended."
        raise Refusal(500, "5.5.1", "This is LMTP, not SMTP: say LHLO, or deliver to another port")

    def _mail(self, argument: str) -> None:
        if self._transaction is not None:
            raise Refusal(503, "5.5.1", "A transaction is under way already")
        sender, parameters = parse_mail(argument)
        if parameters.size is not None and parameters.size > self._settings.message_size:
            raise _refused(replies.TOO_LARGE)
        self._count += 1
        envelope = Envelope(
            sender=sender,
            id=f"{self._id}.{self._count}",
            host=self._settings.host,
            client=self._client,
            peer=self._peer,
            protocol=protocol_name(utf8=parameters.utf8, secure=self._secure),
        )
        self._transaction = Transaction(envelope, parameters)
        self._reply(DeliveryStatus(250, "2.1.0", "Sender OK"))

    def _rcpt(self, argument: str) -> None:
        transaction = self._in_transaction()
        if transaction.message is not None:
            raise Refusal(503, "5.5.1", "Recipients come before the message")
        address = parse_rcpt(argument, utf8=transaction.parameters.utf8)
        if len(transaction.recipients) >= self._settings.recipients:
            raise Refusal(452, "4.5.3", "Too many recipients, send the others in another transaction")
        found = self._resolve(address)
        if isinstance(found, DeliveryStatus):
            raise _refused(found.about(str(address)))
        transaction.recipients.append(found)
        self._reply(DeliveryStatus(250, "2.1.5", "Recipient OK").about(str(address)))

    def _data(self, argument: str) -> None:
        transaction = self._in_transaction()
        if argument:
            raise Refusal(501, "5.5.4", "DATA has no argument")
        if transaction.message is not None or transaction.parameters.body == "BINARYMIME":
            # RFC 3030 §2 and §3: DATA does not go with BDAT or BINARYMIME, and the transaction has to be reset.
            status = DeliveryStatus(503, "5.5.1", "The message has to be sent with BDAT; send RSET")
            transaction.failure = status
            raise _refused(status)
        if not transaction.recipients:
            raise Refusal(503, "5.5.1", "There are no valid recipients")
        self._content = _Content.DATA
        self._framer.expect_dots()
        self._out.append(b"354 End the message with <CRLF>.<CRLF>\r\n")

    def _bdat(self, argument: str) -> None:
        chunk = parse_chunk(argument)
        if chunk is None:
            # What follows may be message text or commands: nobody can tell, so nothing more is read.
            self._close(DeliveryStatus(421, "4.5.4", "BDAT needs the number of octets, then LAST or nothing"))
            return
        self._framer.expect_octets(chunk.octets)
        self._content = _Content.LAST_CHUNK if chunk.last else _Content.CHUNK
        self._chunk_refusal = self._why_no_chunk()

    def _why_no_chunk(self) -> DeliveryStatus | None:
        """Why a chunk has to be thrown away once it is here (RFC 3030 §2: it is read in any case)."""
        try:
            transaction = self._in_transaction()
        except Refusal as refusal:
            return refusal.status
        if not transaction.recipients:
            return DeliveryStatus(503, "5.5.1", "There are no valid recipients")
        return None

    def _rset(self, argument: str) -> None:
        del argument
        self._end_transaction()
        self._reply(replies.OK)

    def _noop(self, argument: str) -> None:
        del argument
        self._reply(replies.OK)

    def _quit(self, argument: str) -> None:
        del argument
        self._close(DeliveryStatus(221, "2.0.0", "Good-bye"))

    def _vrfy(self, argument: str) -> None:
        if not argument:
            raise Refusal(501, "5.5.4", "VRFY needs an address")
        self._reply(DeliveryStatus(252, "2.0.0", "RCPT tells whether there is such a user"))

    def _help(self, argument: str) -> None:
        del argument
        known = " ".join(verb for verb, command in COMMANDS.items() if command.run is not LmtpSession._not_smtp)
        self._out.append(write_lines(214, ["2.0.0 This is LMTP (RFC 2033). Commands:", f"2.0.0 {known}"]))

    def _starttls(self, argument: str) -> None:
        if argument:
            raise Refusal(501, "5.5.4", "STARTTLS has no argument")
        if self._secure:
            raise Refusal(503, "5.5.1", "TLS is on already")
        if not self._offers_tls:
            raise Refusal(502, "5.5.1", "TLS is not to be had here")
        self._end_transaction()
        self._client = ""
        self._framer.drop()
        self._reply(DeliveryStatus(220, "2.0.0", "Go ahead with TLS"))
        self._waiting = Signal.START_TLS


def _refused(status: DeliveryStatus) -> Refusal:
    return Refusal(*status)


COMMANDS: Final[dict[str, _Command]] = {
    "LHLO": _Command(LmtpSession._lhlo, "2033 §4.1"),
    "HELO": _Command(LmtpSession._not_smtp, "2033 §4.1"),
    "EHLO": _Command(LmtpSession._not_smtp, "2033 §4.1"),
    "MAIL": _Command(LmtpSession._mail, "5321 §4.1.1.2", needs_hello=True),
    "RCPT": _Command(LmtpSession._rcpt, "5321 §4.1.1.3", needs_hello=True),
    "DATA": _Command(LmtpSession._data, "2033 §4.2", needs_hello=True),
    # Without LHLO too: its octets have to be read over in any case.
    "BDAT": _Command(LmtpSession._bdat, "2033 §4.3"),
    "RSET": _Command(LmtpSession._rset, "5321 §4.1.1.5"),
    "NOOP": _Command(LmtpSession._noop, "5321 §4.1.1.9"),
    "VRFY": _Command(LmtpSession._vrfy, "5321 §4.1.1.6"),
    "HELP": _Command(LmtpSession._help, "5321 §4.1.1.8"),
    "STARTTLS": _Command(LmtpSession._starttls, "3207 §4"),
    "QUIT": _Command(LmtpSession._quit, "5321 §4.1.1.10"),
}
