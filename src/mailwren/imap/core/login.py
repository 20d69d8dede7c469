"""STARTTLS, LOGIN and AUTHENTICATE. What a user types here never gets into an error's text."""

import re
from base64 import b64decode, b64encode
from typing import Final

from mailwren.imap.core.arguments import Authenticate, Login
from mailwren.imap.errors import BadCommand
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax, without_arguments
from mailwren.imap.wire import CommandWriter

STARTTLS = without_arguments(b"STARTTLS", "9051 §6.2.1")

_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+")
_INITIAL_RESPONSE: Final = re.compile(rb"[A-Za-z0-9+/=]++")


def parse_login(scanner: Scanner) -> Login:
    """``login = "LOGIN" SP userid SP password``, both astrings (RFC 9051 §9)."""
    try:
        scanner.space()
        user_name = scanner.text()
        scanner.space()
        password = scanner.text()
        scanner.end()
    except BadCommand:
        raise BadCommand("LOGIN takes a user name and a password, in quotes where they hold blanks") from None
    return Login(user_name, password)


def write_login(arguments: Login, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_login`."""
    writer.raw(b" ")
    writer.astring(arguments.user_name.encode("utf-8"))
    writer.raw(b" ")
    writer.astring(arguments.password.encode("utf-8"))


LOGIN = Syntax(b"LOGIN", "9051 §6.2.3", parse_login, write_login)


def parse_authenticate(scanner: Scanner) -> Authenticate:
    """``authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]``; ``=`` is an empty response (RFC 4959 §3)."""
    scanner.space()
    mechanism = scanner.atom().decode("ascii").upper()
    if scanner.at_end():
        return Authenticate(mechanism)
    try:
        scanner.space()
        text = scanner.match(_INITIAL_RESPONSE, "base64")[0]
        scanner.end()
    except BadCommand:
        raise BadCommand("AUTHENTICATE takes a mechanism and a response in base64") from None
    return Authenticate(mechanism, b"" if text == b"=" else decode_base64(text))


def write_authenticate(arguments: Authenticate, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_authenticate`."""
    writer.raw(b" " + arguments.mechanism.encode("ascii"))
    if arguments.initial_response is not None:
        writer.raw(b" " + (b64encode(arguments.initial_response) or b"="))


AUTHENTICATE = Syntax(b"AUTHENTICATE", "9051 §6.2.2", parse_authenticate, write_authenticate)


def decode_base64(line: bytes) -> bytes:
    """What a line of a SASL exchange says.

    Raises:
        BadCommand: not base64, to the letter: other octets, or padding missing, too much or not at the end.
    """
    if _BASE64.fullmatch(line) is None:
        raise BadCommand("not valid base64")
    return b64decode(line)
