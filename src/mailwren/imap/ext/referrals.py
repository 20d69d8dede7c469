"""RLIST and RLSUB: LIST and LSUB with the mailboxes of other servers (RFC 2193 §5)."""

from mailwren.imap.core.list import parse_plain_list, write_plain_list
from mailwren.imap.syntax import Syntax

RLIST = Syntax(b"RLIST", "2193 §5.1", parse_plain_list, write_plain_list)
RLSUB = Syntax(b"RLSUB", "2193 §5.2", parse_plain_list, write_plain_list)
