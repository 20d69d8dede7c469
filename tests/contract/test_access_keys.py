"""An account's secrets for URLs (RFC 4467 §2.2)."""

from mailwren.store.operations import AccessKey, Done, ForgetAccessKeys, GiveAccessKey
from tests.contract.harness import Mail


async def test_a_key_stays_until_it_is_replaced(mail: Mail) -> None:
    """Asked for twice it is the same; a new one takes its place; each mailbox has its own; all can be forgotten."""
    assert await mail.account.access_key("a/F1") is None
    (first,) = await mail.apply(GiveAccessKey("a/F1", b"one"))
    (again,) = await mail.apply(GiveAccessKey("a/F1", b"two"))
    assert first == again == AccessKey(b"one")
    await mail.apply(GiveAccessKey("a/F2", b"three"))
    (replaced,) = await mail.apply(GiveAccessKey("a/F1", b"four", replace=True))
    assert replaced == AccessKey(b"four")
    assert [await mail.account.access_key(scope) for scope in ("a/F1", "a/F2", "b/F1")] == [b"four", b"three", None]
    assert await mail.apply(ForgetAccessKeys()) == [Done()]
    assert await mail.account.access_key("a/F1") is None
