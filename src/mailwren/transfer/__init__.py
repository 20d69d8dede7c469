"""Import and export: mailboxes of other programs in, an account's mailboxes out, both without losing an octet.

Readers (:mod:`mailwren.transfer.folders` finds what there is, :mod:`mbox`, :mod:`maildir` and :mod:`loose` read it)
are plain blocking generators with bounded memory; :mod:`mailwren.transfer.importer` runs them in a thread and gives
what they yield to the store. Errors are values in the report.
"""
