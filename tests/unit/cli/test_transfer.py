"""`mailwren import`, `export` and `deliver`."""

import json
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Run

from mailwren.cli.transfer import ExportFormatName
from mailwren.transfer.exporter import ExportFormat

ONE = b"From: a@example.org\r\nSubject: one\r\n\r\nfirst\r\n"
TWO = b"From: b@example.org\r\nSubject: two\r\n\r\nsecond\r\n"


@pytest.fixture(autouse=True)
def _mail(run: Run) -> None:
    """A user, and two messages as files."""
    assert run("user", "add", "alice", "--generate").exit_code == 0
    Path("mail").mkdir()
    Path("mail/1.eml").write_bytes(ONE)
    Path("mail/2.eml").write_bytes(TWO)


def test_the_names_of_formats() -> None:
    """The command's choices are the exporter's."""
    assert [name.value for name in ExportFormatName] == [form.value for form in ExportFormat]


def test_import_is_repeatable_and_reports(run: Run) -> None:
    """Counts by mailbox; nothing is taken twice."""
    first = json.loads(run("import", "--user", "alice", "--mailbox", "Old", "mail", "--json").stdout)
    assert (first["imported"], first["duplicates"], first["complete"]) == (2, 0, True)
    again = run("import", "--user", "alice", "--mailbox", "Old", "mail")
    assert again.exit_code == 0
    assert "0 imported, 2 already there, 0 refused" in again.stdout
    assert run("import", "--user", "alice", "mail/1.eml").exit_code == 0


