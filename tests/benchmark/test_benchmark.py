"""The benchmark runs, and what it says follows from what it measured. How fast anything is, is not tested here."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from bench.mail import messages, small_messages
from bench.picture import picture
from bench.report import figure, line
from bench.rows import ROWS
from bench.targets import TARGETS, Values, ratios, reached

from mailwren.message.parse import parse_message

ROOT = Path(__file__).parent.parent.parent
SMALL = ["--count", "30", "--million", "200", "--repeat", "1", "--seconds", "0.02", "--idle", "5", "--crowd", "5"]
RUN = [
    "login", "part", "qresync", "deliver", "move", "search-text", "append-8", "beside", "idle", "memory-deflate",
    "import-index", "crowd-told", "million-cold",
]  # fmt: skip


def _run(*arguments: str) -> str:
    with subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        try:
            said, errors = program.communicate(timeout=200)
        except subprocess.TimeoutExpired:
            program.send_signal(signal.SIGINT)  # it ends its servers
            raise
    assert program.returncode == 0, errors
    return said


@pytest.mark.slow
def test_a_small_run(tmp_path: Path) -> None:
    """Rows of every kind, against Mailwren alone: figures for each; then the page and the picture of it."""
    raw = tmp_path / "results.json"
    said = _run("bench", *SMALL, "--only", "mailwren", "--rows", ",".join(RUN), "--json", str(raw))
    results = json.loads(raw.read_text("utf-8"))
    assert list(results["rows"]) == RUN
    for row in RUN:
        assert [len(values) for values in results["rows"][row].values()] == [1]
        # The memory of a handful of sessions is less than what a process gives back by chance.
        assert row.startswith("memory") or all(value > 0 for value in results["rows"][row]["mailwren"])
        assert ROWS[row].title in said
    assert len(results["ceiling"]) == 3
    _run("bench.report", str(raw), "--docs", str(tmp_path))
    page = (tmp_path / "performance-results.md").read_text("utf-8")
    assert all(f"| {ROWS[row].title} |" in page for row in RUN)
    ET.fromstring((tmp_path / "images" / "performance.svg").read_text("utf-8"))


def test_every_row_has_its_target() -> None:
    """What is measured has something to reach, and nothing is to be reached that is not measured."""
    assert set(ROWS) == set(TARGETS)


def test_the_ratio_is_that_to_the_best_peer() -> None:
    """Turn by turn; above 1 is better, whether more is better or less."""
    values = {"mailwren": [10.0, 20.0], "dovecot": [5.0, 2.0], "cyrus": [1.0, 4.0]}
    assert ratios(values, fewer=False) == [2, 5]
    assert ratios(values, fewer=True) == [0.1, 0.1]
    assert ratios({"mailwren": [10.0]}, fewer=False) == []


@pytest.mark.parametrize(
    ("row", "values", "wanted"),
    [
        ("noop", {"mailwren": [13.0, 13.1, 2.0], "dovecot": [10.0, 10.0, 1.0]}, True),
        ("noop", {"mailwren": [12.9], "dovecot": [10.0], "cyrus": [1.0]}, False),
        ("noop", {"mailwren": [12.9]}, None),
        ("noop", {"dovecot": [12.9]}, None),
        ("idle", {"mailwren": [10.0], "dovecot": [200.0]}, True),
        ("idle", {"mailwren": [10.0], "dovecot": [500.0], "cyrus": [199.0]}, False),
        ("workers", {"mailwren": [1.6]}, True),
        ("workers", {"mailwren": [1.59]}, False),
        ("million-select", {"mailwren": [5.0]}, True),
        ("million-select", {"mailwren": [5.1]}, False),
    ],
)
def test_what_is_reached(row: str, values: dict[str, list[float]], wanted: bool | None) -> None:
    """Medians decide; without a peer to compare with, nothing does."""
    assert reached(row, values, fewer=ROWS[row].fewer) is wanted


def test_a_line_of_the_table() -> None:
    """Medians, the ratio with its spread, what is to reach, and whether it was."""
    values = {"mailwren": [3000.0, 1000.0, 2000.0], "dovecot": [1000.0, 1000.0, 1000.0]}
    assert line("noop", values, ["mailwren", "dovecot", "cyrus"]) == (
        "| NOOP, one after another | /s | 2,000 | 1,000 | – | 2.00 (1.00 to 3.00) | 1.3 × | reached |"
    )
    assert [figure(number) for number in (12345.6, 12.34, 0.123)] == ["12,346", "12.3", "0.12"]


def test_the_picture_is_well_formed() -> None:
    """A bar for each row that has a peer."""
    rows: dict[str, Values] = {"noop": {"mailwren": [3.0], "dovecot": [1.0]}, "workers": {"mailwren": [1.7]}}
    drawn = ET.fromstring(picture(rows))
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 2  # the ground is one


def test_the_mail_is_like_mail() -> None:
    """Sizes, parts, threads and encoded words as docs/performance.md says; lines no longer than mail may have."""
    mail = list(messages(2000))
    assert 11_000 < sum(map(len, mail)) / len(mail) < 13_000
    for wanted, least, most in (
        (b"multipart/", 0.5, 0.7),
        (b"attachment;", 0.2, 0.3),
        (b"\r\nReferences: ", 0.5, 0.7),
        (b"=?utf-8?", 0.4, 0.6),
    ):
        assert least < sum(wanted in each for each in mail) / len(mail) < most, wanted
    assert max(len(row) for each in mail for row in each.split(b"\r\n")) < 998
    assert mail[:20] == list(messages(20))
    assert all(parse_message(each).sent_date is not None for each in [*mail[:50], *small_messages(50)])
