"""Every limit of size, count, depth and time, each with its reason. Other modules take limits only from here.

Sizes are octets, times seconds. What an operator may want to change stands in the configuration, whose defaults
are taken from here.
"""

from typing import Final

# --- the wire -----------------------------------------------------------------------------------------------
LINE_BEFORE_LOGIN: Final = 16 * 1024
"""A command line of an unknown client: an OAuth token in base64 is the longest (RFC 7162 §4 asks for 8192)."""
LINE: Final = 1024 * 1024
"""A command line after login: many clients do not split UID sets, so far more than the usual 64 KiB is taken."""
LITERAL_BEFORE_LOGIN: Final = 4 * 1024
"""A literal of an unknown client: user names and passwords."""
LITERAL_IN_MEMORY: Final = 64 * 1024
"""Literals above this stream to a spool file and are only accepted where a message is expected."""
LITERALS_PER_COMMAND: Final = 1000
"""Literals in one command; MULTIAPPEND of a folder is the largest honest use."""
URLS_PER_COMMAND: Final = 1000
"""URLs in one GENURLAUTH or URLFETCH; mail submission fetches one."""
COMMAND_IN_MEMORY: Final = 4 * 1024 * 1024
"""Lines and small literals of one command together."""
COMMAND_BEFORE_LOGIN: Final = 32 * 1024
"""Lines and literals of one command of an unknown client: several LOGIN literals, far from the 4 MiB that follow."""
COMMAND_SPOOLED: Final = 2 * 1024 * 1024 * 1024
"""Octets of one command's spooled literals: a large MULTIAPPEND, yet one client cannot fill the disk by one command."""
SECTION_DEPTH: Final = 200
"""Part numbers in one FETCH section: twice ``MIME_DEPTH``, so every part that exists can be named."""
FETCH_ITEMS: Final = 500
"""Items of one FETCH: each is answered for each message."""
LIST_PATTERNS: Final = 100
"""Patterns in one LIST: each is tried on every mailbox (RFC 5258 §6 sets no bound)."""
GMAIL_SEARCH: Final = 4000
"""Characters of one X-GM-RAW: more than anybody types."""
LABELS: Final = 100
"""Labels in one STORE of X-GM-LABELS; each is a mailbox to copy to or to remove from."""
LANGUAGE_RANGES: Final = 50
"""Languages in one LANGUAGE command: more than anybody speaks."""
QUOTA_RESOURCES: Final = 20
"""Resources in one SETQUOTA; there are four."""
IDENTIFICATION_FIELDS: Final = 100
"""Field and value pairs of ID; RFC 2971 §3.3 allows 30, some clients send a few more."""
NESTING: Final = 50
"""Depth of parentheses, NOT and OR in one command; recursion stays far from the interpreter's limit."""
SEARCH_KEYS: Final = 10_000
"""Search keys in one command."""
COMPARATORS: Final = 20
"""Comparators that one command names: there are three."""
SORT_CRITERIA: Final = 50
"""Criteria of one SORT: there are a dozen to choose from, and each is looked at for each message."""
MAILBOX_NAME: Final = 1000
"""Octets of UTF-8 in a mailbox's full name."""
MAILBOX_DEPTH: Final = 50
"""Levels in a mailbox's name."""
KEYWORD: Final = 255
"""Octets in one keyword."""
KEYWORDS_PER_MESSAGE: Final = 500
"""Keywords on one message: far beyond use, and keeps one answer line bounded."""
READ_AHEAD: Final = 256 * 1024
"""Octets read ahead of the command that runs; reading pauses beyond it, so a client cannot grow our memory."""
BAD_COMMANDS_BEFORE_LOGIN: Final = 20
"""Wrong commands before login until the connection is closed: HTTP and SMTP speakers, probes."""
INFLATED_AT_ONCE: Final = 64 * 1024
"""Octets that a compressed connection inflates before its commands are looked at: bounds what a bomb can do."""
INFLATIONS_AT_ONCE: Final = 16
"""So often in one go, while no command is whole; then other connections have their turn."""
OUTPUT_CHUNK: Final = 64 * 1024
"""Output is handed to the transport in pieces of about this size, then waits for the client to read."""
OUTPUT_HIGH_WATER: Final = 256 * 1024
"""Unsent output above which a command pauses."""
SLICE_SECONDS: Final = 0.00025
"""How long one command may hold the event loop before it lets others run: short commands wait for about one slice, and
a change of turns costs a tenth of it at most."""

