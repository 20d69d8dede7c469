"""Every setting: its name, its key in the file, what it takes, its default and what it is for, in one place each.

Reading, checking, showing, the example file and the reference page are all made from these rows.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from mailwren import __version__
from mailwren.base import limits
from mailwren.config.clients import ClientPatterns, client_matches
from mailwren.config.kinds import Choice, FilePath, Flag, Kind, OrNone, Text, WholeNumber
from mailwren.config.listeners import Listeners
from mailwren.config.lists import DefaultMailboxes, IdFields, ServersForNames, SharedAnnotations, Words, WordsForNames
from mailwren.config.measures import Duration, Size
from mailwren.config.values import (
    AUTOMATIC_LISTENERS,
    DEFAULT_MAILBOXES,
    DefaultMailbox,
    Durability,
    Listener,
    ListenProtocol,
    LogFormat,
    LogLevel,
    OverQuota,
    QuotaLimits,
)

__all__ = [
    "SECTIONS",
    "SETTINGS",
    "VERSION",
    "Config",
    "DefaultMailbox",
    "Durability",
    "ListenProtocol",
    "Listener",
    "LogFormat",
    "LogLevel",
    "OverQuota",
    "QuotaLimits",
    "Setting",
]

VERSION: Final = 1
"""The version of the file's format that this program reads."""

