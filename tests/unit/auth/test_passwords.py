"""Checking passwords: off the loop, bounded, the same answer for everything that is wrong."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from mailwren.auth.errors import (
    AuthenticationFailed,
    AuthenticationUnavailable,
    AuthError,
    AuthorizationRefused,
    DirectoryUnavailable,
)
from mailwren.auth.hashing import CHEAP, HashCost, hash_password
from mailwren.auth.passwords import MainPassword, PasswordChecker
from mailwren.auth.users import User, UserDirectory
from mailwren.base import limits


class CountingPassword(MainPassword):
    """The main password, counting verifications and where they ran; can be held up and made to see things."""

    def __init__(self, directory: UserDirectory, cost: HashCost = CHEAP) -> None:
        super().__init__(directory, cost)
        self.verified: list[bool] = []
        self.threads: set[int] = set()
        self.started = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.go_on.set()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def verify(self, stored: str | None, password: str) -> bool:
        """As the real one, with notes taken."""
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        self.started.release()
        assert self.go_on.wait(30)
        self.verified.append(stored is not None)
        self.threads.add(threading.get_ident())
        result = super().verify(stored, password)
        with self._lock:
            self.at_once -= 1
        return result


class Scene:
    """A directory with one user, and a checker whose verifications are counted."""

    def __init__(self, threads: int = 2) -> None:
        self.now = 0.0
        self.directory = UserDirectory(None)
        self.user = self.directory.add("alice", hash_password("right", CHEAP), aliases=["a@example.org"])
        self.kind = CountingPassword(self.directory)
        self.checker = PasswordChecker(
            self.directory, threads=threads, clock=lambda: self.now, kinds=[self.kind], cost=CHEAP
        )

    async def outcome(self, user_name: str, password: str, authorization: str = "") -> "User | str":
        """The user, or the text of the failure."""
        try:
            return await self.checker.check(user_name, password, authorization)
        except AuthenticationFailed as failure:
            return f"{type(failure).__name__}: {failure}"


def run(scenario: Callable[[Scene], Coroutine[Any, Any, None]], threads: int = 2) -> None:
    """Play a scenario on an event loop of its own."""
    scene = Scene(threads)
    try:
        asyncio.run(scenario(scene))
    finally:
        scene.kind.go_on.set()
        scene.checker.close()
        scene.directory.close()


def test_right_password_gives_the_user() -> None:
    """Name or alias in any case with the password in any composition gives the user."""

    async def scenario(scene: Scene) -> None:
        assert await scene.checker.check("Alice", "right") == scene.user
        assert await scene.checker.check("A@example.org", "right") == scene.user

    run(scenario)


def test_all_failures_are_alike() -> None:
    """Unknown, wrong, disabled and impossible give one answer, each after exactly one verification."""

    async def scenario(scene: Scene) -> None:
        scene.directory.add("disabled", hash_password("right", CHEAP))
        scene.directory.set_enabled("disabled", False)
        attempts = [
            ("alice", "wrong"),
            ("nobody", "right"),
            ("disabled", "right"),
            ("disabled", "wrong"),
            ("not a name", "right"),
            ("\ud800", "right"),
            ("alice", ""),
            ("alice", "\x00"),
            ("alice", "\ud800"),
            ("alice", "x" * 5000),
            ("", ""),
        ]
        answers = {await scene.outcome(*attempt) for attempt in attempts}
        assert answers == {"AuthenticationFailed: The user name or the password is not right."}
        assert len(scene.kind.verified) == len(attempts)

    run(scenario)


def test_verifications_leave_the_event_loop() -> None:
    """No hash is computed on the event loop's thread, not even for nobody."""

    async def scenario(scene: Scene) -> None:
        await scene.outcome("alice", "right")
        await scene.outcome("nobody", "x")
        assert scene.kind.threads
        assert threading.get_ident() not in scene.kind.threads

    run(scenario)


def test_second_login_costs_no_hash() -> None:
    """A login that succeeded is known for a while, by every name of the user; a wrong one never is."""

    async def scenario(scene: Scene) -> None:
        for name in ("alice", "ALICE", "a@example.org"):
            assert await scene.outcome(name, "right") == scene.user
        assert len(scene.kind.verified) == 1
        for _ in range(2):
            await scene.outcome("alice", "wrong")
        assert len(scene.kind.verified) == 3
        scene.now = limits.LOGIN_CACHE_SECONDS
        assert await scene.outcome("alice", "right") == scene.user
        assert len(scene.kind.verified) == 4

    run(scenario)


