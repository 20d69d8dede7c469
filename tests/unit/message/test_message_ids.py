"""Message-IDs as thread keys."""

from mailwren.base import limits
from mailwren.message.message_ids import message_id, references


def test_message_id() -> None:
    """The identifier stands without brackets, quotes it does not need, and folding."""
    assert message_id(b" <a@b>\r\n") == "a@b"
    assert message_id(b"junk <a@b> (c) <d@e>") == "a@b"
    assert message_id(b"<a\r\n b@c>") == "ab@c"
    assert message_id(b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>') == "01KF8JCEOCBS0045PS@xxx.yyy.com"
    assert message_id(b"no.brackets@x") == "no.brackets@x"
    assert message_id("<ä@b>".encode()) == "ä@b"
    assert message_id(b"<\xff@b>") == "\\xff@b"
    assert message_id(b"") == ""
    assert message_id(None) == ""


def test_references() -> None:
    """References come first, then In-Reply-To, each identifier once, in the order of first mention."""
    assert references(b"<a@b> <c@d>\r\n <a@b>", b"<c@d> of yesterday <e@f>") == ("a@b", "c@d", "e@f")
    assert references(None, b"your message of Friday") == ()
    assert references(b"<>< ><a@b", None) == ()


def test_many_references() -> None:
    """Of too many the first and the last ones are kept."""
    found = references(b" ".join([b"<%d@x>" % number for number in range(limits.REFERENCES * 3)]))
    assert len(found) == limits.REFERENCES
    assert found[0] == "0@x"
    assert found[-1] == f"{limits.REFERENCES * 3 - 1}@x"


def test_long_identifiers_are_cut() -> None:
    """An identifier beyond any legal length is cut."""
    assert len(message_id(b"<" + b"x" * 5000 + b">")) == limits.MESSAGE_ID