_DOMAIN: Final = r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_CAPABILITY: Final = r"[a-z0-9=+_.:/-]{1,60}"
_CAPABILITIES: Final = Words('names as in CAPABILITY, such as ["NOTIFY"]', _CAPABILITY, upper=True)
_COUNT: Final = WholeNumber(1, 1_000_000)
_DAY: Final = 24 * 3600


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting besides its value.

    Args:
        key: its place in the file, dotted.
        kind: what it takes.
        purpose: what it does, for the example file and the reference page.
        name: the field of :class:`Config`.
    """

    key: str
    kind: Kind[Any]
    purpose: str
    name: str = ""
    default: Any = None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "MAILWREN_" + self.key.upper().replace(".", "_")


def _row(key: str, kind: Kind[Any], purpose: str) -> dict[str, Setting]:
    """What makes a field of :class:`Config` a setting."""
    return {"setting": Setting(key, kind, purpose)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one server, read-only. The fields after ``default_mailboxes`` tell where it came from."""

    data: Path = field(
        default_factory=lambda: Path("mailwren-data"),
        metadata=_row(
            "data",
            FilePath("the path of a folder"),
            "The folder that holds everything: accounts, mail, the self-signed certificate.",
        ),
    )
    server_name: str = field(
        default_factory=lambda: socket.gethostname() or "localhost",
        metadata=_row(
            "server_name",
            Text("a host name", rf"(?i:{_DOMAIN})"),
            "The name that the server gives itself in greetings and in its self-signed certificate.",
        ),
    )
    workers: int | None = field(
        default=None,
        metadata=_row(
            "workers",
            OrNone(WholeNumber(1, limits.WORKERS), word="auto"),
            "Server processes that share the work: each uses one core. Automatic: as many as the machine has cores, "
            f"but no more than {limits.WORKERS_AUTOMATIC}.",
        ),
    )
    listeners: tuple[Listener, ...] = field(
        default=AUTOMATIC_LISTENERS,
        metadata=_row(
            "listen",
            Listeners(),
            "Where connections are taken. Automatic: IMAP on 143 and IMAPS on 993 of all addresses, "
            "or on 1143 and 1993 where the former are not permitted.",
        ),
    )
    tls_certificate: Path | None = field(
        default=None,
        metadata=_row(
            "tls.certificate",
            OrNone(FilePath("the path of a PEM file")),
            "The certificate with its chain (PEM); none: a self-signed one in the data folder. SIGHUP reads it again.",
        ),
    )
    tls_key: Path | None = field(
        default=None,
        metadata=_row("tls.key", OrNone(FilePath("the path of a PEM file")), "The certificate's private key (PEM)."),
    )
    allow_plaintext_login: bool = field(
        default=False,
        metadata=_row(
            "login.allow_plaintext",
            Flag(),
            "Take passwords on connections without TLS: for tests, and for connections that are protected otherwise.",
        ),
    )
    login_timeout: float = field(
        default=limits.LOGIN_SECONDS,
        metadata=_row("login.timeout", Duration(5, _DAY), "The time from connecting to being logged in."),
    )
    cram_md5: bool = field(
        default=False,
        metadata=_row(
            "login.cram_md5",
            Flag(),
            "Offer CRAM-MD5 to old programs. Of passwords set from then on something is kept that is enough to log in "
            "by CRAM-MD5.",
        ),
    )
    tls_client_authorities: Path | None = field(
        default=None,
        metadata=_row(
            "tls.client_authorities",
            OrNone(FilePath("the path of a PEM file")),
            "Authorities (PEM) whose client certificates log in with EXTERNAL: the user is the e-mail address or the "
            "common name in the certificate.",
        ),
    )
    oauth_issuer: str = field(
        default="",
        metadata=_row(
            "oauth.issuer",
            Text("the address of an authorization server, or empty text for none", r"|https?://[!-~]{1,500}"),
            "Take OAuth 2.0 tokens of this authority (OAUTHBEARER, XOAUTH2), as its tokens name it.",
        ),
    )
    oauth_audience: str = field(
        default="",
        metadata=_row(
            "oauth.audience", Text("a name", r"[!-~]{0,500}"), "Whom tokens must be for; empty text takes any."
        ),
    )
    oauth_keys: str = field(
        default="",
        metadata=_row(
            "oauth.keys",
            Text("an address or the path of a file", r"[^\x00-\x1f]{0,500}"),
            "The authority's key set (JWKS); empty text: where its discovery document says.",
        ),
    )
    oauth_introspection: str = field(
        default="",
        metadata=_row(
            "oauth.introspection",
            Text("an address, or empty text", r"|https?://[!-~]{1,500}"),
            "Where to ask about tokens that are not signed (RFC 7662); empty text refuses them.",
        ),
    )
    oauth_client_id: str = field(
        default="", metadata=_row("oauth.client_id", Text("a name", r"[ -~]{0,500}"), "Who asks there.")
    )
    oauth_client_secret: Path | None = field(
        default=None,
        metadata=_row(
            "oauth.client_secret",
            OrNone(FilePath("the path of a file")),
            "A file whose first line is the secret to ask with.",
        ),
    )
    oauth_user_claim: str = field(
        default="email",
        metadata=_row(
            "oauth.user_claim",
            Text("the name of a claim", r"[!-~]{1,100}"),
            "What in a token is the user's name here; it must not be something that users can choose freely.",
        ),
    )
    connections: int = field(
        default=limits.CONNECTIONS,
        metadata=_row("connections.per_worker", _COUNT, "Connections of one worker; a further one is refused."),
    )
    connections_per_user_and_address: int | None = field(
        default=None,
        metadata=_row(
            "connections.per_user_and_address",
            OrNone(_COUNT, "automatic"),
            "Connections of one user from one address; only the new one is refused. Automatic: 100, and no limit for "
            "this machine itself, whose webmail or proxy stands for everybody.",
        ),
    )
    connections_per_address_before_login: int | None = field(
        default=None,
        metadata=_row(
            "connections.per_address_before_login",
            OrNone(_COUNT, "automatic"),
            "Connections from one address that have not logged in yet. Automatic: 100, and no limit for this machine "
            "itself.",
        ),
    )
    idle_timeout: float = field(
        default=limits.IDLE_SECONDS,
        metadata=_row(
            "connections.idle_timeout",
            Duration(limits.IDLE_SECONDS_MIN, 7 * _DAY),
            "Silence after which a session ends. IDLE never ends by itself.",
        ),
    )
    write_timeout: float = field(
        default=limits.WRITE_SECONDS,
        metadata=_row(
            "connections.write_timeout", Duration(10, _DAY), "How long a client may refuse to read what it asked for."
        ),
    )
    shutdown_timeout: float = field(
        default=limits.SHUTDOWN_SECONDS,
        metadata=_row(
            "connections.shutdown_timeout",
            Duration(0, 600),
            "How long running commands may finish when the server is stopped.",
        ),
    )
    busy_poll_microseconds: int = field(
        default=limits.BUSY_POLL_MICROSECONDS,
        metadata=_row(
            "connections.busy_poll_microseconds",
            WholeNumber(0, 1000),
            "How long to look for the next command before the process goes to sleep, where that pays; 0 is not at all.",
        ),
    )
    durability: Durability = field(
        default=Durability.NORMAL,
        metadata=_row(
            "store.durability",
            Choice(Durability),
            'What is on disk before an OK: "normal" is all mail, and flags within a second; "strict" is flags as well.',
        ),
    )
    message_size_limit: int = field(
        default=limits.MESSAGE,
        metadata=_row("store.message_size_limit", Size(1024, 1024**3), "The largest message that is taken."),
    )
    restorable: float = field(
        default=float(limits.RESTORABLE_SECONDS),
        metadata=_row(
            "store.restorable", Duration(0, 3650 * _DAY), "How long deleted mail is kept, out of sight and restorable."
        ),
    )
    index: bool = field(
        default=True,
        metadata=_row(
            "store.index",
            Flag(),
            "Keep a search index of each account, so that looking for text takes milliseconds; a few percent of the "
            "mail's size.",
        ),
    )
    administrators: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            "administrators",
            Words('user names, such as ["anna"]', r"[^\x00-\x20\x7f/*%\"\\]{1,255}"),
            "Users who may set quotas with their mail programs (SETQUOTA).",
        ),
    )
    quota_octets: int | None = field(
        default=None,
        metadata=_row(
            "quota.storage",
            OrNone(Size(0, 1024**5)),
            "How much mail a user may keep, for users without a quota of their own.",
        ),
    )
    quota_messages: int | None = field(
        default=None,
        metadata=_row(
            "quota.messages",
            OrNone(WholeNumber(0, 1_000_000_000)),
            "How many messages a user may keep, for users without a quota of their own.",
        ),
    )
    quota_mailboxes: int | None = field(
        default=None,
        metadata=_row(
            "quota.mailboxes",
            OrNone(WholeNumber(0, 1_000_000_000)),
            "How many mailboxes a user may have, INBOX among them, for users without a quota of their own.",
        ),
    )
    quota_annotations: int | None = field(
        default=None,
        metadata=_row(
            "quota.annotations",
            OrNone(Size(0, 1024**3)),
            "How much may be kept in annotations of mailboxes, for users without a quota of their own.",
        ),
    )
    message_limit: int | None = field(
        default=None,
        metadata=_row(
            "commands.message_limit",
            OrNone(WholeNumber(1000, 1_000_000_000)),
            "How many messages one command may read, search, change or move; clients are told (MESSAGELIMIT). Programs "
            "that do not know of it see only the newest messages of larger mailboxes, and nothing here needs it: none.",
        ),
    )
    save_limit: int | None = field(
        default=None,
        metadata=_row(
            "commands.save_limit",
            OrNone(WholeNumber(1000, 1_000_000_000)),
            "How many messages one command may copy or add; clients are told (SAVELIMIT).",
        ),
    )
    delivery_accept_any_domain: bool = field(
        default=True,
        metadata=_row(
            "delivery.accept_any_domain",
            Flag(),
            "Deliver to a user of the local part's name whatever the domain; false as soon as delivery.domains is set.",
        ),
    )
    delivery_domains: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            "delivery.domains",
            Words('domain names, such as ["example.org"]', _DOMAIN),
            "The domains whose addresses are users' local parts here.",
        ),
    )
    delivery_delimiters: str = field(
        default="+",
        metadata=_row(
            "delivery.delimiters",
            Text(
                "characters of which any begins the detail of an address, or empty text for none",
                r"[!#$%&*+/=?^_~.-]{0,8}",
            ),
            "What separates a user's name from a detail: user+detail@example.org goes to user.",
        ),
    )
    delivery_detail_folders: bool = field(
        default=True,
        metadata=_row(
            "delivery.detail_folders",
            Flag(),
            "Mail for user+Folder@example.org goes into that folder where there is one; otherwise into INBOX.",
        ),
    )
    delivery_over_quota: OverQuota = field(
        default=OverQuota.TEMPORARY,
        metadata=_row(
            "delivery.over_quota",
            Choice(OverQuota),
            'What a sender hears when a mailbox is full: "temporary" leaves the mail in the MTA\'s queue, "permanent" '
            "sends it back.",
        ),
    )
    delivery_recipients: int = field(
        default=limits.LMTP_RECIPIENTS,
        metadata=_row("delivery.recipients", WholeNumber(100, 100_000), "Recipients of one message."),
    )
    sharing_anyone: bool = field(
        default=True,
        metadata=_row(
            "sharing.anyone",
            Flag(),
            "Let users share their mailboxes with everybody (`anyone`), who then all see them in their lists. False "
            "leaves that to `mailwren share`.",
        ),
    )
    login_referrals: Mapping[str, str] = field(
        default_factory=dict,
        metadata=_row(
            "imap.login_referrals",
            ServersForNames('a table such as { anna = "imap://mail2.example.org" }'),
            "Users whose mail is on another server: once their password was right they are told which (RFC 2221).",
        ),
    )
    mailbox_referrals: Mapping[str, str] = field(
        default_factory=dict,
        metadata=_row(
            "imap.mailbox_referrals",
            ServersForNames('a table such as { Archive2019 = "imap://old.example.org/Archive" }'),
            "Mailboxes, with what is below them, that are on another server: programs that know RFC 2193 go there.",
        ),
    )
    utf8_only: bool = field(
        default=False,
        metadata=_row(
            "imap.utf8_only",
            Flag(),
            "Serve only mail programs that know UTF-8 (UTF8=ONLY); all others are told so after their login.",
        ),
    )
    eight_bit_headers: bool = field(
        default=True,
        metadata=_row(
            "imap.eight_bit_headers",
            Flag(),
            "Take messages whose header is not ASCII also from programs that have not enabled UTF-8. False is what "
            "RFC 9755 §4 asks for; programs that carry over old mail then leave such messages behind.",
        ),
    )
    submission_users: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            "imap.submission_users",
            Words('user names, such as ["submission"]', r"[^\s\x00-\x1f]{1,255}"),
            "Who may fetch URLs that were authorized for sending mail (submit+, RFC 4467): mail submission servers.",
        ),
    )
    hidden_capabilities: tuple[str, ...] = field(
        default=(),
        metadata=_row(
            "capabilities.hidden",
            _CAPABILITIES,
            "Capabilities that are not advertised to anyone, for clients that stumble over them.",
        ),
    )
    hidden_capabilities_for_user: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=_row(
            "capabilities.hidden_for",
            WordsForNames('a table such as { alice = ["NOTIFY"] }', _CAPABILITIES),
            "Capabilities that are not advertised to single users once they are logged in.",
        ),
    )
    hidden_capabilities_for_clients: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=_row(
            "capabilities.hidden_for_clients",
            ClientPatterns('a table such as { "*Outlook*, os:iOS" = ["UIDONLY"] }', _CAPABILITIES),
            "Capabilities that are not advertised to mail programs that say with ID that they are of this kind.",
        ),
    )
    id_fields: Mapping[str, str] = field(
        default_factory=lambda: {"name": "Mailwren", "version": __version__},
        metadata=_row("id", IdFields(), "What the server answers to ID (RFC 2971 §3.3)."),
    )
    annotations: Mapping[str, str] = field(
        default_factory=dict,
        metadata=_row(
            "annotations",
            SharedAnnotations(),
            "The server's shared entries for GETMETADATA (RFC 5464 §3.2.1.1): /shared/admin, /shared/comment, and "
            "/shared/filters/values/NAME for searches that all users can name (RFC 5466).",
        ),
    )
    language: str = field(
        default="i-default",
        metadata=_row(
            "language",
            Text('the tag of a language, "en", "de" or "i-default"', r"en|de|i-default"),
            "The language of clients that ask for the default one (RFC 5255 §3.2); others name theirs.",
        ),
    )
    log_format: LogFormat = field(
        default=LogFormat.AUTO,
        metadata=_row(
            "log.format", Choice(LogFormat), 'How log lines look: "auto" is "text" on a terminal, otherwise "json".'
        ),
    )
    log_level: LogLevel = field(
        default=LogLevel.INFO,
        metadata=_row("log.level", Choice(LogLevel), "The least important messages that are logged."),
    )
    default_mailboxes: tuple[DefaultMailbox, ...] = field(
        default=DEFAULT_MAILBOXES,
        metadata=_row(
            "mailbox",
            DefaultMailboxes(),
            "The mailboxes that every account is given at its first login; an empty list for none.",
        ),
    )
    file: Path | None = field(default=None, compare=False)
    """The configuration file that was read."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where each setting's value came from, by key."""
    warnings: tuple[str, ...] = field(default=(), compare=False)
    """What is allowed and yet worth a word when the server starts."""

    @property
    def certificate_file(self) -> Path:
        """The certificate that is served: the configured one, or the self-signed one with its key in the same file."""
        return self.tls_certificate or self.data / "certificate.pem"

    @property
    def users_file(self) -> Path:
        """The database of users."""
        return self.data / "users.sqlite3"

    def quota_for(
        self,
        octets: int | None,
        messages: int | None,
        mailboxes: int | None = None,
        annotations: int | None = None,
    ) -> QuotaLimits:
        """What a user with these own limits may keep; ``None`` of one's own is the configuration's."""
        return QuotaLimits(
            self.quota_octets if octets is None else octets,
            self.quota_messages if messages is None else messages,
            self.quota_mailboxes if mailboxes is None else mailboxes,
            self.quota_annotations if annotations is None else annotations,
        )

    def hidden_for(self, user: str, client: Mapping[str, str | None] = MappingProxyType({})) -> frozenset[str]:
        """All capabilities that are hidden from a user with a mail program that said ``client`` with ID."""
        hidden = {*self.hidden_capabilities, *self.hidden_capabilities_for_user.get(user, ())}
        if client:
            for patterns, names in self.hidden_capabilities_for_clients.items():
                if client_matches(patterns, client):
                    hidden.update(names)
        return frozenset(hidden)


def _settings() -> tuple[Setting, ...]:
    """The rows in the order of the fields, completed from the fields."""
    defaults = Config()
    rows = []
    for row in fields(Config):
        setting: Setting | None = row.metadata.get("setting")
        if setting is not None:
            rows.append(Setting(setting.key, setting.kind, setting.purpose, row.name, getattr(defaults, row.name)))
    return tuple(rows)


SETTINGS: Final = _settings()
"""All settings in the order in which they are shown."""

SECTIONS: Final[Mapping[str, str]] = {
    "tls": "The certificate",
    "login": "Logging in",
    "oauth": "Tokens of an authorization server instead of passwords (needs `mailwren[oauth]`)",
    "connections": "Connections and their patience",
    "store": "Keeping mail",
    "quota": "How much a user may keep",
    "commands": "How much one command may do",
    "delivery": "Mail coming in over LMTP and by `mailwren deliver`",
    "sharing": "Mailboxes of others",
    "imap": "What some extensions need to know",
    "capabilities": "Hiding extensions from clients that stumble over them",
    "log": "Logging",
}
"""The tables of the file, in order, each with its heading."""
