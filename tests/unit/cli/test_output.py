"""How results look without and with a terminal."""

import sys

import pytest

from mailwren.cli.output import clean, count_text, print_panel, print_table, size_text, time_text


def test_without_a_terminal_tables_are_plain(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns of blanks, numbers to the right, no trailing blanks, nothing that commands a terminal."""
    print_table(("name", "messages"), [("INBOX", "1,234"), ("a\x1b[2J", "5")], right=(1,))
    assert capsys.readouterr().out == "name   messages\nINBOX     1,234\na\ufffd[2J         5\n"


def test_with_a_terminal_tables_have_frames(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a name is taken as markup or as a command for the terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(("name",), [("[red]x\x1b[2J",)])
    out = capsys.readouterr().out
    assert "[red]x\ufffd" in out
    assert "─" in out


def test_panels(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain in a pipe, framed on a terminal, the lines themselves unchanged."""
    print_panel("Title", ("password  a[b]c",))
    assert capsys.readouterr().out == "Title:\n  password  a[b]c\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_panel("Title", ("password  a[b]c",))
    out = capsys.readouterr().out
    assert "password  a[b]c" in out
    assert "╭" in out


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (None, "no limit"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**50, "1024.0 TiB"),
    ],
)
def test_sizes(octets: int | None, text: str) -> None:
    """The largest unit that leaves a number of a few digits."""
    assert size_text(octets) == text


def test_small_texts() -> None:
    """Counts have separators, times their zone, and control characters are marked."""
    assert (count_text(1234567), count_text(None)) == ("1,234,567", "no limit")
    assert time_text(0) == "1970-01-01 00:00 UTC"
    assert clean("ä\u202e\n") == "ä\ufffd\ufffd"
