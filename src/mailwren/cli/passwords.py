"""Gets a password: from standard input, typed twice, or made up."""

import sys

import typer

from mailwren.cli.failures import CommandRefused, Misuse

_LONGEST_LINE = 10_000


def on_terminal() -> bool:
    """Is there somebody who can answer questions?"""
    return sys.stdin.isatty()


def get_password(*, from_stdin: bool, generate: bool) -> tuple[str, bool]:
    """A password, and whether it was made up and so has to be shown.

    Raises:
        CommandRefused: standard input holds none.
        Misuse: two ways at once.
    """
    if from_stdin and generate:
        raise Misuse("--password-stdin and --generate are two ways to the same thing: choose one.")
    if from_stdin:
        return _read_password(), False
    if generate or not on_terminal():
        from mailwren.auth.hashing import generate_password

        return generate_password(), True
    return typer.prompt("Password", hide_input=True, confirmation_prompt="Once more", err=True), False


def _read_password() -> str:
    """The first line of standard input."""
    line = sys.stdin.buffer.readline(_LONGEST_LINE)
    try:
        password = line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError as error:
        raise CommandRefused("The password on standard input is not UTF-8.") from error
    if not password:
        raise CommandRefused("There is no password on standard input: it is the first line.")
    return password
