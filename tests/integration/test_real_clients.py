"""Real HTTP clients against a real `farero up` with two processes: each gets the right answer, whatever its habits."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from tests.running import TOML, Running, make_lines

MOST_BYTES = 2 << 20


@dataclass(frozen=True)
class Got:
    """An answer as a client told it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Told:
    """What a client came back with. `connections` is how many it opened; None where it does not say."""

    answers: list[Got]
    connections: int | None


def by_curl(url: str, bodies: Sequence[bytes], headers: Mapping[str, str], folder: Path) -> Told:
    """One curl that sends all. It asks with `Expect: 100-continue` before a big body."""
    command = ["curl"]
    for number, body in enumerate(bodies):
        (folder / f"{number}.in").write_bytes(body)
        command += ["--next"] if number else []
        command += [
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--data-binary",
            f"@{folder}/{number}.in",
            "--output",
            f"{folder}/{number}.out",
        ]
        command += ["--dump-header", f"{folder}/{number}.head", "--write-out", "%{num_connects} %{http_code}\n"]
        command += [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")] + [url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    answers = []
    for number, (_, status) in enumerate(said):
        head = (folder / f"{number}.head").read_text().replace("\r\n", "\n").rstrip("\n").split("\n\n")[-1]  # after any 100 Continue
        found = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        answers.append(Got(status, {name.lower(): value for name, value in found.items()}, (folder / f"{number}.out").read_bytes()))
    return Told(answers, sum(connects for connects, _ in said))


def by_requests(url: str, bodies: Sequence[bytes], headers: Mapping[str, str], folder: Path) -> Told:
    with requests.Session() as session:
        found = [session.post(url, data=body, headers=dict(headers), timeout=60) for body in bodies]
        adapter = session.get_adapter(url)
        assert isinstance(adapter, HTTPAdapter)
        pools = adapter.poolmanager.pools
        opened = sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 (it refuses to be iterated over)
        return Told([Got(one.status_code, {k.lower(): v for k, v in one.headers.items()}, one.content) for one in found], opened)


def by_httpx(url: str, bodies: Sequence[bytes], headers: Mapping[str, str], folder: Path) -> Told:
    opened: list[str] = []

    def trace(name: str, info: object) -> None:
        if name == "connection.connect_tcp.complete":
            opened.append(name)

    with httpx.Client(timeout=60) as client:
        found = [client.post(url, content=body, headers=headers, extensions={"trace": trace}) for body in bodies]
    return Told([Got(one.status_code, one.headers, one.content) for one in found], len(opened))


def by_urllib(url: str, bodies: Sequence[bytes], headers: Mapping[str, str], folder: Path) -> Told:
    """It says `Connection: close` with every request."""
    found = []
    for body in bodies:
        try:
            answer = urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=60)
        except urllib.error.HTTPError as refused:
            answer = refused
        with answer:
            found.append(Got(answer.status or 0, {name.lower(): value for name, value in answer.headers.items()}, answer.read()))
    return Told(found, None)


NODE = """
import diagnostics_channel from 'node:diagnostics_channel';
import fs from 'node:fs';
let connections = 0;
diagnostics_channel.subscribe('undici:client:connected', () => { connections += 1; });
const asked = JSON.parse(fs.readFileSync(0, 'utf8'));
const answers = [];
for (const body of asked.bodies) {
  const got = await fetch(asked.url, {method: 'POST', body: Buffer.from(body, 'base64'), headers: asked.headers});
  answers.push({status: got.status, headers: Object.fromEntries(got.headers), body: await got.text()});
}
console.log(JSON.stringify({answers, connections}));
"""


def by_node(url: str, bodies: Sequence[bytes], headers: Mapping[str, str], folder: Path) -> Told:
    """`fetch` of Node."""
    script = folder / "ask.mjs"
    script.write_text(NODE)
    asked = json.dumps({"url": url, "bodies": [base64.b64encode(body).decode() for body in bodies], "headers": dict(headers)})
    done = subprocess.run(["node", str(script)], input=asked, capture_output=True, text=True, check=True, timeout=120)
    told = json.loads(done.stdout)
    return Told([Got(one["status"], one["headers"], one["body"].encode()) for one in told["answers"]], told["connections"])


