"""The rules that an account's rows must obey, as queries that find what breaks them."""

from typing import Final, NamedTuple

from mailwren.store.findings import Severity


class Rule(NamedTuple):
    """One rule. ``query`` yields a row for each breach; ``what`` is filled with its columns."""

    severity: Severity
    what: str
    mend: str
    query: str


_REPAIR: Final = "run `mailwren check --repair`"
_BACKUP: Final = "restore the account from a backup, or export what can be read"

_COUNTERS: Final = """
    SELECT m.name, m.messages, count(r.uid)
    FROM mailbox m LEFT JOIN message r ON r.mailbox = m.id LEFT JOIN flag_set f ON f.id = r.flags
    GROUP BY m.id
    HAVING m.messages <> count(r.uid) OR m.size <> coalesce(sum(r.size), 0)
        OR m.unseen <> coalesce(sum(1 - f.seen), 0) OR m.deleted <> coalesce(sum(f.deleted), 0)
        OR m.deleted_size <> coalesce(sum(r.size * f.deleted), 0)
"""

RULES: Final[tuple[Rule, ...]] = (
    Rule(
        Severity.ERROR,
        "the account's own row is missing",
        _BACKUP,
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM meta)",
    ),
    Rule(
        Severity.ERROR,
        "there is no INBOX",
        _REPAIR,
        "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM mailbox WHERE name = 'INBOX')",
    ),
    Rule(
        Severity.WARNING,
        "the counters of mailbox {0!r} are wrong: {1} messages noted, {2} there, or flags or sizes miscounted",
        _REPAIR,
        _COUNTERS,
    ),
    Rule(
        Severity.WARNING,
        "the account's usage is noted as {0} messages of {1} octets, but it is {2} of {3}",
        _REPAIR,
        "SELECT a.messages, a.octets, b.messages, b.octets FROM meta a, (SELECT count(*) AS messages, "
        "coalesce(sum(size), 0) AS octets FROM message) b WHERE a.messages <> b.messages OR a.octets <> b.octets",
    ),
    Rule(
        Severity.WARNING,
        "the account's annotations are noted as {0} octets, but they have {1}",
        _REPAIR,
        "SELECT a.annotation_octets, b.octets FROM meta a, (SELECT (SELECT coalesce(sum(length(value)), 0) "
        "FROM annotation) + (SELECT coalesce(sum(length(entry) + coalesce(length(value), 0)), 0) "
        "FROM message_annotation) AS octets) b WHERE a.annotation_octets <> b.octets",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r} is noted to have {1} annotations of messages, but it has {2}",
        _REPAIR,
        "SELECT m.name, m.annotations, count(a.uid) FROM mailbox m LEFT JOIN message_annotation a ON a.mailbox = m.id "
        "GROUP BY m.id HAVING m.annotations <> count(a.uid)",
    ),
    Rule(
        Severity.NOTE,
        "{0} annotations belong to no message",
        _REPAIR,
        "SELECT count(*) FROM message_annotation a WHERE NOT EXISTS "
        "(SELECT 1 FROM message r WHERE r.mailbox = a.mailbox AND r.uid = a.uid) HAVING count(*) > 0",
    ),
    Rule(
        Severity.NOTE,
        "{0} annotations belong to no mailbox",
        _REPAIR,
        "SELECT count(*) FROM annotation WHERE mailbox <> 0 AND mailbox NOT IN (SELECT id FROM mailbox) "
        "HAVING count(*) > 0",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: message {1} has a UID that is yet to be given out ({2} is next)",
        _REPAIR,
        "SELECT m.name, max(r.uid), m.uid_next FROM mailbox m JOIN message r ON r.mailbox = m.id "
        "GROUP BY m.id HAVING max(r.uid) >= m.uid_next",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: an expunged message has UID {1}, which is yet to be given out ({2} is next)",
        _REPAIR,
        "SELECT m.name, max(e.uid), m.uid_next FROM mailbox m JOIN expunged e ON e.mailbox = m.id "
        "GROUP BY m.id HAVING max(e.uid) >= m.uid_next",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: UID {1} was expunged and is in use",
        _BACKUP,
        "SELECT m.name, r.uid FROM expunged e JOIN message r ON r.mailbox = e.mailbox AND r.uid = e.uid "
        "JOIN mailbox m ON m.id = r.mailbox",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: a message has mod-sequence {1}, above the mailbox's {2}",
        _REPAIR,
        "SELECT m.name, max(r.modseq), m.highest_modseq FROM mailbox m JOIN message r ON r.mailbox = m.id "
        "GROUP BY m.id HAVING max(r.modseq) > m.highest_modseq",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: the log holds mod-sequence {1}, above the mailbox's {2}",
        _REPAIR,
        "SELECT m.name, max(c.modseq), m.highest_modseq FROM mailbox m JOIN change c ON c.mailbox = m.id "
        "GROUP BY m.id HAVING max(c.modseq) > m.highest_modseq",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r} has mod-sequence {1}, above the account's {2}",
        _REPAIR,
        "SELECT m.name, m.highest_modseq, a.modseq FROM mailbox m, meta a "
        "WHERE m.highest_modseq > a.modseq OR m.highest_modseq < 1",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r} has UIDVALIDITY {1}, above the last one given out, {2}",
        _REPAIR,
        "SELECT m.name, m.uid_validity, a.uid_validity FROM mailbox m, meta a WHERE m.uid_validity > a.uid_validity",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r} has UIDVALIDITY {1}, but had {2} before",
        _REPAIR,
        "SELECT m.name, m.uid_validity, f.uid_validity FROM mailbox m JOIN former_name f ON f.name = m.name "
        "WHERE f.uid_validity > m.uid_validity",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r}: recent messages begin at UID {1}, above what is next, {2}",
        _REPAIR,
        "SELECT name, first_recent, uid_next FROM mailbox WHERE first_recent > uid_next OR first_recent < 1",
    ),
    Rule(
        Severity.ERROR,
        "content {0} was given out already when the account's counter stood at {1}",
        _REPAIR,
        "SELECT max(c.id), a.content FROM content c, meta a HAVING max(c.id) > a.content",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r}: {1} messages are noted with a wrong size",
        _REPAIR,
        "SELECT m.name, count(*) FROM message r JOIN content c ON c.id = r.content JOIN mailbox m ON m.id = r.mailbox "
        "WHERE r.size <> c.size GROUP BY m.id",
    ),
    Rule(
        Severity.ERROR,
        "content {0} and its octets differ in size: {1} and {2}",
        _REPAIR,
        "SELECT c.id, c.size, b.size FROM content c JOIN blob b ON b.id = c.blob WHERE c.size <> b.size",
    ),
    Rule(
        Severity.WARNING,
        "what was computed of content {0} when it arrived is missing",
        _REPAIR,
        "SELECT c.id FROM content c WHERE NOT EXISTS (SELECT 1 FROM content_wire w WHERE w.id = c.id) "
        "OR NOT EXISTS (SELECT 1 FROM content_header h WHERE h.id = c.id) "
        "OR ((NOT EXISTS (SELECT 1 FROM content_sort s WHERE s.id = c.id) "
        "OR NOT EXISTS (SELECT 1 FROM content_fields f WHERE f.id = c.id)) "
        "AND NOT EXISTS (SELECT 1 FROM unsorted u WHERE u.content = c.id))",
    ),
    Rule(
        Severity.NOTE,
        "{0} contents belong to no message and are not noted for the sweeper",
        _REPAIR,
        "SELECT count(*) FROM content c WHERE c.id NOT IN (SELECT content FROM message) "
        "AND c.id NOT IN (SELECT content FROM expunged) AND c.id NOT IN (SELECT content FROM unreferenced) "
        "HAVING count(*) > 0",
    ),
    Rule(
        Severity.NOTE,
        "{0} stored octets belong to no message",
        _REPAIR,
        "SELECT count(*) FROM blob WHERE id NOT IN (SELECT blob FROM content) HAVING count(*) > 0",
    ),
    Rule(
        Severity.WARNING,
        "two mailboxes are used as {0}",
        "remove one of them, or give it another use",
        "SELECT special_use FROM mailbox WHERE special_use <> '' GROUP BY special_use HAVING count(*) > 1",
    ),
    Rule(
        Severity.WARNING,
        "flag set {0} is noted with wrong marks for \\Seen or \\Deleted",
        _REPAIR,
        "SELECT id FROM flag_set WHERE seen <> (' ' || names || ' ' LIKE '% \\Seen %') "
        "OR deleted <> (' ' || names || ' ' LIKE '% \\Deleted %')",
    ),
    Rule(
        Severity.WARNING,
        "the account is noted to have {0} mailboxes, but it has {1}",
        _REPAIR,
        "SELECT a.mailboxes, b.number FROM meta a, (SELECT count(*) AS number FROM mailbox) b "
        "WHERE a.mailboxes <> b.number",
    ),
    Rule(
        Severity.ERROR,
        "the access control list of mailbox {0!r} cannot be read, so that it is shared with nobody",
        _REPAIR + ", and share the mailbox anew",
        "SELECT name FROM mailbox WHERE iif(json_valid(acl), json_type(acl) <> 'object' OR EXISTS "
        "(SELECT 1 FROM json_each(acl) WHERE type <> 'text'), 1)",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r} is noted to have something of {1} members, but it has of {2}",
        _REPAIR,
        "SELECT m.name, m.members, count(s.member) FROM mailbox m LEFT JOIN member_state s ON s.mailbox = m.id "
        "GROUP BY m.id HAVING m.members <> count(s.member)",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r}: {1} flags of members are of messages that are not there",
        _REPAIR,
        "SELECT m.name, count(*) FROM member_flags f JOIN mailbox m ON m.id = f.mailbox WHERE NOT EXISTS "
        "(SELECT 1 FROM message r WHERE r.mailbox = f.mailbox AND r.uid = f.uid) GROUP BY m.id",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r}: what member {1!r} has seen is miscounted",
        _REPAIR,
        "SELECT m.name, p.identifier FROM member p CROSS JOIN mailbox m LEFT JOIN member_state s ON s.mailbox = m.id "
        "AND s.member = p.id WHERE m.members AND coalesce(s.seen, 0) <> (SELECT count(*) FROM member_flags f "
        "JOIN flag_set e ON e.id = f.flags WHERE f.mailbox = m.id AND f.member = p.id AND e.seen)",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r}: flags of member {1!r} have mod-sequence {2}, above what is noted",
        _REPAIR,
        "SELECT m.name, p.identifier, max(f.modseq) FROM member_flags f JOIN mailbox m ON m.id = f.mailbox "
        "JOIN member p ON p.id = f.member LEFT JOIN member_state s ON s.mailbox = f.mailbox AND s.member = f.member "
        "GROUP BY f.mailbox, f.member HAVING max(f.modseq) > coalesce(s.highest_modseq, 0)",
    ),
    Rule(
        Severity.ERROR,
        "mailbox {0!r} has mod-sequence {1} for member {2!r}, above the account's {3}",
        _REPAIR,
        "SELECT m.name, s.highest_modseq, p.identifier, a.modseq FROM member_state s JOIN mailbox m "
        "ON m.id = s.mailbox JOIN member p ON p.id = s.member, meta a WHERE s.highest_modseq > a.modseq",
    ),
    Rule(
        Severity.WARNING,
        "mailbox {0!r}: messages recent for member {1!r} begin at UID {2}, above what is next, {3}",
        _REPAIR,
        "SELECT m.name, p.identifier, s.first_recent, m.uid_next FROM member_state s JOIN mailbox m "
        "ON m.id = s.mailbox JOIN member p ON p.id = s.member WHERE s.first_recent > m.uid_next OR s.first_recent < 1",
    ),
)