# --- messages -----------------------------------------------------------------------------------------------
MESSAGE: Final = 100 * 1024 * 1024
"""The default for the largest message taken in."""
HEADER_PARSED: Final = 1024 * 1024
"""Octets of one header block that are parsed; the rest is kept but not looked into."""
HEADER_FIELDS: Final = 10_000
"""Header fields of one block that are parsed."""
MIME_DEPTH: Final = 100
"""Nesting of multiparts and message/rfc822; deeper parts are treated as plain text leaves."""
MIME_PARTS: Final = 10_000
"""Parts of one message; the rest belongs to the last one."""
ADDRESSES: Final = 10_000
"""Addresses of one header field that are listed in ENVELOPE."""
BOUNDARY: Final = 4096
"""Octets of a multipart's boundary: RFC 2046 §5.1.1 allows 70; what programs really write is far below this."""
DELIMITER_LOOKALIKES: Final = 500_000
"""Lines of one message that begin like a boundary's and are not; beyond it no more parts are looked for."""
PARAMETERS: Final = 1000
"""Parameters of one Content-Type or Content-Disposition: long names in segments stay far below."""
STRUCTURE_STRING: Final = 32 * 1024
"""Octets of one string in ENVELOPE and BODYSTRUCTURE; common clients stop reading at lines of a million."""
STRUCTURE_DETAILS: Final = 768 * 1024
"""Octets of one BODYSTRUCTURE that come from the parts' headers; a digest of a thousand messages stays below."""
REFERENCES: Final = 1000
"""Identifiers of one message's References that are kept: threads of list archives stay far below."""
MESSAGE_ID: Final = 998
"""Characters of a Message-ID that are kept: a line of the longest kind (RFC 5322 §2.1.1)."""
SORT_TEXT: Final = 1000
"""Characters of a subject or name by which messages are sorted: an unfolded line of the longest kind."""
PREVIEW: Final = 256
"""Characters of a preview that are kept; more must never be told (RFC 8970 §3.3)."""
PREVIEW_TOLD: Final = 200
"""Characters of a preview that FETCH tells (RFC 8970 §3.3)."""
PREVIEW_PLAIN: Final = 8 * 1024
"""Octets of encoded plain text that a preview is made from: its 256 characters even where quotes come first."""
PREVIEW_HTML: Final = 64 * 1024
"""The same for HTML, where style sheets may stand before the text."""

