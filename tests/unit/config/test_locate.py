"""Lines of keys in TOML text."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailwren.config.errors import KeyPath
from mailwren.config.locate import line_of, positions


def test_plain_keys_and_tables() -> None:
    """Keys, table headers and keys inside tables have their line."""
    found = positions('version = 1\n# comment = 2\n\n[tls]\nkey = "a"  # note\n')
    assert found == {("version",): 1, ("tls",): 4, ("tls", "key"): 5}


def test_lists_of_tables_count_their_entries() -> None:
    """Every [[entry]] has its own number, also in tables below it."""
    found = positions("[[listen]]\nport = 1\n[[listen]]\nport = 2\n[listen.more]\nx = 1\n")
    assert found[("listen", 0, "port")] == 2
    assert found[("listen", 1, "port")] == 4
    assert found[("listen", 1, "more", "x")] == 6


def test_values_over_several_lines_hide_nothing() -> None:
    """What looks like keys inside strings and lists is none, and the key after them has its right line."""
    text = 'a = """\nx = 1\n[y]\n"""\nb = [\n  "]", # c = 3\n  1,\n]\nd = \'\'\'\nq\'\'\'\ne = 1\n'
    assert positions(text) == {("a",): 1, ("b",): 5, ("d",): 9, ("e",): 11}


def test_quoted_and_dotted_keys() -> None:
    """Keys in quotes are unquoted; a dotted key has a line for each step."""
    found = positions('"a b".c = 1\n["x.y".z]\n\'k\' = 2\n')
    assert found == {("a b",): 1, ("a b", "c"): 1, ("x.y",): 2, ("x.y", "z"): 2, ("x.y", "z", "k"): 3}


def test_an_unknown_key_gets_the_line_of_what_it_stands_in() -> None:
    """Values inside inline tables get the line of the nearest key around them."""
    found = positions("a = { b = [1] }\n")
    assert line_of(found, ("a", "b", 0)) == 1
    assert line_of(found, ("z",)) is None


_NAMES = st.text(alphabet="abc", min_size=1, max_size=2)
_VALUES = st.sampled_from(["1", '"x"', '"""\nq = 1\n"""', "[\n1,\n2 ]", "{ i = 1 }", "'#'", '"\\""'])
_LINES = st.one_of(
    st.builds("{} = {}".format, _NAMES, _VALUES),
    st.builds("[{}]".format, _NAMES),
    st.builds("[[{}]]".format, _NAMES),
    st.just("# x = 1 [["),
)


def _paths(value: Any, path: KeyPath = ()) -> set[KeyPath]:
    """Every key path of parsed TOML."""
    found = {path} if path else set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= _paths(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            found |= _paths(inner, (*path, number))
    return found


@given(st.lists(_LINES, max_size=12))
def test_only_keys_that_are_there_are_found(lines: list[str]) -> None:
    """For any valid file the found paths are paths of the parsed file, and all top-level keys are found."""
    text = "\n".join(lines)
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    found = positions(text)
    assert set(found) <= _paths(parsed)
    assert {path[0] for path in found} == set(parsed)
