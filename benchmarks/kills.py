"""What killing processes under load costs: `--rounds` kills of random ones of them, and what the log holds afterwards."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the rounds are those of the chaos test

from tests.kills import VICTIMS, Outcome, kill_rounds
from tests.running import TOML, make_lines


def main() -> int:
    """Print the table; exit code 1 where a row was lost or doubled."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--workers", type=int, default=2)
    asked.add_argument("--record", choices=("write", "fsync"), default="write")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="farero-kills-") as folder:
        root = make_lines(Path(folder) / "lines", toml=TOML + f'record = "{options.record}"\n')
        found = kill_rounds(root, options.rounds, seed=options.seed, workers=options.workers, told=_told)
    print(_table(found, options.record))
    return 1 if found.lost or found.doubled or found.other or not found.loads else 0


def _told(number: int) -> None:
    if number % 20 == 0:
        print(f"{number} kills", file=sys.stderr, flush=True)


def _table(found: Outcome, record: str) -> str:
    kills = ", ".join(f"{victim} {found.kills[victim]}" for victim in VICTIMS)
    lines = [
        ("record", record),
        ("kills", f"{found.kills.total()} ({kills})"),
        ("requests acknowledged", f"{found.acknowledged} ({found.rows} rows)"),
        ("requests refused with 503", str(found.refused)),
        ("connections broken before an answer", str(found.broken)),
        ("any other answer", str(found.other)),
        ("acknowledged rows lost", str(found.lost)),
        ("rows doubled", str(found.doubled)),
        ("production loads afterwards", "yes" if found.loads else "no"),
        ("longest that others outlived the supervisor", f"{found.slowest_end_s:.1f} s"),
        ("seconds", f"{found.seconds:.0f}"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in lines)])


if __name__ == "__main__":
    sys.exit(main())
