"""Transfer encodings undone."""

import binascii

import pytest

from mailwren.message.transfer import UnknownEncoding, decode_transfer

UU = b"begin 644 cat.txt\r\n" + binascii.b2a_uu(b"Cat\n" * 11) + binascii.b2a_uu(b"end!") + b"`\nend\r\nfooter\r\n"


@pytest.mark.parametrize(
    ("data", "encoding", "decoded"),
    [
        (b"a\0\xff\r\n", "7bit", b"a\0\xff\r\n"),
        (b"a\xff", "8bit", b"a\xff"),
        (b"\0", "binary", b"\0"),
        (b"SGVs\r\nbG8h\r\n", "base64", b"Hello!"),
        (b"SGVsbG8=", "base64", b"Hello"),
        (b"SGVsbG8", "base64", b"Hello"),
        (b"SGVsbG8=\r\n-- \r\nlist footer", "base64", b"Hello"),
        (b"SG Vs*bG\r8h", "base64", b"Hello!"),
        (b"SGVsbG8hQ", "base64", b"Hello!"),
        (b"=", "base64", b""),
        (b"", "base64", b""),
        (b"a=3Db=\r\nc=E4", "quoted-printable", b"a=bc\xe4"),
        (b"a=e4 \t\r\nb", "quoted-printable", b"a\xe4\r\nb"),
        (b"a= \r\nb", "quoted-printable", b"ab"),
        (b"a=\nb \n", "quoted-printable", b"ab\n"),
        (b"a=\r\nb \t", "quoted-printable", b"ab"),
        (b"a= ", "quoted-printable", b"a"),
        (b"100%=ZZ=", "quoted-printable", b"100%=ZZ"),
        (b"a=\rb\rc", "quoted-printable", b"ab\nc"),
        (UU, "x-uuencode", b"Cat\n" * 11 + b"end!"),
        (b"begin 644 x\n#0V%T\n", "uuencode", b"Cat"),
        (b"begin 644 x\n#0V%T#####\n\x80\x81\n", "x-uue", b"Cat"),
    ],
)
def test_decoding(data: bytes, encoding: str, decoded: bytes) -> None:
    """Known encodings are decoded, broken ones as far as they can be read."""
    assert decode_transfer(data, encoding) == decoded


def test_unknown_encodings() -> None:
    """What is not known is said to be unknown, never passed on as if it were decoded."""
    with pytest.raises(UnknownEncoding, match="x-gzip64"):
        decode_transfer(b"data", "x-gzip64")
