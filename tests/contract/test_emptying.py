"""Emptying an account that is in use."""

from mailwren.store.operations import (
    Append,
    CreateMailbox,
    EmptyAccount,
    SetAcl,
    SetMetadata,
    SetQuota,
    SetSubscription,
)
from mailwren.store.values import ALL_MAILBOXES, AnnotationQuestion, Usage
from tests.contract.harness import Mail, message


async def test_everything_goes_and_the_account_goes_on(mail: Mail) -> None:
    """An empty INBOX stays, with its UIDVALIDITY and UIDs that go on; limits stay as well."""
    inbox = await mail.id("INBOX")
    before = await mail.box()
    await mail.apply(
        CreateMailbox("a/b", ("\\Sent",), subscribe=True),
        SetSubscription("elsewhere", True),
        Append(inbox, message(), import_key="key"),
        Append(inbox, message()),
        SetAcl(inbox, "ben", "lr"),
        SetMetadata(inbox, (("/shared/comment", b"text"),), "ann"),
        SetMetadata(ALL_MAILBOXES, (("/private/comment", b"text"),), "ann"),
        SetQuota(1000, None),
    )
    await mail.apply(EmptyAccount())
    assert await mail.names() == ["INBOX"]
    box = await mail.box()
    assert (box.messages, box.size, box.unseen, dict(box.acl)) == (0, 0, 0, {})
    assert (box.uid_validity, box.uid_next) == (before.uid_validity, 3)
    assert box.highest_modseq > before.highest_modseq
    assert await mail.account.usage() == Usage(0, 0, 1000, None, 1, None, 0, None)
    assert await mail.account.subscriptions() == frozenset()
    for mailbox in (inbox, ALL_MAILBOXES):
        question = AnnotationQuestion(("/shared/comment", "/private/comment"), "ann", 0)
        assert await mail.account.annotations(mailbox, question) == []
    (appended,) = await mail.apply(Append(inbox, message(), import_key="key"))
    assert (await mail.box()).messages == 1, appended
    await mail.apply(EmptyAccount(), EmptyAccount())
    assert (await mail.box()).messages == 0