def test_import_before_the_first_login(run: Run) -> None:
    """An account that begins with an import has the usual mailboxes too, and what is imported finds them."""
    run("import", "--user", "alice", "--mailbox", "Sent", "mail")
    facts = json.loads(run("user", "show", "alice", "--json").stdout)
    uses = {mailbox["name"]: mailbox["special_use"] for mailbox in facts["mailboxes"]}
    assert uses.keys() == {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"}
    assert uses["Sent"] == ["\\Sent"]


def test_an_export_brings_its_own_special_mailboxes(run: Run) -> None:
    """A new account that begins with an export has its mailboxes with their uses, and no second one for a use."""
    run("import", "--user", "alice", "--mailbox", "Sent", "mail")
    assert run("export", "--user", "alice", "out").exit_code == 0
    manifest = Path("out/mailwren-export.json")
    manifest.write_text(manifest.read_text("utf-8").replace('"name": "Sent"', '"name": "Gesendet"'), "utf-8")
    run("user", "add", "bob", "--generate")
    assert run("import", "--user", "bob", "out").exit_code == 0
    facts = json.loads(run("user", "show", "bob", "--json").stdout)
    uses = {mailbox["name"]: mailbox["special_use"] for mailbox in facts["mailboxes"]}
    assert uses["Gesendet"] == ["\\Sent"]
    assert uses.keys() == {"INBOX", "Drafts", "Gesendet", "Junk", "Trash", "Archive"}


def test_import_names_what_it_cannot_take(run: Run) -> None:
    """The rest is taken, and the status is 1."""
    result = run("import", "--user", "alice", "mail", "absent.mbox")
    assert result.exit_code == 1
    assert "2 imported" in result.stdout
    assert "absent.mbox" in result.stderr
    report = json.loads(run("import", "--user", "alice", "absent.mbox", "--json").stdout)
    assert not report["complete"]
    assert report["problems"][0]["origin"].endswith("absent.mbox")


@pytest.mark.parametrize("form", ["mbox", "maildir", "eml"])
def test_export_and_import_again(run: Run, form: str) -> None:
    """What is exported can be imported by another user, message for message."""
    run("import", "--user", "alice", "--mailbox", "Old", "mail")
    result = run("export", "--user", "alice", "--format", form, "out")
    assert result.exit_code == 0, result.output
    assert "2 messages" in result.stdout
    run("user", "add", "bob", "--generate")
    assert run("import", "--user", "bob", "out").exit_code == 0
    facts = json.loads(run("user", "show", "bob", "--json").stdout)
    assert facts["usage"] == json.loads(run("user", "show", "alice", "--json").stdout)["usage"]


def test_export_of_one_mailbox_for_scripts(run: Run) -> None:
    """Counts by mailbox, as JSON."""
    run("import", "--user", "alice", "--mailbox", "Old", "mail")
    result = json.loads(run("export", "--user", "alice", "--mailbox", "Old", "out", "--json").stdout)
    assert (result["messages"], result["mailboxes"]) == (2, {"Old": 2})


def test_refusals(run: Run) -> None:
    """A target in use, an unknown mailbox and an unknown user are messages and status 1."""
    for arguments in (
        ("export", "--user", "alice", "mail"),
        ("export", "--user", "alice", "--mailbox", "absent", "out"),
        ("export", "--user", "nobody", "out"),
        ("import", "--user", "nobody", "mail"),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert result.stderr.startswith("mailwren: ")
    assert not Path("out").exists()


def test_deliver(run: Run) -> None:
    """Into INBOX or a mailbox that there is; every recipient has a line."""
    run("import", "--user", "alice", "--mailbox", "Old", "mail")
    assert run("deliver", "alice@example.org", stdin=TWO.decode()).exit_code == 0
    result = run("deliver", "--sender", "c@example.org", "--mailbox", "Old", "alice", stdin=ONE.decode())
    assert result.exit_code == 0
    assert result.stdout.startswith("2.")
    facts = json.loads(run("user", "show", "alice", "--json").stdout)
    filled = {box["name"]: box["messages"] for box in facts["mailboxes"] if box["messages"]}
    assert filled == {"INBOX": 1, "Old": 3}


@pytest.mark.parametrize(
    ("arguments", "stdin", "status"),
    [
        (["nobody"], "x: y\n\nz\n", 67),
        (["alice"], "", 65),
        (["--sender", "not an address at all <", "alice"], "x: y\n\nz\n", 64),
        (["alice", "--config", "absent.toml"], "x: y\n\nz\n", 75),
        (["alice", "--data", "absent"], "x: y\n\nz\n", 75),
    ],
)
def test_deliver_speaks_the_statuses_of_mtas(run: Run, arguments: list[str], stdin: str, status: int) -> None:
    """Whatever is wrong with us is temporary, so that the MTA keeps the mail."""
    assert run("deliver", *arguments, stdin=stdin).exit_code == status


def test_deliver_over_quota(run: Run) -> None:
    """Temporary by default, permanent when configured."""
    run("user", "quota", "alice", "--messages", "0")
    assert run("deliver", "alice", stdin=ONE.decode()).exit_code == 75
    Path("m.toml").write_text("version = 1\n[delivery]\nover_quota = 'permanent'\n", encoding="utf-8")
    assert run("deliver", "alice", "--config", "m.toml", stdin=ONE.decode()).exit_code == 73


def test_an_account_without_a_user_is_exported_by_its_id(run: Run) -> None:
    """What `user remove --keep-mail` left behind, and `check` names, can still be had; nothing else is made up."""
    run("import", "--user", "alice", "mail/1.eml")
    account = json.loads(run("user", "show", "alice", "--json").stdout)["account"]
    run("user", "remove", "alice", "--yes", "--keep-mail")
    assert f"mailwren export --account {account}" in run("check").stdout
    assert run("export", "--account", account, "out").exit_code == 0
    assert ONE.replace(b"\r\n", b"\n") in Path("out/INBOX.mbox").read_bytes()
    assert run("export", "--account", "0" * 32, "other").exit_code == 1
    assert run("export", "other").exit_code == 2
    assert run("export", "--account", account, "--user", "alice", "other").exit_code == 2
    assert len(list(Path("mailwren-data/accounts").glob("*/*"))) == 1
