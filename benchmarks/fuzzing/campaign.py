"""The whole attack: blocks of every source, a probe with a known answer between them, and what must hold at the end."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from time import perf_counter, sleep

import httpx
import uvloop

from . import bodies, raw
from .described import Sent, described
from .exchange import QUIET_S, Answer, Broken, Case, Connection, agrees, judge, rows_of
from .site import Mark, Site, known_answers, recorded

BLOCKS = 10
CLIENTS = 8
SHARES = {"described": 0.03, "made": 0.2, "broken": 0.5, "noise": 0.04, "raw": 0.23}
"""Of all requests, how many come from where."""

MOST_WRONG = 200
MOST_GROWTH = 1.05

LONG = 50_000
GIVING_BACK_S = 11.0
"""A process that answers looks every ten seconds whether it keeps memory that it does not use; a long run measures after that."""


@dataclass
class Tally:
    """What came of it all."""

    requests: Counter[str] = field(default_factory=Counter)
    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    acknowledged: Counter[str] = field(default_factory=Counter)
    marks: list[Mark] = field(default_factory=list)
    logged: Counter[str] = field(default_factory=Counter)
    restarts: float = 0
    exit_code: int = 0
    probes: int = 0
    seconds: float = 0
    engine: str = ""
    fast: float = 0
    said: str = ""

    def complain(self, case: Case, what: str) -> None:
        """Something does not hold."""
        self.wrong_count += 1
        if len(self.wrong) < MOST_WRONG:
            self.wrong.append(f"{case.source} [{case.kind}]: {what}; sent {b''.join(case.pieces)[:300]!r}")

    def take(self, case: Case, answer: Answer) -> None:
        """Count an answer, and see whether it is a good one."""
        self.statuses[case.source][answer.status] += 1
        for what in judge(answer, case):
            self.complain(case, what)
        if rows := rows_of(answer):
            self.acknowledged[answer.json["request_id"]] += rows

    @property
    def total(self) -> int:
        """Requests sent."""
        return sum(self.requests.values())

    def failures(self) -> list[str]:
        """Everything that must hold and does not."""
        found = [f"{self.wrong_count} answers were wrong"] if self.wrong_count else []
        if self.restarts:
            found.append(f"{self.restarts:g} processes were replaced")
        if self.exit_code:
            found.append(f"the service ended with {self.exit_code}")
        if self.logged != self.acknowledged:
            lost, more = self.acknowledged - self.logged, self.logged - self.acknowledged
            found.append(
                f"{lost.total()} rows acknowledged and not recorded: {list(lost)[:5]}; {more.total()} the other way: {list(more)[:5]}"
            )
        return found

    def growth(self) -> tuple[float, float]:
        """RSS and USS at the end, as shares of what they were at the 20 % mark."""
        at = next(mark for mark in self.marks if mark.after >= 0.2 * self.total)
        return self.marks[-1].rss_mb / at.rss_mb, self.marks[-1].uss_mb / at.uss_mb


def run(
    root: Path, *, requests: int, seed: int, examples: int, blocks: int = BLOCKS, say: Callable[[str], None] = lambda text: None
) -> Tally:
    """Attack the project in this folder. It must have no other service."""
    tally = Tally()
    probe_rows, known, own = known_answers(root)
    tally.acknowledged[own] += len(probe_rows)
    rng = Random(seed)
    with Site(root) as site:
        tally.engine = site.engine()
        begun = perf_counter()
        worker = site.worker()
        uvloop.run(_send(site.port, list(bodies.warming(rng)) if requests >= 10_000 else [], tally))
        for block in range(blocks):
            for sent in described(site.url, int(requests * SHARES["described"] / blocks), seed + block):
                _take_described(tally, sent)
            cases = list(_cases(rng, seed, requests // blocks, examples))
            rng.shuffle(cases)
            uvloop.run(_send(site.port, cases, tally))
            if site.worker() != worker:
                tally.complain(Case("block", str(block), ()), "the worker was replaced")
                worker = site.worker()
            _probe(site, tally, probe_rows, known)
            site.settle()
            if requests >= LONG:
                sleep(GIVING_BACK_S)
            tally.marks.append(site.mark(tally.total))
            say(f"{tally.total:,} requests in {perf_counter() - begun:.0f} s; {tally.wrong_count} wrong; {tally.marks[-1]}")
        tally.seconds = perf_counter() - begun
        tally.restarts = site.figure("farero_worker_restarts_total")
        tally.fast = site.figure("farero_fast_requests_total")
        tally.exit_code = site.stop()
        tally.said = "".join(site.said)
    tally.logged = recorded(root)
    return tally


def _cases(rng: Random, seed: int, requests: int, examples: int) -> Iterator[Case]:
    def share(name: str) -> int:
        return int(requests * SHARES[name])

    def counted(cases: Iterable[Case], most: int) -> Iterator[Case]:
        for case in cases:
            if most <= 0:
                return
            most -= case.counts
            yield case

    yield from counted(bodies.made(rng, seed, share("made"), examples), share("made"))
    yield from counted(bodies.broken(rng, seed, share("broken"), examples), share("broken"))
    yield from counted(bodies.noise(rng, share("noise")), share("noise"))
    yield from raw.attacks(rng, share("raw"))


async def _send(port: int, cases: list[Case], tally: Tally) -> None:
    waiting = iter(cases)

    async def client() -> None:
        connection = Connection(port)
        for case in waiting:
            tally.requests[case.source] += case.counts
            used = Connection(port) if case.alone else connection
            try:
                await _exchange(used, case, tally)
            except (Broken, TimeoutError, OSError) as error:
                tally.complain(case, f"{type(error).__name__}: {error}" if str(error) else "no answer: it hangs")
                used.close()
            if case.alone:
                used.close()
        connection.close()

    await asyncio.gather(*[client() for _ in range(CLIENTS)])


async def _exchange(connection: Connection, case: Case, tally: Tally) -> None:
    """Send one case, and read what comes."""
    await connection.send(case.pieces)
    if not case.wait:
        return
    answers: list[Answer] = []
    while case.answers is None or len(answers) < case.answers:
        try:
            within = {} if case.answers is not None else {"within_s": QUIET_S}
            answer = await connection.read(head_only=case.head_only, **within)
        except TimeoutError:
            if case.answers is not None:
                raise
            break
        if answer is None:
            break
        answers.append(answer)
        tally.take(case, answer)
    if case.answers is not None and len(answers) < case.answers:
        tally.complain(case, f"{len(answers)} answers where {case.answers} were due")
        connection.close()
    if len(answers) > case.most:
        tally.complain(case, f"{len(answers)} answers where {case.most} may come")
    ids = [answer.first("x-request-id") for answer in answers]
    if any(due and due != got for due, got in zip(case.ids, ids, strict=False)):
        tally.complain(case, f"the answers are for {ids[:5]}")
    if case.twin and answers:
        await _compare(connection, case, answers[0], tally)
    if any("close" in answer.first("connection") for answer in answers):
        connection.close()


async def _compare(connection: Connection, case: Case, first: Answer, tally: Tally) -> None:
    if "close" in first.first("connection"):
        connection.close()
    await connection.send((case.twin,))
    second = await connection.read()
    if second is None:
        tally.complain(case, "the careful way gave no answer")
        connection.close()
        return
    tally.take(case, second)
    if not agrees(first, second):
        tally.complain(case, f"two ways, two answers: {first.status} {first.body[:300]!r}, {second.status} {second.body[:300]!r}")


def _probe(site: Site, tally: Tally, rows: list[dict[str, object]], known: list[dict[str, object]]) -> None:
    """The rows whose answers are known, one request and one by one, by both ways."""
    case = Case("probe", "known answers", ())
    with httpx.Client(base_url=site.url, timeout=30) as http:
        for more in ({}, {"TE": "trailers"}):
            sent = [http.post("/predict", json={"rows": rows}, headers=more)]
            sent += [http.post("/predict", json=row, headers=more) for row in islice(rows, 5)]
            told = [one.json() for one in sent]
            tally.requests["probe"] += len(sent)
            tally.statuses["probe"].update(one.status_code for one in sent)
            for one, answer in zip(sent, told, strict=True):
                count = len(answer["predictions"]) if "predictions" in answer else 1
                tally.acknowledged[answer["request_id"]] += count if one.status_code == 200 else 0
            got = [(one["prediction"], round(one["probability"], 9)) for one in [*told[0]["predictions"], *told[1:]]]
            due = [(one["prediction"], round(float(str(one["probability"])), 9)) for one in [*known, *known[:5]]]
            tally.probes += 1
            if got != due:
                tally.complain(case, f"known answers changed: {got[:3]} for {due[:3]}")


def _take_described(tally: Tally, sent: Sent) -> None:
    case = Case("schemathesis", sent.asked, (sent.asked.encode(),), head_only=sent.head_only, pages=sent.pages)
    tally.requests["schemathesis"] += 1
    if sent.answer is None:
        tally.complain(case, "no answer")
        return
    tally.take(case, sent.answer)
