"""Content-Type and Content-Disposition with their parameters."""

import pytest

from mailwren.base import limits
from mailwren.message.content_fields import parse_content_type, parse_disposition
from mailwren.message.parameters import decode_parameters, parse_parameters, write_parameters


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"text/html", "text/html"),
        (b" TEXT / Html ; charset=x", "text/html"),
        (b"text/plain (a (nested) comment); charset=x", "text/plain"),
        (b"(c) text (d) / (e) html", "text/html"),
        (b"text", "text/plain"),
        (b"", "text/plain"),
        (b";charset=utf-8", "text/plain"),
        (b"application/pdf name=x.pdf", "application/pdf"),
        (b"application/vnd.x+xml;", "application/vnd.x+xml"),
        (b"multipart/mixed\r\n boundary=b", "multipart/mixed"),
    ],
)
def test_types(value: bytes, kind: str) -> None:
    """The type is read past comments and missing semicolons; a malformed one is text/plain (RFC 2045 §5.2)."""
    content_type = parse_content_type(value)
    assert f"{content_type.type}/{content_type.subtype}" == kind


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (b'charset=utf-8; Format="flowed"', {"charset": "utf-8", "format": "flowed"}),
        (b'name="a \\"quoted\\" \\\\ name"', {"name": 'a "quoted" \\ name'}),
        (b'name="a;b=c"; x=y', {"name": "a;b=c", "x": "y"}),
        (b"charset = us-ascii (comment) ; x=y", {"charset": "us-ascii", "x": "y"}),
        (b"(comment) charset=utf-8; (one) (two) x=y", {"charset": "utf-8", "x": "y"}),
        (b"(name=x; charset=y", {"(name": "x", "charset": "y"}),
        (b"name=no quotes (1).pdf", {"name": "no quotes (1).pdf"}),
        (b"charset=utf-8 junk", {"charset": "utf-8"}),
        (b'charset="utf-8', {"charset": "utf-8"}),
        (b"charset=", {"charset": ""}),
        (b"charset", {}),
        (b'name="=?utf-8?q?=C3=A4?="', {"name": "ä"}),
        (b'name="\xc3\xa4"', {"name": "ä"}),
        (b"name=\xe4", {"name": "ä"}),
        # RFC 2231 §3, §4, §4.1
        (b'URL*0="ftp://"; URL*1="cs.utk.edu/x"', {"url": "ftp://cs.utk.edu/x"}),
        (b"title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", {"title": "This is ***fun***"}),
        (b"title*0*=us-ascii'en'a%20; title*1*=%2A%2A; title*2=\"isn't it!\"", {"title": "a **isn't it!"}),
        (b"name*1=b; name*0=a", {"name": "ab"}),
        (b"name=plain; name*=utf-8''%C3%A4", {"name": "ä"}),
        (b"name*=utf-8'%C3%A4", {"name": "ä"}),
        (b"name*=%C3%A4", {"name": "ä"}),
        (b"name*0=%C3; name*1*=%C3%A4", {"name": "%C3ä"}),
        (b"name*=iso-8859-1''%e4%zz", {"name": "ä%zz"}),
        (b"name*x=1; name**=2", {"name*x": "1", "name**": "2"}),
    ],
)
def test_parameters(value: bytes, decoded: dict[str, str]) -> None:
    """Values are unquoted, continued, and decoded, in all the broken forms that mail has."""
    assert dict(decode_parameters(parse_parameters(value))) == decoded


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (b"", b"NIL"),
        (b"Name=x", b'("Name" "x")'),
        (b'a="b\\"c"', b'("a" "b\\"c")'),
        (b"x*0*=utf-8''%C3; x*1*=%A4", b'("x*" "utf-8\'\'%C3%A4")'),
        (b"x*0*=utf-8''a; x*1=\"50% b\"", b'("x*" "utf-8\'\'a50%25%20b")'),
        (b"x*0=a; x*1=b", b'("x" "ab")'),
        (b"x=\xc3\xa4", b'("x*" "utf-8\'\'%C3%A4")'),
        (b"x=\xe4", b'("x*" "utf-8\'\'%C3%A4")'),
        (b"x*=plain", b'("x*" "\'\'plain")'),
    ],
)
def test_parameters_for_clients(value: bytes, written: bytes) -> None:
    """Continuations are joined; what needs decoding is left to the client in the form of RFC 2231."""
    assert write_parameters(parse_parameters(value)) == written


def test_parameters_are_limited() -> None:
    """Beyond the limit parameters are not read."""
    text = b";".join([b"a%d=b" % number for number in range(limits.PARAMETERS + 10)])
    assert len(parse_parameters(text)) == limits.PARAMETERS


def test_text_has_a_charset() -> None:
    """Text without a charset is written with that of RFC 2046 §4.1.2, other types are not."""
    assert parse_content_type(b"text/html").written == b'("charset" "us-ascii")'
    assert parse_content_type(b"text/html").parameters == ()
    assert parse_content_type(b"text/x; charset*=us-ascii''utf-8").written == b'("charset*" "us-ascii\'\'utf-8")'
    assert parse_content_type(b"image/png").written == b"NIL"


def test_boundary() -> None:
    """The boundary is given as it is to be searched for."""
    assert parse_content_type(b'multipart/mixed; boundary="a \\"b"').boundary == b'a "b'
    assert parse_content_type(b"multipart/mixed; boundary*0=a; boundary*1=b").boundary == b"ab"
    assert parse_content_type(b"multipart/mixed; boundary*=''a%20b").boundary == b"a b"
    assert parse_content_type(b"multipart/mixed").boundary == b""


@pytest.mark.parametrize(
    ("value", "kind", "file_name"),
    [
        (b"inline", "inline", ""),
        (b'ATTACHMENT; filename="x y.txt"', "attachment", "x y.txt"),
        (b"attachment (c); filename=x", "attachment", "x"),
        (b'"attachment"; filename=x', "attachment", "x"),
        (b"filename=x", "attachment", "x"),
        (b"attachment; filename*0*=utf-8''%C3%A4; filename*1=.txt; filename=a.txt", "attachment", "ä.txt"),
        (b"", "", ""),
    ],
)
def test_dispositions(value: bytes, kind: str, file_name: str) -> None:
    """The type in lower case and the decoded name."""
    disposition = parse_disposition(value)
    assert (disposition.type, disposition.file_name) == (kind, file_name)


def test_long_values_are_not_remembered() -> None:
    """Values beyond what is worth remembering are read all the same."""
    name = b"n" * 500
    assert parse_disposition(b"attachment; filename=" + name).file_name == "n" * 500
    assert parse_content_type(b"a/b; name=" + name).file_name == "n" * 500
