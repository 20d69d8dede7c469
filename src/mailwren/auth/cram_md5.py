"""CRAM-MD5 (RFC 2195) for programs that know nothing better: off unless the operator turns it on.

It needs something kept with which one can log in by CRAM-MD5. What is kept are the two states of MD5 behind the
password's pads (RFC 2104 §4), so that the password itself cannot be read from it. ``hashlib`` does not give its
states away, hence the one compression of MD5 (RFC 1321 §3.4) here.
"""

import hashlib
import hmac
import math
import re
import secrets
import struct
from typing import ClassVar, Final

from mailwren.auth.errors import MalformedExchange
from mailwren.auth.sasl import Challenge, Proven, SaslSurroundings

KIND: Final = "CRAM-MD5"
"""Under which the states are kept."""
_START: Final = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SINES: Final = tuple(int(abs(math.sin(number + 1)) * 2**32) for number in range(64))
_SHIFTS: Final = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_STEPS: Final = ((1, 0), (5, 1), (3, 5), (7, 0))
_BLOCK: Final = 64
_MASK: Final = 0xFFFFFFFF
_RESPONSE: Final = re.compile(rb"(.{1,255}) ([0-9a-f]{32})", re.DOTALL)

State = tuple[int, int, int, int]


def _mixed(round_number: int, b: int, c: int, d: int) -> int:
    if round_number == 0:
        return (b & c) | (~b & d)
    if round_number == 1:
        return (d & b) | (~d & c)
    return b ^ c ^ d if round_number == 2 else c ^ (b | ~d)


def compress(state: State, block: bytes) -> State:
    """One block of 64 octets taken into a state (RFC 1321 §3.4)."""
    words = struct.unpack("<16I", block)
    a, b, c, d = state
    for step in range(64):
        number = step // 16
        factor, offset = _STEPS[number]
        total = (a + _mixed(number, b, c, d) + words[(factor * step + offset) % 16] + _SINES[step]) & _MASK
        shift = _SHIFTS[number][step % 4]
        a, b, c, d = d, (b + ((total << shift) | (total >> (32 - shift)))) & _MASK, b, c
    first, second, third, fourth = ((old + new) & _MASK for old, new in zip(state, (a, b, c, d), strict=True))
    return first, second, third, fourth


def _finish(state: State, message: bytes) -> bytes:
    """The digest of a block that led to ``state`` and the message behind it."""
    length = (_BLOCK + len(message)) * 8
    padded = message + b"\x80" + bytes((55 - len(message)) % _BLOCK) + struct.pack("<Q", length)
    for start in range(0, len(padded), _BLOCK):
        state = compress(state, padded[start : start + _BLOCK])
    return struct.pack("<4I", *state)


def derive(password: str) -> str:
    """What is kept of a password: both states in hexadecimal digits."""
    key = password.encode()
    if len(key) > _BLOCK:
        key = hashlib.md5(key, usedforsecurity=False).digest()
    key = key.ljust(_BLOCK, b"\0")
    states = (compress(_START, bytes(octet ^ pad for octet in key)) for pad in (0x36, 0x5C))
    return "".join(struct.pack("<4I", *state).hex() for state in states)


def digest(kept: str, challenge: bytes) -> str:
    """HMAC-MD5 of the challenge under the password that ``kept`` was derived from."""
    octets = bytes.fromhex(kept)
    inner, outer = struct.unpack("<4I", octets[:16]), struct.unpack("<4I", octets[16:])
    return _finish(outer, _finish(inner, challenge)).hex()


class CramMd5:
    """One exchange of CRAM-MD5 (RFC 2195 §2)."""

    name: ClassVar[str] = KIND
    user_name = ""

    def __init__(self, surroundings: SaslSurroundings) -> None:
        self._surroundings: Final = surroundings
        self._challenge: bytes | None = None

    def step(self, response: bytes | None) -> Challenge | Proven:
        """First the challenge, then judge the answer. Raises MalformedExchange."""
        if self._challenge is None:
            if response:
                raise MalformedExchange("CRAM-MD5 begins with the server.")
            self._challenge = f"<{secrets.token_hex(16)}@{self._surroundings.server_name}>".encode()
            return Challenge(self._challenge)
        match = _RESPONSE.fullmatch(response or b"")
        if match is None:
            raise MalformedExchange("CRAM-MD5 takes a user name, a blank and 32 hexadecimal digits.")
        try:
            user_name = match[1].decode()
        except UnicodeDecodeError:
            raise MalformedExchange("The user name is not UTF-8.") from None
        kept = self._surroundings.secret(user_name, KIND) or derive(secrets.token_hex(16))
        return Proven("", user_name, right=hmac.compare_digest(digest(kept, self._challenge).encode(), match[2]))
