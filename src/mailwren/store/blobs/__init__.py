"""Octets that never change, known by the SHA-256 of what they are, kept outside of the database.

A blob is written before the row that names it, and its row is gone before it is deleted: a crash at any point leaves
at most a file that nothing refers to, which the sweeper finds.
"""
