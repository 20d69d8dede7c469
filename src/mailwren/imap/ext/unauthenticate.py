"""UNAUTHENTICATE: back to before the login, on the same connection (RFC 8437)."""

from mailwren.imap.syntax import without_arguments

UNAUTHENTICATE = without_arguments(b"UNAUTHENTICATE", "8437 §3")
