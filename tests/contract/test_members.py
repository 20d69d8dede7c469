"""Mailboxes that several use: what each has for himself, and what all share."""

from mailwren.store.operations import (
    FlagMode,
)
from tests.contract.harness import Mail, uids

ADD, REMOVE, REPLACE = FlagMode.ADD, FlagMode.REMOVE, FlagMode.REPLACE


async def test_seen_is_the_members_own(mail: Mail) -> None:
    """Each member has his own \\Seen; everything else is everybody's."""
    await mail.fill(3)
    ann, ben = mail.member("ann"), mail.member("ben")
    changed = await ann.flag("1:2", ADD, "\\Seen", "\\Flagged")
    assert changed.changed == uids("1:2")
    assert await ann.flags() == {1: "\\Flagged \\Seen", 2: "\\Flagged \\Seen", 3: ""}
    assert await ben.flags() == await mail.flags() == {1: "\\Flagged", 2: "\\Flagged", 3: ""}
    await mail.flag("3", ADD, "\\Seen")
    assert (await mail.flags())[3] == "\\Seen"
    assert (await ann.flags())[3] == (await ben.flags())[3] == ""
    assert [(await each.box()).unseen for each in (mail, ann, ben)] == [2, 1, 3]
    await ann.flag("1:3", REPLACE, "todo")
    assert await ann.flags() == {1: "todo", 2: "todo", 3: "todo"}
    assert await mail.flags() == {1: "todo", 2: "todo", 3: "\\Seen todo"}
    assert (await ann.box()).unseen == 3
