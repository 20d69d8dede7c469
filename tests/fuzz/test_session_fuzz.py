"""Any octets into every state of a connection: only protocol answers come out, and nothing escapes."""

import asyncio
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.support.inprocess import Client, server_context, split_responses

from mailwren.server.features import Features

EXAMPLES = int(os.environ.get("MAILWREN_FUZZ_EXAMPLES", "150"))
"""Inputs for each state; more for a long run by hand."""
CORPUS = Path(__file__).parent / "corpus"
STATES = ("none", "authenticated", "selected", "rev2", "idle", "literal", "sasl")
MESSAGE = (
    b"From: a@example.org\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n"
)
ANSWER = re.compile(rb"(\*|\+|[^\x00-\x20(){%*\"\\+\x7f]+)( |\r?$)")
TOKENS = [
    b"a",
    b"b",
    b" ",
    b"  ",
    b"\r\n",
    b"\n",
    b"\r",
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"<",
    b">",
    b'"',
    b"\\",
    b"*",
    b"%",
    b"$",
    b",",
    b":",
    b"0",
    b"1",
    b"2",
    b"4294967295",
    b"4294967296",
    b"99999999999999999999",
    b"{5}\r\n",
    b"{5+}\r\nhello",
    b"~{3+}\r\na\0b",
    b"{99999999+}\r\n",
    b"\0",
    b"\xff",
    "ü".encode(),
    b"INBOX",
    b"Work/Sub",
    b"&AOk-",
    b"&-",
    b"&",
    b"NIL",
    b"UID",
    b"CAPABILITY",
    b"NOOP",
    b"ID",
    b"ENABLE",
    b"IMAP4rev2",
    b"LOGIN",
    b"AUTHENTICATE",
    b"PLAIN",
    b"LIST",
    b"LSUB",
    b"RETURN",
    b"SUBSCRIBED",
    b"RECURSIVEMATCH",
    b"SPECIAL-USE",
    b"STATUS",
    b"MESSAGES",
    b"SELECT",
    b"EXAMINE",
    b"CREATE",
    b"USE",
    b"\\Sent",
    b"DELETE",
    b"RENAME",
    b"SUBSCRIBE",
    b"NAMESPACE",
    b"SETACL",
    b"DELETEACL",
    b"GETACL",
    b"LISTRIGHTS",
    b"MYRIGHTS",
    b"lrswipkxtencda",
    b"ANNOTATE",
    b"ANNOTATION",
    b'(/comment (value.shared "x" value.priv NIL))',
    b"(/* (value size))",
    b"/comment value.shared",
    b"-lr",
    b"anyone",
    b'"Other Users/anna"',
    b"Shared/desk/Done",
    b"APPEND",
    b"IDLE",
    b"DONE",
    b"CLOSE",
    b"UNSELECT",
    b"CHECK",
    b"EXPUNGE",
    b"SEARCH",
    b"CHARSET",
    b"UTF-8",
    b"OR",
    b"NOT",
    b"SUBJECT",
    b"BODY",
    b"TEXT",
    b"HEADER",
    b"SINCE",
    b"1-Jan-2020",
    b"SAVE",
    b"MIN",
    b"COUNT",
    b"FETCH",
    b"FLAGS",
    b"ENVELOPE",
    b"BODYSTRUCTURE",
    b"BODY.PEEK[",
    b"BODY[1.2.",
    b"HEADER.FIELDS",
    b"MIME]",
    b"<0.10>",
    b"BINARY.SIZE[1]",
    b"BINARY[1]",
    b"RFC822",
    b"ALL",
    b"STORE",
    b"+FLAGS",
    b".SILENT",
    b"\\Seen",
    b"\\Recent",
    b"$Work",
    b"COPY",
    b"MOVE",
    b"1:*",
    b"*:1",
    b"1,2",
    b"LOGOUT",
    b"STARTTLS",
    b"REPLACE",
    b"CATENATE",
    b"TEXT",
    b"URL",
    b"/INBOX/;UID=1",
    b"URLFETCH",
    b"UNAUTHENTICATE",
]
INPUT = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join),
    st.lists(st.sampled_from(TOKENS), max_size=20).map(lambda words: b"a " + b" ".join(words) + b"\r\n"),
)


async def _enter(client: Client, state: str) -> None:
    if state in ("none", "sasl"):
        await client.line()
        if state == "sasl":
            client.send(b"x AUTHENTICATE PLAIN\r\n")
            await client.line()
        return
    await client.login()
    if state == "rev2":
        await client.command(b"ENABLE IMAP4rev2")
    if state != "authenticated":
        await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(MESSAGE), MESSAGE))
        await client.command(b"SELECT INBOX")
    if state == "idle":
        client.send(b"x IDLE\r\n")
        await client.line()
    if state == "literal":
        client.send(b"x APPEND INBOX {30}\r\n")
        await client.line()


