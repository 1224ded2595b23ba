"""Attacks a running service with 100,000 requests, nearly all of them wrong, and sees whether every promise still holds.

    python benchmarks/fuzz.py                                          100,000 requests, 5 to 10 minutes
    python benchmarks/fuzz.py --requests 2000 --examples 200           a try

What is sent and what must hold: docs/explanation/fuzzing.md. The same seed sends the same (schemathesis follows what it is answered). Ends
with 1 where anything does not hold, and tells each case.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fuzzing.campaign import MOST_GROWTH, run
from fuzzing.report import markdown
from fuzzing.site import make_project


def main() -> None:
    """Attack and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=2000, help="bodies that Hypothesis makes; each is sent several times, and mutated")
    parser.add_argument("--log", type=Path, help="write what the service says on stderr to this file")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="farero-fuzz-") as folder:
        root = make_project(Path(folder) / "churn")
        tally = run(
            root, requests=wanted.requests, seed=wanted.seed, examples=wanted.examples, say=lambda text: print(text, file=sys.stderr)
        )
    if wanted.log:
        wanted.log.write_text(tally.said)
    print(markdown(tally, seed=wanted.seed))
    failures = tally.failures()
    rss, uss = tally.growth()
    if max(rss, uss) > MOST_GROWTH:
        failures.append(f"the worker grew: RSS {rss - 1:+.1%}, USS {uss - 1:+.1%}")
    for line in [*tally.wrong, *failures]:
        print(line, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
