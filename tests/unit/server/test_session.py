"""One session over a transport of octets: time-outs, limits, floods of nonsense, and trouble in the store."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest
from tests.support.inprocess import Client, server_context

from mailwren.base import limits
from mailwren.imap.core.arguments import NoArguments
from mailwren.imap.syntax import without_arguments
from mailwren.server.context import ServerContext
from mailwren.server.core import login
from mailwren.server.features import COMMANDS, Features
from mailwren.server.selected import Selected
from mailwren.server.session import Session
from mailwren.server.table import Command, Completion, Request, State
from mailwren.store.errors import AccountDamaged, StoreUnavailable

DAY = 24 * 3600.0


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a coroutine test in an event loop of its own."""

    @wraps(test)
    def run(*args: Any, **keywords: Any) -> None:
        asyncio.run(test(*args, **keywords))

    return run


class Clock:
    """Time that passes when the test says so; sessions are looked after as the heartbeat does."""

    def __init__(self, context: ServerContext) -> None:
        self.now = 1000.0
        self._context = context
        context.clock = lambda: self.now

    def forward(self, seconds: float) -> None:
        """Let time pass in one piece, with a heartbeat at its end."""
        self.now += seconds
        for session in list(self._context.sessions):
            session.heartbeat(self.now)


async def logged_in(context: ServerContext, features: Features | None = None) -> Client:
    """A client behind LOGIN."""
    client = Client(context, features or Features())
    await client.login()
    return client


# --- time ---------------------------------------------------------------------------------------------------
@in_loop
async def test_silence_ends_a_session_but_not_before_32_minutes() -> None:
    """A client that says nothing is told BYE after the time-out, which is longer than any client's pause."""
    async with server_context() as context:
        assert context.config.idle_timeout >= 32 * 60
        clock = Clock(context)
        client = await logged_in(context)
        clock.forward(1)
        for _ in range(5):
            clock.forward(32 * 60)
            assert b" OK " in await client.command(b"NOOP")
            clock.forward(1)
        clock.forward(context.config.idle_timeout - 1)
        assert not client.pending
        clock.forward(2)
        assert await client.line() == b"* BYE Idle for too long\r\n"
        assert client.transport.closed


@in_loop
async def test_the_last_word_is_in_the_clients_language() -> None:
    """What is said between commands is translated as well, in UTF-8 (RFC 5255 §3.2)."""
    async with server_context() as context:
        clock = Clock(context)
        client = await logged_in(context)
        await client.command(b"LANGUAGE de")
        clock.forward(1)
        clock.forward(context.config.idle_timeout + 2)
        assert await client.line() == "* BYE Zu lange untätig\r\n".encode()


@in_loop
async def test_idle_is_never_dropped() -> None:
    """A client may idle for days, and has its time again after DONE (RFC 9051 §6.3.13)."""
    async with server_context() as context:
        clock = Clock(context)
        client = await logged_in(context)
        client.send(b"a IDLE\r\n")
        assert await client.line() == b"+ idling\r\n"
        for _ in range(10):
            clock.forward(DAY)
            await asyncio.sleep(0)
        client.send(b"DONE\r\n")
        assert await client.line() == b"a OK IDLE terminated\r\n"
        clock.forward(context.config.idle_timeout - 1)
        assert b" OK " in await client.command(b"NOOP")


@in_loop
async def test_a_message_on_its_way_is_no_silence() -> None:
    """A client that uploads slowly is not cut off, however long it takes (RFC 9051 §5.4)."""
    async with server_context() as context:
        clock = Clock(context)
        client = await logged_in(context)
        client.send(b"a APPEND INBOX {1000}\r\n")
        assert (await client.line()).startswith(b"+ ")
        for _ in range(10):
            client.send(b"x" * 100)
            clock.forward(context.config.idle_timeout - 1)
        client.send(b"\r\n")
        assert b"a OK" in await client.line()


