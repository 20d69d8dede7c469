"""Mailwren: a complete IMAP mail system."""

__version__ = "0.1.0"
