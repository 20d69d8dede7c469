"""Run the benchmark: ``python -m bench``. See docs/performance.md."""

import argparse
import sys
from pathlib import Path

from bench.rows import ROWS
from bench.run import SERVERS, Run
from bench.work import Sizes


def main() -> int:
    """The whole run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    default = Sizes()
    chosen = ",".join(name for name, row in ROWS.items() if not row.optional)
    parser.add_argument("--count", type=int, default=default.count, help="messages in the big mailbox")
    parser.add_argument("--million", type=int, default=default.million, help="messages in the very big mailbox")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of each row, servers in turn")
    parser.add_argument("--seconds", type=float, default=default.seconds, help="how long a repeating row goes on")
    parser.add_argument("--idle", type=int, default=default.idle, help="sessions whose memory is measured")
    parser.add_argument("--crowd", type=int, default=default.crowd, help="sessions of the crowd rows")
    parser.add_argument("--rows", default=chosen, help="rows to run, with commas between; `all` for every one")
    parser.add_argument("--without", default="", help="rows not to run, with commas between")
    parser.add_argument("--only", choices=SERVERS, help="one server alone")
    parser.add_argument("--cyrus", type=Path, help="the folder into which Debian's Cyrus was unpacked")
    parser.add_argument("--json", type=Path, help="write the raw results here, after every row")
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder: on the disk to measure")
    arguments = parser.parse_args()
    names = list(ROWS) if arguments.rows == "all" else arguments.rows.split(",")
    without = arguments.without.split(",") if arguments.without else []
    if unknown := {*names, *without} - set(ROWS):
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    sizes = Sizes(arguments.count, arguments.million, arguments.seconds, arguments.idle, arguments.crowd)
    run = Run(sizes, arguments.repeat, arguments.json)
    run.everything([name for name in names if name not in without], arguments.only, arguments.cyrus, arguments.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