async def _talk(state: str, data: bytes, cuts: list[int]) -> bytes:
    async with server_context() as context:
        client = Client(context, Features())
        await _enter(client, state)
        places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
        for start, stop in pairwise(places):
            client.send(data[start:stop])
            await asyncio.sleep(0)
        # whatever was left open is closed: the session answers what is complete and ends
        client.protocol.eof_received()
        task = client.protocol._task
        if task is not None:  # or LOGOUT has ended it already
            await asyncio.wait_for(task, 20)
        return client.pending


def _check(output: bytes, data: bytes) -> None:
    responses, taken = split_responses(output)
    assert taken == len(output), f"{data!r}: the output ends within a line: {output[taken:]!r}"
    for response in responses:
        assert ANSWER.match(response), f"{data!r}: not an answer: {response!r}"
        assert b" [SERVERBUG] " not in response[:40], f"{data!r}: {response!r}"


def _seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.glob("session-*.bin"))]


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=INPUT, cuts=st.lists(st.integers(0, 1000), max_size=4))
@example(data=b"a SELECT INBOX\r\nb FETCH 1:* (BODY[] BINARY[1])\r\n", cuts=[])
@example(data=b"DONE\r\na NOOP\r\n", cuts=[1])
def test_only_answers_come_out(state: str, data: bytes, cuts: list[int]) -> None:
    """No input makes the server fail, whatever state it meets it in and however it is cut."""
    _check(asyncio.run(_talk(state, data, cuts)), data)


@pytest.mark.parametrize("state", STATES)
def test_inputs_found_before(state: str) -> None:
    """Inputs that once did harm do none any more."""
    for data in [
        *_seeds(),
        b"",
        b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
        b"\x16\x03\x01\x02\x00\x01\x00" * 50,
    ]:
        _check(asyncio.run(_talk(state, data, [])), data)


ITEMS = (
    b"FLAGS UID INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] "
    b"BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[1.1] BODY.PEEK[2.HEADER] BODY.PEEK[HEADER.FIELDS (Subject From)] "
    b"BODY.PEEK[HEADER.FIELDS.NOT (Subject)] BODY.PEEK[]<3.7> RFC822.HEADER"
)


async def _store_and_fetch(octets: bytes) -> bytes:
    async with server_context() as context:
        client = Client(context, Features())
        await client.login()
        answer = await client.command(b"APPEND INBOX {%d+}\r\n%b" % (len(octets), octets))
        assert b"OK [APPENDUID" in answer, answer
        await client.command(b"SELECT INBOX")
        output = await client.command(b"FETCH 1 (%b)" % ITEMS)
        assert output.endswith(b" OK FETCH completed\r\n"), (octets, output)
        whole = b"BODY[] {%d}\r\n%b BODY[HEADER]" % (len(octets), octets)
        assert whole in output, (octets, output)
        for item in (b"BINARY.PEEK[1]", b"BINARY.SIZE[1]", b"BODY[]", b"RFC822.TEXT"):
            output += await client.command(b"FETCH 1 (%b)" % item)
        output += await client.command(b'SEARCH OR TEXT "x" OR BODY "y" HEADER Subject "z"')
        await client.close()
        return output


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    octets=st.one_of(
        st.binary(min_size=1, max_size=400),
        st.lists(
            st.sampled_from(
                [
                    b"Content-Type: multipart/mixed; boundary=b\r\n",
                    b"Content-Type: message/rfc822\r\n",
                    b"--b\r\n",
                    b"--b--\r\n",
                    b"Content-Type: text/html; charset=utf-7\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    b"\r\n",
                    b"\n",
                    b"\r",
                    b"From: =?utf-8?q?=FF?= <a@b>, c: d@e;\r\n",
                    b"Subject: =?x?b?",
                    b"\xff\xfe",
                    b"\0",
                    b"=E4=",
                    b"QUJD",
                    b" ",
                    b"Content-Disposition: attachment; filename*0*=utf-8''%FF; filename*1=\"\\\"\r\n",
                    b'"',
                    b"(",
                    b"{5}\r\n",
                ]
            ),
            min_size=1,
            max_size=25,
        ).map(b"".join),
    )
)
def test_any_octets_are_a_message(octets: bytes) -> None:
    """Whatever is appended comes back, every FETCH item answers, and a search gets through."""
    _check(asyncio.run(_store_and_fetch(octets)), octets)
