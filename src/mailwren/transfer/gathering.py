"""From paths to batches: everything to import, mailbox by mailbox, as a blocking generator with bounded memory."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mailwren.base import limits
from mailwren.transfer.detect import Layout, detect
from mailwren.transfer.files import readable_name
from mailwren.transfer.folders import Folder, FolderKind, Walker
from mailwren.transfer.incoming import Found, Incoming, Problem, Reading, with_identity
from mailwren.transfer.loose import LooseReader
from mailwren.transfer.mailbox_names import Naming
from mailwren.transfer.maildir import MaildirReader
from mailwren.transfer.mbox import read_mbox


@dataclass(slots=True)
class Batch:
    """Messages of one folder that are stored together; the first of a folder may have none."""

    mailbox: str = ""
    """Empty where there are only problems."""
    subscribed: bool | None = None
    """``None`` where the source does not tell."""
    special_use: tuple[str, ...] = ()
    messages: list[Incoming] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    octets: int = 0
    """Of the files read for it."""

    @property
    def full(self) -> bool:
        """Whether it is to be handed on."""
        return (
            len(self.messages) >= limits.IMPORT_BATCH_MESSAGES
            or len(self.problems) >= limits.IMPORT_BATCH_MESSAGES
            or self.octets >= limits.IMPORT_BATCH_OCTETS
        )

    def add(self, found: Found) -> None:
        """Take one more."""
        self.octets += found.file_octets
        if isinstance(found, Incoming):
            self.messages.append(found)
        else:
            self.problems.append(found)


def batches(paths: Sequence[Path], naming: Naming, reading: Reading) -> Iterator[Batch]:
    """Everything below the paths, in batches of one mailbox each; never raises for what the paths hold."""
    for path in paths:
        utf7 = detect(path) is not Layout.THUNDERBIRD
        for folder in Walker(path, utf7).folders():
            if isinstance(folder, Problem):
                yield Batch(problems=[folder])
            else:
                yield from _folder_batches(folder, naming, reading)


def _folder_batches(folder: Folder, naming: Naming, reading: Reading) -> Iterator[Batch]:
    origin = readable_name(folder.path)
    try:
        mailbox, changed = naming.name(folder.levels, folder.own_name)
    except ValueError as error:
        yield Batch(problems=[Problem(origin, f"no mailbox can have its name: {error}")])
        return
    batch = Batch(mailbox, folder.subscribed, folder.special_use)
    if changed:
        batch.notes.append(Problem(origin, f"imported into {mailbox!r}: {changed}"))
    for found in with_identity(_messages(folder, mailbox, reading)):
        batch.add(found)
        if batch.full:
            yield batch
            batch = Batch(mailbox)
    yield batch


def _messages(folder: Folder, mailbox: str, reading: Reading) -> Iterable[Found]:
    if folder.kind is FolderKind.MBOX:
        return read_mbox(folder.path, mailbox, reading)
    if folder.kind is FolderKind.MAILDIR:
        return MaildirReader(folder.path, mailbox, reading).messages()
    return LooseReader(folder.path, folder.files, mailbox, reading).messages()


def total_octets(paths: Sequence[Path]) -> int:
    """The size of all files below the paths, for a progress bar: about what an import will read."""
    total = 0
    for path in paths:
        total += _size(path)
        for folder, _, names in os.walk(path):
            total += sum(_size(Path(folder) / name) for name in names)
    return total


def _size(path: Path) -> int:
    """A file's octets; 0 for what is none, or cannot be asked."""
    try:
        facts = path.stat()
    except OSError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0
