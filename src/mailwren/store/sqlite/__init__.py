"""The embedded store: one SQLite database per account, large messages in files beside it."""
