"""OAuth tokens: signed ones by their keys, others by asking, and nobody is believed for less."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from mailwren.auth.errors import AuthenticationFailed, AuthenticationUnavailable
from mailwren.auth.hashing import CHEAP, hash_password
from mailwren.auth.sasl import Token
from mailwren.auth.tokens import Fetch, OAuthSettings, TokenChecker
from mailwren.auth.users import UserDirectory

ISSUER = "https://id.example.org/realm"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
NOW = 1_000_000.0


class Authority(Fetch):
    """Documents of an authorization server, with what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.forms: list[tuple[Mapping[str, str], tuple[str, str] | None]] = []
        self.documents: dict[str, Any] = {
            f"{ISSUER}/.well-known/openid-configuration": {"jwks_uri": "https://id.example.org/keys"},
            "https://id.example.org/keys": KeySet([KEY]).as_dict(private=False),
        }

    def json(self, place: str, form: Mapping[str, str] | None = None, login: tuple[str, str] | None = None) -> Any:
        """A document, or no answer."""
        self.asked.append(place)
        if form is not None:
            self.forms.append((form, login))
        if place not in self.documents:
            raise OSError("no answer")
        return self.documents[place]


class Scene:
    """A directory with ann and ben, an authority and a checker."""

    def __init__(self, **settings: str) -> None:
        defaults = {"audience": "mail", "keys": "", "introspection": "", "client_id": "me", "client_secret": "pst"}
        self.now = NOW
        self.authority = Authority()
        self.directory = UserDirectory(None)
        for name in ("ann", "ben"):
            self.directory.add(name, hash_password("x", CHEAP), aliases=[f"{name}@example.org"])
        values = {"issuer": ISSUER, "user_claim": "email", **defaults, **settings}
        self.checker = TokenChecker(OAuthSettings(**values), self.directory, lambda: self.now, self.authority)

    def check(self, token: str, user_name: str = "") -> str:
        """The name of the token's user."""
        return asyncio.run(self.checker.check(Token(user_name, token))).name


def signed(key: Any = KEY, algorithm: str = "RS256", **claims: Any) -> str:
    """A token; claims of ``None`` are left out."""
    values = {"iss": ISSUER, "aud": "mail", "exp": NOW + 600, "email": "ann@example.org", **claims}
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, {name: value for name, value in values.items() if value is not None}, key, [algorithm])


def test_a_signed_token_names_its_user() -> None:
    """The claim is looked up like a name that was typed; the client may name the same user as well."""
    scene = Scene()
    assert scene.check(signed()) == "ann"
    assert scene.check(signed(), "ANN") == "ann"
    assert scene.check(signed(aud=["other", "mail"])) == "ann"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example.org"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"exp": NOW - 60},
        {"exp": None},
        {"nbf": NOW + 60},
        {"email": "nobody@example.org"},
        {"email": None},
        {"email": 7},
        {"email_verified": False},
    ],
)
def test_claims_that_are_not_good_enough(claims: dict[str, Any]) -> None:
    """Of another authority, for somebody else, too old, too new, without a user."""
    with pytest.raises(AuthenticationFailed):
        Scene().check(signed(**claims))


def test_signatures_that_are_not_good_enough() -> None:
    """Another key under the same name, a shared secret, no signature, a broken one."""
    other = RSAKey.generate_key(2048, {"kid": "one"})
    shared = OctKey.import_key("a secret that is long enough for the algorithm", {"kid": "one"})
    broken = signed()[:-8] + "AAAAAAAA"
    unsigned = ".".join(signed().split(".")[:2]) + "."
    for token in (signed(other), signed(shared, "HS256"), broken, unsigned, "x.y.z", "opaque", ""):
        with pytest.raises((AuthenticationFailed, AuthenticationUnavailable)):
            Scene().check(token)


def test_a_token_is_only_for_its_own_user() -> None:
    """Who has ann's token cannot become ben; disabled users have none."""
    scene = Scene()
    with pytest.raises(AuthenticationFailed):
        scene.check(signed(), "ben")
    scene.directory.set_enabled("ann", False)
    with pytest.raises(AuthenticationFailed):
        scene.check(signed())


def test_a_key_that_came_up_lately_is_fetched() -> None:
    """Authorities change their keys; made-up key ids do not make a flood of questions."""
    scene = Scene()
    assert scene.check(signed()) == "ann"
    new = ECKey.generate_key("P-256", {"kid": "two"})
    scene.authority.documents["https://id.example.org/keys"] = KeySet([KEY, new]).as_dict(private=False)
    scene.now += 60
    assert scene.check(signed(new, "ES256")) == "ann"
    asked = len(scene.authority.asked)
    for number in range(20):
        unknown = ECKey.generate_key("P-256", {"kid": f"made up {number}"})
        with pytest.raises(AuthenticationFailed):
            scene.check(signed(unknown, "ES256"))
    assert len(scene.authority.asked) <= asked + 2


def test_a_good_token_is_believed_for_a_while() -> None:
    """Phones log in again and again; after the token's end it is over at once."""
    scene = Scene()
    token = signed(exp=NOW + 100)
    scene.check(token)
    scene.authority.documents.clear()
    assert scene.check(token) == "ann"
    scene.now += 200
    with pytest.raises((AuthenticationFailed, AuthenticationUnavailable)):
        scene.check(token)


def test_an_opaque_token_is_asked_about() -> None:
    """With our own name and secret (RFC 7662 §2); what is not active is refused."""
    place = "https://id.example.org/introspect"
    scene = Scene(introspection=place)
    scene.authority.documents[place] = {"active": True, "aud": "mail", "email": "ben@example.org", "exp": NOW + 5}
    assert scene.check("opaque") == "ben"
    assert scene.authority.forms == [({"token": "opaque", "token_type_hint": "access_token"}, ("me", "pst"))]
    for answer in ({"active": False}, {"active": "true"}, {"active": True, "aud": "x", "email": "ben"}, {}):
        scene.authority.documents[place] = answer
        with pytest.raises(AuthenticationFailed):
            scene.check(f"another {answer}")


def test_no_answer_says_nothing_of_the_token() -> None:
    """It counts as no failure of the user's."""
    scene = Scene()
    scene.authority.documents.clear()
    with pytest.raises(AuthenticationUnavailable):
        scene.check(signed())


def test_secrets_are_hidden() -> None:
    """Neither tokens nor our own secret are shown."""
    scene = Scene()
    assert "pst" not in repr(scene.checker.settings)
    assert "opaque" not in repr(Token("ann", "opaque"))
