"""THE list: every command and capability the server has, in order. Nothing else registers; nothing registers by import.

To add a command: write its syntax in ``imap/``, its runner in ``server/``, and its row here.
"""

from collections.abc import Sequence
from typing import Any

from mailwren.auth.mechanisms import MECHANISMS
from mailwren.base import limits
from mailwren.config.settings import Config
from mailwren.imap import commands as syntax
from mailwren.imap.core.search import searches_numbers
from mailwren.imap.errors import BadCommand, ImapError
from mailwren.imap.framing import CommandFrame, ContinuationNeeded, Framer
from mailwren.imap.scanner import NUMBER_MAX, Scanner
from mailwren.imap.syntax import parse_command_name
from mailwren.server import failures
from mailwren.server.core import (
    append,
    authenticate,
    copy,
    expunge,
    fetch,
    general,
    idle,
    login,
    mailboxes,
    search,
    select,
    status,
    store,
)
from mailwren.server.core import list as listing
from mailwren.server.ext import (
    acl,
    compress,
    context,
    i18n,
    language,
    metadata,
    quota,
    referrals,
    remote_lists,
    replace,
    sort,
    thread,
    uidbatches,
    unauthenticate,
    urlauth,
    utf8,
)
from mailwren.server.ext.multisearch import run_multisearch
from mailwren.server.ext.notify import run_notify
from mailwren.server.ext.uidonly import UidRequired
from mailwren.server.known_lines import KnownLines
from mailwren.server.session import Session
from mailwren.server.table import AnyCommand, Capability, Command, Effect, Request, State
from mailwren.store.errors import StoreError

