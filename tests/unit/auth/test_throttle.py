"""The delay after failed logins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.auth.throttle import LoginThrottle
from mailwren.base import limits

HOME, OFFICE, ATTACKER = "192.0.2.1", "198.51.100.7", "203.0.113.9"


def fail(throttle: LoginThrottle, address: str, user: str, times: int, now: float = 0.0) -> None:
    """Fail that many times at once."""
    for _ in range(times):
        throttle.failed(address, user, now)


def test_delay_grows_to_its_limit() -> None:
    """No failure, no delay; then it doubles with each failure and stops growing."""
    throttle = LoginThrottle()
    delays = []
    for _ in range(7):
        delays.append(throttle.delay(HOME, "alice", 0.0))
        throttle.failed(HOME, "alice", 0.0)
    assert delays == [0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]
    fail(throttle, HOME, "alice", 5000)
    assert throttle.delay(HOME, "alice", 0.0) == limits.LOGIN_FAILURE_DELAY_MAX


def test_address_and_user_count_apart() -> None:
    """Trying many users from one address and one user from many addresses are both slowed, others are not."""
    throttle = LoginThrottle()
    for user in ("a", "b", "c"):
        throttle.failed(ATTACKER, user, 0.0)
    assert throttle.delay(ATTACKER, "d", 0.0) == 4.0
    for address in (HOME, OFFICE):
        throttle.failed(address, "alice", 0.0)
    assert throttle.delay("192.0.2.200", "alice", 0.0) == 2.0
    assert throttle.delay("192.0.2.200", "bob", 0.0) == 0.0


def test_spelling_does_not_matter() -> None:
    """All spellings of a name count as one, and so do all texts that cannot be a name."""
    throttle = LoginThrottle()
    throttle.failed(HOME, "Alice", 0.0)
    assert throttle.delay(OFFICE, "aLICE", 0.0) == 1.0
    throttle.failed(HOME, "not a name", 0.0)
    assert throttle.delay(OFFICE, "x" * 10_000, 0.0) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "/run/socket", True),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    """An IPv6 /64 is one address, IPv4 in IPv6 clothes is IPv4, and what has no address is one."""
    throttle = LoginThrottle()
    throttle.failed(one, "alice", 0.0)
    assert (throttle.delay(other, "bob", 0.0) > 0) is same


def test_success_starts_the_pair_anew() -> None:
    """After a success the pair's own failures are gone, for the address and for the user."""
    throttle = LoginThrottle()
    fail(throttle, HOME, "alice", 3)
    throttle.succeeded(HOME, "Alice", 1.0)
    assert throttle.delay(HOME, "alice", 1.0) == 0.0
    assert throttle.delay(HOME, "bob", 1.0) == 0.0
    assert throttle.delay(OFFICE, "alice", 1.0) == 0.0


def test_success_takes_back_nobody_elses_failures() -> None:
    """An attacker with an account cannot wash the address clean, nor can the victim's login help the attacker."""
    throttle = LoginThrottle()
    fail(throttle, ATTACKER, "alice", 3)
    throttle.succeeded(ATTACKER, "mallory", 0.0)
    assert throttle.delay(ATTACKER, "alice", 0.0) == 4.0
    throttle.succeeded(HOME, "alice", 0.0)
    assert throttle.delay(ATTACKER, "alice", 0.0) == 4.0


def test_nobody_is_locked_out_from_elsewhere() -> None:
    """Where a user logged in before, neither attacks on the user nor trouble at the address delay."""
    throttle = LoginThrottle()
    throttle.succeeded(HOME, "alice", 0.0)
    fail(throttle, ATTACKER, "alice", 100)
    fail(throttle, HOME, "bob", 100)
    assert throttle.delay(HOME, "alice", 0.0) == 0.0
    assert throttle.delay(OFFICE, "alice", 0.0) == 15.0


def test_trusted_pairs_have_their_own_failures() -> None:
    """A trusted pair that fails is delayed itself, without harm to its neighbours, until it succeeds."""
    throttle = LoginThrottle()
    throttle.succeeded(HOME, "alice", 0.0)
    fail(throttle, HOME, "alice", 3)
    assert throttle.delay(HOME, "alice", 0.0) == 4.0
    assert throttle.delay(HOME, "bob", 0.0) == 0.0
    throttle.succeeded(HOME, "alice", 0.0)
    assert throttle.delay(HOME, "alice", 0.0) == 0.0


def test_failures_are_forgotten_in_time() -> None:
    """Failures count until there was none for the time given."""
    throttle = LoginThrottle()
    fail(throttle, HOME, "alice", 3)
    almost = limits.LOGIN_FAILURE_FORGOTTEN_SECONDS - 1
    assert throttle.delay(HOME, "alice", almost) == 4.0
    throttle.failed(HOME, "alice", almost)
    assert throttle.delay(HOME, "alice", 2 * almost) == 8.0
    assert throttle.delay(HOME, "alice", 2 * almost + 1) == 0.0
    throttle.failed(HOME, "alice", 2 * almost + 1)
    assert throttle.delay(HOME, "alice", 2 * almost + 1) == 1.0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Floods of addresses and names forget the oldest failures; trusted pairs are not touched by them."""
    monkeypatch.setattr(limits, "LOGIN_FAILURE_MEMORY", 10)
    throttle = LoginThrottle()
    throttle.succeeded(HOME, "alice", 0.0)
    throttle.failed(ATTACKER, "first", 0.0)
    for number in range(50):
        throttle.failed(f"198.51.100.{number}", f"user{number}", 0.0)
    for failures in (throttle._by_address, throttle._by_user, throttle._by_stranger, throttle._by_trusted):
        assert len(failures._entries) <= 10
    assert throttle.delay(ATTACKER, "first", 0.0) == 0.0
    fail(throttle, OFFICE, "alice", 5)
    assert throttle.delay(HOME, "alice", 0.0) == 0.0
    assert throttle.delay("198.51.100.49", "new", 0.0) == 1.0


EVENTS = st.lists(
    st.tuples(st.sampled_from(["failed", "succeeded"]), st.sampled_from([HOME, OFFICE]), st.sampled_from(["a", "b"]))
)


@given(EVENTS)
def test_delays_stay_in_bounds(events: list[tuple[str, str, str]]) -> None:
    """Whatever happens, a delay is between nothing and the longest, and none right after one's own success."""
    throttle = LoginThrottle()
    for now, (event, address, user) in enumerate(events):
        getattr(throttle, event)(address, user, float(now))
        delay = throttle.delay(address, user, float(now))
        assert 0 <= delay <= limits.LOGIN_FAILURE_DELAY_MAX
        assert (delay == 0) is (event == "succeeded")
