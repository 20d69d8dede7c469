"""SCRAM, the server's side (RFC 5802, RFC 7677): the client proves that it knows the password and never sends it.

Pure but for random numbers. What is kept of a password cannot be used to log in elsewhere, and to log in here only by
who also listened to a login.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stringprep
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mailwren.auth.errors import MalformedExchange
from mailwren.auth.sasl import Challenge, Proven, SaslSurroundings
from mailwren.base import limits

_FIRST: Final = re.compile(
    r"(?P<gs2>(?P<binding>n|y|p=(?P<type>[A-Za-z0-9.-]{1,40})),(?:a=(?P<authorization>[^,]{1,600}))?,)"
    r"(?P<bare>n=(?P<user>[^,]{1,600}),r=(?P<nonce>[!-+\--~]{1,256})(?:,.*)?)",
    re.DOTALL,
)
"""``client-first-message``; ``m=`` (a mandatory extension) does not match, as it must not (RFC 5802 §5.1)."""
_FINAL: Final = re.compile(r"(?P<bare>c=(?P<binding>[^,]+),r=(?P<nonce>[^,]+)(?:,.*)?),p=(?P<proof>[^,]+)", re.DOTALL)
_KEYS: Final = re.compile(r"(\d{1,9}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_SALT_OCTETS: Final = 16
_NONCE_OCTETS: Final = 18


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What is kept of a password for one hash function (RFC 5803 §2)."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, password: str, hash_name: str, iterations: int = limits.SCRAM_ITERATIONS) -> "ScramKeys":
        """Keys of a new salt. Slow on purpose: some milliseconds."""
        salt = secrets.token_bytes(_SALT_OCTETS)
        salted = hashlib.pbkdf2_hmac(hash_name, sasl_prepared(password).encode(), salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", hash_name)
        return cls(
            iterations, salt, hashlib.new(hash_name, client_key).digest(), hmac.digest(salted, b"Server Key", hash_name)
        )

    @classmethod
    def decoy(cls, user_name: str, key: bytes, hash_name: str) -> "ScramKeys":
        """Keys that nobody has, always the same for a name: lest an exchange tells which users there are."""
        salt = hmac.digest(key, f"{hash_name}:{user_name}".encode("utf-8", "surrogatepass"), "sha256")[:_SALT_OCTETS]
        nothing = secrets.token_bytes(hashlib.new(hash_name).digest_size)
        return cls(limits.SCRAM_ITERATIONS, salt, nothing, nothing)

    @classmethod
    def parse(cls, text: str) -> "ScramKeys":
        """The inverse of ``str``. Raises ValueError."""
        match = _KEYS.fullmatch(text)
        if match is None:
            raise ValueError("these are no SCRAM keys")
        salt, stored, server = (base64.b64decode(each, validate=True) for each in match.groups()[1:])
        return cls(int(match[1]), salt, stored, server)

    def text(self) -> str:
        """The form of RFC 5803 without the mechanism's name."""
        salt, stored, server = (_encode(each) for each in (self.salt, self.stored_key, self.server_key))
        return f"{self.iterations}:{salt}${stored}:{server}"


def sasl_prepared(text: str) -> str:
    """A password as both sides of SCRAM compute with it: SASLprep as for stored strings (RFC 4013 §2).

    What SASLprep refuses is taken as it is: the user may have chosen it, and who cannot type it the same way again
    fails just as well.
    """
    if text.isascii():
        return text
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else each for each in text if not stringprep.in_table_b1(each)
    )
    return unicodedata.normalize("NFKC", mapped)


def _nonce() -> str:
    return secrets.token_urlsafe(_NONCE_OCTETS)


