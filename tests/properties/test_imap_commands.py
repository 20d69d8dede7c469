"""Every command row: what is written is read back the same."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.commands import ARGUMENTS, on_the_wire
from tests.support.frames import owner

from mailwren.imap import commands
from mailwren.imap.core.arguments import NoArguments
from mailwren.imap.frames import CommandFrame
from mailwren.imap.scanner import Scanner
from mailwren.imap.syntax import Syntax, parse_command_name


@pytest.mark.parametrize("row", commands.COMMANDS, ids=lambda row: row.name.decode())
@settings(max_examples=60, deadline=None)
@given(data=st.data(), utf8=st.booleans())
def test_what_is_written_is_read_back(row: Syntax[Any], data: st.DataObject, utf8: bool) -> None:
    """``parse(write(x)) == x``, over the wire and through the framer, in both forms of names."""
    arguments = data.draw(ARGUMENTS.get(row.name, st.just(NoArguments())))
    (frame,) = owner().feed(on_the_wire(row.fragments(arguments, utf8)))
    assert isinstance(frame, CommandFrame)
    cursor = Scanner(frame.fragments, utf8)
    assert cursor.tag() == b"a1"
    name, by_uid = parse_command_name(cursor)
    assert b"UID " * by_uid + name == row.name
    assert row.parse(cursor) == arguments


def test_every_command_with_arguments_has_a_strategy() -> None:
    """A row that was added is tested with arguments of its own."""
    assert set(ARGUMENTS) <= {row.name for row in commands.COMMANDS}
    for row in commands.COMMANDS:
        if row.name not in ARGUMENTS:
            assert row.fragments(NoArguments()) == (row.name,)
