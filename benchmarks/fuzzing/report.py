"""What came of an attack, as markdown."""

from __future__ import annotations

import platform

from .campaign import MOST_GROWTH, Tally


def markdown(tally: Tally, *, seed: int) -> str:
    """Tables: what was sent and answered, what the worker used, and what was held to."""
    lines = ["| source | requests | answers by status | 5xx |", "|---|---:|---|---:|"]
    for source in sorted(tally.requests):
        statuses = tally.statuses[source]
        told = ", ".join(f"{status}: {count:,}" for status, count in sorted(statuses.items())) or "none waited for"
        failed = sum(count for status, count in statuses.items() if status >= 500)
        lines.append(f"| {source} | {tally.requests[source]:,} | {told} | {failed} |")
    every = sum((tally.statuses[source] for source in tally.requests), start=type(tally.requests)())
    failed = sum(count for status, count in every.items() if status >= 500)
    told = ", ".join(f"{status}: {count:,}" for status, count in sorted(every.items()))
    lines += [f"| **all** | **{tally.total:,}** | {told} | **{failed}** |", ""]
    lines += ["| after requests | RSS, MB | USS, MB | open files |", "|---:|---:|---:|---:|"]
    lines += [f"| {mark.after:,} | {mark.rss_mb:.1f} | {mark.uss_mb:.1f} | {mark.files} |" for mark in tally.marks]
    rss, uss = tally.growth()
    rows, logged = tally.acknowledged.total(), tally.logged.total()
    same = "the same, request by request" if tally.acknowledged == tally.logged else "NOT THE SAME"
    lines += [
        "",
        f"- Wrong answers, hangs and crossed answers: {tally.wrong_count}.",
        f"- Processes that had to be replaced: {tally.restarts:g}. The service ended with exit code {tally.exit_code}.",
        f"- Rows acknowledged: {rows:,}; rows recorded: {logged:,}; {same}.",
        f"- Known answers between the blocks: {tally.probes} times asked, by the hot lane and by the careful way.",
        f"- From the 20 % mark to the end: RSS {rss - 1:+.1%}, USS {uss - 1:+.1%} (limit {MOST_GROWTH - 1:+.0%}).",
        f"- {tally.seconds:.0f} s, seed {seed}, Python {platform.python_version()}; {tally.engine}; hot lane: {tally.fast:,.0f} requests.",
    ]
    return "\n".join(lines)
