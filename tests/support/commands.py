"""Hypothesis strategies for the arguments of every command, and commands as they stand on the wire."""

import dataclasses
from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from mailwren.base.ranges import RangeSet
from mailwren.imap import charsets, commands, names
from mailwren.imap.core import arguments as a
from mailwren.imap.core.arguments import FetchItem, SearchKey, Section, SectionText
from mailwren.imap.core.mailboxes import SPECIAL_USES
from mailwren.imap.core.search import all_of, any_of
from mailwren.imap.ext import mailbox_filter, notify
from mailwren.imap.ext.acl import MailboxAndIdentifier, SetAcl
from mailwren.imap.ext.compress import Compress
from mailwren.imap.ext.context import CancelUpdate
from mailwren.imap.ext.i18n import Comparator
from mailwren.imap.ext.language import Language
from mailwren.imap.ext.mailbox_filter import MailboxFilter
from mailwren.imap.ext.metadata import GetMetadata, SetMetadata
from mailwren.imap.ext.multisearch import MultiSearch
from mailwren.imap.ext.partial import PartialRange
from mailwren.imap.ext.qresync import Resync
from mailwren.imap.ext.quota import GetQuota, SetQuota
from mailwren.imap.ext.sort import SORT_KEYS, Sort, SortCriterion
from mailwren.imap.ext.thread import ALGORITHMS, Thread
from mailwren.imap.ext.uidbatches import UidBatches
from mailwren.imap.ext.urlauth import FetchUrls, GenerateUrls, ResetKey, UrlRequest
from mailwren.imap.flags import SYSTEM_FLAGS
from mailwren.imap.frames import Fragments, Literal
from mailwren.imap.rights import LETTERS
from mailwren.imap.scanner import NUMBER64_MAX, NUMBER_MAX
from mailwren.imap.sequence_set import STAR, SequenceSet

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
OCTETS8 = st.binary(max_size=30)
OCTETS = st.binary(max_size=30).filter(lambda data: b"\x00" not in data)
ATOMS = st.text("abcXYZ019$+-_.:=&/", min_size=1, max_size=12).filter(lambda word: word.upper() != "NIL")
NAMES = TEXT.map(names.canonical).filter(lambda name: names.canonical(name) == name)
NUMBERS = st.integers(1, NUMBER_MAX)
MODSEQS = st.integers(0, NUMBER64_MAX)
OBJECT_IDS = st.text("abcXYZ019-_", min_size=1, max_size=255)
DATE_KEYS = ("BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE", "SAVEDBEFORE", "SAVEDON", "SAVEDSINCE")
SETS = st.one_of(
    st.just(SequenceSet(saved=True)),
    st.lists(
        st.one_of(
            st.tuples(NUMBERS, NUMBERS),
            st.tuples(NUMBERS, st.just(STAR)),
            st.tuples(st.just(STAR), NUMBERS),
            NUMBERS.map(lambda number: (number, number)),
            st.just((STAR, STAR)),
        ),
        min_size=1,
        max_size=5,
    ).map(lambda ranges: SequenceSet(tuple(ranges))),
)
ENTRIES = st.builds(
    "/{}/{}".format, st.sampled_from(["private", "Shared"]), st.text('abcXYZ019 $+-_.:=&(){\\"', min_size=1, max_size=9)
)
NOTED = st.sampled_from(["/comment", "/altsubject", "/1.2/comment", "/1/flags/seen", "/vendor/a b/\\x", "/3/vendor/y"])
NOTED_OR_PATTERNS = NOTED | st.sampled_from(["*", "/%", "/1/*", "%/comment", "/x", '/"'])
OF_VALUE = ("value.priv", "value.shared")
LABELS = NAMES.filter(lambda name: not name.startswith("\\")) | st.sampled_from(("\\Inbox", "\\Sent"))
FLAGS = st.lists(st.sampled_from(SYSTEM_FLAGS) | ATOMS, unique=True, max_size=4).map(tuple)
MOMENTS = st.datetimes(
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
).map(lambda moment: moment.replace(microsecond=0))


def _subsets(*words: str, at_least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), unique=True, min_size=at_least).map(tuple)


def _chosen(*words: str) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(words))


