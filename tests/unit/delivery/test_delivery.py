"""Delivery: who gets a message, where it goes, what is put in front of it, and what each trouble is called."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.delivery.conftest import NOW

from mailwren.auth.users import UserDirectory
from mailwren.base import limits
from mailwren.config.values import QuotaLimits
from mailwren.delivery.addresses import NULL_SENDER, Address, parse_address
from mailwren.delivery.delivery import Delivery
from mailwren.delivery.envelope import Envelope
from mailwren.delivery.recipient import Recipient
from mailwren.delivery.settings import DeliverySettings
from mailwren.delivery.status import DeliveryStatus
from mailwren.store.errors import AccountDamaged, OverQuota, StoreUnavailable
from mailwren.store.octets import Spool
from mailwren.store.sqlite.store import SqliteMailStore

if TYPE_CHECKING:
    from tests.unit.delivery.conftest import FakeStore

ENVELOPE = Envelope(
    sender=Address("chris", "example.com"), id="s.1", host="mail.example.org", client="mx.example.org", peer="192.0.2.1"
)
TRACE = (
    b"Return-Path: <chris@example.com>\r\n"
    b"Delivered-To: %b\r\n"
    b"Received: from mx.example.org ([192.0.2.1])\r\n"
    b"\tby mail.example.org with LMTP id s.1\r\n"
    b"\tfor <%b>;\r\n"
    b"\tSun, 01 Mar 2026 12:00:00 +0000\r\n"
)


def spool(octets: bytes) -> Spool:
    """A message."""
    result = Spool()
    result.write(octets)
    return result


def deliver(
    delivery: Delivery, addresses: str, octets: bytes = b"text\r\n", envelope: Envelope = ENVELOPE
) -> list[str]:
    """Deliver to addresses, all of them known; the statuses as text."""

    async def run() -> list[str]:
        recipients = [delivery.resolve(parse_address(address)) for address in addresses.split()]
        assert all(isinstance(recipient, Recipient) for recipient in recipients)
        known = [recipient for recipient in recipients if isinstance(recipient, Recipient)]
        message = spool(octets)
        try:
            return [str(status) async for status in delivery.deliver_each(known, message, envelope)]
        finally:
            message.close()

    return asyncio.run(run())


def resolved(delivery: Delivery, address: str) -> tuple[str, str] | str:
    """User and detail of an address, or the enhanced code of its refusal."""
    found = delivery.resolve(parse_address(address))
    return found.enhanced if isinstance(found, DeliveryStatus) else (found.user, found.detail)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("alice@example.org", ("alice", "")),
        ("ALICE@any.example", ("alice", "")),
        ("alice", ("alice", "")),
        ('"alice"@example.org', ("alice", "")),
        ("ally@example.org", ("alice", "")),
        ("Postmaster@example.org", ("alice", "")),
        ("postmaster@other.example", "5.1.1"),
        ("alice+Lists@example.org", ("alice", "Lists")),
        ("alice+@example.org", ("alice", "")),
        ("carol@example.org", ("carol@example.org", "")),
        ("Carol+x+y@Example.ORG", ("carol@example.org", "x+y")),
        ("carol@other.example", "5.1.1"),
        ("carol", "5.1.1"),
        ('"carol@example.org"@other.example', "5.1.1"),
        ("with+plus@example.org", ("with+plus", "")),
        ("with@example.org", "5.1.1"),
        ("+alice@example.org", "5.1.1"),
        ("nobody@example.org", "5.1.1"),
        ("off@example.org", "5.2.1"),
    ],
)
def test_resolve(delivery: Delivery, address: str, expected: tuple[str, str] | str) -> None:
    """The exact address comes first, then the one without detail, then the local part alone."""
    assert resolved(delivery, address) == expected


def test_only_some_domains(make_delivery: Callable[..., Delivery]) -> None:
    """Where domains are listed, a plain name is a user in these alone; whole addresses are users anywhere."""
    delivery = make_delivery(accept_any_domain=False, domains=frozenset({"example.net"}))
    found = [resolved(delivery, f"{address}") for address in ("alice@Example.NET", "alice@example.org", "alice")]
    assert found == [("alice", ""), "5.1.2", ("alice", "")]
    assert resolved(delivery, "carol@example.org") == ("carol@example.org", "")


def test_other_delimiters(make_delivery: Callable[..., Delivery]) -> None:
    """The delimiters are configured; without any, an address has no detail."""
    assert resolved(make_delivery(delimiters="-+"), "alice-x@example.org") == ("alice", "x")
    assert resolved(make_delivery(delimiters=""), "alice+x@example.org") == "5.1.1"
    assert resolved(make_delivery(detail_folders=False), "alice+x@example.org") == ("alice", "")


def test_directory_trouble(
    make_delivery: Callable[..., Delivery], users: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When users cannot be looked up, nobody is called unknown."""

    def fail(name: str) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(users, "find", fail)
    assert resolved(make_delivery(), "alice@example.org") == "4.3.0"


