"""COMPRESS: what both sides send is compressed from here on (RFC 4978)."""

from dataclasses import dataclass

from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax
from mailwren.imap.wire import CommandWriter


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS (RFC 4978 §3)."""

    algorithm: str
    """Upper case."""


def parse_compress(scanner: Scanner) -> Compress:
    """``compress = "COMPRESS" SP algorithm`` (RFC 4978 §5)."""
    scanner.space()
    algorithm = scanner.atom().decode("ascii").upper()
    scanner.end()
    return Compress(algorithm)


def write_compress(arguments: Compress, writer: CommandWriter) -> None:
    """The counterpart of :func:`parse_compress`."""
    writer.raw(b" " + arguments.algorithm.encode("ascii"))


COMPRESS = Syntax(b"COMPRESS", "4978 §3", parse_compress, write_compress)
