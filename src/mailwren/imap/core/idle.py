"""IDLE: the server tells what happens until the client says DONE, on a line of its own without a tag."""

from mailwren.imap.syntax import without_arguments

IDLE = without_arguments(b"IDLE", "9051 §6.3.13")