COMMANDS: tuple[AnyCommand, ...] = (
    # any state
    Command(syntax.CAPABILITY, State.ANY, general.run_capability),
    Command(syntax.NOOP, State.ANY, general.run_noop),
    Command(syntax.LOGOUT, State.ANY, general.run_logout),
    Command(syntax.ID, State.ANY, general.run_id),
    Command(syntax.LANGUAGE, State.ANY, language.run_language),
    # not authenticated
    Command(syntax.STARTTLS, State.NOT_AUTHENTICATED, login.run_starttls),
    Command(syntax.AUTHENTICATE, State.NOT_AUTHENTICATED, authenticate.run_authenticate),
    Command(syntax.LOGIN, State.NOT_AUTHENTICATED, login.run_login, before_literal=login.check_before_password),
    # authenticated or selected
    Command(syntax.ENABLE, State.LOGGED_IN, general.run_enable),
    Command(syntax.SELECT, State.LOGGED_IN, select.run_select),
    Command(syntax.EXAMINE, State.LOGGED_IN, select.run_select),
    Command(syntax.CREATE, State.LOGGED_IN, mailboxes.run_create),
    Command(syntax.DELETE, State.LOGGED_IN, mailboxes.run_delete),
    Command(syntax.RENAME, State.LOGGED_IN, mailboxes.run_rename),
    Command(syntax.SUBSCRIBE, State.LOGGED_IN, mailboxes.run_subscribe),
    Command(syntax.UNSUBSCRIBE, State.LOGGED_IN, mailboxes.run_subscribe),
    Command(syntax.LIST, State.LOGGED_IN, listing.run_list),
    Command(syntax.LSUB, State.LOGGED_IN, listing.run_lsub),
    Command(syntax.XLIST, State.LOGGED_IN, listing.run_list),
    Command(syntax.GETQUOTA, State.LOGGED_IN, quota.run_get_quota),
    Command(syntax.GETQUOTAROOT, State.LOGGED_IN, quota.run_get_quota_root),
    Command(syntax.SETQUOTA, State.LOGGED_IN, quota.run_set_quota),
    Command(syntax.NAMESPACE, State.LOGGED_IN, listing.run_namespace),
    Command(syntax.STATUS, State.LOGGED_IN, status.run_status),
    Command(syntax.SETACL, State.LOGGED_IN, acl.run_set_acl),
    Command(syntax.DELETEACL, State.LOGGED_IN, acl.run_delete_acl),
    Command(syntax.GETACL, State.LOGGED_IN, acl.run_get_acl),
    Command(syntax.LISTRIGHTS, State.LOGGED_IN, acl.run_list_rights),
    Command(syntax.MYRIGHTS, State.LOGGED_IN, acl.run_my_rights),
    Command(
        syntax.APPEND,
        State.LOGGED_IN,
        append.run_append,
        Effect.TAKES_MESSAGE,
        before_literal=append.check_before_message,
    ),
    Command(syntax.GETMETADATA, State.LOGGED_IN, metadata.run_get_metadata),
    # What is too large is taken in all the same: the answer has to say how large it may be (RFC 5464 §4.3).
    Command(syntax.SETMETADATA, State.LOGGED_IN, metadata.run_set_metadata, Effect.TAKES_MESSAGE),
    Command(syntax.COMPARATOR, State.LOGGED_IN, i18n.run_comparator),
    Command(syntax.RLIST, State.LOGGED_IN, remote_lists.run_remote_list),
    Command(syntax.RLSUB, State.LOGGED_IN, remote_lists.run_remote_lsub),
    Command(syntax.RESETKEY, State.LOGGED_IN, urlauth.run_reset_key),
    Command(syntax.GENURLAUTH, State.LOGGED_IN, urlauth.run_generate),
    Command(syntax.URLFETCH, State.LOGGED_IN, urlauth.run_url_fetch),
    Command(syntax.COMPRESS, State.LOGGED_IN, compress.run_compress),
    Command(syntax.UNAUTHENTICATE, State.LOGGED_IN, unauthenticate.run_unauthenticate),
    Command(syntax.IDLE, State.LOGGED_IN, idle.run_idle),
    Command(syntax.NOTIFY, State.LOGGED_IN, run_notify),
    # selected
    Command(syntax.CLOSE, State.SELECTED, expunge.run_close),
    Command(syntax.UNSELECT, State.SELECTED, expunge.run_unselect),
    Command(syntax.CHECK, State.SELECTED, general.run_noop),
    Command(
        syntax.EXPUNGE,
        State.SELECTED,
        expunge.run_expunge,
        Effect.TELLS_EXPUNGE,
        uid_form=True,
        uid_syntax=syntax.UID_EXPUNGE,
    ),
    Command(
        syntax.SEARCH,
        State.SELECTED,
        search.run_search,
        Effect.USES_NUMBERS | Effect.HOLDS_EXPUNGE | Effect.SYNCS | Effect.UID_MAY_USE_NUMBERS,
        uid_form=True,
        names_numbers=lambda arguments: searches_numbers(arguments.key),
    ),
    Command(syntax.UIDBATCHES, State.SELECTED, uidbatches.run_uid_batches, Effect.SYNCS),
    Command(
        syntax.ESEARCH,
        State.LOGGED_IN,
        run_multisearch,
        Effect.USES_NUMBERS | Effect.UID_MAY_USE_NUMBERS | Effect.ANSWERS_UIDS | Effect.SYNCS,
        uid_form=True,
        names_numbers=lambda arguments: searches_numbers(arguments.search.key),
    ),
    Command(syntax.CANCELUPDATE, State.SELECTED, context.run_cancel_update),
    Command(
        syntax.SORT,
        State.SELECTED,
        sort.run_sort,
        Effect.USES_NUMBERS | Effect.HOLDS_EXPUNGE | Effect.SYNCS | Effect.UID_MAY_USE_NUMBERS,
        uid_form=True,
        names_numbers=lambda arguments: searches_numbers(arguments.key),
    ),
    Command(
        syntax.THREAD,
        State.SELECTED,
        thread.run_thread,
        Effect.USES_NUMBERS | Effect.HOLDS_EXPUNGE | Effect.SYNCS | Effect.UID_MAY_USE_NUMBERS,
        uid_form=True,
        names_numbers=lambda arguments: searches_numbers(arguments.key),
    ),
    Command(
        syntax.FETCH,
        State.SELECTED,
        fetch.run_fetch,
        Effect.USES_NUMBERS | Effect.HOLDS_EXPUNGE | Effect.SYNCS,
        uid_form=True,
    ),
    Command(
        syntax.STORE,
        State.SELECTED,
        store.run_store,
        # Too large an annotation is taken in all the same: the answer has to say so (RFC 5257 §4.5).
        Effect.USES_NUMBERS | Effect.HOLDS_EXPUNGE | Effect.TAKES_MESSAGE,
        uid_form=True,
    ),
    Command(syntax.COPY, State.SELECTED, copy.run_copy, Effect.USES_NUMBERS, uid_form=True),
    Command(syntax.MOVE, State.SELECTED, copy.run_move, Effect.USES_NUMBERS, uid_form=True),
    Command(
        syntax.REPLACE,
        State.SELECTED,
        replace.run_replace,
        Effect.USES_NUMBERS | Effect.TAKES_MESSAGE,
        uid_form=True,
        before_literal=replace.check_before_replacement,
    ),
)


