"""A cursor over one framed command: reads the tokens that all commands are made of (RFC 9051 §9).

Every method reads one thing at the cursor and moves behind it, or raises ``BadCommand`` with what was expected and
what was found. Where the grammar asks for one blank, several are taken, and blanks at the end of a line are ignored,
as Dovecot does. Knows tokens only; what they mean is for the commands' parsers.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Final, TypeVar

from mailwren.base import limits
from mailwren.base.ranges import RangeSet
from mailwren.imap import dates, flags, names
from mailwren.imap.errors import BadCommand, Refused
from mailwren.imap.frames import Literal
from mailwren.imap.sequence_set import STAR, SequenceSet

T = TypeVar("T")

_SPACE: Final = re.compile(rb" ++")
_END: Final = re.compile(rb" *+\Z")
_OPEN: Final = re.compile(rb"\( *+")
_CLOSE: Final = re.compile(rb" *+\)")
_SPACE_AND_OPEN: Final = re.compile(rb" ++\(")
_TAG: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]{1,100}+(?= )")
_NAME: Final = re.compile(rb"[A-Za-z0-9._:+\-]++")
_ATOM: Final = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]++")
_ASTRING: Final = re.compile(rb"[^\x00-\x20\x7f(){\"]++")
"""Wider than the grammar's: unquoted passwords with ``%`` or ``\\`` and raw UTF-8 are taken, as in Dovecot."""
_QUOTED: Final = re.compile(rb"\"([^\"\\\x00\r\n]*+(?:\\[^\x00\r\n][^\"\\\x00\r\n]*+)*+)\"")
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_NIL: Final = re.compile(rb"NIL(?=[ )]|\Z)", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"[0-9]{1,20}+(?![0-9])")
_SEQUENCE_SET: Final = re.compile(rb"[0-9*:,]++|\$")
_SEQUENCE_RANGE: Final = re.compile(rb"(?:\*|[1-9][0-9]{0,9})(?::(?:\*|[1-9][0-9]{0,9}))?+")
_WORD_LIST: Final = re.compile(rb"\(([^()\"{\x00-\x1f\x7f-\xff]*+)\)")
_FLAG: Final = re.compile(rb"[^\x00-\x20\x7f(){\"]++")
_ZERO: Final = ord("0")
_DATE: Final = re.compile(rb"[0-9A-Za-z\-]++")

NUMBER_MAX: Final = 2**32 - 1
"""``number``: an unsigned 32-bit integer (RFC 9051 §9)."""
NUMBER64_MAX: Final = 2**63 - 1
"""``number64``: an unsigned 63-bit integer (RFC 9051 §9)."""
_FOUND_SHOWN: Final = 30


