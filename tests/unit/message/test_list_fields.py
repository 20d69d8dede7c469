"""The header fields that lists of messages show: what is kept of a header gives the same as the header itself."""

from hypothesis import given
from hypothesis import strategies as st

from mailwren.message.header import select_fields
from mailwren.message.list_fields import LISTED, bits_of, list_fields

_HEADER = (
    b"Received: one\r\n\ttwo\r\nFrom: a@b\r\nX-Other: x\r\nsubject : a\r\n b\r\nList-Post: <mailto:l@x>\r\n"
    b"References: <1@x>\r\n <2@x>\r\n\r\n"
)


def test_listed_fields_are_kept_in_their_order() -> None:
    """The listed fields octet for octet, the others only noted, unknown ones left out."""
    present, fields = list_fields(_HEADER)
    assert fields == b"From: a@b\r\nsubject : a\r\n b\r\nReferences: <1@x>\r\n <2@x>\r\n\r\n"
    assert present == bits_of([b"From", b"SUBJECT", b"list-post", b"References"])
    assert present > LISTED
    assert bits_of([b"From", b"X-Other"]) is None


def test_too_much_is_not_kept() -> None:
    """Many recipients are looked up in the header, as is whatever a header without a line end has."""
    assert list_fields(b"To: " + b"a@b, " * 1000 + b"c@d\r\n\r\n") == (bits_of([b"to"]), None)
    assert list_fields(b"To: a@b") == (0, None)
    assert list_fields(b"To: a@b\rFrom: c@d\r\r") == (0, None)
    assert list_fields(b"") == (0, None)


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    b"Subject: a\r\n",
                    b"subject\t: b\r\n",
                    b"To: c\r\n d\r\n",
                    b"X: \r\n\t\r\n",
                    b": e\r\n",
                    b"date\r\n",
                ),
                *(
                    b"To\r\n",
                    b"\xef\xbb\xbfFrom: a\r\n",
                    b"List-Id: <l>\r\n",
                    b" To: x\r\n",
                    b"Cc:\n",
                    b"lines\r: 3\r\n",
                ),
                *(b"\r\n", b"\n", b"Priority \r\n", b"From: \r b\n"),
            ]
        )
    ).map(b"".join),
    st.sampled_from([b"\r\n", b"\n", b"", b"To"]),
    st.lists(st.sampled_from([b"Subject", b"TO", b"cc", b"From", b"List-ID", b"lines", b"Date", b"priority"])),
)
def test_the_same_is_selected_from_what_is_kept(lines: bytes, end: bytes, names: list[bytes]) -> None:
    """Where no field is asked for that is only noted, all of the header and all that is kept select the same."""
    present, fields = list_fields(lines + end)
    asked = bits_of(names)
    assert asked is not None
    if fields is not None and not present & asked & ~LISTED:
        expected = select_fields(lines + end, names)
        assert select_fields(fields, names) == expected
        if not present & LISTED & ~asked:
            assert fields == expected
