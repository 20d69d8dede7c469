"""The cache of successful logins."""

from mailwren.auth.login_cache import LoginCache


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time set last."""
        return self.now


def test_only_what_succeeded_is_known() -> None:
    """A login is known after it succeeded, and any other part makes it another login."""
    cache = LoginCache(Clock())
    cache.remember(cache.digest("account", "password", "hash"))
    assert cache.knows(cache.digest("account", "password", "hash"))
    for parts in (("account", "password", "other"), ("account", "passwordhash", ""), ("accountpassword", "hash")):
        assert not cache.knows(cache.digest(*parts))


def test_whole_digest_counts() -> None:
    """Digests that agree in their first octets only are different logins."""
    cache = LoginCache(Clock())
    digest = cache.digest("account", "password", "hash")
    cache.remember(digest)
    assert not cache.knows(digest[:-1] + bytes([digest[-1] ^ 1]))
    assert not cache.knows(digest[:8])


def test_other_processes_know_other_digests() -> None:
    """Digests are keyed: one process's mean nothing to another."""
    assert LoginCache(Clock()).digest("a", "b") != LoginCache(Clock()).digest("a", "b")


def test_logins_are_forgotten_in_time() -> None:
    """A login is known for the time given and not a moment longer, however often it is asked for."""
    clock = Clock()
    cache = LoginCache(clock, seconds=10)
    digest = cache.digest("a", "b", "c")
    cache.remember(digest)
    for clock.now in (0.0, 5.0, 9.9):
        assert cache.knows(digest)
    clock.now = 10.0
    assert not cache.knows(digest)
    assert len(cache) == 0


def test_memory_is_bounded() -> None:
    """The oldest logins are forgotten first; remembering again makes one young."""
    cache = LoginCache(Clock(), size=3)
    digests = [cache.digest(str(number)) for number in range(4)]
    for digest in digests[:3]:
        cache.remember(digest)
    cache.remember(digests[0])
    cache.remember(digests[3])
    assert [cache.knows(digest) for digest in digests] == [True, False, True, True]
    assert len(cache) == 3
    cache.forget_all()
    assert not cache.knows(digests[0])