Client = Callable[[str, Sequence[bytes], Mapping[str, str], Path], Told]
CLIENTS: Mapping[str, Client] = {"curl": by_curl, "requests": by_requests, "httpx": by_httpx, "urllib": by_urllib, "node": by_node}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    toml = TOML + f"[server]\nmax_body_bytes = {MOST_BYTES}\n"
    with Running(make_lines(tmp_path_factory.mktemp("clients") / "lines", toml=toml), workers=2) as running:
        yield running


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    name: str = request.param
    if name in ("curl", "node") and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed here")
    return CLIENTS[name]


def body_of(*xs: float, indent: int | None = None) -> bytes:
    return json.dumps({"rows": [{"x": x, "kind": "b"} for x in xs]}, indent=indent).encode()


@pytest.mark.row("S1", "S2")
def test_every_client_gets_the_right_answers_over_one_connection(client: Client, server: Running, tmp_path: Path) -> None:
    big_xs = [round(number / 100, 2) for number in range(10_000)]
    big = body_of(*big_xs, indent=12)
    assert 1 << 20 < len(big) < MOST_BYTES
    bodies = [
        b'{"x": 3, "kind": "a"}',
        body_of(*range(20)),
        json.dumps({"rows": [{"x": -1, "kind": "c"}, {"x": 1, "kind": "a"}, {"kind": "a", "extra": 1}]}).encode(),
        b'{"x": 3, "kind": ',
        big,
        b'{"x": 4, "kind": "a"}',
    ]
    told = client(server.url + "/predict", bodies, {"Content-Type": "application/json", "X-Request-Id": "mine-7"}, tmp_path)
    one, many, faulty, broken, large, last = told.answers
    assert [answer.status for answer in told.answers] == [200, 200, 422, 422, 200, 200]
    for answer in told.answers:
        assert answer.json["request_id"] == answer.headers["x-request-id"] == "mine-7"
        assert answer.headers["cache-control"] == "no-store"
        kind = "application/json" if answer.status == 200 else "application/problem+json"
        assert answer.headers["content-type"] == kind
        assert "date" in answer.headers
    assert (one.json["prediction"], one.json["version"]) == (pytest.approx(6.0), "1.0.0")
    assert last.json["prediction"] == pytest.approx(8.0)
    assert predictions(many) == pytest.approx([2.0 * x for x in range(20)], abs=1e-9)
    assert predictions(large) == pytest.approx([2.0 * x for x in big_xs], abs=1e-9)
    faults = faulty.json["faults"]
    assert isinstance(faults, list)
    assert sorted(fault["path"] for fault in faults) == ["rows[0].kind", "rows[0].x", "rows[2].extra", "rows[2].x"]
    assert broken.json["code"] == "bad-input"
    # Node's pool opens a second one while it puts the first back, also beside Node's own server; both are kept then.
    assert told.connections in (None, 1, 2 if client is by_node else 1), "the connection is kept, a refusal or not"


@pytest.mark.row("S2")
def test_every_client_hears_that_its_body_is_too_large_and_may_go_on(client: Client, server: Running, tmp_path: Path) -> None:
    told = client(server.url + "/predict", [b" " * (MOST_BYTES + 1), b'{"x": 4, "kind": "a"}'], {"X-Request-Id": "r"}, tmp_path)
    refused, answered = told.answers
    assert (refused.status, refused.json["code"]) == (413, "body-too-large")
    assert (answered.status, answered.json["prediction"]) == (200, pytest.approx(8.0))


@pytest.mark.row("S1")
def test_every_client_gets_an_id_for_each_request_where_it_sends_none(client: Client, server: Running, tmp_path: Path) -> None:
    told = client(server.url + "/v1/models/lines/predict", [b'{"x": 1, "kind": "a"}'] * 20, {}, tmp_path)
    assert [answer.json["prediction"] for answer in told.answers] == pytest.approx([2.0] * 20)
    assert len({answer.headers["x-request-id"] for answer in told.answers}) == 20


def predictions(answer: Got) -> list[float]:
    found = answer.json["predictions"]
    assert isinstance(found, list)
    return [row["prediction"] for row in found]
