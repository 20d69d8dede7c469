"""Flag sets that are put together for a member, and the ones that are private."""

from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.store.sqlite import merged_flags
from mailwren.store.sqlite.database import open_writer, prepare
from mailwren.store.sqlite.flag_sets import FlagSets
from mailwren.store.sqlite.merged_flags import FIRST_ID, MergedFlags
from mailwren.store.sqlite.private_flags import PrivateFlags, private_flags

SEEN = private_flags(frozenset({"\\Seen"}))


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    """An empty account's database."""
    connection = open_writer(None)
    prepare(connection, None, 0)
    yield connection
    connection.close()


def _stored(stored: FlagSets, connection: apsw.Connection, *names: str) -> int:
    writer = stored.transaction(connection)
    flags = writer.intern(names).id
    writer.committed()
    return flags


def test_ids(connection: apsw.Connection) -> None:
    """What is stored keeps its id, what is not gets one above all that can be; the same names have the same."""
    stored = FlagSets()
    merged = MergedFlags(stored, list)
    plain, seen = _stored(stored, connection, "k"), _stored(stored, connection, "\\Seen")
    both, other = _stored(stored, connection, "l", "\\Seen"), _stored(stored, connection, "k", "\\Flagged")
    assert merged.merged(connection, plain, 0, SEEN) == plain
    assert merged.merged(connection, seen, 0, SEEN) == 0
    assert merged.merged(connection, plain, other, SEEN) == plain
    new = merged.merged(connection, plain, seen, SEEN)
    assert new >= FIRST_ID
    assert merged.find(connection, new).names == {"\\Seen", "k"}
    assert merged.find(connection, new).seen
    assert merged.merged(connection, plain, both, SEEN) == new
    assert merged.find(connection, both).names == {"\\Seen", "l"}
    for unknown in (new + 1, other + 1):
        with pytest.raises(KeyError):
            merged.find(connection, unknown)


def test_what_is_not_in_use_is_forgotten(connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at once, and never what is in use."""
    monkeypatch.setattr(merged_flags, "_KEPT", 20)
    stored = FlagSets()
    used: list[int] = []
    merged = MergedFlags(stored, lambda: used)
    seen = _stored(stored, connection, "\\Seen")

    def make(prefix: str) -> list[int]:
        new = [
            merged.merged(connection, _stored(stored, connection, f"{prefix}{number}"), seen, SEEN)
            for number in range(30)
        ]
        merged.tidy()
        return new

    first = make("a")
    used.extend(first[:5])
    assert all(merged.find(connection, each).seen for each in first)
    second = make("b")
    make("c")
    make("d")
    assert [merged.find(connection, each).names for each in first[:5]] == [{"\\Seen", f"a{each}"} for each in range(5)]
    for gone in (first[5], second[0]):
        with pytest.raises(KeyError):
            merged.find(connection, gone)
    again = merged.merged(connection, _stored(stored, connection, "a0"), seen, SEEN)
    assert again == first[0]
    assert len(merged._sets) + len(merged._former) < 100


@given(
    private=st.frozensets(st.sampled_from(["\\Seen", "\\Flagged", "one", "*"])),
    names=st.lists(st.sampled_from(["\\Seen", "\\FLAGGED", "ONE", "two", "\\Other"])),
)
def test_every_flag_is_private_or_shared(private: frozenset[str], names: list[str]) -> None:
    """Each once, in their order, whatever their case."""
    flags = PrivateFlags(private)
    folded = {name.lower() for name in private}
    assert flags.own(names) == tuple(
        name for name in names if name.lower() in folded or ("*" in private and not name.startswith("\\"))
    )
    assert sorted([*flags.own(names), *flags.shared(names)]) == sorted(names)
    assert flags.seen == ("\\Seen" in private)
