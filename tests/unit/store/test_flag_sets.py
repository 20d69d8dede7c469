"""Interned flag sets."""

from collections.abc import Iterator

import apsw
import pytest

from mailwren.store.operations import FlagMode
from mailwren.store.sqlite import flag_sets
from mailwren.store.sqlite.database import open_writer, prepare
from mailwren.store.sqlite.flag_sets import EMPTY, FlagSets


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    """A new database in memory."""
    connection = open_writer(None)
    prepare(connection, None, 0)
    yield connection
    connection.close()


def test_one_form_for_all_orders(connection: apsw.Connection) -> None:
    """Order, case and repeats do not matter; system flags come first."""
    sets = FlagSets().transaction(connection)
    first = sets.intern(["b", "\\seen", "A", "\\ANSWERED", "B"])
    assert first.text == b"\\Answered \\Seen A b"
    assert sets.intern(["\\Answered", "B", "a", "\\Seen"]) == first
    assert sets.intern([]) == EMPTY


def test_changes(connection: apsw.Connection) -> None:
    """Adding, removing and replacing; removing what is not there makes no new set."""
    sets = FlagSets().transaction(connection)
    start = sets.intern(["x", "y"])
    assert sets.changed(start.id, FlagMode.ADD, ("X",)).id == start.id
    assert sets.changed(start.id, FlagMode.REMOVE, ("never",)).id == start.id
    assert sets.changed(start.id, FlagMode.REMOVE, ("X", "Y")) == EMPTY
    assert sets.changed(start.id, FlagMode.REPLACE, ("\\Draft",)).text == b"\\Draft"
    assert connection.execute("SELECT folded FROM flag_name ORDER BY folded").fetchall() == [("x",), ("y",)]


def test_what_is_rolled_back_is_forgotten(connection: apsw.Connection) -> None:
    """Ids that the database gives out again are not remembered for what they were."""
    known = FlagSets()
    sets = known.transaction(connection)
    mark = sets.mark()
    connection.execute("SAVEPOINT a")
    lost = sets.intern(["lost", "Spelled"])
    assert sets.changed(0, FlagMode.ADD, ("lost", "Spelled")).id == lost.id
    connection.execute("ROLLBACK TO a")
    sets.back_to(mark)
    kept = sets.intern(["kept", "SPELLED"])
    assert kept.id == lost.id
    sets.committed()
    assert known.find(connection, kept.id).text == b"kept SPELLED"
    assert known.transaction(connection).changed(0, FlagMode.ADD, ("lost", "spelled")).text == b"lost SPELLED"


def test_unknown_ids(connection: apsw.Connection) -> None:
    """An id without a row is an error, not an empty set."""
    with pytest.raises(KeyError):
        FlagSets().find(connection, 99)


def test_the_memory_is_bounded(connection: apsw.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Very many sets are not all remembered, and each is found all the same."""
    monkeypatch.setattr(flag_sets, "_CACHED", 10)
    known = FlagSets()
    sets = known.transaction(connection)
    ids = [sets.intern([f"k{number}"]).id for number in range(30)]
    sets.committed()
    assert len(known._sets) <= 11
    assert [known.find(connection, each).text for each in ids] == [b"k%d" % number for number in range(30)]
