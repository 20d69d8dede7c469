"""STORE and UID STORE (RFC 9051 §6.4.6)."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mailwren.base.ids import FlagSetId, ModSeq
from mailwren.base.ranges import RangeSet
from mailwren.imap.core.arguments import Store, StoreMode
from mailwren.imap.errors import Refused
from mailwren.imap.rights import flags_to_keep, permitted_flags
from mailwren.server.ext import annotate, conditional, condstore, gmail, messagelimit
from mailwren.server.notices import send_flags, send_modseqs, tell_new_keywords
from mailwren.server.table import Completion, Request
from mailwren.server.view import Span, batches
from mailwren.store.operations import FlagMode, FlagsSet, SetFlags

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_MODES = {StoreMode.REPLACE: FlagMode.REPLACE, StoreMode.ADD: FlagMode.ADD, StoreMode.REMOVE: FlagMode.REMOVE}
_STORES: Final = {"X-GM-LABELS": gmail.run_store_labels, "ANNOTATION": annotate.run_store_annotations}
"""What changes something else than flags."""
_AT_ONCE = 1000
"""Messages that are answered before others have their turn."""
_NOTHING: Final = RangeSet()
_GONE = 2**32 - 1
"""Stands for the flags of a message that is there no more."""


async def run_store(session: "Session", arguments: Store, request: Request) -> Completion | None:
    """Change flags; unless silent, send the flags of every message named as they are now."""
    if arguments.attribute is not None:
        return await _STORES[arguments.attribute[0]](session, arguments, request)
    selected = session.mailbox
    selected.require_write()
    arguments = _permitted(selected.rights, arguments)
    since = conditional.unchanged_since(arguments)
    if since is not None:
        condstore.enable(session)
    if arguments.silent or since is not None:
        await session.refresh()
    spans = selected.view.resolve(arguments.messages, session.saved, by_uid=request.by_uid)
    spans = messagelimit.newest(session, spans)
    uids = selected.view.uids_of(spans)
    if not uids:
        return None
    guess = _Guess(selected, spans, arguments) if arguments.silent else None
    refused = spared = _NOTHING
    if since is not None or not _at_once(session, selected, arguments, uids):
        as_of = selected.state.modseq
        spared = await conditional.spared(session, selected, arguments, spans, since)
        refused = await _carry_out(selected, arguments, (uids.difference(spared), since), (spared, as_of))
        await session.refresh()
    behind = refused.union(spared)  # of these the client knows an older state than it takes for the present one
    tell_new_keywords(session, selected)
    if guess is None:
        await _answer(session, selected, spans, with_uid=request.by_uid)
    else:
        await _answer_silently(session, selected, spans, guess, behind=behind, every=since is not None)
    code = conditional.modified(selected, refused, by_uid=request.by_uid) if refused else b""
    if guess is None and not request.by_uid and selected.lacks(spans):
        raise Refused("Some of the messages no longer exist", code or b"EXPUNGEISSUED")
    return Completion(code, "Some messages had been changed" if code else "")


def _permitted(rights: frozenset[str], arguments: Store) -> Store:
    """What the user may change of what is asked for; the rest stays as it is, and then there is no silence about it.

    "STORE operation SHOULD NOT fail if the user has rights to modify at least one flag specified" (RFC 4314 §4).

    Raises:
        Refused: he may change none of them.
    """
    if not flags_to_keep(rights):
        return arguments
    flags = permitted_flags(rights, arguments.flags)
    may = flags if arguments.flags else not rights.isdisjoint("swt")
    if not may and (arguments.flags or arguments.mode is StoreMode.REPLACE):
        raise Refused("You do not have the right to change these flags", b"NOPERM")
    return replace(arguments, flags=flags, silent=False)


def _at_once(session: "Session", selected: "Selected", arguments: Store, uids: RangeSet) -> bool:
    """Change flags of few messages without waiting; False: nothing was done, that is not possible."""
    keep = flags_to_keep(selected.rights)
    operation = SetFlags(selected.id, uids, _MODES[arguments.mode], arguments.flags, None, keep)
    if selected.account.set_flags_at_once(operation) is None:
        return False
    session.has_changed()
    return True


async def _carry_out(selected: "Selected", arguments: Store, *parts: tuple[RangeSet, ModSeq | None]) -> RangeSet:
    """Change flags of messages, some on another condition than others, at once; those that were left alone."""
    mode, keep = _MODES[arguments.mode], flags_to_keep(selected.rights)
    outcomes = await selected.account.apply(
        [SetFlags(selected.id, uids, mode, arguments.flags, since, keep) for uids, since in parts if uids]
    )
    refused = [each.refused for each in outcomes if isinstance(each, FlagsSet) and each.refused]
    return RangeSet(run for each in refused for run in each.ranges()) if refused else RangeSet()


async def _in_batches(session: "Session", spans: Sequence[Span], answer: Callable[[int, Sequence[int]], None]) -> None:
    """Answer message by message, or from the highest to the lowest UID (RFC 9738 §3.1); others have their turn."""
    groups: Iterable[tuple[int, Sequence[int]]] = enumerate(batches(spans, _AT_ONCE))
    total, done = sum(stop - start for start, stop in spans), 0
    for number, positions in reversed(list(groups)) if session.over_limit else groups:
        session.progress.report(done, total)
        done += len(positions)
        answer(number, positions)
        if done < total:
            await session.breathe()


async def _answer(session: "Session", selected: "Selected", spans: Sequence[Span], *, with_uid: bool) -> None:
    """Send the flags of all messages named."""

    def answer(_number: int, positions: Sequence[int]) -> None:
        send_flags(session, selected, positions[::-1] if session.over_limit else positions, with_uid=with_uid)
        selected.view.note_sent(positions, selected.state.modseq)

    if len(spans) == 1 and spans[0][1] - spans[0][0] == 1:
        answer(0, range(*spans[0]))  # the usual case
    else:
        await _in_batches(session, spans, answer)


async def _answer_silently(
    session: "Session", selected: "Selected", spans: Sequence[Span], guess: "_Guess", *, behind: RangeSet, every: bool
) -> None:
    """Send what a client cannot work out by itself."""

    def answer(number: int, positions: Sequence[int]) -> None:
        _tell_modseqs(session, selected, guess.right(number, positions), behind=behind, every=every)

    await _in_batches(session, spans, answer)
    await _tell_behind(session, selected, behind)


def _tell_modseqs(
    session: "Session", selected: "Selected", positions: Sequence[int], *, behind: RangeSet, every: bool
) -> None:
    """After a change whose flags the client works out: the mod-sequences, where it keeps them (RFC 7162 §3.1.3).

    Those that are new, and after a conditional change all of them: "An untagged FETCH response MUST be sent, even if
    the .SILENT suffix is specified".
    """
    view = selected.view
    if behind:
        positions = [position for position in positions if view.uids[position] not in behind]
    if session.condstore:
        told = 0 if every else view.told
        changed = condstore.changed_positions(selected, positions, told)
        send_modseqs(session, selected, changed[::-1] if session.over_limit else changed)
    view.note_sent(positions, selected.state.modseq)


async def _tell_behind(session: "Session", selected: "Selected", behind: RangeSet) -> None:
    """Send the flags of messages that had changed before, so that nobody need ask for them (RFC 7162 §3.1.3)."""
    groups: Iterable[Sequence[int]] = batches(selected.view_spans(behind), _AT_ONCE)
    for positions in reversed(list(groups)) if session.over_limit else groups:
        untold = set(condstore.changed_positions(selected, positions, selected.view.told))
        known = [each for each in positions if each not in untold]  # the others are told in any case
        send_flags(session, selected, known[::-1] if session.over_limit else known)
        await session.breathe()


class _Guess:
    """What the client takes messages' flags to be after a silent change, which it is not told.

    It knows what it was told before and what it asked for. Where that is not how the flags are now, somebody else
    changed them as well, and the client is told: "the server SHOULD send an untagged FETCH response if a change to a
    message's flags from an external source is observed" (RFC 9051 §6.4.6).
    """

    def __init__(self, selected: "Selected", spans: Sequence[Span], arguments: Store) -> None:
        self._selected = selected
        self._mode = arguments.mode
        self._flags = frozenset(flag.lower() for flag in arguments.flags)
        self._untold: RangeSet = selected.view.untold
        self._before = [_flags_at(selected, positions) for positions in batches(spans, _AT_ONCE)]
        self._right: dict[tuple[int, int], bool] = {}

    def right(self, number: int, positions: Sequence[int]) -> Sequence[int]:
        """Which of the messages of one batch need no telling."""
        pairs = list(zip(self._before[number], _flags_at(self._selected, positions), strict=True))
        if not self._untold and all(map(self._is_right, set(pairs))):
            return positions
        uids = self._selected.view.uids
        return [
            position
            for position, pair in zip(positions, pairs, strict=True)
            if self._is_right(pair) and uids[position] not in self._untold
        ]

    def _is_right(self, pair: tuple[int, int]) -> bool:
        """Whether a flag set became the one that the client expects."""
        known = self._right.get(pair)
        if known is None:
            before, after = pair
            known = _GONE in pair or self._expected(self._names(before)) == self._names(after)
            self._right[pair] = known
        return known

    def _names(self, flags: int) -> frozenset[str]:
        return frozenset(name.lower() for name in self._selected.account.flag_set(FlagSetId(flags)).names)

    def _expected(self, before: frozenset[str]) -> frozenset[str]:
        if self._mode is StoreMode.REPLACE:
            return self._flags
        return before | self._flags if self._mode is StoreMode.ADD else before - self._flags


def _flags_at(selected: "Selected", positions: Sequence[int]) -> "array[int]":
    """The flag sets at positions of the view."""
    view, state = selected.view, selected.state
    if view.uids is not state.uids:
        indexes = (state.index(view.uid(position)) for position in positions)
        return array("I", (_GONE if index is None else state.flags[index] for index in indexes))
    if isinstance(positions, range):
        return state.flags[positions.start : positions.stop]
    return array("I", map(state.flags.__getitem__, positions))
