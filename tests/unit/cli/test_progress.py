"""Progress bars: on a terminal only, on one line, and never in the way."""

import sys

import pytest

from mailwren.cli.progress import progress_bar, shorten


def test_without_a_terminal_there_is_silence(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed, whatever is reported."""
    with progress_bar("Importing", 10) as advance:
        advance(5, "INBOX")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [100, None])
def test_on_a_terminal_it_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    """On standard error, with the name as it is and no markup taken from it, also when the total is not known."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    with progress_bar("Exporting", total, octets=True) as advance:
        advance(50, "[red]INBOX\x1b[2J")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Exporting" in captured.err
    assert "[red]INBOX\ufffd[2J" in captured.err


def test_long_names_keep_their_end() -> None:
    """So that the line does not break."""
    assert shorten("a" * 100 + "/Inbox") == "…" + "a" * 33 + "/Inbox"
    assert shorten("Inbox") == "Inbox"
