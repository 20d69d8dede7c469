"""Rows of SQLite's, whose columns have no static types: the one place where they enter typed code as ``Any``."""

from typing import Any

import apsw


def fetch(connection: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> list[Any]:
    """All rows of a statement. Raises apsw.Error."""
    return connection.execute(statement, bindings).fetchall()


def fetch_one(connection: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> Any:
    """The first row of a statement that has one. Raises apsw.Error."""
    return connection.execute(statement, bindings).fetchall()[0]


def fetch_value(connection: apsw.Connection, statement: str, bindings: tuple[Any, ...] = ()) -> Any:
    """The first column of the first row, ``None`` where there is no row. Raises apsw.Error."""
    for row in connection.execute(statement, bindings).fetchall():
        return row[0]
    return None
