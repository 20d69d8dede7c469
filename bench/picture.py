"""The picture of a run, as SVG: a bar for each row, how many times as good as the best peer, on a logarithmic scale."""

import math
from html import escape
from statistics import median

from bench.rows import ROWS
from bench.targets import TARGETS, Values, ratios, reached

_WIDTH, _LEFT, _RIGHT, _HEIGHT, _TOP = 900, 400, 70, 20, 40
_COLOURS = {True: "#2a7f4f", False: "#b5532a", None: "#777777"}
_MARKS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)


def picture(rows: dict[str, Values]) -> str:
    """The picture of all rows that have a peer."""
    bars = [
        (row, median(found))
        for row, values in rows.items()
        if row in ROWS and (found := ratios(values, fewer=ROWS[row].fewer))
    ]
    wanted = [ratio for row, _ in bars if row in TARGETS and (ratio := TARGETS[row].ratio) is not None]
    figures = [1.0, *(ratio for _, ratio in bars), *wanted]
    scale = _Scale(min(figures) / 1.2, max(figures) * 1.2)
    bottom = _TOP + _HEIGHT * len(bars)
    drawn = [_mark(scale, mark, bottom) for mark in _MARKS if scale.low <= mark <= scale.high]
    for number, (row, ratio) in enumerate(bars):
        drawn.append(_bar(scale, row, ratio, rows[row], _TOP + _HEIGHT * number))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 30}" font-family="sans-serif"'
        f' font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n'
        f'<text x="10" y="18" font-size="13">times as good as the best peer (line: to reach)</text>\n'
        + "\n".join(drawn)
        + "\n</svg>\n"
    )


class _Scale:
    """Where a ratio is drawn."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, ratio: float) -> float:
        part = math.log(max(ratio, self.low) / self.low) / math.log(self.high / self.low)
        return _LEFT + part * (_WIDTH - _LEFT - _RIGHT)


def _mark(scale: _Scale, mark: float, bottom: float) -> str:
    x = scale(mark)
    colour = "#333333" if mark == 1 else "#dddddd"
    return (
        f'<line x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>'
        f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{mark:g} ×</text>'
    )


def _bar(scale: _Scale, row: str, ratio: float, values: Values, y: float) -> str:
    start, end = sorted((scale(1), scale(ratio)))
    title = ROWS[row].title
    title = title if len(title) <= 62 else title[:61] + "…"
    colour = _COLOURS[reached(row, values, fewer=ROWS[row].fewer)]
    drawn = (
        f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(title)}</text>'
        f'<rect x="{start:.1f}" y="{y + 3}" width="{max(end - start, 1):.1f}" height="{_HEIGHT - 7}" fill="{colour}"/>'
        f'<text x="{end + 5:.1f}" y="{y + 13}">{ratio:.2g} ×</text>'
    )
    target = TARGETS[row].ratio if row in TARGETS else None
    if target is not None:
        x = scale(target)
        drawn += (
            f'<line x1="{x:.1f}" y1="{y + 1}" x2="{x:.1f}" y2="{y + _HEIGHT - 2}" stroke="black" stroke-width="2"/>'
        )
    return drawn
