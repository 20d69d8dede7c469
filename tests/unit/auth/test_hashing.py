"""Password hashes: salted, prepared, comparable in cost."""

import pytest
from argon2 import extract_parameters

from mailwren.auth.errors import AuthenticationUnavailable, InvalidPassword
from mailwren.auth.hashing import (
    CHEAP,
    DEFAULT_COST,
    HashCost,
    dummy_hash,
    generate_password,
    hash_password,
    needs_rehash,
    verify_password,
)
from mailwren.auth.preparation import prepare_password


def test_right_and_wrong_passwords() -> None:
    """A hash fits its password only, and two hashes of one password differ."""
    stored = hash_password("correct horse", CHEAP)
    assert verify_password(stored, "correct horse")
    assert not verify_password(stored, "Correct horse")
    assert stored != hash_password("correct horse", CHEAP)
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_passwords_are_prepared_before_hashing() -> None:
    """The composed and the decomposed spelling are one password; impossible ones are refused."""
    assert verify_password(hash_password("u\u0308ber", CHEAP), prepare_password("über"))
    with pytest.raises(InvalidPassword):
        hash_password("", CHEAP)


@pytest.mark.parametrize("stored", ["", "plain", "$1$salt$md5", "{CRYPT}x"])
def test_no_hash_fits_no_password(stored: str) -> None:
    """A stored text that is no argon2 hash refuses every password, its own text too."""
    assert not verify_password(stored, "plain")
    assert not needs_rehash(stored, DEFAULT_COST)


def test_broken_hash_is_not_the_users_fault() -> None:
    """When the hash cannot be computed, that is not called a wrong password."""
    with pytest.raises(AuthenticationUnavailable):
        verify_password("$argon2id$v=19$m=8,t=1,p=1$!!!!$????", "x")


def test_dummy_hash_costs_the_same_and_fits_nothing() -> None:
    """What unknown users are checked against has the parameters of a real hash."""
    for cost in (CHEAP, DEFAULT_COST):
        assert extract_parameters(dummy_hash(cost)) == extract_parameters(hash_password("x", cost))
    assert not verify_password(dummy_hash(CHEAP), "x")
    assert dummy_hash(CHEAP) != dummy_hash(CHEAP)


def test_rehash_only_when_the_cost_grew() -> None:
    """A hash is made anew when a parameter is below today's, never to make it weaker."""
    stored = hash_password("x", HashCost(16, 2, 1))
    assert needs_rehash(stored, HashCost(17, 2, 1))
    assert needs_rehash(stored, HashCost(16, 3, 1))
    assert not needs_rehash(stored, HashCost(16, 2, 1))
    assert not needs_rehash(stored, CHEAP)
    assert needs_rehash(stored.replace("argon2id", "argon2i"), CHEAP)


def test_generated_passwords() -> None:
    """Generated passwords are long, all different, and acceptable as they are."""
    made = {generate_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 19 and prepare_password(password) == password for password in made)