class Scanner:
    """The cursor.

    Args:
        fragments: of a ``CommandFrame``: texts and literals in turn, beginning and ending with a text.
        utf8: whether mailbox names are UTF-8 (after ENABLE IMAP4rev2 or UTF8=ACCEPT) or modified UTF-7.
    """

    __slots__ = ("_depth", "_fragments", "_index", "_position", "_text", "denormalized", "utf8")

    def __init__(self, fragments: Sequence[bytes | Literal], utf8: bool = False) -> None:
        self.utf8 = utf8
        self.denormalized: dict[str, str] = {}
        """Names that came in another Unicode normalization form, by their canonical form: OLDNAME repeats them."""
        self._fragments = fragments
        self._index = -2
        self._depth = 0
        self._enter_next_text()

    # --- structure ------------------------------------------------------------------------------------------
    def _enter_next_text(self) -> None:
        self._index += 2
        text = self._fragments[self._index]
        assert isinstance(text, bytes)
        self._text = text
        self._position = 0

    def match(self, pattern: re.Pattern[bytes], expected: str) -> re.Match[bytes]:
        """Move behind what the pattern matches at the cursor; the pattern must be linear."""
        match = pattern.match(self._text, self._position)
        if match is None:
            raise self.failure(expected)
        self._position = match.end()
        return match

    def failure(self, expected: str) -> BadCommand:
        """The error to raise where something else stands at the cursor."""
        found = self._text[self._position : self._position + _FOUND_SHOWN]
        if found:
            shown = found.decode("ascii", "backslashreplace")
            shown = f'"{"".join(character if character.isprintable() else "?" for character in shown)}"'
        else:
            shown = "the end of the command" if self.at_end() else "a literal"
        return BadCommand(f"expected {expected}, found {shown}")

    def at(self, octets: bytes) -> bool:
        """Whether these octets come next."""
        return self._text.startswith(octets, self._position)

    def at_match(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether the pattern, which must be linear, matches what comes next."""
        return pattern.match(self._text, self._position) is not None

    def take(self, octets: bytes) -> bool:
        """Move behind these octets if they come next; whether they did."""
        if self._text.startswith(octets, self._position):
            self._position += len(octets)
            return True
        return False

    def take_word(self, word: bytes) -> bool:
        """Move behind a word (given in upper case) and its blank if they come next; whether they did."""
        end = self._position + len(word)
        if self._text[self._position : end].upper() != word or self._text[end : end + 1] != b" ":
            return False
        self._position = end
        self.space()
        return True

    def expect(self, octets: bytes) -> None:
        """Move behind these octets, which must come next."""
        if not self.take(octets):
            raise self.failure(octets.decode("ascii"))

    def space(self) -> None:
        """``SP``."""
        self.match(_SPACE, "a blank")

    def at_end(self) -> bool:
        """Whether nothing but blanks comes before the end of the command."""
        return self._index + 1 >= len(self._fragments) and _END.match(self._text, self._position) is not None

    def take_rest(self, most: int) -> bytes | None:
        """All up to the end of the command, if that is no more than ``most`` octets without a literal."""
        if self._index + 1 < len(self._fragments) or len(self._text) - self._position > most:
            return None
        rest, self._position = self._text[self._position :], len(self._text)
        return rest

    def end(self) -> None:
        """The end of the command."""
        if not self.at_end():
            raise self.failure("the end of the command")

    def open(self) -> None:
        """``(``, counting how deep that is."""
        self.match(_OPEN, "(")
        self._depth += 1
        if self._depth > limits.NESTING:
            raise BadCommand(f"parentheses nested deeper than {limits.NESTING}")

    def take_close(self) -> bool:
        """Move behind ``)`` if it comes next; whether it did."""
        match = _CLOSE.match(self._text, self._position)
        if match is None:
            return False
        self._position = match.end()
        self._depth -= 1
        return True

    def close(self) -> None:
        """``)``."""
        if not self.take_close():
            raise self.failure(")")

    def at_list(self) -> bool:
        """Whether ``SP "("`` comes next: optional lists."""
        return _SPACE_AND_OPEN.match(self._text, self._position) is not None

    def parenthesised(self, item: Callable[[], T], at_least: int = 1) -> list[T]:
        """``"(" [item *(SP item)] ")"``."""
        self.open()
        items: list[T] = []
        if at_least == 0 and self.take_close():
            return items
        items.append(item())
        while not self.take_close():
            self.space()
            items.append(item())
        return items

    def words_in_parentheses(self) -> list[bytes]:
        """``"(" [word *(SP word)] ")"`` where words are atoms, possibly with a backslash: flags and attributes."""
        words = self.match(_WORD_LIST, "a list of flags")[1].split(b" ")
        return [word for word in words if word]

    # --- words ----------------------------------------------------------------------------------------------
    def tag(self) -> bytes:
        """``tag SP``, at the beginning of a command: ``tag = 1*<any ASTRING-CHAR except "+">``."""
        tag = self.match(_TAG, "a tag and a command")[0]
        self.space()
        return tag

    def name(self, what: str = "a name") -> str:
        """The name of a command, an item, an option: in upper case."""
        return self.match(_NAME, what)[0].decode("ascii").upper()

    def atom(self) -> bytes:
        """``atom = 1*ATOM-CHAR``."""
        return self.match(_ATOM, "an atom")[0]

    def quoted(self) -> bytes:
        """``quoted = DQUOTE *QUOTED-CHAR DQUOTE``, without quotes and escapes.

        Any 8-bit text is taken, but from a client that has enabled UTF-8 only that (RFC 9755 §3).
        """
        text = self.match(_QUOTED, "a quoted string")[1]
        if self.utf8 and not text.isascii():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadCommand("a quoted string is not UTF-8") from error
        return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text

    def string(self, expected: str = "a string") -> bytes:
        """``string = quoted / literal``."""
        if self.at(b'"'):
            return self.quoted()
        if not self.at_literal():
            raise self.failure(expected)
        literal = self.literal()
        if literal.binary or not isinstance(literal.octets, bytes):
            raise BadCommand("a literal8 or a large literal is only allowed for a message")
        if b"\x00" in literal.octets:
            raise BadCommand("NUL is not allowed in strings")
        return literal.octets

    def take_nil(self) -> bool:
        """Move behind ``NIL`` if it comes next; whether it did."""
        match = _NIL.match(self._text, self._position)
        if match is not None:
            self._position = match.end()
        return match is not None

    def nstring(self) -> bytes | None:
        """``nstring = string / nil``."""
        return None if self.take_nil() else self.string("a string or NIL")

    def astring(self, expected: str = "a string") -> bytes:
        """``astring = 1*ASTRING-CHAR / string``."""
        match = _ASTRING.match(self._text, self._position)
        if match is None:
            return self.string(expected)
        self._position = match.end()
        return match[0]

    def text(self, expected: str = "a string") -> str:
        """An astring as text: UTF-8, or Latin-1 where it is none."""
        return decode_text(self.astring(expected))

    def at_literal(self) -> bool:
        """Whether a literal comes next."""
        return self._position == len(self._text) and self._index + 1 < len(self._fragments)

    def literal(self) -> Literal:
        """``literal / literal8``: small ones in memory, large ones as the sink that took them."""
        if not self.at_literal():
            raise self.failure("a literal")
        literal = self._fragments[self._index + 1]
        assert isinstance(literal, Literal)
        self._enter_next_text()
        return literal

    # --- numbers --------------------------------------------------------------------------------------------
    def number(self, largest: int = NUMBER_MAX) -> int:
        """``number = 1*DIGIT``, up to ``largest``."""
        number = int(self.match(_DIGITS, "a number")[0])
        if number > largest:
            raise BadCommand(f"number larger than {largest}")
        return number

    def number64(self) -> int:
        """``number64 = 1*DIGIT``."""
        return self.number(NUMBER64_MAX)

    def nz_number(self, largest: int = NUMBER_MAX) -> int:
        """``nz-number = digit-nz *DIGIT``, up to ``largest``."""
        number = self.number(largest)
        if not number:
            raise BadCommand("expected a number above 0")
        return number

    def at_sequence_set(self) -> bool:
        """Whether a sequence set comes next, not a name."""
        return self._text[self._position : self._position + 1] in _SEQUENCE_SET_BEGINNINGS

    def sequence_set(self) -> SequenceSet:
        """``sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"``."""
        text = self.match(_SEQUENCE_SET, "message numbers")[0]
        if text.isdigit() and 0 < (number := int(text)) <= NUMBER_MAX and text[0] != _ZERO:
            return SequenceSet(((number, number),))  # the usual case, and one message's cost is mostly ours
        if text == b"$":
            return SequenceSet(saved=True)
        return SequenceSet(tuple(_sequence_range(part) for part in text.split(b",")))

    def uid_set(self) -> RangeSet:
        """``uid-set``: numbers and ranges without ``*``, in response codes and ESEARCH."""
        found = self.sequence_set()
        if found.saved or found.has_star:
            raise BadCommand("expected numbers without * and $")
        return found.resolve(0)

    # --- mailboxes, flags, dates ----------------------------------------------------------------------------
    def mailbox(self) -> str:
        """``mailbox = "INBOX" / astring``: the name in canonical form, possibly empty."""
        return self.canonical(self.list_mailbox())

    def canonical(self, written: str) -> str:
        """The canonical form of a name that was read as it is."""
        name = names.canonical(written)
        if not names.is_normalized(written):
            self.denormalized[name] = written
        return name

    def list_mailbox(self) -> str:
        """``list-mailbox = 1*list-char / string``: a pattern or a reference, decoded but otherwise as it is."""
        data = self.astring("a mailbox name")
        try:
            return names.decode(data, self.utf8)
        except ValueError as error:
            raise BadCommand("mailbox name is not UTF-8") from error

    def flag(self) -> str:
        """``flag``: system flags in canonical case."""
        return flags.parse_flag(self.match(_FLAG, "a flag")[0])

    def keyword(self) -> str:
        """``flag-keyword``; also as a string, which Dovecot takes too."""
        return flags.parse_keyword(self.astring("a keyword"))

    def flag_list(self) -> tuple[str, ...]:
        """``flag-list = "(" [flag *(SP flag)] ")"``, each flag once."""
        return unique_flags([flags.parse_flag(word) for word in self.words_in_parentheses()])

    def date(self) -> date:
        """``date = date-text / DQUOTE date-text DQUOTE``."""
        return dates.parse_date(self.quoted() if self.at(b'"') else self.match(_DATE, "a date")[0])

    def date_time(self) -> datetime:
        """``date-time``, in quotes, with its zone."""
        return dates.parse_date_time(self.quoted())

    def charset(self) -> str:
        """``charset = atom / quoted``, in upper case."""
        return self.astring("a charset").decode("ascii", "replace").upper()


_SEQUENCE_SET_BEGINNINGS: Final = frozenset(bytes([octet]) for octet in b"0123456789*$")


def _sequence_range(text: bytes) -> tuple[int, int]:
    if _SEQUENCE_RANGE.fullmatch(text) is None:
        raise BadCommand(f'expected message numbers, found "{text[:_FOUND_SHOWN].decode("ascii")}"')
    first, _, last = text.partition(b":")
    start = STAR if first == b"*" else int(first)
    stop = start if not last else STAR if last == b"*" else int(last)
    if start > NUMBER_MAX or stop > NUMBER_MAX:
        raise BadCommand(f"number larger than {NUMBER_MAX}")
    return start, stop


def unique_flags(found: list[str]) -> tuple[str, ...]:
    """Each flag once, in the order given.

    Raises:
        Refused: more than ``KEYWORDS_PER_MESSAGE`` of them.
    """
    result = tuple(dict.fromkeys(found))
    if len(result) > limits.KEYWORDS_PER_MESSAGE:
        raise Refused(f"more than {limits.KEYWORDS_PER_MESSAGE} flags", b"LIMIT")
    return result


def decode_text(data: bytes) -> str:
    """Text of a client that did not say what it is: UTF-8, or Latin-1 where it is none."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