# --- LIST ---------------------------------------------------------------------------------------------------
def _list(
    reference: str,
    patterns: list[str],
    selection: frozenset[str],
    returns: frozenset[str],
    status_items: tuple[str, ...],
    *,
    entries: tuple[str, ...],
    extended: bool,
) -> a.List:
    if selection <= {"RECURSIVEMATCH", "REMOTE"}:
        selection -= {"RECURSIVEMATCH"}
    values = (("METADATA", entries),) if entries else ()
    returns |= {"METADATA"} if entries else frozenset()
    extended = extended or bool(selection or returns or status_items) or len(patterns) > 1
    return a.List(reference, tuple(patterns), selection, returns, status_items, extended, values)


STATUS_ITEMS = _subsets(*commands.STATUS_ITEMS, at_least=1)
LISTS = st.builds(
    _list,
    TEXT,
    st.lists(TEXT, min_size=1, max_size=3),
    _chosen(*(row.name for row in commands.LIST_SELECTION_OPTIONS)),
    _chosen(*(row.name for row in commands.LIST_RETURN_OPTIONS if row.name not in {"STATUS", "METADATA"})),
    st.just(()) | STATUS_ITEMS,
    entries=st.lists(ENTRIES, max_size=2, unique_by=str.lower).map(tuple),
    extended=st.booleans(),
)
PLAIN_LISTS = st.builds(lambda reference, pattern: a.List(reference, (pattern,)), TEXT, TEXT)

