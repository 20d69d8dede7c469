"""One client's session: its state, and the loop that runs one command at a time.

Rules for whoever edits this file:

1. Commands run one after another in the order received, so tagged answers come in that order and RFC 9051 §5.5's
   ambiguities cannot arise.
2. A command writes with :meth:`Output.send` and lets :meth:`Output.flush` wait for the client; nothing else
   touches the transport.
3. Only :meth:`Session.tell` moves the view, so message numbers change only where EXPUNGE goes out.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from mailwren.auth.errors import DirectoryUnavailable
from mailwren.base import limits
from mailwren.base.ids import MailboxId
from mailwren.base.logs import log
from mailwren.base.ranges import RangeSet
from mailwren.imap.errors import BadCommand, Bye, ImapError, Refused
from mailwren.imap.ext.condstore import highest_modseq_code
from mailwren.imap.framing import CommandFrame, ContinuationNeeded, Event, Overflow, OverflowKind
from mailwren.imap.scanner import Scanner
from mailwren.server import failures, notices
from mailwren.server.exchange import Exchange
from mailwren.server.ext import annotation_notices, condstore, messagelimit
from mailwren.server.ext.own_changes import moves
from mailwren.server.ext.uidonly import UidRequired
from mailwren.server.ext.utf8 import require_enabled
from mailwren.server.hearing import Hearing
from mailwren.server.known_lines import ReadCommand
from mailwren.server.places import Places
from mailwren.server.progress import Progress
from mailwren.server.protocol import ConnectionClosed, ImapProtocol
from mailwren.server.selected import Selected
from mailwren.server.table import AnyCommand, Completion, Effect, Request, State
from mailwren.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mailwren.auth.users import User
    from mailwren.search.collation import Collation
    from mailwren.server.context import ServerContext
    from mailwren.server.ext.annotation_notices import AnnotationWatch
    from mailwren.server.ext.notify import Notifications
    from mailwren.server.features import Features, LiteralPolicy
    from mailwren.server.shared_news import News
    from mailwren.store.api import Account
    from mailwren.store.operations import Operation, Outcome


class Session(Exchange):
    """One connection's protocol state and its command loop; its input and output are :class:`Exchange`'s.

    Attributes:
        features: the command table and the capabilities.
        policy: how large a literal the framer lets in.
        state: which commands are legal now (RFC 9051 §3).
        user: who logged in, if anybody.
        places: what mailbox names lead to.
        selected: the selected mailbox, if any.
        enabled: upper-case names turned on by ENABLE.
        over_limit: the response code that tells of messages which the command left out; empty when there are none.
        condstore: the client keeps mod-sequences (RFC 7162 §3.1); only ``ext/condstore.py`` turns it on.
        client_id: what the client said of itself with ID.
        notifications: what the client wants to be told of, once it has said so (RFC 5465 §3.1).
        hearing: of which accounts other processes tell changes at once.
        comparator: the collation that the client named with COMPARATOR, if any.
    """

    def __init__(
        self, connection: ImapProtocol, context: "ServerContext", features: "Features", policy: "LiteralPolicy"
    ) -> None:
        super().__init__(connection, context, Progress(self))
        self.features = features
        self.policy = policy
        self.state = State.NOT_AUTHENTICATED
        self.user: User | None = None
        self.places = Places(self)
        self.enabled: set[str] = set()
        self.condstore = False
        self.client_id: dict[str, str | None] = {}
        self.comparator: Collation | None = None
        self.selected: Selected | None = None
        self.saved = RangeSet()
        self.over_limit = b""
        self.annotations: AnnotationWatch | None = None
        self.idling = False
        self.notifications: Notifications | None = None
        self.hearing = Hearing()
        self._account: Account | None = None
        self._bad_commands = 0
        self._ended = False
        self._anew = False
        """Another session is to begin on the connection when this one has ended."""
        self._counted = False
        self._unwatch: Callable[[], None] | None = None
        self._mailbox_hint = False
        self._moved = False
        """The session itself has added or removed messages in the selected mailbox."""
        self._looked = False
        self._running = False
        self._directory = (-1, -1)
        """The version of the directory of users in which the user was there."""
        self._arrivals = 0
        self._active = context.clock()
        """When the last heartbeat came by that found the client or the server at work."""
        self._login_deadline = asyncio.get_running_loop().call_later(context.config.login_timeout, self._login_too_late)

    # --- what commands ask ----------------------------------------------------------------------------------
    @property
    def rev2(self) -> bool:
        """Whether the client enabled IMAP4rev2 (RFC 9051 §6.3.1)."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Whether mailbox names and quoted strings are UTF-8 on this connection: asked only here."""
        return self.rev2 or "UTF8=ACCEPT" in self.enabled

    @property
    def vanishes(self) -> bool:
        """Whether messages that went away are told by UID (RFC 7162 §3.2.10.2, RFC 9586 §3.6)."""
        return "QRESYNC" in self.enabled or self.uid_only

    @property
    def uid_only(self) -> bool:
        """Whether the client neither sends nor is sent message numbers (RFC 9586 §3)."""
        return "UIDONLY" in self.enabled

    @property
    def account(self) -> "Account":
        """The logged-in user's mail."""
        if self._account is None:
            raise BadCommand("Log in first")
        return self._account

    @property
    def mailbox(self) -> Selected:
        """The selected mailbox."""
        if self.selected is None:
            raise BadCommand("Select a mailbox first")
        return self.selected

    # --- notices --------------------------------------------------------------------------------------------
    async def refresh(self) -> None:
        """Bring the selected mailbox's shared state up to date with every process's changes."""
        self._mailbox_hint = False  # first: a hint that comes while we look is for the next time
        self._looked = True
        if self.selected is not None:
            await self.selected.refresh()

    def has_changed(self) -> None:
        """The command under way has just changed the selected mailbox, whose state is as of that change."""
        self._mailbox_hint = False
        self._looked = True

    def looked(self) -> None:
        """The command under way has opened the selected mailbox: it is up to date."""
        self._looked = True

    async def tell(self, *, may_expunge: bool, now: bool = False, refresh: bool = True, with_uid: bool = False) -> None:
        """Tell the client what changed in its mailbox (RFC 9051 §5.2, §7.5.1), with UIDs after a UID command."""
        self._mailbox_hint = False  # first: a hint that comes while we look is for the next time
        if annotation_notices.watches(self):
            await annotation_notices.tell_changes(self)
        selected = self.selected
        if selected is None:
            return
        try:
            if refresh:
                await selected.refresh()
            if selected.state.deleted:
                self._selected_is_gone("The selected mailbox was deleted")
            elif self._may_still_read(selected) and self._hears_of_selected():
                if self.notifications is not None or selected.watched or not selected.view.settle():
                    may_expunge = may_expunge and (now or not self._numbers_wait())
                    await notices.tell(self, selected, may_expunge=may_expunge, with_uid=with_uid)
                self._moved = False
        except StoreError as error:
            # What the client asked for was done or refused by itself; what is new it will be told next time.
            log.warning("changes not told", mailbox=selected.id, reason=str(error))

    def tell_modseq(self) -> None:
        """HIGHESTMODSEQ by itself, where the tagged answer has another code or may be long in coming (RFC 7162 §6)."""
        modseq = condstore.due_modseq(self)
        if modseq is not None:
            condstore.send_highest_modseq(self, modseq)

    async def tell_others(self) -> None:
        """Tell what is new in mailboxes that are not selected, where the client wants that (RFC 5465)."""
        if self.notifications is not None and self.notifications.due:
            await self.notifications.tell()

    def _hears_of_selected(self) -> bool:
        """Whether the client wants to be told of the selected mailbox; of its own doing there in any case."""
        return self._moved or self.notifications is None or self.notifications.selected_events

    def notify(self, notifications: "Notifications | None") -> None:
        """Tell the client from now on what it wants to be told; ``None``: what every client is told."""
        if self.notifications is not None:
            self.notifications.close()
        self.notifications = notifications
        self._mailbox_hint |= self.hearing.update(self)

    async def apply(self, account: "Account", operations: "Sequence[Operation]") -> "list[Outcome]":
        """Change an account for the client, which need not be told of it. Raises StoreError."""
        outcomes = await account.apply(operations)
        if self.notifications is not None:
            self.notifications.caused(account, operations, outcomes)
            selected = self.selected
            self._moved |= selected is not None and selected.account is account and moves(operations, selected.id)
        return outcomes

    def _selected_is_gone(self, text: str) -> None:
        """Nobody can use the mailbox any more (RFC 9051 §3, RFC 2180 §3.3). IMAP4rev1 has no word for that but BYE."""
        if not self.rev2:
            raise Bye(text)
        self.select(None)
        self.say(b"OK", text, b"CLOSED")

    async def _keep_rights(self, command: AnyCommand) -> None:
        """Before a command: what the user may do in a shared mailbox is what its list says now.

        Raises:
            StoreError: it cannot be found out, and the command is for the selected mailbox.
        """
        selected = self.selected
        if selected is not None and selected.account is not self._account:
            try:
                await selected.refresh()
                self._may_still_read(selected)
            except StoreError as error:
                if command.states is State.SELECTED:
                    raise
                log.warning("rights not looked up", mailbox=selected.id, reason=str(error))

    def _may_still_read(self, selected: Selected) -> bool:
        """Take in changed rights, and tell of the flags that may be changed now (RFC 4314 §5.1.1)."""
        rights = self.places.rights_in(selected.account, selected.state.mailbox)
        if rights == selected.rights:
            return True
        selected.rights = rights
        if "r" not in rights:
            self._selected_is_gone("You may not read the selected mailbox any more")
            return False
        notices.tell_flags(self, selected)
        return True

    def _numbers_wait(self) -> bool:
        """Whether the next pipelined command names messages by number: then no EXPUNGE may come before it."""
        if self.selected is None or not self.selected.view.stale or self.idling or self.uid_only:
            return False
        following = self._peek()
        return isinstance(following, CommandFrame | ContinuationNeeded) and self.features.uses_numbers(following)

    # --- while waiting --------------------------------------------------------------------------------------
    def _has_news(self) -> bool:
        """Whether there may be something to tell a client that idles."""
        return self._mailbox_hint or (self.notifications is not None and self.notifications.due)

    def _may_push(self) -> bool:
        """Whether no command is in progress, and there may be something that the client wants to hear at once."""
        notifications = self.notifications
        if notifications is None or self._running or not self.connection.framer.between_commands:
            return False
        return notifications.due or (self._mailbox_hint and notifications.selected_events)

    async def _push(self) -> None:
        """Tell what is new while no command is in progress (RFC 5465 §3.1)."""
        assert self.notifications is not None
        await self.context.turns.begin()  # one change can wake hundreds of sessions
        await self.tell(may_expunge=not self.notifications.delayed)
        self.tell_modseq()
        await self.tell_others()
        await self.flush()

    # --- the loop -------------------------------------------------------------------------------------------
    async def run(self, *, greet: bool = True) -> None:
        """Serve the connection to its end; never raises. Not the first session of a connection greets nobody."""
        try:
            if self._admitted():
                if greet:
                    self.send(self.features.greeting(self))
                    await self.flush()
                while not self._ended:
                    event = await self.next_event()
                    self._running = True
                    self.context.working.add(self)
                    await self._handle(event)
                    self.context.working.discard(self)
                    self.progress.end()
                    self._running = False
                    if self.connection.has_input:
                        await self.breathe()  # pipelined commands without end leave others their turn
        except ConnectionClosed:
            pass
        except Bye as bye:
            await self._say_bye(bye)
        except asyncio.CancelledError:
            await self._say_bye(Bye("Server is shutting down", b"UNAVAILABLE"))
        except Exception:  # noqa: BLE001 - whatever escapes is our bug: logged, answered, and nobody else is harmed
            log.exception("session failed", peer=self.connection.peer)
            await self._say_bye(Bye("Internal error", b"SERVERBUG"))
        finally:
            await self._finish()

    def _admitted(self) -> bool:
        peer = self.connection.peer
        reason = self.context.admit(peer)
        if reason is not None:
            raise Bye(reason, b"UNAVAILABLE" if self.context.stopping else b"LIMIT")
        self.context.sessions.add(self)
        self.context.count_before_login(peer, 1)
        self._counted = True
        return True

    async def _handle(self, event: Event) -> None:
        if isinstance(event, CommandFrame):
            if self._is_shut_out():
                event.close()
                raise Bye("Your account is disabled", b"CONTACTADMIN")
            await self._command(event)
        elif isinstance(event, ContinuationNeeded):
            await self._continuation(event)
        elif isinstance(event, Overflow):
            self._overflow(event)
            await self.flush()

    def _overflow(self, event: Overflow) -> None:
        code = _OVERFLOWS.get(event.kind)
        refusal = BadCommand(event.text, b"LIMIT") if code is None else Refused(event.text, code)
        self._answer(event.tag or b"*", refusal)
        self._count_bad()

    async def _continuation(self, event: ContinuationNeeded) -> None:
        refusal = await self.features.refuse_literal(self, event)
        if refusal is None:
            self.connection.framer.accept_literal()
            self.send(b"+ OK\r\n")
        else:
            self.connection.framer.refuse_literal()
            self._answer(*refusal)
            self._count_bad()
        await self.flush()
        self.connection.acknowledge_at_once()

    async def _command(self, frame: CommandFrame) -> None:
        tag = b"*"
        try:
            try:
                known = self.features.known.find(self, frame.fragments)
                if known is None:
                    scanner = Scanner(frame.fragments, utf8=self.utf8)
                    tag = scanner.tag()
                    known = self._read(frame, scanner, tag)
                else:
                    tag = known.request.tag
                    require_enabled(self, known.request.name)
            except ImapError:
                self._count_bad()
                raise
            await self._run(known.command, known.arguments, known.request)
        except Bye:
            raise
        except ImapError as error:
            self._answer(tag, error)
        except StoreError as error:
            if self.user is not None:
                failures.log_fault(error, user=self.user.name, account=self.user.account_id)
            self._answer(tag, failures.refusal(error))
        except (ConnectionClosed, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001 - as above, and the connection goes on: the framer is in step
            log.exception(
                "command failed", command=failures.first_words(frame), user=self.user.name if self.user else None
            )
            self._answer(tag, Refused("Internal error, it has been logged", b"SERVERBUG"))
        finally:
            frame.close()
        await self.flush()

    def _read(self, frame: CommandFrame, scanner: Scanner, tag: bytes) -> ReadCommand:
        """Read a command behind its tag. Raises ImapError."""
        command, request = self.features.look_up(scanner, tag, self.state, uid_only=self.uid_only)
        require_enabled(self, request.name)
        arguments = self.features.parse(command, scanner, request)
        if self.uid_only and command.names_numbers is not None and command.names_numbers(arguments):
            raise UidRequired
        read = ReadCommand(command, request, arguments)
        self.features.known.learn(self, frame.fragments, read)
        return read

    async def _run(self, command: AnyCommand, arguments: object, request: Request) -> None:
        self._looked = False
        self.over_limit = b""
        self.progress.begin(request.tag)
        await self._keep_rights(command)
        if Effect.SYNCS in command.effects:
            await self.refresh()
            if self.selected is not None and not self.selected.state.deleted and self._hears_of_selected():
                await notices.announce(self, self.selected)
        may_expunge = Effect.HOLDS_EXPUNGE not in command.effects
        if request.by_uid:
            # "An EXPUNGE response MAY be sent during a UID command" (RFC 9051 §7.5.1), but VANISHED not during "a UID
            # SEARCH command that contains message numbers" (RFC 7162 §3.2.10.2)
            may_expunge = command.names_numbers is None or not command.names_numbers(arguments)
        try:
            completion = await command.run(self, arguments, request) or _COMPLETED
        except (ImapError, StoreError) as error:
            answer = messagelimit.settled_refusal(self, error)
            if answer is None:
                await self.tell(may_expunge=may_expunge, with_uid=request.by_uid)
                self.tell_modseq()
                raise
            completion = answer
        if completion.silent:
            return
        completion = messagelimit.settled(self, completion)
        # A command that has just looked need not look again, unless a hint came meanwhile.
        again, now = self._mailbox_hint or not self._looked, Effect.TELLS_EXPUNGE in command.effects
        await self.tell(may_expunge=may_expunge, now=now, refresh=again, with_uid=request.by_uid)
        if self.notifications is not None:
            await self.tell_others()
        text = completion.text or f"{'UID ' * request.by_uid}{request.name.decode('ascii')} completed"
        code = completion.code
        if code:
            self.tell_modseq()
        elif (modseq := condstore.due_modseq(self)) is not None:
            code = highest_modseq_code(modseq)
        self.say(b"OK", text, code, request.tag)

    def _answer(self, tag: bytes, error: ImapError) -> None:
        self.say(error.status, error.text, error.code, tag)

    def _count_bad(self) -> None:
        """Probes and speakers of other protocols are shown the door before login."""
        self._bad_commands += 1
        if self.state is State.NOT_AUTHENTICATED and self._bad_commands >= limits.BAD_COMMANDS_BEFORE_LOGIN:
            raise Bye("Too many invalid commands")

    # --- login, selection, end ------------------------------------------------------------------------------
    async def logged_in(self, user: "User", prepare: "Callable[[Account], Awaitable[None]]") -> None:
        """The client proved to be ``user``; ``prepare`` is to put the account in order.

        Raises:
            Refused: too many connections of this user from this address.
            StoreError: the user's mail cannot be used. In both cases nobody is logged in.
        """
        try:
            account = await self.context.store.account(user.account_id)
        except StoreError as error:
            failures.log_fault(error, user=user.name, account=user.account_id)
            raise
        try:
            await prepare(account)
            self._check_welcome(user)
        except BaseException:
            await self.context.store.release(account)
            raise
        self._account = account
        self.user = user
        self.state = State.AUTHENTICATED
        self._login_deadline.cancel()
        self.context.count_before_login(self.connection.peer, -1)
        self.context.count_logged_in(user.name, self.connection.peer, 1)
        self.features.authenticated(self.connection.framer, self.policy, self.context.config)
        self._unwatch = account.watch(lambda mailbox: self.hint(user.account_id, mailbox))

    def _check_welcome(self, user: "User") -> None:
        if self.connection.closed:
            raise ConnectionClosed
        if not self.context.may_log_in(user.name, self.connection.peer):
            raise Refused("Too many connections of this user from your address", b"LIMIT")

    def select(self, selected: Selected | None) -> None:
        """Change the selected mailbox; ``None`` selects nothing."""
        if self.notifications is not None and self.selected is not None:
            self.notifications.left(self.selected)
        self.selected = selected
        self.saved = RangeSet()
        self._mailbox_hint = self.hearing.update(self)
        self.state = State.AUTHENTICATED if selected is None else State.SELECTED

    def end(self) -> None:
        """No command will be read after this one."""
        self._ended = True

    def begin_anew(self) -> None:
        """Another session, of nobody yet, reads the commands after this one."""
        self._ended = self._anew = True

    def hint(self, account_id: str, mailbox: MailboxId) -> None:
        """A mailbox of an account that is watched may have changed."""
        selected = self.selected
        here = selected is not None and selected.account.id == account_id and mailbox in (selected.id, 0)
        if here or (not mailbox and annotation_notices.watches(self)):
            self._mailbox_hint = True
            if self.notifications is not None:
                self.connection.wake()
            elif self.idling:
                self.context.shared_news.tell(self)

    def is_own(self, account: "Account") -> bool:
        """Whether it is the account of the user who logged in."""
        return account is self._account

    def take_over(self, news: "News") -> None:
        """Tell the client what another one was told that stood at the same place."""
        assert self.selected is not None
        self._mailbox_hint = False
        selected, after = self.selected, news.after
        selected.view.follow(news.uids, after.messages, after.told, after.complete)
        selected.modseq_due = after.modseq_due
        if selected.keywords != after.keywords:
            selected.keywords = after.keywords
        if not news.flag_sets <= selected.flag_sets:
            selected.flag_sets |= news.flag_sets
        self.send(news.octets)
        self.hand_over()

    def _is_shut_out(self) -> bool:
        """Whether the user was disabled or removed meanwhile: looked up when anything in the directory changed."""
        if self.user is None:
            return False
        try:
            version = self.context.directory_version()
            if version == self._directory:
                return False
            user = self.context.users.find_account(self.user.account_id)
        except DirectoryUnavailable:
            return False  # nobody is sent away for a fault of ours
        self._directory = version
        return user is None or not user.enabled

    def heartbeat(self, now: float) -> None:
        """Look again if idling; end if silent for too long: never while idling, clients stay for days (RFC 9051 §5.4).

        A client that has asked for notifications idles all the time. Nor is a command that runs or a message that is
        on its way silence: lines can be slow.
        """
        self.connection.tick()
        if (self.idling or not self._running) and self._is_shut_out():
            self.connection.write(self.status_response(b"BYE", "Your account is disabled", b"CONTACTADMIN"))
            self.connection.close()
            return
        listening = self.idling or (self.notifications is not None and self.notifications.listening)
        if self.notifications is not None:
            self.notifications.suspect()
        if listening:
            self._mailbox_hint = True
            self.connection.wake()
        if listening or self._running or self._arrivals != self.connection.arrivals:
            self._arrivals = self.connection.arrivals
            self._active = now
        elif now - self._active > self.context.config.idle_timeout:
            self.connection.write(self.status_response(b"BYE", "Idle for too long"))
            self.connection.close()

    def _login_too_late(self) -> None:
        self.connection.write(self.status_response(b"BYE", "Login took too long"))
        self.connection.close()

    def connection_lost(self) -> None:
        """The connection is gone; the loop notices at its next wait."""
        self._login_deadline.cancel()

    async def _say_bye(self, bye: Bye) -> None:
        self._answer(b"*", bye)
        with suppress(ConnectionClosed):
            await self.flush()

    async def _finish(self) -> None:
        self._login_deadline.cancel()
        self.context.sessions.discard(self)
        self.context.working.discard(self)
        self.notify(None)
        if self._unwatch is not None:
            self._unwatch()
        if self.user is not None:
            self.context.count_logged_in(self.user.name, self.connection.peer, -1)
        elif self._counted:
            self.context.count_before_login(self.connection.peer, -1)
        await self.places.close()
        if self._account is not None:
            await self.context.store.release(self._account)
            self._account = self.selected = None
        self.forget()
        if self._anew and not self.connection.closed:
            self.features.unauthenticated(self.connection.framer, self.policy)
            self.connection.begin_session().client_id = self.client_id
        else:
            self.connection.close()


_COMPLETED = Completion()
_OVERFLOWS = {OverflowKind.LITERAL: b"TOOBIG", OverflowKind.ROOM: b"UNAVAILABLE"}
"""What is refused rather than wrong, by its code (RFC 7888 §4, RFC 5530 §3)."""
