"""The parameters of MAIL and RCPT (RFC 5321 §4.1.2, esmtp-param), one row for each that is known.

Pure. Those of DSN (RFC 3461 §4) and AUTH (RFC 4954 §5) are not offered, but taken and ignored when a client sends them
all the same: refusing mail over them would help nobody. Anything else is refused with 555.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mailwren.delivery.status import Refusal

# esmtp-param = esmtp-keyword ["=" esmtp-value] ; the value may be UTF-8 (RFC 6531 §3.4)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20\x7f=]+))?")
_BLANKS = re.compile(r"[ \t]+")
_SIZE = re.compile(r"[0-9]{1,20}")
_BODIES = ("7BIT", "8BITMIME", "BINARYMIME")


@dataclass(slots=True)
class MailParameters:
    """What MAIL said beyond the sender."""

    size: int | None = None
    """Declared octets (RFC 1870 §6)."""
    body: str = "7BIT"
    """7BIT, 8BITMIME (RFC 6152 §2) or BINARYMIME (RFC 3030 §3)."""
    utf8: bool = False
    """Addresses and header may be UTF-8 (RFC 6531 §3.4)."""


_Take = Callable[[MailParameters, str | None], None]


def _size(parameters: MailParameters, value: str | None) -> None:
    if value is None or not _SIZE.fullmatch(value):
        raise Refusal(501, "5.5.4", "SIZE needs a number of octets")
    parameters.size = int(value)


def _body(parameters: MailParameters, value: str | None) -> None:
    body = (value or "").upper()
    if body not in _BODIES:
        raise Refusal(501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME")
    parameters.body = body


def _utf8(parameters: MailParameters, value: str | None) -> None:
    if value is not None:  # RFC 6531 §3.4: "The parameter does not accept a value."
        raise Refusal(501, "5.5.4", "SMTPUTF8 takes no value")
    parameters.utf8 = True


def _ignored(parameters: MailParameters, value: str | None) -> None:
    del parameters
    if value is None:
        raise Refusal(501, "5.5.4", "This parameter needs a value")


MAIL_PARAMETERS: Final[Mapping[str, _Take]] = {
    "SIZE": _size,
    "BODY": _body,
    "SMTPUTF8": _utf8,
    "RET": _ignored,
    "ENVID": _ignored,
    "AUTH": _ignored,
}
RCPT_PARAMETERS: Final[Mapping[str, _Take]] = {"NOTIFY": _ignored, "ORCPT": _ignored}


def parse_parameters(text: str, known: Mapping[str, _Take]) -> MailParameters:
    """Read what follows a path.

    Raises:
        Refusal: 501 for what is malformed or given twice, 555 for what is not known (RFC 5321 §4.1.1.11).
    """
    parameters = MailParameters()
    seen: set[str] = set()
    for word in _BLANKS.split(text) if text else ():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise Refusal(501, "5.5.4", "A parameter is not of the form KEYWORD or KEYWORD=value")
        keyword = match[1].upper()
        if keyword not in known:
            raise Refusal(555, "5.5.4", f"Parameter {keyword[:40]} is not offered")
        if keyword in seen:
            raise Refusal(501, "5.5.4", f"Parameter {keyword} is given twice")
        seen.add(keyword)
        known[keyword](parameters, match[2])
    return parameters