# --- store --------------------------------------------------------------------------------------------------
BLOB_IN_DATABASE: Final = 64 * 1024
"""Messages up to this size (before compression) live in the account's database, larger ones in files."""
MAILBOXES_PER_ACCOUNT: Final = 20_000
"""Mailboxes in one account."""
RESTORABLE_SECONDS: Final = 30 * 24 * 3600
"""How long an expunged message can be brought back."""
ACL_IDENTIFIERS: Final = 1000
"""Identifiers in one mailbox's access control list, which is read with the mailbox; more people are a group."""
ACL_IDENTIFIER: Final = 255
"""Octets of UTF-8 in one identifier: more than any user or group may be called."""
SUBSCRIPTIONS_PER_ACCOUNT: Final = 2 * MAILBOXES_PER_ACCOUNT
"""Names subscribed to; they outlive mailboxes, so there may be more than mailboxes."""
BLOB_FRAME: Final = 256 * 1024
"""Octets compressed together in a file: a range is read at the cost of one frame, and memory stays bounded."""
BLOB_CACHE: Final = 32 * 1024 * 1024
"""Decompressed octets kept by a process: a message read piece by piece is decompressed once."""
INTRODUCTIONS: Final = 2000
"""Answers to SELECT kept by a process, of some 700 octets each: mailboxes that are selected again and again."""
INTRODUCTION: Final = 8 * 1024
"""Octets of the longest answer to SELECT that is kept: one with thousands of keywords is made anew each time."""
RESYNC_KEPT: Final = 256 * 1024
"""Octets of an answer to a client that comes back, kept for when it does so again: flags of some 4,000 messages."""
NAMED_MAILBOXES: Final = 100
"""Mailboxes' rows of an account kept by their names: those that a user's programs go through again and again."""
KNOWN_LINES: Final = 500
"""Command lines kept by a process as they were read: programs send few different ones, again and again."""
KNOWN_LINE: Final = 300
"""Octets of such a line: those for whole lists of header fields are as long."""
LINES_CACHE: Final = 64 * 1024 * 1024
"""Octets of FETCH responses kept by a process: what lists of some 50,000 messages need, for the next device."""
LINES_CACHE_TOTAL: Final = 256 * 1024 * 1024
"""Octets of such responses that all processes together keep: of more than four workers each keeps less."""
ROWS_CACHE: Final = 16 * 1024 * 1024
"""Octets of ready envelopes and structures kept by a process: some 15,000 messages of pages that were looked at."""
PAGE_ROWS: Final = 60
"""Messages that are asked for at once as a page is, and kept by themselves; more are kept in LINES_CACHE."""
PAGE_ROW: Final = 16 * 1024
"""Octets of one message's envelope and structures beyond which they are answered one by one, and never kept."""
ROWS_IN_PARTS: Final = 100_000
"""Messages of a mailbox that is read in parts at the same time: with fewer, opening more connections takes longer."""
ROWS_PARTS: Final = 4
"""Such parts: one for each core of a small machine, and some that wait for the disk."""
LINES_PERIODS: Final = 60
"""Heartbeats, of ten seconds each, after which such responses are let go of: people's devices ask within minutes."""
STATES_CACHE: Final = 4_000_000
"""Messages kept in memory with no session looking at them: 24 octets each, 28 where flags are searched."""
STORE_THREADS: Final = 8
"""Transactions of different accounts at a time: enough to keep a disk busy with syncs."""
DATABASE_BUSY_SECONDS: Final = 10.0
"""How long a transaction waits for another process's transaction in the same account."""
GROUP_REQUESTS: Final = 200
"""Waiting requests that one commit takes together: bounds how long the first of them waits for the last."""
CARRIED_OCTETS: Final = 32 * 1024 * 1024
"""Octets of small messages that go to another account together, in one transaction: they stand in memory."""
CARRIED_FILES: Final = 50
"""Large messages that go to another account together, in one transaction: each is an open file meanwhile."""
WAL_PAGES: Final = 4000
"""Pages of the write-ahead log after which it is folded into the database: 16 MiB, about 30 ms of work."""
WAL_PAGES_AHEAD: Final = 8000
"""Pages up to which flag changes go on while the log is being folded in beside them; beyond, they wait for that."""
FOLDINGS: Final = 3
"""How often what came in meanwhile is folded in beside changes that go on; what is left waits for a pause of theirs."""
WAL_OCTETS: Final = 64 * 1024 * 1024
"""What the write-ahead log is cut back to after a large transaction."""
FLAGS_SYNC_SECONDS: Final = 0.5
"""How long flag changes may wait for the disk; half of what is promised, so that the sync itself has time."""
FLAGS_AT_ONCE: Final = 100
"""UIDs up to which a flag change runs at once on the event loop: about a tenth of a millisecond."""
APPENDED_AT_ONCE: Final = BLOB_IN_DATABASE + 8 * 1024
"""Octets of messages up to which a request to add them is prepared on the event loop, where only the disk is waited for
elsewhere: handing it to a thread and back costs as much as a small message does, and a thread has to share the
interpreter with the loop anyway."""
APPEND_WEIGHT: Final = 8 * 1024
"""What a message of no octets at all costs, in octets: nine small ones at once are two milliseconds."""
ADDRESSES_REPEATED: Final = 256
"""Octets of an address field up to which what was made of it is kept for the next message: a handful of addresses."""
ADDRESSES_REMEMBERED: Final = 2048
"""Address fields that are kept so, twice: two megabytes at most."""
HEADER_AT_ONCE: Final = 8 * 1024
"""Octets of all headers of a message up to which it is parsed on the event loop: nearly all have fewer, and the worst
that can be written into so much takes some milliseconds."""
PARTS_AT_ONCE: Final = 32
"""Parts of a message beyond which it is not parsed there."""
LOOKALIKES_AT_ONCE: Final = 1000
"""The same for lines that begin like a boundary's and are none: two milliseconds."""
LOCKED_SECONDS: Final = 0.001
"""Until a small change is tried again that found another process writing: as long as most of its writing takes."""
LOCKED_TRIES: Final = 20
"""How often it is tried before a thread waits for the other process, which has much to write then."""
COMMIT_THREADS: Final = 8
"""Commits of different accounts that wait for the disk at a time: enough to keep it busy."""
COMMIT_HERE_SECONDS: Final = 0.001
"""How long the event loop may wait for the disk in a commit: longer than a quick disk takes, and the time of a small
command. Waking a thread and being woken by it is a tenth of that."""
COMMIT_HERE_DEBT: Final = 0.01
"""Seconds that commits may wait longer than that, together, before the next ones are left to threads: even a quick disk
is slow now and then, as while something else is written."""
COMMIT_HERE_SHARE: Final = 0.005
"""How much of that a second pays off: half a percent of the loop's time is all that a slow disk costs it."""
COMMIT_HERE_DEBT_MAX: Final = 3.0
"""What is counted of it at most: paid off in ten minutes, by when even a failing disk may have been replaced."""
COMMITS_TOGETHER_SECONDS: Final = 0.05
"""How long commits are synced apart from the event loop after two were seen to come together: two clients that send one
message after the other meet many times in that."""
KERNEL_SYNCS: Final = 256
"""Syncs of different accounts at a time that the system is asked for: it reserves some kilobytes for them."""
UNSYNCED_REQUESTS: Final = 32
"""Requests to add messages of one account, in one process, that are committed and wait for the disk. Each has nine
messages at most, which bounds how many UIDs a power cut can make doubtful; see UID_JUMP in store/sqlite/database.py."""
FLAG_LINES: Final = 32
"""Thousands of message numbers whose FETCH responses have their beginnings ready for flag changes, 64 kB each."""
ROWS_AT_ONCE: Final = 512
"""Rows read on the event loop before others get their turn: two or three milliseconds."""
LOG_OCTETS_AT_ONCE: Final = 16 * 1024
"""Notation of UIDs in the log that is read on the event loop; more is read in a thread."""
RANGES_ONE_BY_ONE: Final = 8
"""UID ranges up to which each is its own statement; more are handed over as an array."""
THREAD_REFERENCES: Final = 100
"""References of one message that are looked up for its thread; honest mail has a few dozen at most."""
ACCOUNT_IDLE_SECONDS: Final = 60.0
"""How long an account stays open after its last use: polling clients come back within that time."""
DELTA_RANGES: Final = 2000
"""UID ranges of one change that are worked into a mailbox in memory on the event loop; more are read in a thread."""
REFRESHED_ROWS: Final = 5000
"""Messages changed elsewhere that are worked in on the event loop; with more the mailbox is read anew in a thread."""
LOG_ROWS: Final = 2000
"""Rows of one mailbox's log before the older half becomes one row."""
SWEEP_SECONDS: Final = 6 * 3600
"""How often an account in use is swept of what nothing refers to any more."""
SWEEP_FIRST_SECONDS: Final = 30.0
"""How long after opening an account it is looked at for sweeping: after logging in, before it is closed again."""
SORT_PAUSE: Final = 0.05
"""Seconds between two parts of computing sort keys of earlier mail, as long as one takes: others have the processor."""
SWEEP_ROWS: Final = 500
"""Rows removed by the sweeper in one transaction, so that others never wait long."""
ORPHAN_SECONDS: Final = 3600
"""Age after which a blob's file without a row is a crash's leftover, not a message that is just being taken in."""
FORMER_NAMES: Final = 10_000
"""Names of mailboxes that are no more whose last UIDVALIDITY is remembered one by one."""

