"""Envelope addresses: paths of MAIL and RCPT (RFC 5321 §4.1.2, RFC 6531 §3.3), their parts and their detail.

Pure. More lenient than the grammar where honest mail needs it: any dots in a local part, spaces around the colon and
paths without angle brackets (old MTAs), source routes (ignored, RFC 5321 Appendix C).
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mailwren.base import limits
from mailwren.delivery.status import Refusal

# Local-part = Dot-string / Quoted-string ; RFC 6531 §3.3 adds UTF-8 to both. Quoted specials per RFC 5321 §4.1.2.
_ATOMS = r'[^\x00-\x20\x7f"(),:;<>@\[\]\\]+'
_QUOTED = r'"(?:[^\x00-\x1f\x7f"\\]|\\[\x20-\x7e])*"'
_DOMAIN = rf"{_ATOMS}|\[[!-Z^-~]+\]"
_MAILBOX = rf"(?P<local{{0}}>{_ATOMS}|{_QUOTED})(?:@(?P<domain{{0}}>{_DOMAIN}))?"
# Path = "<" [ A-d-l ":" ] Mailbox ">"
_PATH = re.compile(
    rf"[ \t]*(?:<(?:@[^:<> \t\"]*:)?(?:{_MAILBOX.format('')})?>|{_MAILBOX.format('_bare')})(?P<rest>(?:[ \t].*)?)",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)")
_DOT_STRING = re.compile(_ATOMS)


@dataclass(frozen=True, slots=True)
class Address:
    """An envelope address. The null reverse-path is an address whose local part is empty."""

    local: str
    """Without quoting."""
    domain: str
    """As written; empty for a local part alone, such as ``<postmaster>``."""

    def __str__(self) -> str:
        """As in a trace field, quoted where needed (RFC 5321 §4.1.2)."""
        if not self.local:
            return ""
        local = self.local
        if not _DOT_STRING.fullmatch(local):
            local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def is_ascii(self) -> bool:
        """Whether it can be used without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()


NULL_SENDER = Address("", "")


class Split(NamedTuple):
    """A local part cut at its first delimiter (RFC 5233 §1)."""

    user: str
    detail: str


def split_detail(local: str, delimiters: str) -> Split:
    """Cut ``user+detail`` at the first of ``delimiters``; a delimiter in front does not count, as with Postfix."""
    for index, character in enumerate(local):
        if index and character in delimiters:
            return Split(local[:index], local[index + 1 :])
    return Split(local, "")


def parse_path(text: str) -> tuple[Address, str]:
    """Cut a path off the front of ``text``; returns it with what follows (the parameters).

    Raises:
        Refusal: 501 when this is no path, or it is too long.
    """
    match = _PATH.fullmatch(text)
    if match is None:
        raise Refusal(501, "5.1.3", "This is not an address: expected <local-part@domain>")
    local = match["local"] or match["local_bare"] or ""
    domain = match["domain"] or match["domain_bare"] or ""
    if len((local + domain).encode()) > limits.ADDRESS:
        raise Refusal(501, "5.1.3", f"The address is longer than {limits.ADDRESS} octets")
    if local.startswith('"'):
        local = _ESCAPED.sub(r"\1", local[1:-1])
        if not local:
            raise Refusal(501, "5.1.3", "The local part of the address is empty")
    return Address(local, domain), match["rest"].strip(" \t")


def parse_address(text: str) -> Address:
    """An address that stands alone, with or without angle brackets; ``<>`` is the null sender.

    Raises:
        Refusal: 501 when this is no address.
    """
    try:
        text.encode()
    except UnicodeEncodeError:  # an argument of the command line that was no UTF-8
        raise Refusal(501, "5.1.3", "The address is neither ASCII nor UTF-8") from None
    address, rest = parse_path(text.strip())
    if rest:
        raise Refusal(501, "5.1.3", "Something follows the address")
    return address
