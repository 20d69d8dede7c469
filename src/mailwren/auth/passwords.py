"""Checking user names and passwords for the server: off the event loop, bounded, and telling nothing.

Rules for editors:
- Whatever is wrong (no such user, disabled, wrong password, a text that cannot be a name or a password) costs the
  same one verification and gives the same answer.
- A verification never runs on the event loop, and never more than a fixed number at once.
- Ways to log in with a password stand in one list (:class:`PasswordKind`): application passwords go there. Tokens
  are no passwords: they get a checker of their own with the same answers and errors.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from mailwren.auth.errors import (
    AuthenticationFailed,
    AuthenticationUnavailable,
    AuthorizationRefused,
    DirectoryUnavailable,
    InvalidPassword,
)
from mailwren.auth.hashing import DEFAULT_COST, HashCost, dummy_hash, hash_password, needs_rehash, verify_password
from mailwren.auth.login_cache import LoginCache
from mailwren.auth.mechanisms import derived_secrets, lacking_secrets
from mailwren.auth.preparation import prepare_password
from mailwren.auth.sasl import Proven
from mailwren.auth.users import User, UserDirectory
from mailwren.base import limits


class PasswordKind(Protocol):
    """One kind of password that a user may have."""

    def stored(self, user: User) -> str:
        """What the user's password of this kind is checked against; changes with it. On the event loop."""
        ...

    def verify(self, stored: str | None, password: str) -> bool:
        """Whether the prepared password fits; ``None`` takes as long and fits nothing. In a worker thread."""
        ...

    def renew(self, stored: str, password: str) -> str | None:
        """After a success: a stronger form to store instead, or nothing. In a worker thread."""
        ...

    def store(self, user: User, renewed: str) -> None:
        """Keep the stronger form, unless the user's password changed meanwhile. On the event loop."""
        ...


class MainPassword:
    """The one password that every user has, hashed with argon2id in the user directory."""

    def __init__(self, directory: UserDirectory, cost: HashCost) -> None:
        self._directory: Final = directory
        self._cost: Final = cost
        self._dummy: Final = dummy_hash(cost)

    def stored(self, user: User) -> str:
        """The hash in the directory."""
        return user.password_hash

    def verify(self, stored: str | None, password: str) -> bool:
        """One argon2id run, also when there is nothing to verify."""
        return verify_password(self._dummy if stored is None else stored, password) and stored is not None

    def renew(self, stored: str, password: str) -> str | None:
        """The password hashed anew when the cost has grown since."""
        return hash_password(password, self._cost) if needs_rehash(stored, self._cost) else None

    def store(self, user: User, renewed: str) -> None:
        """One short transaction; when the directory is busy, the next login tries again."""
        with suppress(DirectoryUnavailable):
            self._directory.replace_password_hash(user, renewed)


