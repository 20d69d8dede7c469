"""SAVEDATE (RFC 8514): when a message came into the mailbox that it is in."""

from typing import Final

from mailwren.imap.core.fetch import plain_item
from mailwren.imap.core.search import key_with_date, plain_key

FETCH_ITEMS: Final = (plain_item("SAVEDATE", "8514 §4.2"),)
SEARCH_KEYS: Final = (
    *(key_with_date(name, "8514 §4.3") for name in ("SAVEDBEFORE", "SAVEDON", "SAVEDSINCE")),
    plain_key("SAVEDATESUPPORTED", "8514 §4.3"),
)