ANNOTATION_VALUE: Final = LITERAL_IN_MEMORY
"""Octets of one annotation's value; RFC 5464 §4.1 asks for 1024, clients keep colours, signatures and rules."""
ANNOTATION_NAME: Final = 1000
"""Octets of an annotation's name."""
ANNOTATIONS_PER_MAILBOX: Final = 1000
"""Annotations of one mailbox, or of the server for one user; RFC 5464 §4.1 asks for 10."""
ANNOTATION_OCTETS: Final = 20 * 1024 * 1024
"""Octets of all annotations of an account together."""
ANNOTATIONS_PER_MESSAGE: Final = 100
"""Annotations of one message that one user sees; RFC 5257 §4.1 asks for 10."""
ANNOTATIONS_REMOVED: Final = 1000
"""Annotations removed last that an account remembers, to tell clients of it."""

# --- search -------------------------------------------------------------------------------------------------
QUERY_DEPTH: Final = 4 * NESTING
"""Levels of a query's tree: one level of a command becomes a few; recursion stays far from the interpreter's limit."""
FLAG_INDEX_MESSAGES: Final = 100_000
"""Messages up to which a mailbox has an index of its flags, 4 octets each, made in some milliseconds."""
FLAG_SETS_FOLDED: Final = 4096
"""Combinations of flags whose names searches keep in lower case, some hundred octets each."""
ROWS_READY: Final = 65_536
"""Numbers that searches keep ready instead of making them anew, 44 octets each, as far as mailboxes have messages."""
SEARCH_NUMBERS: Final = 65_536
"""Numbers that answers of searches have ready in writing, 48 octets each, as far as mailboxes have messages."""
FACT_ROWS_CACHED: Final = 2_000_000
"""Messages whose size and dates are kept in memory for searching, 24 octets each."""
FACTS_READ_AT_ONCE: Final = 1000
"""Messages whose facts are asked for in one call: a millisecond or two of the store's time."""
SEARCH_WHOLE: Final = 512 * 1024
"""Messages up to this size are read whole to be searched, larger ones part by part."""
SEARCH_PART: Final = 4 * 1024 * 1024
"""Text parts up to this size are decoded whole, larger ones in windows, so that they take little memory."""
SEARCH_WINDOW: Final = 256 * 1024
"""Octets and characters of a larger text part that are searched before others have their turn."""
SORTED_ROWS_CACHED: Final = 400_000
"""Messages whose sort keys are kept in memory, about 250 octets each; the mailbox used last is always kept."""
SORTED_AT_ONCE: Final = 16_384
"""Messages that are sorted without a break: two or three milliseconds."""
ORDERS_CACHED: Final = 4
"""Orders, and as many threadings, of one mailbox that are kept: what the devices of one user show of it."""
THREAD_STEPS: Final = 200
"""Steps up a thread, for each message, on which loops are looked for; only mail made for it takes more than a few."""
SEARCH_HEADERS: Final = 128 * 1024
"""Octets of headers that are read and searched before others have their turn."""
SEARCH_HEADER: Final = 32 * 1024
"""Octets of one header up to which it is read together with those of other messages; larger ones are read alone."""
FIELDS_CACHED: Final = 64 * 1024 * 1024
"""Octets of header fields kept in memory for the next search of them: some 250,000 messages' subjects."""
FIELD_KEPT: Final = 1000
"""Characters of one message's values of a field that are kept; longer ones are few, and are read again."""
PARTIAL_PIECE: Final = 1000
"""Messages that a search for one page of results begins with: a page is often full long before all is searched."""
UID_BATCH: Final = 500
"""Messages of the smallest batch of UIDBATCHES: RFC 10022 asks for batches from this size on; smaller save nothing."""
UID_BATCHES: Final = 10_000
"""Batches in one answer: a line of 200 kilobytes; a mailbox of five million messages in the smallest ones."""
SEARCH_SOURCES: Final = 1000
"""Mailboxes and groups of them that one ESEARCH names; all of a user's are one group."""
FUZZY_WORDS: Final = 20
"""Different words of a text that FUZZY looks for; more are passed over: each is compared with every word."""
FILTER_DEPTH: Final = 10
"""Named searches inside named searches; RFC 5466 §3.1 asks for 3."""
SEARCH_CONTEXTS: Final = 20
"""Searches of one session whose results are kept up to date (RFC 5267 §4.3.1): each is asked after every change."""
SEARCH_CONTEXT_MESSAGES: Final = 2_000_000
"""Messages in all such results of a session, 4 octets each; the first search is kept whatever its size."""
SORTED_CONTEXT: Final = 50_000
"""Messages in a sorted result that is kept up to date: what comes in is put in its place in some ten milliseconds."""
SEARCH_KEPT: Final = 16 * 1024 * 1024
"""Octets of headers and texts that one search keeps for its next key."""