def test_trace_and_octets(delivery: Delivery, store: "FakeStore") -> None:
    """The trace fields stand in front; the message follows octet by octet, its own such fields included."""
    octets = b"Return-Path: <old@example.com>\r\nDelivered-To: old\r\n\r\n\x00bare\rbare\n.\r\n"
    assert deliver(delivery, "alice+x@example.org", octets) == ["250 2.1.5 s.1 Stored"]
    address = b"alice+x@example.org"
    assert store.of("alice").messages == [("INBOX", TRACE % (address, address) + octets)]
    assert store.in_use == 0


def test_trace_of_other_transports(delivery: Delivery, store: "FakeStore") -> None:
    """Null sender, UNIX socket, UTF-8 and TLS are told as the RFCs say; odd names of clients are left out."""
    odd = Envelope(sender=NULL_SENDER, id="2", host="h", client="<script>", peer="fe80::1%eth0", protocol="UTF8LMTPS")
    deliver(delivery, "alice", envelope=odd)
    deliver(delivery, "alice", envelope=Envelope(sender=Address("ü x", "例子"), id="3"))
    first, second = (octets for _, octets in store.of("alice").messages)
    assert b"Return-Path: <>\r\nDelivered-To: alice\r\nReceived: from unknown ([IPv6:fe80::1])\r\n" in first
    assert b" with UTF8LMTPS id 2\r\n" in first
    assert second == 'Return-Path: <"ü x"@例子>\r\nDelivered-To: alice\r\ntext\r\n'.encode()


def test_large_message(make_delivery: Callable[..., Delivery], store: "FakeStore", tmp_path: Path) -> None:
    """A message beyond what memory is for arrives whole, and no file is left."""
    octets = bytes(range(256)) * (limits.LITERAL_IN_MEMORY // 64)
    assert deliver(make_delivery(spool_folder=tmp_path), "alice bob", octets) == ["250 2.1.5 s.1 Stored"] * 2
    assert store.of("bob").messages == [("INBOX", TRACE % (b"bob", b"bob") + octets)]
    assert list(tmp_path.iterdir()) == []


FOLDERS = ["INBOX", "Lists", "Lists/Python", "a.b", "lists", "Über/Ä"]


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("Lists", "Lists"),
        ("lists", "lists"),
        ("LISTS", "Lists"),
        ("Lists/Python", "Lists/Python"),
        ("lists.python", "Lists/Python"),
        ("a.b", "a.b"),
        ("A.B", "a.b"),
        ("inbox", "INBOX"),
        ("u\u0308ber.a\u0308", "Über/Ä"),
        ("Missing", "INBOX"),
        ("../Lists", "INBOX"),
    ],
)
def test_detail_folder(delivery: Delivery, store: "FakeStore", detail: str, expected: str) -> None:
    """Mail goes into the existing mailbox that the detail names, else into INBOX."""
    store.of("alice").names = FOLDERS
    deliver(delivery, f"<alice+{detail}@example.org>")
    assert [name for name, _ in store.of("alice").messages] == [expected]


def test_once_for_each_mailbox(delivery: Delivery, store: "FakeStore") -> None:
    """Recipients that mean the same mailbox get one message, in one transaction, and each its answer."""
    store.of("alice").names = ["INBOX", "Lists"]
    answers = deliver(delivery, "alice@example.org bob ally@example.net alice+none@x alice+Lists@x bob")
    assert answers == ["250 2.1.5 s.1 Stored"] * 6
    assert [name for name, _ in store.of("alice").messages] == ["INBOX", "Lists"]
    assert store.of("alice").transactions == 1
    assert len(store.of("bob").messages) == 1


