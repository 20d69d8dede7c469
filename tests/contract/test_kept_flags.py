"""Replacing flags by somebody who may not change all of them."""

import pytest

from mailwren.store.operations import FlagMode, FlagsSet, SetFlags, SetPrivateFlags
from tests.contract.harness import Mail, uids


async def _replace(mail: Mail, which: str, keep: frozenset[str], *flags: str) -> FlagsSet:
    operation = SetFlags(await mail.id("INBOX"), uids(which), FlagMode.REPLACE, flags, keep=keep)
    (outcome,) = await mail.apply(operation)
    assert isinstance(outcome, FlagsSet)
    return outcome


async def test_what_is_kept_stays_where_it_is(mail: Mail) -> None:
    """Flags to keep are neither set nor cleared; case does not matter, and * is all keywords."""
    await mail.fill(1, "\\Seen", "\\Flagged", "one")
    await mail.fill(1, "two")
    await _replace(mail, "1:2", frozenset({"\\seen", "*"}), "\\Draft")
    assert await mail.flags() == {1: "\\Seen \\Draft one", 2: "\\Draft two"}
    outcome = await _replace(mail, "1:2", frozenset({"\\Draft", "\\Seen"}), "one")
    assert outcome.changed == uids("2")
    assert await mail.flags() == {1: "\\Seen \\Draft one", 2: "\\Draft one"}


@pytest.mark.parametrize("private", [frozenset({"\\Seen"}), frozenset({"\\Seen", "*"}), frozenset()])
async def test_a_members_flags_are_kept_too(mail: Mail, private: frozenset[str]) -> None:
    """Whichever flags are private: what is kept stays, of the shared ones and of the member's own."""
    await mail.fill(2)
    await mail.apply(SetPrivateFlags(await mail.id("INBOX"), private))
    ben = mail.member("ben")
    await ben.flag("1", FlagMode.ADD, "\\Seen", "\\Flagged", "one")
    await _replace(ben, "1:2", frozenset({"\\Seen"}), "\\Draft")
    assert await ben.flags() == {1: "\\Seen \\Draft", 2: "\\Draft"}
    await ben.flag("1", FlagMode.ADD, "one")
    await _replace(ben, "1:2", frozenset({"\\Draft", "*"}), "\\Answered")
    assert await ben.flags() == {1: "\\Answered \\Draft one", 2: "\\Answered \\Draft"}