class Scram:
    """One exchange of SCRAM, with or without channel binding (RFC 5802 §5).

    Args:
        name: the mechanism, such as ``SCRAM-SHA-256-PLUS``.
        surroundings: the users' keys, and what is known of the TLS connection.
        nonce: makes up the server's part of the nonce, printable ASCII without a comma.
    """

    def __init__(self, name: str, surroundings: SaslSurroundings, nonce: Callable[[], str] = _nonce) -> None:
        self._make_nonce: Final = nonce
        self._binds: Final = name.endswith("-PLUS")
        self._base: Final = name.removesuffix("-PLUS")
        self._hash: Final = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}[self._base]
        self._surroundings: Final = surroundings
        self._first: re.Match[str] | None = None
        self._server_first = ""
        self._nonce = ""
        self.user_name = ""
        self._keys: ScramKeys | None = None
        self._proven: Proven | None = None

    def step(self, response: bytes | None) -> Challenge | Proven:
        """The next message. Raises MalformedExchange."""
        if response is None and self._first is None:
            return Challenge(b"")
        if self._proven is not None:
            return self._proven  # the client has seen our signature; what it says to it does not matter
        message = _text(response or b"")
        return self._take_first(message) if self._first is None else self._take_final(message, self._first)

    def _take_first(self, message: str) -> Challenge:
        first = _FIRST.fullmatch(message)
        if first is None:
            raise MalformedExchange("That is no first message of SCRAM.")
        self._check_binding(first)
        self.user_name = _name(first["user"])
        self._nonce = first["nonce"] + self._make_nonce()
        self._keys = self._find_keys()
        self._first = first
        self._server_first = f"r={self._nonce},s={_encode(self._keys.salt)},i={self._keys.iterations}"
        return Challenge(self._server_first.encode())

    def _check_binding(self, first: re.Match[str]) -> None:
        """Refuse what does not fit the mechanism that was chosen, and a downgrade (RFC 5802 §6)."""
        if self._binds != (first["type"] is not None):
            raise MalformedExchange("Channel binding belongs to the mechanisms whose names end in -PLUS.")
        if first["binding"] == "y" and self._surroundings.channel_bindings:
            raise MalformedExchange("Somebody hid from you that channel binding is to be had here.")
        if first["type"] is not None and first["type"] not in self._surroundings.channel_bindings:
            raise MalformedExchange("This kind of channel binding is not to be had here.")

    def _find_keys(self) -> ScramKeys:
        kept = self._surroundings.secret(self.user_name, self._base)
        if kept is not None:
            try:
                return ScramKeys.parse(kept)
            except (ValueError, binascii.Error):
                pass  # written by a later version perhaps: as if there were none
        return ScramKeys.decoy(self.user_name, self._surroundings.decoy_key, self._hash)

    def _take_final(self, message: str, first: re.Match[str]) -> Challenge | Proven:
        final = _FINAL.fullmatch(message)
        if final is None:
            raise MalformedExchange("That is no final message of SCRAM.")
        assert self._keys is not None
        signed = f"{first['bare']},{self._server_first},{final['bare']}".encode()
        right = (
            hmac.compare_digest(_decode(final["binding"]), self._bound(first))
            and hmac.compare_digest(final["nonce"].encode(), self._nonce.encode())
            and self._proves(_decode(final["proof"]), signed, self._keys)
        )
        claim = Proven(_name(first["authorization"] or ""), self.user_name, right)
        if not right:
            return claim
        self._proven = claim
        return Challenge(b"v=" + _encode(hmac.digest(self._keys.server_key, signed, self._hash)).encode())

    def _bound(self, first: re.Match[str]) -> bytes:
        """``cbind-input = gs2-header [cbind-data]`` (RFC 5802 §7)."""
        return first["gs2"].encode() + self._surroundings.channel_bindings.get(first["type"] or "", b"")

    def _proves(self, proof: bytes, signed: bytes, keys: ScramKeys) -> bool:
        """``StoredKey == H(ClientProof XOR HMAC(StoredKey, AuthMessage))`` (RFC 5802 §3)."""
        signature = hmac.digest(keys.stored_key, signed, self._hash)
        if len(proof) != len(signature):
            return False
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.new(self._hash, client_key).digest(), keys.stored_key)


def _text(octets: bytes) -> str:
    if len(octets) > limits.SCRAM_MESSAGE:
        raise MalformedExchange("The message is too long.")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise MalformedExchange("The message is not UTF-8.") from None


def _name(text: str) -> str:
    """``saslname``: a comma and an equals sign are written as ``=2C`` and ``=3D`` (RFC 5802 §5.1)."""
    if re.search("=(?!2C|3D)", text):
        raise MalformedExchange("In names = is written as =3D.")
    return text.replace("=2C", ",").replace("=3D", "=")


def _encode(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise MalformedExchange("That is not base64.") from None