# --- FETCH --------------------------------------------------------------------------------------------------
PARTS = st.lists(NUMBERS, max_size=4).map(tuple)
FIELDS = st.lists(OCTETS, min_size=1, max_size=3).map(tuple)
SECTIONS = st.one_of(
    st.builds(Section, PARTS, st.sampled_from([SectionText.ALL, SectionText.HEADER, SectionText.TEXT])),
    st.builds(Section, PARTS.filter(bool), st.just(SectionText.MIME)),
    st.builds(Section, PARTS, st.sampled_from([SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT]), FIELDS),
)
PARTIALS = st.none() | st.tuples(st.integers(0, NUMBER64_MAX), st.integers(1, NUMBER64_MAX))
ITEMS = st.one_of(
    st.sampled_from(
        [
            FetchItem(row.name)
            for row in commands.FETCH_ITEMS
            if "." not in row.name and row.name not in ("BINARY", "ANNOTATION")
        ]
        + [FetchItem(name) for name in ("RFC822.SIZE", "RFC822.HEADER", "RFC822.TEXT")]
    ),
    st.builds(FetchItem, st.just("BODY[]"), SECTIONS, st.booleans(), PARTIALS),
    st.builds(FetchItem, st.just("BINARY[]"), st.builds(Section, PARTS), st.booleans(), PARTIALS),
    st.builds(FetchItem, st.just("BINARY.SIZE[]"), st.builds(Section, PARTS)),
    st.builds(
        FetchItem,
        st.just("ANNOTATION"),
        modifiers=_subsets("value", *OF_VALUE, "size", "size.priv", "size.shared", at_least=1),
        entries=st.lists(NOTED_OR_PATTERNS, unique=True, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(FetchItem, st.just("PREVIEW"), modifiers=_subsets("LAZY", "FUZZY", "LAZY=FUZZY")),
    st.builds(FetchItem, st.just("SNIPPET"), modifiers=_subsets("FUZZY", "LAZY=FUZZY")),
)
PARTIAL_RANGES = st.builds(PartialRange, NUMBERS, NUMBERS, st.booleans())
FETCH_MODIFIERS = st.one_of(
    st.just(()),
    st.builds(lambda modseq: (("CHANGEDSINCE", modseq),), MODSEQS),
    st.builds(lambda modseq: (("VANISHED", None), ("CHANGEDSINCE", modseq)), MODSEQS),
    PARTIAL_RANGES.map(lambda wanted: (("PARTIAL", wanted),)),
    st.builds(lambda wanted, modseq: (("PARTIAL", wanted), ("CHANGEDSINCE", modseq)), PARTIAL_RANGES, MODSEQS),
)
FETCHES = st.builds(a.Fetch, SETS, st.lists(ITEMS, min_size=1, max_size=5).map(tuple), FETCH_MODIFIERS)


# --- SEARCH -------------------------------------------------------------------------------------------------
def _keys(text: st.SearchStrategy[str]) -> st.SearchStrategy[SearchKey]:
    """Search keys whose strings are drawn from ``text``."""

    def named(*words: str) -> st.SearchStrategy[str]:
        return st.sampled_from(words)

    leaves = st.one_of(
        named(
            "SAVEDATESUPPORTED", "ALL", "RECENT", "NEW", "OLD", "SEEN", "UNSEEN", "DRAFT", "UNANSWERED", "DELETED"
        ).map(SearchKey),
        st.builds(SearchKey, named("KEYWORD", "UNKEYWORD"), flag=ATOMS),
        st.builds(SearchKey, named("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"), text=text),
        st.builds(SearchKey, st.just("HEADER"), field_name=TEXT, text=text),
        st.builds(SearchKey, named(*DATE_KEYS), date=st.dates()),
        st.builds(SearchKey, named("LARGER", "SMALLER"), number=st.integers(0, NUMBER64_MAX)),
        st.builds(SearchKey, named("OLDER", "YOUNGER", "UIDAFTER", "UIDBEFORE"), number=NUMBERS),
        st.builds(SearchKey, named("EMAILID", "THREADID"), text=OBJECT_IDS),
        st.builds(SearchKey, named("X-GM-MSGID", "X-GM-THRID"), number=st.integers(0, 2**64 - 1)),
        st.builds(SearchKey, st.just("X-GM-LABELS"), text=LABELS),
        st.builds(SearchKey, st.just("X-GM-RAW"), text=st.text('ab :("-', max_size=9)),
        st.builds(SearchKey, named("UID", "SEQUENCE"), messages=SETS),
        st.builds(SearchKey, st.just("MODSEQ"), number=MODSEQS),
        st.builds(
            SearchKey,
            st.just("MODSEQ"),
            number=MODSEQS,
            text=st.sampled_from(["/flags/\\draft", "/flags/$mdnsent", '/flags/"']),
            flag=named("priv", "shared", "all"),
        ),
        st.builds(
            SearchKey, st.just("ANNOTATION"), field_name=NOTED_OR_PATTERNS, flag=named("value", *OF_VALUE), text=text
        ),
        st.builds(SearchKey, st.just("ANNOTATION"), field_name=NOTED, flag=named(*OF_VALUE), number=st.just(1)),
        st.builds(SearchKey, named("FILTER"), text=ATOMS.filter(lambda name: "/" not in name)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda key: SearchKey("NOT", keys=(key,))),
            inner.map(lambda key: SearchKey("FUZZY", keys=(key,))),
            st.lists(inner, min_size=1, max_size=4).map(all_of),
            st.lists(inner, min_size=1, max_size=4).map(any_of),
        ),
        max_leaves=8,
    )


def _searches(charset: str, text: st.SearchStrategy[str]) -> st.SearchStrategy[a.Search]:
    keys = st.lists(_keys(text), min_size=1, max_size=3).map(lambda found: SearchKey("AND", keys=tuple(found)))
    returns = _chosen(*(row.name for row in commands.SEARCH_RETURN_OPTIONS if row.name != "PARTIAL")).filter(bool)
    paged = st.builds(
        lambda key, others, wanted: a.Search(key, others - {"ALL"} | {"PARTIAL"}, charset, (("PARTIAL", wanted),)),
        keys,
        returns,
        PARTIAL_RANGES,
    )
    updated = st.builds(
        lambda key, others, items: a.Search(key, others | {"UPDATE"}, charset, (("UPDATE", items),)),
        keys,
        returns,
        st.lists(ITEMS, min_size=1, max_size=3).map(tuple),
    )
    return st.builds(a.Search, keys, st.none() | returns, st.just(charset)) | paged | updated


def _in_charset(charset: str) -> st.SearchStrategy[str]:
    """Text that the charset can say, and says in one way."""

    def fits(text: str) -> bool:
        try:
            return charsets.decoder(charset)(charsets.encoder(charset)(text)) == text
        except UnicodeEncodeError:
            return False

    return st.text("abc xyz éßЖ日本", max_size=8).filter(fits)


SEARCHES = st.one_of(
    _searches("", TEXT),
    _searches("UTF-8", TEXT),
    *(_searches(charset, _in_charset(charset)) for charset in ("ISO-8859-1", "KOI8-R", "ISO-2022-JP", "EUC-JP")),
)

# --- SORT and THREAD ----------------------------------------------------------------------------------------
CRITERIA = st.lists(
    st.builds(SortCriterion, st.sampled_from(sorted(SORT_KEYS)), st.booleans())
    | st.builds(SortCriterion, st.just("ANNOTATION"), st.booleans(), NOTED, st.sampled_from(OF_VALUE)),
    min_size=1,
    max_size=4,
)
CHARSET_SEARCHES = st.one_of(_searches("UTF-8", TEXT), _searches("KOI8-R", _in_charset("KOI8-R")))
SORTS = st.builds(
    lambda criteria, found: Sort(tuple(criteria), found.key, found.charset, found.returns, found.return_values),
    CRITERIA,
    CHARSET_SEARCHES,
)
THREADS = st.builds(
    lambda algorithm, found: Thread(algorithm, found.key, found.charset), st.sampled_from(ALGORITHMS), CHARSET_SEARCHES
)
COMPARATORS = st.lists(st.sampled_from(["i;octet", "-i;*", "+i;a*-c*", "*", "cz;*", "default"]), max_size=3).map(tuple)

# --- all of them --------------------------------------------------------------------------------------------
NAMED = st.builds(a.MailboxName, NAMES)
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4).map(RangeSet)
RESYNCS = st.one_of(
    st.builds(Resync, NUMBERS, MODSEQS, st.none() | RANGES),
    st.builds(Resync, NUMBERS, MODSEQS, st.none() | RANGES, RANGES, RANGES),
)
SELECT_PARAMETERS = st.one_of(
    st.just(()),
    st.just((("CONDSTORE", None),)),
    st.just((("ANNOTATE", None), ("CONDSTORE", None))),
    st.builds(lambda resync: (("QRESYNC", resync),), RESYNCS),
    st.builds(lambda resync: (("QRESYNC", resync), ("CONDSTORE", None)), RESYNCS),
    st.builds(lambda resync: (("CONDSTORE", None), ("QRESYNC", resync)), RESYNCS),
)
SELECTS = st.builds(a.Select, NAMES, SELECT_PARAMETERS)
COPIES = st.builds(a.Copy, SETS, NAMES)
CATENATE_PARTS = st.builds(a.CatenateUrl, TEXT) | st.builds(
    a.CatenateText, st.binary(max_size=50), st.booleans(), st.booleans()
)
SETTINGS = st.lists(
    st.builds(a.AnnotationSetting, NOTED.filter(lambda entry: "flags" not in entry), st.booleans(), st.none() | OCTETS8)
    | st.builds(a.AnnotationSetting, st.just("/1/flags/seen"), st.booleans(), st.sampled_from([None, b"0", b"1"])),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each[:2],
).map(tuple)
MESSAGES = st.builds(
    a.AppendMessage,
    FLAGS,
    st.none() | MOMENTS,
    st.binary(max_size=50),
    st.booleans(),
    st.booleans(),
    annotations=st.just(()) | SETTINGS,
) | st.builds(
    a.AppendMessage,
    FLAGS,
    st.none() | MOMENTS,
    st.just(b""),
    parts=st.lists(CATENATE_PARTS, min_size=1, max_size=4).map(tuple),
)
MECHANISMS = st.lists(st.sampled_from(["INTERNAL", "XSAMPLE"]), max_size=2).map(tuple)
URL_REQUESTS = st.builds(
    UrlRequest, TEXT, st.sampled_from([None, (), ("BODY",), ("BODYPARTSTRUCTURE", "BINARY"), ("BODYPARTSTRUCTURE",)])
)
ONE_MESSAGE = (NUMBERS | st.just(STAR)).map(lambda number: SequenceSet(((number, number),)))