@in_loop
async def test_a_long_command_is_no_silence() -> None:
    """A command that takes hours is answered."""
    release = asyncio.Event()

    async def run(_session: Session, _arguments: NoArguments, _request: Request) -> Completion | None:
        await release.wait()
        return None

    slow = Command(without_arguments(b"XSLOW", "9051 §6.5"), State.ANY, run)
    async with server_context() as context:
        clock = Clock(context)
        client = await logged_in(context, Features((*COMMANDS, slow)))
        client.send(b"a XSLOW\r\n")
        await asyncio.sleep(0)
        clock.forward(DAY)
        clock.forward(DAY)
        release.set()
        assert await client.line() == b"a OK XSLOW completed\r\n"


@in_loop
async def test_login_must_come_in_time() -> None:
    """Who does not log in is told BYE, whatever else he says; who did is left alone."""
    async with server_context(login_timeout=1.0) as context:
        client, late = Client(context, Features()), Client(context, Features())
        await client.login()
        await late.line()
        assert b" OK " in await late.command(b"NOOP")
        assert await late.line() == b"* BYE Login took too long\r\n"
        assert late.transport.closed
        assert b" OK " in await client.command(b"NOOP")


@in_loop
async def test_failed_logins_wait_longer_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first failure is answered at once, then the delay doubles; a success makes it none again."""
    delays: list[float] = []

    async def sleep(seconds: float) -> None:
        if seconds:
            delays.append(seconds)

    async with server_context() as context:
        Clock(context)
        client = Client(context, Features())
        await client.line()
        monkeypatch.setattr("mailwren.server.core.login.asyncio.sleep", sleep)
        for _ in range(4):
            assert b"NO [AUTHENTICATIONFAILED]" in await client.command(b"LOGIN anna wrong")
        assert b" OK " in await client.command(b"LOGIN anna secret")
        monkeypatch.undo()
        assert delays == [1.0, 2.0, 4.0, 8.0]
        other = await logged_in(context)
        assert len(delays) == 4
        assert b" OK " in await other.command(b"NOOP")


@in_loop
async def test_nobody_left_no_password_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who hangs up while a login is delayed costs no more than that."""
    checked: list[str] = []

    async with server_context() as context:
        client = Client(context, Features())
        await client.line()
        await client.command(b"LOGIN anna wrong")

        async def hang_up(_seconds: float) -> None:
            client.protocol.connection_lost(None)

        async def check(name: str, *_secrets: str) -> None:
            checked.append(name)

        monkeypatch.setattr("mailwren.server.core.login.asyncio.sleep", hang_up)
        monkeypatch.setattr(context.passwords, "check", check)
        client.send(b"a LOGIN anna secret\r\n")
        await client.close()
        monkeypatch.undo()
    assert checked == []


# --- limits -------------------------------------------------------------------------------------------------
@in_loop
async def test_a_full_server_refuses_only_the_new_connection() -> None:
    """One connection too many is told BYE with LIMIT; those that are there go on, and a free place is taken again."""
    async with server_context(connections=1) as context:
        client = await logged_in(context)
        refused = Client(context, Features())
        assert (await refused.line()).startswith(b"* BYE [LIMIT] ")
        assert b" OK " in await client.command(b"NOOP")
        await client.close()
        assert b" OK " in await (await logged_in(context)).command(b"NOOP")


@in_loop
async def test_an_address_with_too_many_strangers_gets_no_more() -> None:
    """Connections that have not logged in are counted by address; those that have are not among them."""
    async with server_context(connections_per_address_before_login=2) as context:
        await logged_in(context)
        first, second = Client(context, Features()), Client(context, Features())
        await first.line()
        await second.line()
        refused = Client(context, Features())
        assert (await refused.line()).startswith(b"* BYE [LIMIT] ")
        assert b" OK " in await first.command(f"LOGIN anna {'secret'}".encode())
        assert (await Client(context, Features()).line()).startswith(b"* OK ")


