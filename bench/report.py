"""The pages and the picture of a run: ``python -m bench.report results.json``. See docs/performance.md."""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from bench.picture import picture
from bench.rows import ROWS
from bench.targets import OURS, TARGETS, Values, ratios, reached

_DOCS = Path(__file__).parent.parent / "docs"
_BEGINNING = [
    "# Results of the benchmark",
    "",
    "Made by `python -m bench.report`; what the rows mean: [performance](performance.md).",
    "",
]
_WORDS = {True: "reached", False: "**short**", None: "–"}


def heading(servers: list[str]) -> str:
    """The head of the table."""
    names = ["row", "unit", *servers, "ratio (spread)", "to reach", "result"]
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def line(row: str, values: Values, servers: list[str]) -> str:
    """One row of the table: medians, and how many times as good we are as the best peer."""
    about = ROWS[row]
    cells = [figure(median(values[server])) if values.get(server) else "–" for server in servers]
    found = ratios(values, fewer=about.fewer)
    spread = f"{median(found):,.2f} ({min(found):,.2f} to {max(found):,.2f})" if found else _own_spread(values)
    verdict = _WORDS[reached(row, values, fewer=about.fewer)]
    return "| " + " | ".join([about.title, about.unit, *cells, spread, str(TARGETS.get(row, "–")), verdict]) + " |"


def _own_spread(values: Values) -> str:
    ours = values.get(OURS)
    return f"({figure(min(ours))} to {figure(max(ours))})" if ours else "–"


def figure(number: float) -> str:
    """A number with as many digits as it is good for."""
    return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}" if number >= 10 else f"{number:.2f}"


def page(results: dict[str, Any], name: str) -> str:
    """The page of a run."""
    servers = [OURS, *(server for server in results["servers"] if server != OURS)]
    rows = [line(row, values, servers) for row, values in results["rows"].items() if row in ROWS]
    verdicts = [reached(row, values, fewer=ROWS[row].fewer) for row, values in results["rows"].items() if row in ROWS]
    ceiling = "; ".join(f"{what}: {number:,.0f}" for what, number in results["ceiling"].items())
    absent = [f"- without {server}: {why}" for server, why in results["absent"].items()]
    missing = [row for row in ROWS if row not in results["rows"]]
    return "\n".join(
        [
            *_BEGINNING,
            f"- {results['began']} to {results.get('ended', 'its interruption')}",
            f"- {_machine(results['machine'])}",
            f"- {', '.join(results['servers'].values())}",
            f"- {_sizes(results['sizes'])}",
            f"- the load generator by itself: {ceiling}",
            *absent,
            *([f"- not run: {', '.join(missing)}"] if missing else []),
            "",
            f"{verdicts.count(True)} rows reached, {verdicts.count(False)} short.",
            "",
            f"![How many times as fast as the best peer](images/{name})",
            "",
            "Medians; the ratio is that to the best peer in the same turn, above 1 Mailwren is better.",
            "",
            heading(servers),
            *rows,
            "",
        ]
    )


def empty_page() -> str:
    """The page before the first run: what is to be reached."""
    return "\n".join(
        [
            *_BEGINNING,
            "No run is kept here yet. What Mailwren is to reach, beside the best peer or by itself:",
            "",
            "| row | unit | to reach |",
            "| --- | --- | --- |",
            *(f"| {about.title} | {about.unit} | {TARGETS.get(row, '–')} |" for row, about in ROWS.items()),
            "",
        ]
    )


def _machine(about: dict[str, Any]) -> str:
    return (
        f"{about['cores']} cores of {about['processor']}, {about['memory_mib']:,} MiB, {about['system']}; "
        f"load before the run: {about['load_before']}"
    )


def _sizes(sizes: dict[str, Any]) -> str:
    return (
        f"{sizes['count']:,} messages, {sizes['million']:,} in the very big mailbox, {sizes['crowd']:,} in the crowd; "
        f"{sizes['repeat']} repetitions of {sizes['seconds']:g} seconds, servers in turn"
    )


def main() -> int:
    """Write the page and the picture."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument(
        "results", type=Path, nargs="?", help="what `python -m bench --json` wrote; without it, a page without figures"
    )
    parser.add_argument("--docs", type=Path, default=_DOCS, help="the folder of the pages")
    arguments = parser.parse_args()
    target = arguments.docs / "performance-results.md"
    if arguments.results is None:
        target.write_text(empty_page(), "utf-8")
        return 0
    results = json.loads(arguments.results.read_text("utf-8"))
    images = arguments.docs / "images"
    images.mkdir(exist_ok=True)
    (images / "performance.svg").write_text(picture(results["rows"]), "utf-8")
    target.write_text(page(results, "performance.svg"), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