def test_changes_are_noticed_at_once() -> None:
    """A changed password, a disabled and a removed user end what the cache remembers."""

    async def scenario(scene: Scene) -> None:
        assert await scene.outcome("alice", "right") == scene.user
        scene.directory.set_password_hash("alice", hash_password("new", CHEAP))
        assert isinstance(await scene.outcome("alice", "right"), str)
        assert isinstance(await scene.outcome("alice", "new"), User)
        scene.directory.set_enabled("alice", False)
        assert isinstance(await scene.outcome("alice", "new"), str)
        scene.directory.set_enabled("alice", True)
        assert isinstance(await scene.outcome("alice", "new"), User)
        scene.directory.remove("alice")
        scene.directory.add("alice", hash_password("other", CHEAP))
        assert isinstance(await scene.outcome("alice", "new"), str)

    run(scenario)


def test_changes_during_a_verification_count() -> None:
    """A user disabled while the hash was computed does not get in."""

    async def scenario(scene: Scene) -> None:
        scene.kind.go_on.clear()
        login = asyncio.create_task(scene.outcome("alice", "right"))
        await asyncio.to_thread(scene.kind.started.acquire)
        scene.directory.set_enabled("alice", False)
        scene.kind.go_on.set()
        assert isinstance(await login, str)

    run(scenario)