def _login_disabled(session: Session) -> bool:
    return not login.login_allowed(session)


def _append_limit(session: Session) -> str:
    return str(session.context.config.message_size_limit)


def _message_limit(session: Session) -> str:
    return str(session.context.config.message_limit)


def _has_message_limit(session: Session) -> bool:
    return session.context.config.message_limit is not None


def _save_limit(session: Session) -> str:
    return str(session.context.config.save_limit)


def _has_save_limit(session: Session) -> bool:
    """A limit on COPY and APPEND alone, or one that is lower there (RFC 9738 §3)."""
    config = session.context.config
    return config.save_limit is not None and config.save_limit < (config.message_limit or NUMBER_MAX)


def _starttls_offered(session: Session) -> bool:
    return session.context.tls is not None and not session.connection.secure


CAPABILITIES: tuple[Capability, ...] = (
    Capability("IMAP4rev2", "RFC 9051 §6.1.1"),
    Capability("IMAP4rev1", "RFC 3501 §6.1.1"),
    Capability("STARTTLS", "RFC 9051 §6.2.1", State.NOT_AUTHENTICATED, _starttls_offered),
    Capability("LOGINDISABLED", "RFC 9051 §6.2.3", State.NOT_AUTHENTICATED, _login_disabled),
    *(
        Capability(f"AUTH={name}", "RFC 9051 §6.2.2", State.NOT_AUTHENTICATED, authenticate.offers(name))
        for name in MECHANISMS
    ),
    Capability("SASL-IR", "RFC 4959 §3", State.NOT_AUTHENTICATED),
    Capability("LITERAL+", "RFC 7888 §3"),
    Capability("LITERAL-", "RFC 7888 §5"),
    Capability("ID", "RFC 2971 §3"),
    Capability("ENABLE", "RFC 5161 §3"),
    Capability("IDLE", "RFC 2177 §3", State.LOGGED_IN),
    Capability("NAMESPACE", "RFC 2342 §5", State.LOGGED_IN),
    Capability("CHILDREN", "RFC 3348 §3", State.LOGGED_IN),
    Capability("LIST-EXTENDED", "RFC 5258 §3", State.LOGGED_IN),
    Capability("LIST-STATUS", "RFC 5819 §2", State.LOGGED_IN),
    Capability("STATUS=SIZE", "RFC 8438 §3", State.LOGGED_IN),
    Capability("SPECIAL-USE", "RFC 6154 §2", State.LOGGED_IN),
    Capability("CREATE-SPECIAL-USE", "RFC 6154 §3", State.LOGGED_IN),
    Capability("UIDPLUS", "RFC 4315 §1", State.LOGGED_IN),
    Capability("UNSELECT", "RFC 3691 §2", State.LOGGED_IN),
    Capability("MOVE", "RFC 6851 §3", State.LOGGED_IN),
    Capability("ESEARCH", "RFC 4731 §3", State.LOGGED_IN),
    Capability("SEARCHRES", "RFC 5182 §2", State.LOGGED_IN),
    Capability("BINARY", "RFC 3516 §4", State.LOGGED_IN),
    Capability("MULTIAPPEND", "RFC 3502 §6.3.11", State.LOGGED_IN),
    Capability("APPENDLIMIT=", "RFC 7889 §2", State.LOGGED_IN, value=_append_limit),
    Capability("INPROGRESS", "RFC 9585 §3", State.LOGGED_IN),
    Capability("MESSAGELIMIT=", "RFC 9738 §3", State.LOGGED_IN, _has_message_limit, _message_limit),
    Capability("SAVELIMIT=", "RFC 9738 §3", State.LOGGED_IN, _has_save_limit, _save_limit),
    Capability("PARTIAL", "RFC 9394 §3", State.LOGGED_IN),
    Capability("PREVIEW", "RFC 8970 §6", State.LOGGED_IN),
    Capability("PREVIEW=FUZZY", "RFC 8970 §6", State.LOGGED_IN),
    Capability("SNIPPET=FUZZY", "RFC 8970 §6", State.LOGGED_IN),
    Capability("UIDONLY", "RFC 9586 §3", State.LOGGED_IN),
    Capability("UIDBATCHES", "RFC 10022 §3", State.LOGGED_IN),
    Capability("OBJECTID", "RFC 8474 §3", State.LOGGED_IN),
    Capability("SAVEDATE", "RFC 8514 §4.1", State.LOGGED_IN),
    Capability("WITHIN", "RFC 5032 §2", State.LOGGED_IN),
    Capability("REPLACE", "RFC 8508 §3.1", State.LOGGED_IN),
    Capability("COMPRESS=DEFLATE", "RFC 4978 §3", State.LOGGED_IN, compress.compression_offered),
    Capability("UNAUTHENTICATE", "RFC 8437 §3", State.LOGGED_IN),
    Capability("UTF8=ACCEPT", "RFC 9755 §3", State.LOGGED_IN, utf8.is_accept_offered),
    Capability("UTF8=ONLY", "RFC 9755 §7", State.LOGGED_IN, utf8.is_only_offered),
    Capability("LOGIN-REFERRALS", "RFC 2221 §3", State.ANY, referrals.login_referrals_offered),
    Capability("MAILBOX-REFERRALS", "RFC 2193 §3", State.LOGGED_IN, referrals.mailbox_referrals_offered),
    Capability("URLAUTH", "RFC 4467 §9", State.LOGGED_IN),
    Capability("URLAUTH=BINARY", "RFC 5524 §2", State.LOGGED_IN),
    Capability("CATENATE", "RFC 4469 §2", State.LOGGED_IN),
    Capability("URL-PARTIAL", "RFC 5550 §5.7.1", State.LOGGED_IN),
    Capability("LANGUAGE", "RFC 5255 §3"),
    Capability("XLIST", "Google", State.LOGGED_IN),
    Capability("X-GM-EXT-1", "Google", State.LOGGED_IN),
    Capability("QUOTA", "RFC 9208 §4", State.LOGGED_IN),
    *(Capability(f"QUOTA=RES-{name}", "RFC 9208 §5", State.LOGGED_IN) for name in quota.RESOURCES),
    Capability("QUOTASET", "RFC 9208 §4.1.3", State.LOGGED_IN, quota.administers),
    Capability("ACL", "RFC 4314 §2", State.LOGGED_IN),
    Capability("RIGHTS=texkn", "RFC 4314 §5.1.1", State.LOGGED_IN),
    Capability("LIST-MYRIGHTS", "RFC 8440 §3", State.LOGGED_IN),
    Capability("CONDSTORE", "RFC 7162 §3.1.1", State.LOGGED_IN),
    Capability("QRESYNC", "RFC 7162 §3.2.2", State.LOGGED_IN),
    Capability("NOTIFY", "RFC 5465 §3", State.LOGGED_IN),
    Capability("CONTEXT=SEARCH", "RFC 5267 §4.1", State.LOGGED_IN),
    Capability("CONTEXT=SORT", "RFC 5267 §4.1", State.LOGGED_IN),
    Capability("MULTISEARCH", "RFC 7377 §2", State.LOGGED_IN),
    Capability("SEARCH=FUZZY", "RFC 6203 §3", State.LOGGED_IN),
    Capability("FILTERS", "RFC 5466 §3", State.LOGGED_IN),
    Capability("ANNOTATE-EXPERIMENT-1", "RFC 5257 §1", State.LOGGED_IN),
    Capability("METADATA", "RFC 5464 §1", State.LOGGED_IN),
    Capability("METADATA-SERVER", "RFC 5464 §1", State.LOGGED_IN),
    Capability("LIST-METADATA", "RFC 9590 §3", State.LOGGED_IN),
    Capability("I18NLEVEL=1", "RFC 5255 §4.3", State.LOGGED_IN),
    Capability("I18NLEVEL=2", "RFC 5255 §4.4", State.LOGGED_IN),
    Capability("SORT", "RFC 5256 §3", State.LOGGED_IN),
    Capability("SORT=DISPLAY", "RFC 5957 §1", State.LOGGED_IN),
    Capability("SORT=MODSEQ", "Cyrus", State.LOGGED_IN),
    Capability("SORT=UID", "Cyrus", State.LOGGED_IN),
    Capability("ESORT", "RFC 5267 §3", State.LOGGED_IN),
    Capability("THREAD=ORDEREDSUBJECT", "RFC 5256 §3", State.LOGGED_IN),
    Capability("THREAD=REFERENCES", "RFC 5256 §3", State.LOGGED_IN),
    Capability("THREAD=REFS", "draft-ietf-morg-inthread-01 §4", State.LOGGED_IN),
)

