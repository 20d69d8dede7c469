"""THE list: the syntax of every command, and of what stands inside them. Nothing else registers.

To add an extension: write its rows in a module of its own and name them here.
"""

from typing import Any, Final

from mailwren.imap.core import append, copy, expunge, fetch, idle, login, mailboxes, search, select, session, status
from mailwren.imap.core import list as listing
from mailwren.imap.core import store as storing
from mailwren.imap.core.arguments import FetchItem
from mailwren.imap.ext import (
    acl,
    annotate,
    compress,
    condstore,
    context,
    filters,
    fuzzy,
    gmail,
    i18n,
    language,
    messagelimit,
    metadata,
    multisearch,
    objectid,
    partial,
    preview,
    qresync,
    quota,
    referrals,
    replace,
    savedate,
    sort,
    thread,
    uidbatches,
    unauthenticate,
    urlauth,
    within,
)
from mailwren.imap.ext.notify import notify_syntax
from mailwren.imap.syntax import Row, Syntax

# --- what stands inside commands ----------------------------------------------------------------------------
SELECT_PARAMETERS: Final[tuple[Row[object], ...]] = (condstore.CONDSTORE, qresync.QRESYNC, annotate.ANNOTATE)
CREATE_PARAMETERS: Final[tuple[Row[object], ...]] = (mailboxes.USE,)
LIST_SELECTION_OPTIONS: Final[tuple[Row[object], ...]] = (*listing.SELECTION_OPTIONS,)
STATUS_ITEMS: Final[tuple[str, ...]] = (
    *status.ITEMS,
    *objectid.STATUS_ITEMS,
    "APPENDLIMIT",
    *condstore.STATUS_ITEMS,
    *quota.STATUS_ITEMS,
)
LIST_RETURN_OPTIONS: Final[tuple[Row[object], ...]] = (
    *listing.RETURN_OPTIONS,
    status.status_option(STATUS_ITEMS),
    acl.LIST_MYRIGHTS,
    metadata.LIST_OPTION,
)
SEARCH_KEYS: Final[tuple[search.KeyRow, ...]] = (
    *search.KEYS,
    *filters.SEARCH_KEYS,
    *fuzzy.SEARCH_KEYS,
    *objectid.SEARCH_KEYS,
    *savedate.SEARCH_KEYS,
    *within.SEARCH_KEYS,
    *messagelimit.SEARCH_KEYS,
    *condstore.SEARCH_KEYS,
    *gmail.SEARCH_KEYS,
    *annotate.SEARCH_KEYS,
)
FETCH_ITEMS: Final[tuple[Row[FetchItem], ...]] = (
    *fetch.ITEMS,
    *objectid.FETCH_ITEMS,
    *savedate.FETCH_ITEMS,
    *preview.FETCH_ITEMS,
    *condstore.FETCH_ITEMS,
    *gmail.FETCH_ITEMS,
    *annotate.FETCH_ITEMS,
)
SEARCH_RETURN_OPTIONS: Final[tuple[Row[object], ...]] = (
    *search.RETURN_OPTIONS,
    *context.return_options(FETCH_ITEMS),
    partial.PARTIAL,
    *fuzzy.RETURN_OPTIONS,
)
FETCH_MODIFIERS: Final[tuple[Row[object], ...]] = (partial.PARTIAL, condstore.CHANGED_SINCE, qresync.VANISHED)
STORE_MODIFIERS: Final[tuple[Row[object], ...]] = (condstore.UNCHANGED_SINCE,)