def test_answers_in_order(delivery: Delivery, store: "FakeStore") -> None:
    """Trouble of one recipient is no trouble of the others, and the answers keep the recipients' order."""

    def full() -> None:
        raise OverQuota("full")

    store.of("bob").before_apply = full
    answers = deliver(delivery, "alice bob carol@example.org bob")
    assert [answer[:9] for answer in answers] == ["250 2.1.5", "452 4.2.2", "250 2.1.5", "452 4.2.2"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("disk"), "451 4.3.0"),
        (AccountDamaged("broken"), "451 4.3.0"),
        (OverQuota("full"), "452 4.2.2"),
        (OSError(28, "No space left on device"), "452 4.3.1"),
        (OSError(5, "Input/output error"), "451 4.3.0"),
        (RuntimeError("a bug"), "451 4.3.0"),
    ],
)
def test_trouble(delivery: Delivery, store: "FakeStore", error: Exception, code: str) -> None:
    """Whatever goes wrong while storing is told as temporary, and the account is given back."""

    def fail() -> None:
        raise error

    store.of("alice").before_apply = fail
    assert deliver(delivery, "alice")[0].startswith(code)
    assert store.in_use == 0


@pytest.mark.parametrize("error", [AccountDamaged("broken"), StoreUnavailable("locked"), RuntimeError("a bug")])
def test_account_that_cannot_be_opened(delivery: Delivery, store: "FakeStore", error: Exception) -> None:
    """An account that does not open costs its own mail a delay, nothing else."""
    store.failure = error
    assert deliver(delivery, "alice")[0].startswith("451 4.3.0")


def test_over_quota_for_good(make_delivery: Callable[..., Delivery], store: "FakeStore") -> None:
    """It is configured whether a full mailbox refuses for good; a message that can never fit is always refused."""

    def full() -> None:
        raise OverQuota("full")

    store.of("alice").before_apply = full
    assert deliver(make_delivery(over_quota_permanent=True), "alice")[0].startswith("552 5.2.2")
    store.of("alice").octets_limit = 5
    assert deliver(make_delivery(), "alice")[0].startswith("552 5.2.3")


def test_folder_that_goes_away_meanwhile(delivery: Delivery, store: "FakeStore") -> None:
    """A folder deleted between looking and storing sends the message to INBOX."""
    account = store.of("alice")
    account.names = ["INBOX", "Lists"]

    def delete() -> None:
        account.names = ["INBOX"]

    account.before_apply = delete
    assert deliver(delivery, "alice+Lists")[0].startswith("250")
    assert [name for name, _ in account.messages] == ["INBOX"]


def test_mail_for_a_team(delivery: Delivery, store: "FakeStore", users: UserDirectory) -> None:
    """It goes into the team's own account, by its name and aliases, and into folders; other groups get none."""
    team = users.groups.add("support", has_mailbox=True, aliases=["help@example.org"])
    users.groups.add("crew")
    assert resolved(delivery, "support") == ("support", "")
    assert resolved(delivery, "help+Done@example.org") == ("support", "Done")
    assert resolved(delivery, "crew") == "5.1.1"
    assert deliver(delivery, "support alice") == ["250 2.1.5 s.1 Stored"] * 2
    assert [name for name, _ in store.accounts[team.group_id].messages] == ["INBOX"]


def test_who_never_logged_in_has_limits_as_well(tmp_path: Path) -> None:
    """The quota of the configuration, or one's own, is kept from the first delivery on; a team's too."""

    async def run() -> list[str]:
        users = UserDirectory(None)
        users.add("alice", "")
        users.add("rich", "", quota_messages=2)
        users.groups.add("support", has_mailbox=True)
        store = SqliteMailStore(tmp_path)
        settings = DeliverySettings(limits=QuotaLimits(None, 1, None, None))
        delivery = Delivery(store, users, settings, lambda: NOW)
        codes = []
        for name in ("alice", "rich", "support"):
            for _ in range(3):
                recipient = delivery.resolve(Address(name, ""))
                assert isinstance(recipient, Recipient)
                message = spool(b"a: b\r\n")
                codes.append(str((await delivery.deliver(recipient, message, ENVELOPE)).code))
                message.close()
        await store.close()
        return codes

    assert asyncio.run(run()) == ["250", "452", "452", "250", "250", "452", "250", "452", "452"]