class PasswordChecker:
    """Answers whether a user name and a password belong together. One per process, used on its event loop.

    Args:
        directory: the users.
        cost: of new hashes and of checks for nobody.
        threads: verifications at once; never more than there are processors.
        clock: seconds that never go back.
        kinds: the kinds of password that are accepted, asked in this order; the main password by default.
        with_cram_md5: what CRAM-MD5 needs is kept of passwords as well.
    """

    def __init__(
        self,
        directory: UserDirectory,
        *,
        cost: HashCost = DEFAULT_COST,
        threads: int = limits.PASSWORD_CHECKS_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
        kinds: Sequence[PasswordKind] | None = None,
        with_cram_md5: bool = False,
    ) -> None:
        self._directory: Final = directory
        self._with_cram_md5: Final = with_cram_md5
        self._kinds: Final = tuple(kinds) if kinds is not None else (MainPassword(directory, cost),)
        self._cache: Final = LoginCache(clock)
        self._threads: Final = ThreadPoolExecutor(max(1, min(threads, os.cpu_count() or 1)), "password")
        self._running: Final[dict[bytes, asyncio.Future[_Verdict]]] = {}
        self._closed = False

    async def check(self, user_name: str, password: str, authorization: str = "") -> User:
        """The user, when the password is right.

        Args:
            user_name: name or alias as the client gave it.
            password: as the client gave it.
            authorization: the user to act as, when the client named one; nobody may act as another yet.

        Raises:
            AuthenticationFailed: for every reason the same.
            AuthorizationRefused: right, but not for acting as ``authorization``.
            AuthenticationUnavailable: cannot be checked now.
        """
        try:
            user = await self._authenticate(user_name, password)
            if authorization and not self._is_same(user, authorization):
                raise AuthorizationRefused
        except DirectoryUnavailable as error:
            raise AuthenticationUnavailable from error
        return user

    async def accept(self, proven: Proven) -> User:
        """The user who proved to be one by other means than the password itself.

        Raises:
            AuthenticationFailed: there is no such user, or may not log in.
            AuthorizationRefused, AuthenticationUnavailable: as :meth:`check`.
        """
        try:
            user = self._directory.find(proven.user_name)
            if user is None or not user.enabled:
                raise AuthenticationFailed
            if proven.authorization and not self._is_same(user, proven.authorization):
                raise AuthorizationRefused
        except DirectoryUnavailable as error:
            raise AuthenticationUnavailable from error
        return user

    def secret(self, user_name: str, kind: str) -> str | None:
        """What a user's password left behind for a mechanism that never sends it; ``None`` where there is nothing.

        Raises:
            AuthenticationUnavailable: cannot be read now.
        """
        try:
            user = self._directory.find(user_name)
            if user is None or not user.enabled:
                return None
            return self._directory.secrets.find(user.account_id, user.password_hash, kind)
        except DirectoryUnavailable as error:
            raise AuthenticationUnavailable from error

    def decoy_key(self) -> bytes:
        """Makes up what unknown users' secrets seem to be. Raises AuthenticationUnavailable."""
        try:
            return self._directory.secrets.decoy_key()
        except DirectoryUnavailable as error:
            raise AuthenticationUnavailable from error

    def close(self) -> None:
        """Forget everything; verifications that wait for their turn are dropped."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._cache.forget_all()

    async def _authenticate(self, user_name: str, password: str) -> User:
        """The user after the cache or a verification said yes."""
        user = self._directory.find(user_name)
        try:
            prepared = prepare_password(password)
        except InvalidPassword:
            user, prepared = None, "x"
        if user is None or not user.enabled:
            await self._verify(user_name, None, prepared)
            raise AuthenticationFailed
        if self._cache.knows(self._digest(user, prepared)):
            return user
        if not await self._verify(user_name, user, prepared):
            raise AuthenticationFailed
        user = self._confirm(user, prepared)
        await self._keep_secrets(user, prepared)
        return user

    async def _keep_secrets(self, user: User, password: str) -> None:
        """Keep what mechanisms that never send the password need, where that was not done when it was set."""
        kept = self._directory.secrets
        if not lacking_secrets(kept.kinds(user.account_id, user.password_hash), with_cram_md5=self._with_cram_md5):
            return
        derive = partial(derived_secrets, password, with_cram_md5=self._with_cram_md5)
        with suppress(DirectoryUnavailable, RuntimeError):  # the next login tries again; RuntimeError: we are closing
            derived = await asyncio.get_running_loop().run_in_executor(self._threads, derive)
            kept.keep(user.account_id, user.password_hash, derived)

    def _digest(self, user: User, password: str) -> bytes:
        """What this login is known by in the cache: changes with everything it depends on."""
        return self._cache.digest(user.account_id, password, *(kind.stored(user) for kind in self._kinds))

    def _confirm(self, checked: User, password: str) -> User:
        """The user as of now: the verification took a while in which it may have been removed or disabled."""
        user = self._directory.find_account(checked.account_id)
        if user is None or not user.enabled:
            raise AuthenticationFailed
        self._cache.remember(self._digest(checked, password))
        return user

    def _is_same(self, user: User, authorization: str) -> bool:
        """Whether the identity to act as is the user's own."""
        other = self._directory.find(authorization)
        return other is not None and other.account_id == user.account_id

    async def _verify(self, user_name: str, user: User | None, password: str) -> bool:
        """Verify in a thread; equal logins at the same time (a client's many connections) share one verification.

        Equal means the same spelling of the name, known or not, so that sharing does not tell who is known.
        """
        stored = [None if user is None else kind.stored(user) for kind in self._kinds]
        digest = self._cache.digest(user_name, password, *(secret or "" for secret in stored))
        running = self._running.get(digest)
        if running is None:
            if self._closed or len(self._running) >= limits.PASSWORD_CHECKS_WAITING:
                raise AuthenticationUnavailable
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, _verify_in_thread, self._kinds, stored, password)
            self._running[digest] = running
            running.add_done_callback(lambda done: self._finish(digest, user, done))
        try:
            # A client that goes away must not take the verification from the others that wait for it.
            return (await asyncio.shield(running)).accepted
        except asyncio.CancelledError:
            if running.cancelled():
                raise AuthenticationUnavailable from None
            raise

    def _finish(self, digest: bytes, user: User | None, done: "asyncio.Future[_Verdict]") -> None:
        """Store what a verification renewed."""
        del self._running[digest]
        if done.cancelled() or done.exception() is not None:
            return
        for kind, renewed in done.result().renewals:
            if user is not None:
                kind.store(user, renewed)


class _Verdict:
    """What a worker thread found out: whether a kind accepted, and stronger forms to store."""

    def __init__(self) -> None:
        self.accepted = False
        self.renewals: Final[list[tuple[PasswordKind, str]]] = []


def _verify_in_thread(kinds: Sequence[PasswordKind], stored: Sequence[str | None], password: str) -> _Verdict:
    """Ask every kind in turn until one accepts."""
    verdict = _Verdict()
    for kind, secret in zip(kinds, stored, strict=True):
        if kind.verify(secret, password):
            verdict.accepted = True
            renewed = kind.renew(secret, password) if secret is not None else None
            if renewed is not None:
                verdict.renewals.append((kind, renewed))
            break
    return verdict