# --- the search index ---------------------------------------------------------------------------------------
INDEX_WORDS: Final = 20_000
"""Distinct words of one message that are indexed; one with more (a table of numbers) is looked at by every search."""
INDEX_VALUE: Final = 4000
"""Characters of one value of a field that are indexed; a message with more recipients is looked at."""
INDEX_READ: Final = 200
"""Rows that are read at a time to be indexed: bounds memory, and no transaction stays open meanwhile."""
INDEX_CONTENTS: Final = 16_384
"""Messages that are indexed together in memory; then they are written as one segment."""
INDEX_POSTINGS: Final = 2_000_000
"""Words of all these messages together, two octets each; beyond it they are written sooner."""
INDEX_DISTINCT: Final = 400_000
"""Different words of these messages, some 250 octets each: 100 MB at worst."""
INDEX_SEGMENT: Final = 48 * 1024 * 1024
"""Octets of a segment that is merged with no other any more: merging takes a few times that in memory."""
INDEX_MERGED: Final = 2
"""A segment is merged with the next one unless it has more than so many times its messages: few of both."""
INDEX_FEW: Final = 100
"""New messages that wait for others to be indexed with: as many are searched in a tenth of a second."""
INDEX_FEW_SECONDS: Final = 60.0
"""How long so few wait."""
INDEX_SECONDS: Final = 3.0
"""How long more of them wait: what is delivered within that time is indexed together."""
INDEX_IDLE_SECONDS: Final = 60.0
"""How long the indexing process stays without work; it takes some 30 MB."""
INDEX_RETRY_SECONDS: Final = 60.0
"""Pause after indexing failed."""
INDEX_FORGET_SECONDS: Final = 24 * 3600
"""How often a segment is looked through for messages that are gone, so that their words are forgotten."""
INDEX_CACHED: Final = 128 * 1024 * 1024
"""Octets of vocabularies that a process keeps in memory: one of a large mailbox takes a few megabytes."""
INDEX_ACCOUNTS: Final = 500
"""Accounts whose index is kept open, each with up to some dozen files."""
INDEX_UNUSED_SECONDS: Final = 15 * 60.0
"""Until an index that nobody asks is closed: it may hold files that are replaced or removed by now."""
INDEX_ANSWERS: Final = 8
"""Answers of one account's index that are kept: for the next mailbox of one search, and the next page of a result."""
INDEX_ANSWER: Final = 100_000
"""Messages of the largest answer that is kept."""
INDEX_TEXTS: Final = 16 * 1024 * 1024
"""Octets of compressed text of attached documents in messages that are indexed together: held in memory until then."""
DOCUMENT_OCTETS: Final = 32 * 1024 * 1024
"""Octets of an attached document that is read for the index: more than mail systems let through."""
DOCUMENT_UNPACKED: Final = 128 * 1024 * 1024
"""Octets of XML that an office document may unpack to: large tables do, and archives made to fill memory stop here."""
DOCUMENT_MEMORY: Final = 512 * 1024 * 1024
"""Address space of the process that reads documents; it takes 50 MiB, and the largest ones some times their size."""
DOCUMENT_SECONDS: Final = 10.0
"""Processor time for one document, some hundred pages; then what was read counts. After twice that its process ends."""
DOCUMENT_WAIT_SECONDS: Final = 60.0
"""How long a document may take on a busy machine, where indexing gets little of it; then its process ends."""
DOCUMENTS_SECONDS: Final = 120.0
"""The same for all documents of one message: mail of strangers must not keep other mail from being indexed."""
DOCUMENTS_TEXT: Final = 1024 * 1024
"""Characters of all documents of one message that are found: some 400 pages."""

