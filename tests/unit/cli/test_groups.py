"""`mailwren group …` and `mailwren share …`: every command, its refusals, and its forms for scripts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Run

from mailwren.auth.users import UserDirectory
from mailwren.cli.access import open_store
from mailwren.config.settings import Config
from mailwren.store.values import Usage

DATA = Path("mailwren-data")


@pytest.fixture
def three(run: Run) -> Run:
    """Three users, ann with a mailbox Work and Work/Old."""
    for name in ("ann", "ben", "cleo"):
        assert run("user", "add", name, "--generate").exit_code == 0
    (DATA / "one.eml").write_bytes(b"Subject: one\r\n\r\nHello.\r\n")
    for mailbox in ("Work", "Work/Old"):
        assert run("import", "--user", "ann", "--mailbox", mailbox, DATA / "one.eml").exit_code == 0
    return run


def _ok(run: Run, *arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def _facts(run: Run, *arguments: str) -> Any:
    return json.loads(_ok(run, *arguments, "--json"))


def _subscriptions(name: str) -> frozenset[str]:
    async def read() -> frozenset[str]:
        directory = UserDirectory(DATA / "users.sqlite3")
        account_id = directory.get(name).account_id
        directory.close()
        async with open_store(Config(data=DATA.absolute())) as store:
            account = await store.account(account_id)
            found = await account.subscriptions()
            await store.release(account)
            return found

    return asyncio.run(read())


def _usage(account_id: str) -> Usage:
    async def read() -> Usage:
        async with open_store(Config(data=DATA.absolute())) as store:
            account = await store.account(account_id)
            found = await account.usage()
            await store.release(account)
            return found

    return asyncio.run(read())


def test_a_team_from_beginning_to_end(three: Run) -> None:
    """Add, list, show, members, aliases, quota, rename and remove, each seen in what the next one tells."""
    run = three
    said = _ok(run, "group", "add", "Support", "--mailbox", "--member", "ann", "--alias", "help@example.org")
    assert said == "Group support added, with the mailbox Shared/support.\n"
    assert "Shared/support" in _subscriptions("ann")
    assert _ok(run, "group", "member", "support", "--add", "ben", "--add", "ann") == "ann\nben\n"
    assert "Shared/support" in _subscriptions("ben")
    assert _ok(run, "group", "member", "support", "--remove", "ann") == "ben\n"
    assert _ok(run, "group", "alias", "support", "--add", "desk@example.org") == "desk@example.org\nhelp@example.org\n"
    assert _ok(run, "group", "alias", "support", "--remove", "help@example.org") == "desk@example.org\n"
    assert "storage 10.0 MiB" in _ok(run, "group", "quota", "support", "--storage", "10 MiB")
    facts = _facts(run, "group", "show", "support")
    assert facts["members"] == ["ben"]
    assert facts["mailbox"] == "Shared/support"
    assert facts["mailboxes"][0]["name"] == "INBOX"
    assert _usage(facts["account"]).octets_limit == 10 * 2**20
    assert "Shared/support" in _ok(run, "group", "show", "support")
    assert "desk@example.org" in _ok(run, "group", "list")
    assert _ok(run, "group", "rename", "support", "service") == "Group support is service now.\n"
    assert [group["name"] for group in _facts(run, "group", "list")] == ["service"]
    assert _ok(run, "check").strip().endswith("all is right.")
    assert _ok(run, "export", "--user", "service", "team-mail")
    assert _ok(run, "import", "--user", "service", str(DATA / "one.eml"))
    assert "--yes" in run("group", "remove", "service").stderr
    assert _ok(run, "group", "remove", "service", "--yes") == "Group service removed.\n"
    assert not (DATA / "accounts" / facts["account"][:2] / facts["account"]).exists()


def test_a_group_without_a_mailbox(three: Run) -> None:
    """It has no quota and no account until it is given a mailbox, and loses its mail with it."""
    run = three
    assert _ok(run, "group", "add", "crew", "--member", "ben") == "Group crew added.\n"
    assert run("group", "quota", "crew", "--storage", "1 MiB").exit_code == 1
    facts = _facts(run, "group", "show", "crew")
    assert facts["mailbox"] is None
    assert "none" in _ok(run, "group", "show", "crew")
    assert _ok(run, "group", "mailbox", "crew", "on") == "Group crew has the mailbox Shared/crew.\n"
    account = _facts(run, "group", "show", "crew")["account"]
    assert (DATA / "accounts" / account[:2] / account).is_dir()
    assert run("group", "mailbox", "crew", "off").exit_code == 1
    assert _ok(run, "group", "mailbox", "crew", "off", "--yes") == "Group crew has no mailbox.\n"
    assert "all is right" in _ok(run, "check")
    assert _ok(run, "group", "remove", "crew", "--yes") == "Group crew removed.\n"
    assert not (DATA / "accounts" / account[:2] / account).exists()


def test_keeping_a_teams_mail(three: Run) -> None:
    """--keep-mail leaves the account, which check lists."""
    _ok(three, "group", "add", "crew", "--mailbox")
    assert "The mail is still there" in _ok(three, "group", "remove", "crew", "--yes", "--keep-mail")
    assert "no user and no team has this account" in _ok(three, "check")


@pytest.mark.parametrize(
    "arguments",
    [
        ("group", "add", "ann"),
        ("group", "add", "crew", "--member", "nobody"),
        ("group", "show", "nobody"),
        ("group", "member", "nobody"),
        ("group", "remove", "nobody", "--yes"),
        ("share", "set", "nobody", "INBOX", "ben", "read"),
        ("share", "set", "ann", "Nothing", "ben", "read"),
        ("share", "set", "ann", "Work", "nobody", "read"),
        ("share", "remove", "ann", "Work", "nobody"),
        ("share", "private", "ann", "Work", "seen, deleted"),
        ("share", "private", "ann", "Work", "\\Deleted"),
    ],
)
def test_refusals(three: Run, arguments: tuple[str, ...]) -> None:
    """What cannot be done says so in a sentence and changes nothing."""
    result = three(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("mailwren: ")
    assert _facts(three, "group", "list") == []
    assert _facts(three, "share", "list") == []


def test_sharing_a_mailbox(three: Run) -> None:
    """Words and letters, adding and taking away, with what is below; shown, listed and removed."""
    run = three
    said = _ok(run, "share", "set", "ann", "Work", "ben", "write", "--below")
    assert said == "Other Users/ann/Work: ben lrswiten\nOther Users/ann/Work/Old: ben lrswiten\n"
    assert {"Other Users/ann/Work", "Other Users/ann/Work/Old"} <= _subscriptions("ben")
    assert _ok(run, "share", "set", "ann", "Work", "ben", "+k") == "Other Users/ann/Work: ben lrswikten\n"
    assert _ok(run, "share", "set", "ann", "Work", "--", "ben", "-wite") == "Other Users/ann/Work: ben lrskn\n"
    assert _ok(run, "share", "set", "ann", "Work", "--", "-cleo", "w") == "Other Users/ann/Work: -cleo w\n"
    assert _ok(run, "share", "set", "ann", "Work", "anyone", "read")
    facts = _facts(run, "share", "show", "ann", "Work")
    assert facts["rights"] == {"ann": "lrswipkxtena", "-cleo": "w", "anyone": "lrs", "ben": "lrskn"}
    assert facts["private_flags"] == ["\\Seen"]
    assert "anyone" in _ok(run, "share", "show", "ann", "Work")
    assert [each["mailbox"] for each in _facts(run, "share", "list")] == ["Work", "Work/Old"]
    assert "Other Users/ann/Work/Old" in _ok(run, "share", "list", "ann")
    assert _ok(run, "share", "remove", "ann", "Work", "ben", "--below").count("no entry") == 2
    assert list(_facts(run, "share", "show", "ann", "Work")["rights"]) == ["ann", "-cleo", "anyone"]
    said = _ok(run, "share", "set", "ann", "INBOX", "cleo", "read", "--below")
    assert {"Other Users/ann: cleo lrs", "Other Users/ann/Work/Old: cleo lrs"} <= set(said.splitlines())
    for wrong in ("lrQ", "reading", "q"):
        assert run("share", "set", "ann", "Work", "ben", wrong).exit_code == 2


def test_sharing_with_groups_and_by_teams(three: Run) -> None:
    """A group's members subscribe; a team's own mailboxes are listed, and who administers them is set here."""
    run = three
    _ok(run, "group", "add", "board", "--member", "ben", "--member", "cleo")
    _ok(run, "share", "set", "ann", "INBOX", "board", "read")
    assert "Other Users/ann" in _subscriptions("ben")
    assert "Other Users/ann" in _subscriptions("cleo")
    _ok(run, "group", "add", "desk", "--mailbox", "--member", "ben")
    assert _ok(run, "share", "set", "desk", "INBOX", "ben", "admin") == "Shared/desk: ben lrswipkxtena\n"
    assert _facts(run, "share", "show", "desk", "INBOX")["rights"] == {"desk": "lrswipkxten", "ben": "lrswipkxtena"}
    assert {each["name"] for each in _facts(run, "share", "list")} == {"Other Users/ann", "Shared/desk"}


def test_a_mailbox_that_is_not_there(three: Run) -> None:
    """The refusal names the owner and the mailbox."""
    assert "ann has no mailbox Nothing." in three("share", "show", "ann", "Nothing").stderr


def test_private_flags(three: Run) -> None:
    """Chosen by words, keywords and none."""
    run = three
    _ok(run, "share", "private", "ann", "Work", "seen, flagged,Todo", "--below")
    assert _facts(run, "share", "show", "ann", "Work/Old")["private_flags"] == ["Todo", "\\Flagged", "\\Seen"]
    assert _ok(run, "share", "private", "ann", "Work", "none").endswith("private flags none\n")
    assert _facts(run, "share", "show", "ann", "Work")["private_flags"] == []


def test_the_index_is_made_anew(three: Run) -> None:
    """After a restore the lists of all accounts are read again."""
    _ok(three, "share", "set", "ann", "Work", "ben", "read")
    directory = UserDirectory(DATA / "users.sqlite3")
    ann, ben = directory.get("ann").account_id, directory.get("ben").account_id
    directory._database.execute("DELETE FROM grants")
    assert directory.grants.noted(ann) == frozenset()
    assert _ok(three, "share", "reindex") == "2 accounts read, 1 share something.\n"
    assert directory.grants.noted(ann) == {ben}
    directory.close()