# --- NOTIFY -------------------------------------------------------------------------------------------------
NAMES_ONCE = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)
MAILBOX_FILTERS = st.builds(MailboxFilter, st.sampled_from(sorted(mailbox_filter.WITHOUT_NAMES))) | st.builds(
    MailboxFilter, st.sampled_from(sorted(mailbox_filter.WITH_NAMES)), NAMES_ONCE
)
MESSAGE_EVENTS = st.sampled_from(
    [(), notify.MESSAGE_EVENTS[:2], notify.MESSAGE_EVENTS[:3], notify.MESSAGE_EVENTS, ("VENDOR.THING",)]
)
SELECTED_GROUPS = st.builds(
    notify.EventGroup, st.sampled_from(sorted(mailbox_filter.SELECTED)).map(MailboxFilter), MESSAGE_EVENTS
) | st.builds(
    notify.EventGroup,
    st.just(MailboxFilter("SELECTED")),
    st.just(notify.MESSAGE_EVENTS[:2]),
    st.lists(ITEMS, min_size=1, max_size=3, unique=True).map(tuple),
)
OTHER_GROUPS = st.builds(
    lambda mailboxes, first, second: notify.EventGroup(mailboxes, first + second),
    MAILBOX_FILTERS,
    MESSAGE_EVENTS,
    _subsets(*notify.MAILBOX_EVENTS, notify.SERVER_METADATA_CHANGE, "OTHER"),
)
NOTIFIES = st.just(notify.Notify()) | st.builds(
    lambda selected, others, status: notify.Notify((*selected, *others), status),
    st.lists(SELECTED_GROUPS, min_size=1, max_size=1),
    st.lists(OTHER_GROUPS, max_size=3),
    st.booleans(),
)

