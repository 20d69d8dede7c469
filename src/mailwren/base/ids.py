"""The numbers that mail is known by, as distinct types.

Mixing UIDs and sequence numbers is *the* IMAP bug, so the type checker keeps them apart. This module imports
nothing of the project: every layer may use it.
"""

from typing import NewType

Uid = NewType("Uid", int)
"""A message's unique identifier in its mailbox, 1 to 2**32-1, never used again (RFC 9051 §2.3.1.1)."""

SequenceNumber = NewType("SequenceNumber", int)
"""A message's position in one session's view of a mailbox, from 1 (RFC 9051 §2.3.1.2)."""

ModSeq = NewType("ModSeq", int)
"""A mod-sequence, 1 to 2**63-1, never used twice and never going back (RFC 7162 §3.1)."""

UidValidity = NewType("UidValidity", int)
"""The generation of a mailbox's UIDs, 1 to 2**32-1 (RFC 9051 §2.3.1.1)."""

MailboxId = NewType("MailboxId", int)
"""A mailbox's key in its account's store; stable over renaming, never used again."""

ContentId = NewType("ContentId", int)
"""The immutable part of a message in its account's store; shared by a message's copies."""

FlagSetId = NewType("FlagSetId", int)
"""A distinct combination of flags in an account's store; 0 is the empty one."""
