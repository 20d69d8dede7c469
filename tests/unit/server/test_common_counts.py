"""What workers count together: real processes, and what each sees of the others."""

import os

import pytest

from mailwren.auth.throttle import LoginThrottle
from mailwren.base import limits
from mailwren.config.settings import Config
from mailwren.server import common_counts
from mailwren.server.common_counts import CommonCounts
from mailwren.server.context import ServerContext
from mailwren.server.run import automatic_workers

HOME, ATTACKER = "192.0.2.1", "203.0.113.9"


def _contexts(number: int, **settings: int) -> list[ServerContext]:
    """What the sessions of so many workers ask for their limits; nothing else of it is used."""
    common = CommonCounts(number)
    unused = object()
    return [
        ServerContext(
            Config(**settings),  # type: ignore[arg-type] # whole numbers all
            unused,  # type: ignore[arg-type]
            unused,  # type: ignore[arg-type]
            unused,  # type: ignore[arg-type]
            LoginThrottle(common.of(worker)),
            lambda: 0.0,
            common=common.of(worker),
        )
        for worker in range(number)
    ]


def test_connections_of_all_workers_count() -> None:
    """The limits for one address and one user hold for all workers, and connections that end make room again."""
    one, two, three = _contexts(3, connections_per_user_and_address=3, connections_per_address_before_login=2)
    one.count_logged_in("anna", HOME, 1)
    two.count_logged_in("anna", HOME, 1)
    assert three.may_log_in("anna", HOME)
    two.count_logged_in("anna", HOME, 1)
    assert not any(each.may_log_in("anna", HOME) for each in (one, two, three))
    assert all(each.may_log_in("anna", ATTACKER) and each.may_log_in("ben", HOME) for each in (one, two, three))
    one.count_logged_in("anna", HOME, -1)
    assert three.may_log_in("anna", HOME)

    one.count_before_login(HOME, 1)
    assert two.admit(HOME) is None
    two.count_before_login(HOME, 1)
    assert [each.admit(HOME) for each in (one, three)] == [
        "Too many connections from your address that have not logged in"
    ] * 2
    assert three.may_shake_hands(HOME)
    one.count_handshake(HOME, 1)
    three.count_handshake(HOME, 1)
    assert not two.may_shake_hands(HOME)
    three.count_handshake(HOME, -1)
    assert two.may_shake_hands(HOME)


def test_keys_in_one_place_count_together_and_part_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where two keys fall into one place both are counted there, and nothing is left of them at the end."""
    monkeypatch.setattr(common_counts, "_PLACES", 1)
    common = CommonCounts(2)
    one, two = common.of(0), common.of(1)
    one.count("a", 2)
    one.count("b", 1)
    assert two.elsewhere("a") == two.elsewhere("b") == 3
    one.count("a", -2)
    one.count("b", -1)
    assert two.elsewhere("a") == 0


def test_processes_see_each_other() -> None:
    """What a forked process counts is seen by the others; of one that crashed its connections are forgotten."""
    common = CommonCounts(2)
    here = common.of(0)
    child = os.fork()
    if not child:
        there = common.of(1)
        there.count(("logged in", ("anna", HOME)), 7)
        there.tell(("user", "anna"), 3, 100.0)
        os._exit(0 if there.elsewhere(("logged in", ("anna", HOME))) == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert here.elsewhere(("logged in", ("anna", HOME))) == 7
    assert here.elsewhere(("logged in", ("ben", HOME))) == 0
    assert here.failures(("user", "anna"), 100.0) == 3
    common.clear(1)
    assert here.elsewhere(("logged in", ("anna", HOME))) == 0
    assert here.failures(("user", "anna"), 100.0) == 3, "an attacker gains nothing by a crash"


def test_failed_logins_of_all_workers_count() -> None:
    """Guessing at several workers by turns is slowed as at one; nobody else is, and it is forgotten as usual."""
    common = CommonCounts(3)
    throttles = [LoginThrottle(common.of(worker)) for worker in range(3)]
    alone = LoginThrottle()
    for guess in range(9):
        throttle = throttles[guess % 3]
        assert throttle.delay(ATTACKER, "anna", guess) == alone.delay(ATTACKER, "anna", guess), guess
        throttle.failed(ATTACKER, "anna", guess)
        alone.failed(ATTACKER, "anna", guess)
    assert all(throttle.delay(HOME, "anna", 9) == limits.LOGIN_FAILURE_DELAY_MAX for throttle in throttles)
    assert all(throttle.delay(HOME, "ben", 9) == 0 for throttle in throttles)
    later = 9 + limits.LOGIN_FAILURE_FORGOTTEN_SECONDS
    assert all(throttle.delay(ATTACKER, "anna", later) == 0 for throttle in throttles)


def test_whom_one_worker_trusts_is_trusted() -> None:
    """A device that has logged in at one worker is not delayed at another while its user's password is guessed at."""
    common = CommonCounts(2)
    one, two = (LoginThrottle(common.of(worker)) for worker in range(2))
    one.succeeded(HOME, "anna", 1.0)
    for _ in range(20):
        two.failed(ATTACKER, "anna", 2.0)
    assert one.delay(HOME, "anna", 3.0) == two.delay(HOME, "anna", 3.0) == 0.0
    assert one.delay(ATTACKER, "anna", 3.0) == limits.LOGIN_FAILURE_DELAY_MAX
    two.failed(HOME, "anna", 4.0)
    one.failed(HOME, "anna", 4.0)
    assert one.delay(HOME, "anna", 4.0) == two.delay(HOME, "anna", 4.0) == 2.0