# --- connections --------------------------------------------------------------------------------------------
CONNECTIONS: Final = 20_000
"""Connections of one worker; beyond it a new one is refused with BYE."""
CONNECTIONS_PER_USER_AND_ADDRESS: Final = 100
"""Clients that open a connection per folder on several devices stay far below; only the new one is refused. Not for
connections from the machine itself, unless ``connections.per_user_and_address`` is set: see there."""
CONNECTIONS_PER_ADDRESS_BEFORE_LOGIN: Final = 100
"""Connections of one address that have not logged in; for the machine itself as above."""
LOGIN_SECONDS: Final = 60.0
"""Time from connecting to being logged in."""
IDLE_SECONDS: Final = 35 * 60.0
"""Silence after which a session ends, never before 32 minutes: clients send NOOP every 30. IDLE never times out."""
BUSY_POLL_MICROSECONDS: Final = 100
"""How long to look for the next command before sleeping: what it takes a system to wake the client's process, and as
long again for that to make a command."""
WRITE_SECONDS: Final = 5 * 60.0
"""How long a client may refuse to read the answer it asked for."""
LAST_WORDS_SECONDS: Final = 30.0
"""How long a client may take to read the last words on a connection that is being closed."""
KEEPALIVE_SECONDS: Final = 10 * 60
"""Silence after which TCP asks whether the other machine is still there: an idling client that lost its network says
nothing, and would count among its user's connections for ever. More often would wake telephones for nothing."""
KEEPALIVE_AGAIN_SECONDS: Final = 60
"""Between one such question without an answer and the next."""
KEEPALIVE_PROBES: Final = 5
"""So many questions without an answer, and the connection is given up."""
LOGIN_FAILURE_DELAY: Final = 1.0
"""Delay after the first failed login; doubles with each further one from the same address or for the same user."""
LOGIN_FAILURE_DELAY_MAX: Final = 15.0
"""The longest delay, below the patience of ordinary clients."""
CLIENT_ADDRESSES_REMEMBERED: Final = 1000
"""Addresses of clients, read once: those that come again and again."""
LOGIN_FAILURE_MEMORY: Final = 10_000
"""Addresses and users whose failures are remembered; the oldest are forgotten first."""
SHUTDOWN_SECONDS: Final = 10.0
"""How long running commands may finish after SIGTERM."""
IDLE_SECONDS_MIN: Final = 32 * 60.0
"""The least that may be configured for IDLE_SECONDS: above the 30 minutes after which clients say something."""
DESCRIPTORS: Final = 1_000_000
"""Open files of one process, where the system permits so many: one a connection, and six an account in use."""
LISTENERS: Final = 100
"""Addresses that one server listens on."""
WORKERS: Final = 256
"""Server processes: more than any machine has cores to use."""
WORKERS_AUTOMATIC: Final = 4
"""Server processes where nobody says how many: enough for some ten thousand clients, and few beside what else runs."""
HEARTBEAT_SECONDS: Final = 10.0
"""An idle session looks at its mailbox at least this often, in case a hint was lost."""
GARBAGE_OBJECTS: Final = 10_000
"""Objects after which a server looks for cycles among them: looking sooner took a tenth of its time with 10,000 clients
that wait, and what is left until then is a megabyte."""
PROGRESS_SECONDS: Final = 10.0
"""How long a client waits for a command without a word; RFC 9585 §4 asks for one every 10 to 15 seconds."""
PROGRESS_TICK_SECONDS: Final = 2.0
"""How often the sessions at work are looked at: a client hears no later than the sum of both."""

