"""LMTP's command lines taken apart: verb and argument, and the arguments of MAIL, RCPT and BDAT.

Pure; knows no session. Everything raises Refusal with the answer for what is malformed.
"""

import re
from typing import NamedTuple

from mailwren.base import limits
from mailwren.delivery.addresses import Address, parse_path
from mailwren.delivery.framing import LineFault
from mailwren.delivery.parameters import MAIL_PARAMETERS, RCPT_PARAMETERS, MailParameters, parse_parameters
from mailwren.delivery.status import Refusal

_FROM = re.compile(r"FROM[ \t]*:", re.IGNORECASE)
_TO = re.compile(r"TO[ \t]*:", re.IGNORECASE)
_CHUNK = re.compile(r"([0-9]{1,18})(?: +(LAST))?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Line(NamedTuple):
    """A command line."""

    verb: str
    """Upper case."""
    argument: str


class Chunk(NamedTuple):
    """The argument of BDAT."""

    octets: int
    last: bool


def parse_line(line: bytes | LineFault) -> Line:
    """Cut a line into verb and argument."""
    if line is LineFault.TOO_LONG:
        raise Refusal(500, "5.5.6", f"A command line has at most {limits.LMTP_LINE} octets")
    if isinstance(line, LineFault):
        raise Refusal(500, "5.5.2", "Lines end with CRLF, not with LF alone")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(500, "5.5.2", "A command is ASCII or UTF-8") from None
    if _CONTROL.search(text):
        raise Refusal(500, "5.5.2", "A command has no control characters")
    verb, _, argument = text.partition(" ")
    return Line(verb.upper(), argument.strip(" \t"))


def parse_mail(argument: str) -> tuple[Address, MailParameters]:
    """``FROM:<reverse-path> [parameters]`` (RFC 5321 §4.1.1.2)."""
    sender, rest = parse_path(_after(_FROM, argument, "MAIL FROM:<address>"))
    parameters = parse_parameters(rest, MAIL_PARAMETERS)
    if not parameters.utf8 and not sender.is_ascii:
        # RFC 6531 §3.5: "When messages are rejected because the MAIL command requires an ASCII address, the
        # reply-code 550 is returned".
        raise Refusal(550, "5.6.7", "An address that is not ASCII needs SMTPUTF8")
    return sender, parameters


def parse_rcpt(argument: str, *, utf8: bool) -> Address:
    """``TO:<forward-path> [parameters]`` (RFC 5321 §4.1.1.3)."""
    address, rest = parse_path(_after(_TO, argument, "RCPT TO:<address>"))
    parse_parameters(rest, RCPT_PARAMETERS)
    if not address.local:
        raise Refusal(501, "5.1.3", "The recipient's address is empty")
    if not utf8 and not address.is_ascii:
        # RFC 6531 §3.5: "When messages are rejected because the RCPT command requires an ASCII address, the
        # reply-code 553 is returned".
        raise Refusal(553, "5.6.7", "An address that is not ASCII needs SMTPUTF8")
    return address


def parse_chunk(argument: str) -> Chunk | None:
    """``chunk-size [LAST]`` (RFC 3030 §2, bdat-cmd); ``None`` when it is not that."""
    match = _CHUNK.fullmatch(argument)
    return None if match is None else Chunk(int(match[1]), match[2] is not None)


def _after(keyword: re.Pattern[str], argument: str, form: str) -> str:
    match = keyword.match(argument)
    if match is None:
        raise Refusal(501, "5.5.4", f"The form is {form}")
    return argument[match.end() :]
