"""The one tree of errors that have a protocol answer.

    ImapError
    ├── BadCommand      BAD: the client's mistake, with what was wrong
    ├── Refused         NO with a response code (RFC 5530)
    └── Bye             untagged BYE, then the connection is closed

Parsers and the framer raise only these. Anything else that escapes a command is our bug.
"""


class ImapError(Exception):
    """An error that knows its protocol answer.

    Args:
        text: what went wrong, in words for the person who reads the client's log.
        code: the response code without brackets, such as ``b"TRYCREATE"``, or nothing.
    """

    status: bytes = b"NO"

    def __init__(self, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class BadCommand(ImapError):
    """The client broke the protocol: syntax, unknown command, wrong state (RFC 9051 §7.1.3)."""

    status = b"BAD"


class Refused(ImapError):
    """A well-formed command that the server will not or cannot carry out (RFC 9051 §7.1.2)."""

    status = b"NO"


class Bye(ImapError):
    """The connection ends now (RFC 9051 §7.1.5)."""

    status = b"BYE"