def test_a_success_takes_back_what_its_worker_counted() -> None:
    """The failures of a pair go with its success, where they were counted; those of others stay."""
    common = CommonCounts(2)
    one, two = (LoginThrottle(common.of(worker)) for worker in range(2))
    one.failed(HOME, "anna", 1.0)
    one.failed(HOME, "anna", 1.0)
    two.failed(ATTACKER, "anna", 1.0)
    one.succeeded(HOME, "anna", 2.0)
    assert two.delay(HOME, "ben", 2.0) == 0.0
    assert two.delay("192.0.2.77", "anna", 2.0) == 1.0


def test_a_place_keeps_the_later_of_two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys in one place are never taken for each other."""
    monkeypatch.setattr(common_counts, "_PLACES", 1)
    common = CommonCounts(2)
    one, two = common.of(0), common.of(1)
    one.tell("a", 5, 10.0)
    assert two.failures("b", 0.0) is None
    one.tell("b", 1, 10.0)
    assert two.failures("a", 0.0) is None
    assert two.failures("b", 0.0) == 1
    assert two.failures("b", 11.0) == 0


def test_as_many_workers_as_cores_up_to_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself a server takes the cores that it may use, and no more than a few."""
    for cores, workers in ((1, 1), (2, 2), (limits.WORKERS_AUTOMATIC + 4, limits.WORKERS_AUTOMATIC)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert automatic_workers() == workers


def test_workers_are_told_of_what_they_want_to_hear() -> None:
    """Of an account in which somebody waits for news, and of no other; as long as he waits."""
    one, two = _contexts(2)
    assert one.common is not None
    assert two.common is not None
    one.common.join("1-a.sock")
    two.common.join("2-b.sock")
    assert not one.common.hears("2-b.sock", "anna")
    two.count_hearing("anna", 1)
    two.count_hearing("anna", 1)
    two.count_hearing("anna", -1)
    assert one.common.hears("2-b.sock", "anna")
    assert not one.common.hears("2-b.sock", "bert")
    assert not two.common.hears("1-a.sock", "anna")
    two.count_hearing("anna", -1)
    assert not one.common.hears("2-b.sock", "anna")


def test_strangers_are_told_of_everything() -> None:
    """Another server, a worker that has no name yet, and one that has ended: nobody knows what they want to hear."""
    common = CommonCounts(2)
    one, two = common.of(0), common.of(1)
    assert one.hears("2-b.sock", "anna")
    two.join("2-b.sock")
    assert not one.hears("2-b.sock", "anna")
    assert one.hears("3-c.sock", "anna")
    common.clear(1)
    assert one.hears("2-b.sock", "anna")