# --- notifications ------------------------------------------------------------------------------------------
NOTIFY_MAILBOXES: Final = 1000
"""Mailbox names in one NOTIFY command: who wants more takes a subtree."""
NOTIFY_GROUPS: Final = 100
"""Groups of events in one NOTIFY command: there are eight kinds of mailbox filters and eight kinds of events."""
NOTIFY_NAMES: Final = 10_000
"""Names of mailboxes that changed at once and are told one by one; beyond it the client is told to look for itself."""
NOTIFY_PAUSE_SECONDS: Final = 0.05
"""How often, in a flood, an account is looked at for all sessions that watch it; when it is quiet at once."""
NOTIFY_PAUSE_EACH: Final = 0.0005
"""Added to that for each session that is woken, some five times what telling it costs."""
NOTIFY_RETRY_SECONDS: Final = 1.0
"""Pause after an account could not be looked at."""
NOTIFY_NAMES_SECONDS: Final = 1.0
"""How long a change of names waits for what belongs to it: clients subscribe to what they have created just before."""

# --- users and passwords ------------------------------------------------------------------------------------
USER_NAME: Final = 255
"""Octets of UTF-8 in a user name; every implementation has to accept that many (RFC 4616 §2)."""
USER_ALIASES: Final = 1000
"""Other names of one user."""
USERS_CACHED: Final = 10_000
"""Users kept in memory by the names they came with; one costs about half a kilobyte."""
GRANT_SECONDS: Final = 3600
"""How long the index of shared mailboxes keeps a grant that no list names: far longer than writing the list takes."""
DIRECTORY_CHECK_SECONDS: Final = 1.0
"""How often a process looks whether users were changed: sessions of disabled ones end at their next command."""
PASSWORD: Final = 1024
"""Octets of UTF-8 in a password: at least 255 have to be accepted (RFC 4616 §2), long passphrases fit."""
PASSWORD_CHECKS_AT_ONCE: Final = 4
"""Password hashes computed at the same time in one process: each takes a core and tens of megabytes."""
PASSWORD_CHECKS_WAITING: Final = 1000
"""Password checks waiting for their turn; at 20 ms each the last one still answers within LOGIN_SECONDS."""
SCRAM_ITERATIONS: Final = 10_000
"""Of PBKDF2 when a password is set: five milliseconds here, and not much more on a phone (RFC 7677 §4: 4096 and up)."""
SCRAM_MESSAGE: Final = 4096
"""Octets of one message of SCRAM; channel binding data are the longest part."""
TOKEN: Final = 12 * 1024 - 64
"""Octets of a message with an OAuth token, so that its base64 fits into a line; most have two or three thousand."""
TOKEN_CHECKS_WAITING: Final = 200
"""Tokens that wait for the authorization server's answer at once; more is an attack, or it is down."""
TOKEN_CACHE: Final = 10_000
"""Tokens known to be good: phones log in again and again with the same one."""
TOKEN_CACHE_SECONDS: Final = 300.0
"""How long a token is believed without asking again: as late may a revocation come."""
TOKEN_ANSWER: Final = 1024 * 1024
"""Octets of an answer of the authorization server: keys of dozens of authorities."""
LOGIN_CACHE: Final = 10_000
"""Successful logins remembered, so that a client's next connection costs no password hash."""
LOGIN_CACHE_SECONDS: Final = 3600.0
"""How long a successful login is remembered; a changed password or a disabled user is noticed at once anyway."""
LOGIN_FAILURE_FORGOTTEN_SECONDS: Final = 15 * 60.0
"""Failed logins count until there was none for this long."""