_STORES_OF_FLAGS = st.builds(
    a.Store,
    SETS,
    st.sampled_from(a.StoreMode),
    st.booleans(),
    FLAGS,
    st.just(()) | st.builds(lambda modseq: (("UNCHANGEDSINCE", modseq),), MODSEQS),
)
STORES = _STORES_OF_FLAGS | st.builds(
    lambda store, labels: dataclasses.replace(store, flags=(), attribute=("X-GM-LABELS", labels)),
    _STORES_OF_FLAGS,
    st.lists(LABELS, unique=True, max_size=3).map(tuple),
)
STORES |= st.builds(
    lambda store, settings: dataclasses.replace(store, flags=(), attribute=("ANNOTATION", settings)),
    _STORES_OF_FLAGS,
    SETTINGS,
)
QUOTA_LIMITS = st.dictionaries(
    st.sampled_from(("STORAGE", "MESSAGE", "MAILBOX", "X-A")), st.integers(0, NUMBER64_MAX), max_size=4
).map(lambda limits: tuple(limits.items()))

SOURCES = MAILBOX_FILTERS | st.just(MailboxFilter("SELECTED"))
ARGUMENTS: dict[bytes, st.SearchStrategy[Any]] = {
    b"LOGIN": st.builds(a.Login, TEXT, TEXT),
    b"AUTHENTICATE": st.builds(a.Authenticate, st.just("PLAIN"), st.none() | st.binary(max_size=20)),
    b"ENABLE": st.builds(a.Enable, st.lists(ATOMS.map(str.upper), min_size=1, max_size=3).map(tuple)),
    b"ID": st.builds(a.Identify, st.lists(st.tuples(TEXT, st.none() | TEXT), max_size=3).map(tuple)),
    b"GETQUOTA": st.builds(GetQuota, TEXT),
    b"GETQUOTAROOT": NAMED,
    b"SETQUOTA": st.builds(SetQuota, TEXT, QUOTA_LIMITS),
    b"LANGUAGE": st.builds(Language, st.lists(st.sampled_from(["de", "en-GB", "*", "x-a-b"]), max_size=3).map(tuple)),
    b"SELECT": SELECTS,
    b"EXAMINE": SELECTS,
    b"CREATE": st.builds(a.Create, NAMES, _subsets(*SPECIAL_USES), st.booleans()),
    b"DELETE": NAMED,
    b"RENAME": st.builds(a.Rename, NAMES, NAMES),
    b"SUBSCRIBE": NAMED,
    b"UNSUBSCRIBE": NAMED,
    b"LIST": LISTS,
    b"LSUB": PLAIN_LISTS,
    b"XLIST": PLAIN_LISTS,
    b"STATUS": st.builds(a.Status, NAMES, STATUS_ITEMS),
    b"APPEND": st.builds(a.Append, NAMES, st.lists(MESSAGES, min_size=1, max_size=3).map(tuple)),
    b"EXPUNGE": st.just(a.UidExpunge()),
    b"UID EXPUNGE": st.builds(a.UidExpunge, SETS),
    b"SEARCH": SEARCHES,
    b"FETCH": FETCHES,
    b"UIDBATCHES": st.builds(UidBatches, NUMBERS, st.none() | st.tuples(NUMBERS, NUMBERS)),
    b"STORE": STORES,
    b"COPY": COPIES,
    b"MOVE": COPIES,
    b"SETACL": st.builds(SetAcl, NAMES, TEXT, st.sampled_from(["", "+", "-"]), st.frozensets(st.sampled_from(LETTERS))),
    b"DELETEACL": st.builds(MailboxAndIdentifier, NAMES, TEXT),
    b"GETACL": NAMED,
    b"LISTRIGHTS": st.builds(MailboxAndIdentifier, NAMES, TEXT),
    b"MYRIGHTS": NAMED,
    b"GETMETADATA": st.builds(
        GetMetadata,
        NAMES,
        st.lists(ENTRIES, min_size=1, max_size=3, unique_by=str.lower).map(tuple),
        st.integers(0, NUMBER64_MAX),
        st.sampled_from([0, 1, None]),
    ),
    b"SETMETADATA": st.builds(
        SetMetadata,
        NAMES,
        st.lists(
            st.tuples(ENTRIES, st.none() | st.binary(max_size=20)),
            min_size=1,
            max_size=3,
            unique_by=lambda pair: pair[0].lower(),
        ).map(tuple),
    ),
    b"ESEARCH": st.builds(
        MultiSearch,
        SEARCHES,
        st.lists(MAILBOX_FILTERS | st.just(MailboxFilter("SELECTED")), max_size=3, unique=True).map(tuple),
    ),
    b"CANCELUPDATE": st.builds(CancelUpdate, st.lists(ATOMS.map(str.encode), min_size=1, max_size=3).map(tuple)),
    b"RLIST": PLAIN_LISTS,
    b"RLSUB": PLAIN_LISTS,
    b"RESETKEY": st.just(ResetKey()) | st.builds(ResetKey, NAMES, MECHANISMS),
    b"GENURLAUTH": st.builds(
        GenerateUrls,
        st.lists(st.tuples(TEXT, st.sampled_from(["INTERNAL", "X-1.2"])), min_size=1, max_size=3).map(tuple),
    ),
    b"URLFETCH": st.builds(FetchUrls, st.lists(URL_REQUESTS, min_size=1, max_size=3).map(tuple)),
    b"COMPRESS": st.builds(Compress, ATOMS.map(str.upper)),
    b"REPLACE": st.builds(a.Replace, ONE_MESSAGE, NAMES, MESSAGES),
    b"NOTIFY": NOTIFIES,
    b"SORT": SORTS,
    b"THREAD": THREADS,
    b"COMPARATOR": st.builds(Comparator, COMPARATORS),
}
"""What each command can say; those that are missing say nothing."""


def on_the_wire(fragments: Fragments, tag: bytes = b"a1") -> bytes:
    """A command as a client sends it, with non-synchronizing literals."""
    parts = [tag, b" "]
    for fragment in fragments:
        if isinstance(fragment, Literal):
            assert isinstance(fragment.octets, bytes)
            parts.append(b"~" * fragment.binary + b"{%d+}\r\n" % fragment.size + fragment.octets)
        else:
            parts.append(fragment)
    return b"".join((*parts, b"\r\n"))


@st.composite
def command_lines(draw: st.DrawFn) -> bytes:
    """Any command, valid, as it stands on the wire."""
    row = draw(st.sampled_from(commands.COMMANDS))
    arguments = draw(ARGUMENTS.get(row.name, st.just(a.NoArguments())))
    return on_the_wire(row.fragments(arguments, utf8=draw(st.booleans())))