# --- commands -----------------------------------------------------------------------------------------------
CAPABILITY: Final = session.CAPABILITY
NOOP: Final = session.NOOP
LOGOUT: Final = session.LOGOUT
ID: Final = session.ID
LANGUAGE: Final = language.LANGUAGE
STARTTLS: Final = login.STARTTLS
AUTHENTICATE: Final = login.AUTHENTICATE
LOGIN: Final = login.LOGIN
ENABLE: Final = session.ENABLE
SELECT: Final = select.select_syntax(b"SELECT", "9051 §6.3.2", SELECT_PARAMETERS)
EXAMINE: Final = select.select_syntax(b"EXAMINE", "9051 §6.3.3", SELECT_PARAMETERS)
CREATE: Final = mailboxes.create_syntax(CREATE_PARAMETERS)
DELETE: Final = mailboxes.DELETE
RENAME: Final = mailboxes.RENAME
SUBSCRIBE: Final = mailboxes.SUBSCRIBE
UNSUBSCRIBE: Final = mailboxes.UNSUBSCRIBE
LIST: Final = listing.list_syntax(LIST_SELECTION_OPTIONS, LIST_RETURN_OPTIONS)
LSUB: Final = listing.LSUB
XLIST: Final = listing.XLIST
NAMESPACE: Final = listing.NAMESPACE
STATUS: Final = status.status_syntax(STATUS_ITEMS)
APPEND: Final = append.APPEND
RLIST: Final = referrals.RLIST
RLSUB: Final = referrals.RLSUB
RESETKEY: Final = urlauth.RESETKEY
GENURLAUTH: Final = urlauth.GENURLAUTH
URLFETCH: Final = urlauth.URLFETCH
COMPRESS: Final = compress.COMPRESS
UNAUTHENTICATE: Final = unauthenticate.UNAUTHENTICATE
IDLE: Final = idle.IDLE
CLOSE: Final = select.CLOSE
UNSELECT: Final = select.UNSELECT
CHECK: Final = select.CHECK
EXPUNGE: Final = expunge.EXPUNGE
UID_EXPUNGE: Final = expunge.UID_EXPUNGE
SEARCH: Final = search.search_syntax(SEARCH_KEYS, SEARCH_RETURN_OPTIONS)
ESEARCH: Final = multisearch.multisearch_syntax(SEARCH)
UIDBATCHES: Final = uidbatches.UIDBATCHES
FETCH: Final = fetch.fetch_syntax(FETCH_ITEMS, FETCH_MODIFIERS)
STORE: Final = storing.store_syntax(STORE_MODIFIERS, (*gmail.STORE_ATTRIBUTES, *annotate.STORE_ATTRIBUTES))
GETMETADATA: Final = metadata.GETMETADATA
SETMETADATA: Final = metadata.SETMETADATA
CANCELUPDATE: Final = context.CANCELUPDATE
COPY: Final = copy.COPY
MOVE: Final = copy.MOVE
REPLACE: Final = replace.REPLACE
COMPARATOR: Final = i18n.COMPARATOR
SORT: Final = sort.sort_syntax(SEARCH_KEYS, SEARCH_RETURN_OPTIONS)
THREAD: Final = thread.thread_syntax(SEARCH_KEYS)
NOTIFY: Final = notify_syntax(FETCH_ITEMS)

SETACL: Final = acl.SETACL
DELETEACL: Final = acl.DELETEACL
GETACL: Final = acl.GETACL
LISTRIGHTS: Final = acl.LISTRIGHTS
MYRIGHTS: Final = acl.MYRIGHTS

GETQUOTA: Final = quota.GETQUOTA
GETQUOTAROOT: Final = quota.GETQUOTAROOT
SETQUOTA: Final = quota.SETQUOTA

COMMANDS: Final[tuple[Syntax[Any], ...]] = (
    *(LANGUAGE, GETQUOTA, GETQUOTAROOT, SETQUOTA),
    *(CAPABILITY, NOOP, LOGOUT, ID, STARTTLS, AUTHENTICATE, LOGIN, ENABLE, SELECT, EXAMINE, CREATE, DELETE, RENAME),
    *(SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB, XLIST, NAMESPACE, STATUS, APPEND, IDLE, CLOSE, UNSELECT, CHECK, EXPUNGE),
    *(UIDBATCHES, UID_EXPUNGE, SEARCH, FETCH, STORE, COPY, MOVE),
    *(ESEARCH, CANCELUPDATE, GETMETADATA, SETMETADATA),
    REPLACE,
    *(SORT, THREAD, COMPARATOR),
    *(COMPRESS, UNAUTHENTICATE, RESETKEY, GENURLAUTH, URLFETCH, RLIST, RLSUB),
    NOTIFY,
    *(SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS),
)
"""All of them."""