# --- hints between processes --------------------------------------------------------------------------------
BUS_DATAGRAM: Final = 8 * 1024
"""Octets of hints in one datagram: fits every system's default socket buffer many times."""
BUS_PENDING: Final = 10_000
"""Hints kept for a process that is too busy to take them; beyond it the newest are lost, which costs latency only."""
BUS_PAUSE_SECONDS: Final = 0.005
"""Between two datagrams to the same processes: a hint after a quiet moment goes out at once, a flood of them merged."""
BUS_RETRY_SECONDS: Final = 0.005
"""Pause until hints are offered again to a process whose socket was full; doubles while it stays so."""
BUS_RETRY_SECONDS_MAX: Final = 1.0
"""The longest such pause: a stopped process costs its neighbours next to nothing."""

# --- logs ---------------------------------------------------------------------------------------------------
LOG_VALUE: Final = 1000
"""Characters of one value in a log line; clients choose some of them."""

# --- mail in ------------------------------------------------------------------------------------------------
LMTP_LINE: Final = 8 * 1024
"""A command line of LMTP: a path, the longest parameters of all extensions, and room (RFC 5321 §4.5.3.1.4)."""
ADDRESS: Final = 900
"""Octets of one envelope address: far above RFC 5321 §4.5.3.1's 320, and a trace line with it stays below 998."""
LMTP_RECIPIENTS: Final = 1000
"""Recipients of one message, ten times what RFC 5321 §4.5.3.1.8 asks for; more are to come in another message."""
LMTP_CONNECTIONS: Final = 1000
"""LMTP connections of one worker: an MTA keeps tens of them; beyond it a new one is told to come later."""
LMTP_IDLE_SECONDS: Final = 10 * 60.0
"""Silence after which an LMTP connection is closed, at least five minutes (RFC 5321 §4.5.3.2.7)."""
LMTP_BAD_COMMANDS: Final = 20
"""Wrong commands until an LMTP connection is closed: speakers of other protocols, message text taken as commands."""
LMTP_READ_AHEAD: Final = 256 * 1024
"""Octets received while a message is being stored; reading pauses beyond it."""
LMTP_COMMANDS_AT_ONCE: Final = 100
"""Commands answered before other connections have their turn."""
DELIVERIES_AT_ONCE: Final = 16
"""Accounts that one message is delivered to at the same time: bounds copies of a large message on the disk."""

# --- import and export --------------------------------------------------------------------------------------
IMPORT_BATCH_MESSAGES: Final = 100
"""Messages of one import stored in one transaction: far fewer syncs, and others of the account still get their turn."""
IMPORT_BATCH_OCTETS: Final = 4 * 1024 * 1024
"""Octets of messages in one such transaction; two batches are in memory at a time."""
IMPORT_LISTED: Final = 10_000
"""Problems, and notes, that a report lists one by one; beyond it they are counted."""
IMPORT_CONTROL_FILE: Final = 256 * 1024 * 1024
"""Octets of a UID list, index or keyword list that are read: about 100 for each message of a folder."""
MH_SEQUENCE: Final = 1_000_000
"""Messages in one range of an MH sequence."""
EXPORT_LEVEL: Final = 180
"""Octets of one level of an exported mailbox's path: below every file system's 255 with endings and marks added."""
