"""What an import or an export did, as values for people and scripts."""

from dataclasses import dataclass, field
from pathlib import Path

from mailwren.base import limits
from mailwren.transfer.incoming import Problem


@dataclass(slots=True)
class Progress:
    """How far it is; given to the caller's function after each batch."""

    mailbox: str = ""
    messages: int = 0
    """Dealt with so far, whatever became of them."""
    octets: int = 0
    """Of the files read, or of the messages written."""


@dataclass(slots=True)
class MailboxCounts:
    """What happened to the messages for one mailbox."""

    imported: int = 0
    duplicates: int = 0
    """Imported before, so passed over."""
    refused: int = 0
    """Named among the problems."""


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import."""

    mailboxes: dict[str, MailboxCounts] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    """What was not taken, up to ``limits.IMPORT_LISTED``."""
    notes: list[Problem] = field(default_factory=list)
    """What was taken, but changed: keywords, names. Up to ``limits.IMPORT_LISTED``."""
    unlisted: int = 0
    """Problems and notes beyond those listed."""
    stopped: str = ""
    """Why the import ended before its end, empty when it did not."""

    def counts(self, mailbox: str) -> MailboxCounts:
        """The counts of a mailbox, begun when it is new."""
        return self.mailboxes.setdefault(mailbox, MailboxCounts())

    def add_problem(self, problem: Problem) -> None:
        """Take up something that was not taken."""
        self._add(self.problems, problem)

    def add_note(self, note: Problem) -> None:
        """Take up something that was changed."""
        self._add(self.notes, note)

    def _add(self, to: list[Problem], item: Problem) -> None:
        if len(to) < limits.IMPORT_LISTED:
            to.append(item)
        else:
            self.unlisted += 1

    @property
    def imported(self) -> int:
        """Messages added."""
        return sum(counts.imported for counts in self.mailboxes.values())

    @property
    def duplicates(self) -> int:
        """Messages that an earlier import had added."""
        return sum(counts.duplicates for counts in self.mailboxes.values())

    @property
    def refused(self) -> int:
        """Messages for a mailbox that were not taken; files that are no mail are only among the problems."""
        return sum(counts.refused for counts in self.mailboxes.values())

    @property
    def complete(self) -> bool:
        """Whether everything was taken."""
        return not (self.problems or self.stopped or self.refused)


@dataclass(slots=True)
class ExportReport:
    """The outcome of an export."""

    target: Path
    mailboxes: dict[str, int] = field(default_factory=dict)
    """Messages written for each mailbox."""
    octets: int = 0
    problems: list[Problem] = field(default_factory=list)
    """Messages that could not be read from the store; everything else was exported."""

    @property
    def messages(self) -> int:
        """Messages written."""
        return sum(self.mailboxes.values())