@in_loop
async def test_a_user_with_too_many_connections_keeps_those_there_are() -> None:
    """One login too many is refused with LIMIT and may try again later, on the same connection."""
    async with server_context(connections_per_user_and_address=2) as context:
        first, second = await logged_in(context), await logged_in(context)
        third = Client(context, Features())
        await third.line()
        assert b"NO [LIMIT]" in await third.command(b"LOGIN anna secret")
        assert b"BAD" in await third.command(b"SELECT INBOX")
        assert b" OK " in await third.command(b"LOGIN berta secret")
        assert b" OK " in await first.command(b"NOOP")
        await second.close()
        assert b" OK " in await (await logged_in(context)).command(b"NOOP")


@in_loop
async def test_logins_at_the_same_moment_are_counted_too() -> None:
    """Several logins under way at once cannot get past the limit together."""
    async with server_context(connections_per_user_and_address=1) as context:
        clients = [Client(context, Features()) for _ in range(3)]
        for client in clients:
            await client.line()
            client.send(b"a LOGIN anna secret\r\n")
        answers = [await client.until(_tagged) for client in clients]
        assert sorted(b"a OK" in answer for answer in answers) == [False, False, True]


@in_loop
async def test_this_machine_itself_has_no_limit_of_its_own() -> None:
    """Who comes by a proxy or a webmail on the machine is one of many; other addresses have the usual limits."""
    async with server_context() as context:
        for address, admitted in (("192.0.2.1", False), ("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True)):
            context.count_before_login(address, limits.CONNECTIONS_PER_ADDRESS_BEFORE_LOGIN)
            context.count_logged_in("anna", address, limits.CONNECTIONS_PER_USER_AND_ADDRESS)
            assert (context.admit(address) is None) is admitted
            assert context.may_shake_hands(address)
            assert context.may_log_in("anna", address) is admitted
            context.count_handshake(address, limits.CONNECTIONS_PER_ADDRESS_BEFORE_LOGIN)
            assert context.may_shake_hands(address) is admitted


def _tagged(data: bytes) -> int | None:
    position = data.find(b"\r\na ") + 2 if b"\r\na " in data else (0 if data.startswith(b"a ") else None)
    end = data.find(b"\r\n", position) if position is not None else -1
    return end + 2 if end >= 0 else None


@in_loop
async def test_speakers_of_other_protocols_are_shown_the_door() -> None:
    """Before login the twentieth wrong command ends the connection; a browser's request is such."""
    async with server_context() as context:
        client = Client(context, Features())
        await client.line()
        client.send(b"GET / HTTP/1.1\r\n" + b"Header: value\r\n" * 30 + b"\r\n")
        lines = [await client.line() for _ in range(limits.BAD_COMMANDS_BEFORE_LOGIN)]
        assert all(b" BAD " in line for line in lines[:-1])
        assert lines[-1] == b"* BYE Too many invalid commands\r\n"
        assert client.transport.closed


@in_loop
async def test_wrong_commands_after_login_are_only_answered() -> None:
    """A known user's mistakes end nothing."""
    async with server_context() as context:
        client = await logged_in(context)
        for _ in range(3 * limits.BAD_COMMANDS_BEFORE_LOGIN):
            assert b" BAD " in await client.command(b"XYZZY")
        assert b" OK " in await client.command(b"NOOP")


@in_loop
async def test_strangers_have_small_lines_and_literals() -> None:
    """Before login a long line and a large literal are refused, and what follows them is understood."""
    async with server_context() as context:
        client = Client(context, Features())
        await client.line()
        client.send(b"a LOGIN anna " + b"x" * limits.LINE_BEFORE_LOGIN + b"\r\nb NOOP\r\n")
        assert (await client.line()).startswith(b"a BAD [LIMIT] ")
        assert await client.line() == b"b OK NOOP completed\r\n"
        client.send(b"c LOGIN anna {%d}\r\n" % (limits.LITERAL_BEFORE_LOGIN + 1))
        assert (await client.line()).startswith(b"c NO [TOOBIG] ")
        client.send(b"d LOGIN anna {%d+}\r\n" % (limits.LITERAL_BEFORE_LOGIN + 1))
        client.send(b"e NOOP\r\n" * limits.LITERAL_BEFORE_LOGIN)
        assert (await client.line()).startswith(b"d NO [TOOBIG] ")


@pytest.mark.parametrize("command", [b"SUBSCRIBE", b"APPEND INBOX"])
def test_after_a_literal_that_is_too_big_commands_are_understood(command: bytes) -> None:
    """Its octets are thrown away without being kept, and none is taken for a command (RFC 7888 §4)."""

    async def run() -> None:
        async with server_context(message_size_limit=100_000) as context:
            client = await logged_in(context)
            client.send(b"a NOOP\r\nb " + command + b" {100001+}\r\nx LOGOUT\r\n" + b"z" * (100_001 - 10))
            client.send(b" {10+}\r\ny LOGOUT\r\n\r\nc NOOP\r\n")
            lines = [await client.line() for _ in range(3)]
            assert [line[:5] for line in lines] == [b"a OK ", b"b NO ", b"c OK "]
            assert b"[TOOBIG]" in lines[1]
            assert b" OK " in await client.command(b"APPEND INBOX {%d+}\r\n%b" % (100_000, b"x" * 100_000))

    asyncio.run(run())


@in_loop
async def test_long_uid_sets_are_taken() -> None:
    """Clients that do not split their UID sets send lines far beyond 64 KB."""
    async with server_context() as context:
        client = await logged_in(context)
        await client.command(b"APPEND INBOX {3+}\r\none")
        await client.command(b"SELECT INBOX")
        uids = b",".join(b"%d" % uid for uid in range(1, 60_000, 2))
        assert len(uids) > 128 * 1024
        answer = await client.command(b"UID FETCH " + uids + b" (FLAGS)")
        assert b"* 1 FETCH (UID 1 FLAGS (" in answer
        assert b" OK " in answer


@in_loop
async def test_who_does_not_read_the_last_words_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is being closed does not wait for ever for a client that reads nothing."""
    monkeypatch.setattr(limits, "LAST_WORDS_SECONDS", 0.01)
    aborted = asyncio.Event()
    async with server_context() as context:
        clock = Clock(context)
        client = await logged_in(context)
        monkeypatch.setattr(client.transport, "get_write_buffer_size", lambda: 1)
        monkeypatch.setattr(client.transport, "close", lambda: None)
        monkeypatch.setattr(client.transport, "abort", aborted.set)
        clock.forward(DAY)
        clock.forward(DAY)
        async with asyncio.timeout(10):
            await aborted.wait()


# --- without TLS, and the end -------------------------------------------------------------------------------
@in_loop
async def test_passwords_do_not_cross_a_connection_in_the_clear() -> None:
    """LOGINDISABLED is advertised and true, for LOGIN and every mechanism (RFC 9051 §11.7)."""
    async with server_context() as context:
        client = Client(context, Features(), secure=False)
        greeting = await client.line()
        assert b" LOGINDISABLED " in greeting
        assert b"AUTH=" not in greeting
        for command in (
            b"LOGIN anna secret",
            b"LOGIN anna {6}",
            b"LOGIN {4}",
            b"AUTHENTICATE PLAIN AGFubmEAc2VjcmV0",
            b"AUTHENTICATE LOGIN",
        ):
            assert b" NO [PRIVACYREQUIRED] " in await client.command(command)
        assert b" BAD " in await client.command(b"STARTTLS")
        assert b" BAD " in await client.command(b"SELECT INBOX")


@in_loop
async def test_passwords_may_be_allowed_in_the_clear() -> None:
    """Where the operator says so there is no LOGINDISABLED and LOGIN works."""
    async with server_context(allow_plaintext_login=True) as context:
        client = Client(context, Features(), secure=False)
        greeting = await client.line()
        assert b"LOGINDISABLED" not in greeting
        assert b" AUTH=PLAIN " in greeting
        assert b" OK " in await client.command(b"LOGIN anna secret")


@in_loop
async def test_starttls_on_a_secure_connection_is_wrong() -> None:
    """There "the server MUST always respond with a tagged BAD" (RFC 9051 §6.2.1), before and after login."""
    async with server_context() as context:
        client = Client(context, Features())
        assert b"STARTTLS" not in await client.line()
        assert b" BAD " in await client.command(b"STARTTLS")
        assert b" OK " in await client.command(b"LOGIN anna secret")
        assert b" BAD " in await client.command(b"STARTTLS")


@in_loop
async def test_the_end_is_told_to_everybody() -> None:
    """When the server stops, idling and waiting sessions are told BYE; a session that comes then is too."""
    async with server_context() as context:
        idling, waiting = await logged_in(context), await logged_in(context)
        idling.send(b"a IDLE\r\n")
        assert await idling.line() == b"+ idling\r\n"
        context.stopping = True
        for session in list(context.sessions):
            session.connection.wake()
        for client in (idling, waiting, Client(context, Features())):
            assert await client.line() == b"* BYE [UNAVAILABLE] Server is shutting down\r\n"


@in_loop
async def test_a_sasl_answer_that_is_too_long_is_wrong() -> None:
    """It is never kept whole, and what comes after it is a command again."""
    async with server_context() as context:
        client = Client(context, Features())
        await client.line()
        client.send(b"a AUTHENTICATE PLAIN\r\n")
        assert await client.line() == b"+ \r\n"
        client.send(b"A" * (limits.LINE_BEFORE_LOGIN + 2) + b"\r\nb NOOP\r\n")
        assert (await client.line()).startswith(b"a BAD ")
        assert await client.line() == b"b OK NOOP completed\r\n"


@in_loop
async def test_nothing_a_client_names_gets_into_the_log_as_a_name(caplog: pytest.LogCaptureFixture) -> None:
    """ID may hold anything; only the fields that are known are logged, as values (RFC 2971 §3.3)."""
    with caplog.at_level("INFO", logger="mailwren"):
        async with server_context() as context:
            client = Client(context, Features())
            await client.line()
            await client.command(b'ID ("Name" "mutt" {8+}\r\nx\r\nevent "forged" "os-version" NIL)')
    assert "{'name': 'mutt'}" in caplog.text
    assert "forged" not in caplog.text


# --- answers ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("enable", [b"NOOP", b"ENABLE IMAP4rev2"])
def test_answers_are_one_line_of_ascii(enable: bytes) -> None:
    """Whatever a client makes an error repeat, its text is one line of printable ASCII (RFC 9051 §9, resp-text)."""

    async def run() -> None:
        async with server_context() as context:
            client = await logged_in(context)
            await client.command(enable)
            await client.command(b"SELECT INBOX")
            for command in (
                b"SEARCH CHARSET {5+}\r\n\xc3\xbc\r\nx ALL",
                "FETCH 1 (ü".encode(),
                b"X\x1b[31m",
                b"CREATE {3+}\r\na\r\n",
            ):
                answer = await client.command(command)
                assert answer.count(b"\r\n") == 1
                assert answer[:-2].isascii()
                assert answer[:-2].decode().isprintable()

    asyncio.run(run())


@in_loop
async def test_capabilities_come_unasked_after_login() -> None:
    """Both ways: clients overlook the code or the untagged line (RFC 9051 §7.2.2)."""
    async with server_context() as context:
        client = Client(context, Features())
        assert (await client.line()).startswith(b"* OK [CAPABILITY IMAP4rev2 ")
        answer = await client.command(b"LOGIN anna secret")
        untagged, tagged = answer.split(b"\r\n")[:2]
        assert untagged.startswith(b"* CAPABILITY IMAP4rev2 ")
        assert b" OK [CAPABILITY " + untagged.removeprefix(b"* CAPABILITY ") + b"] " in tagged
        assert b"IDLE" in untagged


# --- the store in trouble -----------------------------------------------------------------------------------
@in_loop
async def test_a_full_disk_lets_users_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written at login and SELECT keeps nobody from getting at the mail, to make room."""

    async def refuse(*_arguments: object) -> None:
        raise StoreUnavailable("the disk is full")

    async with server_context() as context:
        account = await context.store.account(b"anna".hex())
        await (await logged_in(context)).command(b"APPEND INBOX {3+}\r\none")
        monkeypatch.setattr(login, "ensure_default_mailboxes", refuse)
        monkeypatch.setattr(type(account), "apply", refuse)
        client = await logged_in(context)
        answer = await client.command(b"SELECT INBOX")
        assert b"* 1 EXISTS\r\n* 1 RECENT\r\n" in answer
        assert b" OK [READ-WRITE] " in answer
        assert b"NO [UNAVAILABLE] the disk is full" in await client.command(b"STORE 1 +FLAGS (\\Seen)")
        monkeypatch.undo()
        await context.store.release(account)


@in_loop
async def test_a_login_that_fails_leaves_nobody_logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that cannot be used is said to be so, and the connection is as before (RFC 9051 §6)."""

    async def refuse(*_arguments: object) -> None:
        raise AccountDamaged("the account's mail is damaged")

    async with server_context() as context:
        client = Client(context, Features())
        await client.line()
        monkeypatch.setattr(login, "ensure_default_mailboxes", refuse)
        assert b"NO [CONTACTADMIN]" in await client.command(b"LOGIN anna secret")
        assert b"BAD" in await client.command(b"SELECT INBOX")
        monkeypatch.undo()
        assert b" OK " in await client.command(b"LOGIN anna secret")
        assert context.logged_in.total() == 1


@in_loop
async def test_what_was_done_is_not_called_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """When only the look for changes fails after a command, the command's own answer stands."""

    async def refuse(_selected: Selected) -> None:
        raise StoreUnavailable("locked")

    async with server_context() as context:
        client = await logged_in(context)
        await client.command(b"SELECT INBOX")
        with monkeypatch.context() as trouble:
            trouble.setattr(Selected, "refresh", refuse)
            answer = await client.command(b"APPEND INBOX {3+}\r\none")
        assert b" OK [APPENDUID " in answer
        assert b"EXISTS" not in answer
        assert b"* 1 EXISTS" in await client.command(b"NOOP")


# --- what is left -------------------------------------------------------------------------------------------
@in_loop
async def test_a_session_that_ended_holds_nothing_large() -> None:
    """Cycles of objects are looked for seldom: mailbox, input and output go before that."""
    async with server_context() as context:
        client = await logged_in(context)
        await client.command(b"SELECT INBOX")
        session = client.protocol.session
        assert session is not None
        client.send(b"a IDLE\r\n" + bytes(limits.READ_AHEAD))
        await client.until(lambda data: len(data) if b"idling" in data else None)
        session.send(b"* OK \r\n")
        await client.close()
        assert session.selected is None
        assert not session.queued
        assert not client.protocol.has_input


@in_loop
async def test_a_client_that_did_not_read_leaves_no_complaint() -> None:
    """It goes while nobody waits for it to read: no exception is left that nobody takes."""
    complaints: list[dict[str, Any]] = []
    async with server_context() as context:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: complaints.append(what))
        client = await logged_in(context)
        client.protocol.pause_writing()
        await client.close()
        assert client.protocol.paused
    assert not complaints


@in_loop
async def test_one_sessions_fault_does_not_end_the_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it silent clients would stay for ever, in every session of the process."""
    async with server_context() as context:
        clients = [await logged_in(context) for _ in range(2)]
        looked_after: list[Session] = []
        twice = asyncio.Event()

        def heartbeat(session: Session, _now: float) -> None:
            looked_after.append(session)
            if len(looked_after) > len(clients):
                twice.set()
            raise AssertionError("a fault")

        monkeypatch.setattr(Session, "heartbeat", heartbeat)
        task = asyncio.create_task(context.heartbeat(0))
        async with asyncio.timeout(10):
            await twice.wait()
        task.cancel()
        assert set(looked_after) == context.sessions