ENABLABLE: dict[str, str] = {
    "IMAP4REV2": "IMAP4rev2",
    "CONDSTORE": "CONDSTORE",
    "QRESYNC": "QRESYNC",
    "METADATA": "METADATA",
    "METADATA-SERVER": "METADATA-SERVER",
    "UIDONLY": "UIDONLY",
    "UTF8=ACCEPT": "UTF8=ACCEPT",
}
"""What ENABLE turns on: the name in upper case, and as it is written (RFC 9051 §6.3.1)."""


class LiteralPolicy:
    """How large a literal may be: asked by the framer before a single octet of it is kept."""

    def __init__(self, message_takers: frozenset[bytes]) -> None:
        self._message_takers = message_takers
        self.message_limit = 0
        """Octets of a message; 0 before login."""

    def __call__(self, prefix: bytes) -> int:
        """The largest literal that may follow the line so far."""
        if not self.message_limit:
            return limits.LITERAL_BEFORE_LOGIN
        words = prefix.upper().split(b" ", 3)
        name = words[2] if len(words) > 2 and words[1] == b"UID" else words[1] if len(words) > 1 else b""
        return self.message_limit if name in self._message_takers else limits.LITERAL_IN_MEMORY


class Features:
    """The rows, frozen for look-up; made once a process."""

    def __init__(
        self, commands: Sequence[AnyCommand] = COMMANDS, capabilities: Sequence[Capability] = CAPABILITIES
    ) -> None:
        self._commands = {command.syntax.name: command for command in commands}
        self._capabilities = {state: tuple(row for row in capabilities if state in row.states) for state in State.ANY}
        """By state: what to say is asked with every connection, and comparing flags takes longer than the rest."""
        self.enablable = dict(ENABLABLE)
        self._legal = {
            state: frozenset(name for name, row in self._commands.items() if state in row.states) for state in State.ANY
        }
        self._numbers = frozenset(name for name, row in self._commands.items() if Effect.USES_NUMBERS in row.effects)
        self._uid_numbers = frozenset(
            name for name, row in self._commands.items() if Effect.UID_MAY_USE_NUMBERS in row.effects
        )
        self.known = KnownLines()
        self.message_takers = frozenset(
            name for name, row in self._commands.items() if Effect.TAKES_MESSAGE in row.effects
        )

    def look_up(
        self, scanner: Scanner, tag: bytes, state: State, *, uid_only: bool = False
    ) -> tuple[AnyCommand, Request]:
        """The row of the command that the scanner stands at.

        Raises:
            BadCommand: unknown, not in this state, or by number from a client that has given up numbers.
        """
        name, by_uid = parse_command_name(scanner)
        command = self._commands.get(name)
        if command is None or (by_uid and not command.uid_form):
            raise BadCommand(f"Unknown command {'UID ' * by_uid}{name.decode('ascii', 'backslashreplace')[:40]}")
        if name not in self._legal[state]:
            raise BadCommand(_wrong_state(state, command.states))
        if (
            uid_only
            and not by_uid
            and command.effects & (Effect.USES_NUMBERS | Effect.ANSWERS_UIDS) == Effect.USES_NUMBERS
        ):
            raise UidRequired
        return command, Request(tag, name, by_uid, scanner.denormalized)

    @staticmethod
    def parse(command: AnyCommand, scanner: Scanner, request: Request) -> Any:
        """The command's arguments. Raises ImapError."""
        row = command.uid_syntax if request.by_uid and command.uid_syntax is not None else command.syntax
        return row.parse(scanner)

    def uses_numbers(self, frame: CommandFrame | ContinuationNeeded) -> bool:
        """Whether a command that waits names messages by number."""
        first = frame.fragments[0]
        words = first.upper().split(b" ", 3) if isinstance(first, bytes) else []
        if len(words) > 2 and words[1] == b"UID":
            return words[2] in self._uid_numbers
        saved = len(words) > 2 and words[2] == b"$" and words[1] != b"SEARCH"  # ``$`` is no number
        return len(words) > 1 and words[1] in self._numbers and not saved

    def capability_text(self, session: Session) -> bytes:
        """What CAPABILITY says to this session now."""
        hidden = self.hidden(session)
        rows = self._capabilities[session.state]
        if hidden:
            rows = tuple(row for row in rows if row.hides_as not in hidden)
        names = [
            row.name if row.value is None else row.name + row.value(session)
            for row in rows
            if row.when is None or row.when(session)
        ]
        if hidden:
            names = [name for name in names if name.upper() not in hidden]
        return " ".join(names).encode("ascii")

    @staticmethod
    def hidden(session: Session) -> frozenset[str]:
        """Capabilities, in upper case, that the configuration keeps from this user and this mail program."""
        user = session.user.name if session.user is not None else ""
        return session.context.config.hidden_for(user, session.client_id)

    def greeting(self, session: Session) -> bytes:
        """The first line (RFC 9051 §7.1)."""
        name = session.context.config.server_name.encode("ascii", "replace")
        return b"* OK [CAPABILITY " + self.capability_text(session) + b"] " + name + b" Mailwren ready\r\n"

    async def refuse_literal(self, session: Session, event: ContinuationNeeded) -> tuple[bytes, ImapError] | None:
        """The command's tag and why it would be refused anyway, or ``None`` to let the literal come.

        "If … the server detected an error in the command, it sends a BAD … to … prevent the client from sending any
        more of the command" (RFC 9051 §2.2.1).
        """
        scanner = Scanner(event.fragments, utf8=session.utf8)
        tag = b"*"
        try:
            tag = scanner.tag()
            command, request = self.look_up(scanner, tag, session.state, uid_only=session.uid_only)
            utf8.require_enabled(session, request.name)
            if command.before_literal is not None:
                await command.before_literal(session, scanner)
        except ImapError as error:
            return tag, error
        except StoreError as error:
            return tag, failures.refusal(error)
        return None

    @staticmethod
    def authenticated(framer: Framer, policy: LiteralPolicy, config: Config) -> None:
        """A known user may send longer lines and whole messages."""
        framer.line_limit = limits.LINE
        framer.command_limit = limits.COMMAND_IN_MEMORY
        policy.message_limit = config.message_size_limit

    @staticmethod
    def unauthenticated(framer: Framer, policy: LiteralPolicy) -> None:
        """Nobody is known again: nobody may send much."""
        framer.line_limit = limits.LINE_BEFORE_LOGIN
        framer.command_limit = limits.COMMAND_BEFORE_LOGIN
        policy.message_limit = 0


def _wrong_state(state: State, wanted: State) -> str:
    if state is State.NOT_AUTHENTICATED:
        return "Log in first"
    if wanted is State.NOT_AUTHENTICATED:
        return "You are logged in already"
    return "Select a mailbox first"