def test_equal_logins_share_a_verification() -> None:
    """A client that opens many connections at once costs one hash; one that goes away spoils nothing."""

    async def scenario(scene: Scene) -> None:
        scene.kind.go_on.clear()
        logins = [asyncio.create_task(scene.outcome("alice", "right")) for _ in range(10)]
        await asyncio.to_thread(scene.kind.started.acquire)
        logins[0].cancel()
        scene.kind.go_on.set()
        results = await asyncio.gather(*logins, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [scene.user] * 9
        assert len(scene.kind.verified) == 1

    run(scenario)


def test_sharing_does_not_tell_who_is_known() -> None:
    """Two spellings of a name are two verifications, whether the user exists or not."""

    async def scenario(scene: Scene) -> None:
        for names in (("alice", "Alice"), ("nobody", "Nobody")):
            before = len(scene.kind.verified)
            scene.kind.go_on.clear()
            logins = [asyncio.create_task(scene.outcome(name, "wrong")) for name in names for _ in range(3)]
            await asyncio.to_thread(scene.kind.started.acquire)
            scene.kind.go_on.set()
            await asyncio.gather(*logins)
            assert len(scene.kind.verified) == before + 2

    run(scenario)


def test_threads_are_bounded() -> None:
    """No more verifications run at once than allowed."""

    async def scenario(scene: Scene) -> None:
        await asyncio.gather(*(scene.outcome("alice", str(number)) for number in range(30)))
        assert scene.kind.most_at_once == 1
        assert len(scene.kind.threads) == 1

    run(scenario, threads=1)


def test_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit of waiting checks a login is refused as unavailable, not as wrong; known ones get in."""
    monkeypatch.setattr(limits, "PASSWORD_CHECKS_WAITING", 3)

    async def scenario(scene: Scene) -> None:
        await scene.outcome("alice", "right")
        scene.kind.go_on.clear()
        waiting = [asyncio.create_task(scene.outcome("alice", str(number))) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(AuthenticationUnavailable):
            await scene.checker.check("alice", "one too many")
        with pytest.raises(AuthenticationUnavailable):
            await scene.checker.check("nobody", "one too many")
        assert await scene.outcome("alice", "right") == scene.user
        scene.kind.go_on.set()
        await asyncio.gather(*waiting)
        assert isinstance(await scene.outcome("alice", "room again"), str)

    run(scenario)


def test_closing_lets_nobody_hang() -> None:
    """Logins that wait when the checker closes, and later ones, are told that it is unavailable."""

    async def scenario(scene: Scene) -> None:
        scene.kind.go_on.clear()
        running = asyncio.create_task(scene.outcome("alice", "right"))
        await asyncio.to_thread(scene.kind.started.acquire)
        waiting = asyncio.create_task(scene.checker.check("alice", "other"))
        await asyncio.sleep(0)
        scene.checker.close()
        scene.kind.go_on.set()
        assert await running == scene.user
        with pytest.raises(AuthenticationUnavailable):
            await waiting
        with pytest.raises(AuthenticationUnavailable):
            await scene.checker.check("alice", "later")

    run(scenario, threads=1)


def test_directory_trouble_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that cannot be read is reported as unavailable."""

    async def scenario(scene: Scene) -> None:
        def broken(_name: str) -> User | None:
            raise DirectoryUnavailable("locked")

        monkeypatch.setattr(scene.directory, "find", broken)
        with pytest.raises(AuthenticationUnavailable):
            await scene.checker.check("alice", "right")

    run(scenario)


def test_fault_of_a_verification_reaches_all_who_wait() -> None:
    """A hash that cannot be computed is unavailable for every login that shares it."""

    async def scenario(scene: Scene) -> None:
        scene.directory.set_password_hash("alice", "$argon2id$v=19$m=8,t=1,p=1$!!!!$????")
        logins = [asyncio.create_task(scene.checker.check("alice", "right")) for _ in range(2)]
        results = await asyncio.gather(*logins, return_exceptions=True)
        assert [type(result) for result in results] == [AuthenticationUnavailable] * 2

    run(scenario)


def test_acting_as_another() -> None:
    """A user may name any of their own names as the identity to act as, and nobody else's."""

    async def scenario(scene: Scene) -> None:
        scene.directory.add("bob", hash_password("b", CHEAP))
        for own in ("", "alice", "ALICE", "a@example.org"):
            assert await scene.outcome("alice", "right", own) == scene.user
        for other in ("bob", "nobody", "not a name"):
            with pytest.raises(AuthorizationRefused):
                await scene.checker.check("alice", "right", other)
            assert str(await scene.outcome("alice", "wrong", other)).startswith("AuthenticationFailed")

    run(scenario)


def test_weak_hashes_are_renewed() -> None:
    """After a success a hash below today's cost is replaced; after a failure it stays."""

    async def scenario(scene: Scene) -> None:
        stronger = HashCost(16, 2, 1)
        checker = PasswordChecker(scene.directory, cost=stronger)
        with pytest.raises(AuthenticationFailed):
            await checker.check("alice", "wrong")
        assert scene.directory.get("alice").password_hash == scene.user.password_hash
        await checker.check("alice", "right")
        assert "m=16,t=2" in scene.directory.get("alice").password_hash
        assert (await checker.check("alice", "right")).name == "alice"
        checker.close()

    run(scenario)


def test_renewal_never_undoes_a_new_password() -> None:
    """When the password was changed during the verification, the renewed hash of the old one is dropped."""

    async def scenario(scene: Scene) -> None:
        kind = CountingPassword(scene.directory, HashCost(16, 2, 1))
        checker = PasswordChecker(scene.directory, kinds=[kind])
        kind.go_on.clear()
        login = asyncio.create_task(checker.check("alice", "right"))
        await asyncio.to_thread(kind.started.acquire)
        new = hash_password("new", CHEAP)
        scene.directory.set_password_hash("alice", new)
        kind.go_on.set()
        await login
        assert scene.directory.get("alice").password_hash == new
        checker.close()

    run(scenario)


class FixedPassword:
    """A second kind of password, as application passwords will be."""

    def stored(self, user: User) -> str:
        """Depends on the user's account."""
        return f"app-{user.account_id}"

    def verify(self, stored: str | None, password: str) -> bool:
        """Fits one fixed text."""
        return stored is not None and password == "app password"

    def renew(self, stored: str, password: str) -> str | None:
        """Never needed."""
        return None

    def store(self, user: User, renewed: str) -> None:
        """Never called."""
        raise AssertionError


def test_further_kinds_of_password() -> None:
    """Another kind of password works beside the main one and is remembered just the same."""

    async def scenario(scene: Scene) -> None:
        checker = PasswordChecker(scene.directory, kinds=[scene.kind, FixedPassword()])
        for password in ("app password", "right", "app password"):
            assert await checker.check("alice", password) == scene.user
        assert len(scene.kind.verified) == 2
        with pytest.raises(AuthError):
            await checker.check("nobody", "app password")
        checker.close()

    run(scenario)
