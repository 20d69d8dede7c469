"""FETCH responses of flags made from pieces against responses made one by one."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from mailwren.base.ids import FlagSetId
from mailwren.base.ranges import RangeSet
from mailwren.server.flag_lines import flag_lines
from mailwren.store.values import FlagSet

if TYPE_CHECKING:
    from mailwren.server.selected import Selected
    from mailwren.server.session import Session

_COUNT = 2400
_TEXTS = [b"", b"\\Seen", b"\\Flagged \\Seen 100%d", b"Work"]


@dataclass
class _Session:
    condstore: bool
    rev2: bool
    uid_only: bool


@dataclass
class _State:
    flags: "array[int]" = field(default_factory=lambda: array("I", [number % 7 % 4 for number in range(_COUNT)]))
    modseqs: "array[int]" = field(default_factory=lambda: array("Q", [5] * 1500 + [*range(_COUNT - 1500)]))


@dataclass
class _View:
    recent: RangeSet
    uids: "array[int]" = field(default_factory=lambda: array("I", range(11, 11 + 2 * _COUNT, 2)))


@dataclass
class _Selected:
    view: _View
    state: _State = field(default_factory=_State)

    @property
    def account(self) -> "_Selected":
        """Stands for the account as well."""
        return self

    def flag_set(self, flags: FlagSetId) -> FlagSet:
        """One of a few combinations."""
        return FlagSet(flags, frozenset(), _TEXTS[flags], seen=False, deleted=False)


def _one(session: _Session, selected: _Selected, position: int, *, with_uid: bool) -> bytes:
    """The response for one message."""
    uid = selected.view.uids[position]
    flags = _TEXTS[selected.state.flags[position]]
    if uid in selected.view.recent and not session.rev2:
        flags = flags + b" \\Recent" if flags else b"\\Recent"
    items = b"FLAGS (" + flags + b")"
    if (session.condstore or with_uid) and not session.uid_only:
        items = b"UID %d " % uid + items
    if session.condstore:
        items += b" MODSEQ (%d)" % selected.state.modseqs[position]
    begin = b"* %d UIDFETCH (" % uid if session.uid_only else b"* %d FETCH (" % (position + 1)
    return begin + items + b")\r\n"


RECENT = st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=2).map(RangeSet)
SPANS = st.tuples(st.integers(0, _COUNT - 1), st.sampled_from([1, 2, 99, 100, 250, 1000, 2400]))
POSITIONS = st.one_of(
    SPANS.map(lambda span: range(span[0], min(sum(span), _COUNT))),
    SPANS.map(lambda span: range(span[0], min(sum(span), _COUNT))[::-1]),
    st.lists(st.integers(0, _COUNT - 1), min_size=1, max_size=9, unique=True).map(sorted),
)


@given(st.builds(_Session, st.booleans(), st.booleans(), st.booleans()), RECENT, POSITIONS, st.booleans())
def test_as_one_by_one(session: _Session, recent: RangeSet, positions: Sequence[int], with_uid: bool) -> None:
    """Whatever is asked for, the lines are those of each message."""
    selected = _Selected(_View(recent))
    lines = flag_lines(cast("Session", session), cast("Selected", selected), positions, positions, with_uid=with_uid)
    assert lines == b"".join([_one(session, selected, each, with_uid=with_uid) for each in positions])
