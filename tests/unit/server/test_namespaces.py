"""Names of other people's mailboxes, taken apart and put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailwren.server.namespaces import OTHER_USERS, SHARED, put_together, take_apart

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=8)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map("/".join).filter(lambda name: name[:5].upper() != "INBOX")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Work", None),
        ("Other Users", (OTHER_USERS, "", "INBOX")),
        ("Other Users/ann", (OTHER_USERS, "ann", "INBOX")),
        ("Other Users/ann/inbox", (OTHER_USERS, "ann", "INBOX")),
        ("Other Users/ann/Inbox/x", (OTHER_USERS, "ann", "INBOX/x")),
        ("Other Users/ann/Inboxes", (OTHER_USERS, "ann", "Inboxes")),
        ("Shared/desk/Done/Old", (SHARED, "desk", "Done/Old")),
        ("shared/desk", None),
        ("Shared Things/x", None),
        ("INBOX/Shared", None),
    ],
)
def test_taking_apart(name: str, parts: tuple[str, str, str] | None) -> None:
    """The owner's name alone is the INBOX; names of the user's own are left alone."""
    assert take_apart(name) == parts


@given(root=st.sampled_from([OTHER_USERS, SHARED]), owner=WORDS, mailbox=st.just("INBOX") | NAMES)
def test_there_and_back(root: str, owner: str, mailbox: str) -> None:
    """What was put together is taken apart the same."""
    assert take_apart(put_together(root, owner, mailbox)) == (root, owner, mailbox)
