"""The hot lane and the careful way of one running service give the same answers and record the same rows, whatever is sent."""

from __future__ import annotations

import http.client
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.running import TOML, Running, read_log, soon

from farero.wiring import open_app

MODELS = ("loads", "leaves", "plans")
BODIES = 80
SEED = 7
PROJECT = '''
"""Three models of one kind of rows: a number, yes or no, and one of three classes."""
import farero as fa
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


class Customer(fa.Features):
    tenure: float = fa.number(min=0, max=72)
    contract: str = fa.choice("monthly", "yearly", "zwei Jahre")
    senior: bool = fa.flag()
    note: str = fa.personal("hash")


def encoded(model):
    return make_pipeline(
        ColumnTransformer(
            [("number", StandardScaler(), ["tenure"]), ("choice", OneHotEncoder(), ["contract"]), ("flag", "passthrough", ["senior"])]
        ),
        model,
    )


def train_loads(data: fa.TrainingSet) -> fa.Regressor:
    return encoded(LinearRegression()).fit(data.X, data.y)


def train_leaves(data: fa.TrainingSet) -> fa.Classifier:
    return encoded(LogisticRegression()).fit(data.X, data.y)


def train_plans(data: fa.TrainingSet) -> fa.Classifier:
    return encoded(RandomForestClassifier(n_estimators=5, max_depth=4, random_state=data.seed)).fit(data.X, data.y)


def named(model, train, label):
    return fa.Project(model=model, features=Customer, train=train, label=label, key="customer")


loads = named("loads", train_loads, fa.Number("y", arrives_within="1d"))
leaves = named("leaves", train_leaves, fa.Binary("y", positive="yes", negative="no", arrives_within="1d"))
plans = named("plans", train_plans, fa.Classes("y", "gold", "silber", "a \\" b", arrives_within="1d"))
'''


def a_row(chance: random.Random) -> dict[str, Any]:
    """A row that fits."""
    row: dict[str, Any] = {
        "tenure": chance.choice([0, 72, 5, round(chance.uniform(0, 72), 3), chance.uniform(0, 72)]),
        "contract": chance.choice(["monthly", "yearly", "zwei Jahre"]),
        "senior": chance.random() < 0.5,
    }
    if chance.random() < 0.5:
        row["customer"] = chance.choice(["c-1", 17, None, "größe"])
    if chance.random() < 0.5:
        row["note"] = chance.choice(["ana@b.example", "", "10 Main St"])
    return dict(chance.sample(list(row.items()), len(row))) if chance.random() < 0.2 else row


def spoilt(chance: random.Random, row: dict[str, Any]) -> dict[str, Any]:
    """The row with something that does not fit, most likely."""
    name = chance.choice(["tenure", "contract", "senior", "customer", "note", "extra"])
    value = chance.choice([None, True, 0, -1, 72.5, 1e308, 2**64, "", "monthly", "5", [], {}, "\u2028"])
    return {key: kept for key, kept in row.items() if key != name} if chance.random() < 0.2 else {**row, name: value}


def a_body(chance: random.Random) -> bytes:
    """What a client may send: good, odd or bad."""
    rows = [a_row(chance) for _ in range(chance.choice([1, 1, 1, 2, 5, 64, 200, 300]))]
    kind = chance.random()
    if kind > 0.5:
        at = chance.randrange(len(rows))
        rows[at] = spoilt(chance, rows[at])
    bare = len(rows) == 1 and chance.random() < 0.7
    body = json.dumps(rows[0] if bare else {"rows": rows}, ensure_ascii=chance.random() < 0.3).encode()
    if kind > 0.85:
        at = chance.randrange(len(body))
        body = chance.choice(
            [body[:at] + body[at + 1 :], body[:at] + b"\xff" + body[at:], body + b" ", b"\xef\xbb\xbf" + body, body.replace(b"{", b"[", 1)]
        )
    return body


ODD = [
    b"", b" ", b"null", b"[]", b"{}", b'{"rows": []}', b'{"rows": {}}', b'{"rows": [], "x": 1}', b"[" * 20_000, b"NaN", b'"text"', b"\x00",
    b'{"tenure": NaN, "contract": "yearly", "senior": true}', b'{"tenure": 1e999, "contract": "yearly", "senior": true}',
    b'{"tenure": 1, "tenure": 2, "contract": "yearly", "senior": true}', b'{"tenure": -0.0, "contract": "\\u0079early", "senior": false}',
    b'{"tenure": 5, "contract": "yearly", "senior": 1}', b'{"rows": [{"tenure": 5, "contract": "yearly", "senior": true}], "model": "x"}',
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models with a version in production each."""
    root = tmp_path_factory.mktemp("customers") / "customers"
    root.mkdir()
    names = ", ".join(f'"project.py:{model}"' for model in MODELS)
    (root / "farero.toml").write_text(TOML.replace('project = "project.py:project"', f"projects = [{names}]"))
    (root / "project.py").write_text(PROJECT)
    chance = random.Random(SEED)
    app = open_app(root)
    try:
        for model in MODELS:
            lines = ["customer,tenure,contract,senior,note,y"]
            for number in range(200):
                row = a_row(chance)
                y = {
                    "loads": 2 * row["tenure"],
                    "leaves": "yes" if row["tenure"] < 30 else "no",
                    "plans": ("gold", "silber", '"a "" b"')[number % 3],
                }
                lines.append(f"{number},{row['tenure']},{row['contract']},{row['senior']},,{y[model]}")
            (root / "data.csv").write_text("\n".join(lines) + "\n")
            version = app.train(model, root / "data.csv", time=None, until=None, because="the first")
            # By force: there is nothing about plans to be learnt here, and the gate would say so.
            app.promote(model, version.number, by="test", because="the first", force=True)
            engine = app.verify(model, version.number)
            assert engine.quick is not None, f"{model} has no short way, so nothing would be compared: {engine.detail}"
    finally:
        app.close()
    return root


class Client:
    """Sends the same body either way over one connection each."""

    def __init__(self, port: int) -> None:
        self._connections = {way: http.client.HTTPConnection("127.0.0.1", port, timeout=30) for way in ("hot", "careful")}

    def send(self, way: str, model: str, body: bytes, request_id: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON. What comes in chunks is never for the hot lane."""
        headers = {"X-Request-Id": request_id, "Content-Type": "application/json"}
        content: bytes | Iterator[bytes] = body
        if way == "careful":
            headers["Transfer-Encoding"], content = "chunked", iter([body] if body else [])
        connection = self._connections[way]
        connection.request("POST", f"/v1/models/{model}/predict", content, headers, encode_chunked=way == "careful")
        answer = connection.getresponse()
        told = {
            name.lower(): value for name, value in answer.getheaders() if name.lower() not in ("date", "x-request-id", "content-length")
        }
        got = json.loads(answer.read())
        assert got.pop("request_id") == answer.headers["X-Request-Id"] == request_id
        return answer.status, told, got

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


@pytest.mark.row("S1", "S2", "L1")
def test_both_ways_answer_and_record_the_same(root: Path) -> None:
    chance = random.Random(SEED)
    statuses: dict[int, int] = defaultdict(int)
    with Running(root) as server:
        client = Client(server.port)
        for model in MODELS:
            for number, body in enumerate([*ODD, *(a_body(chance) for _ in range(BODIES))]):
                hot = client.send("hot", model, body, f"{model}-{number}-hot")
                careful = client.send("careful", model, body, f"{model}-{number}-careful")
                assert hot == careful, body[:500]
                statuses[hot[0]] += 1

        def fast() -> float:
            return server.figure("farero_fast_requests_total")

        soon(lambda: fast() + server.figure("farero_careful_requests_total") == 2 * statuses[200], within_s=5, what="all are counted")
        assert fast() > 0.7 * statuses[200], "the hot lane is hardly taken, so that nothing is compared"
        client.close()
        assert server.stop() == 0
    assert set(statuses) == {200, 422}
    assert min(statuses.values()) > 50, "one of both is hardly tried"
    for model in MODELS:
        assert_recorded_alike(root, model)


def assert_recorded_alike(root: Path, model: str) -> None:
    """Each pair of requests left the same rows, but for the id and what was measured."""
    found: dict[str, dict[str, list[dict[str, object]]]] = {"hot": defaultdict(list), "careful": defaultdict(list)}
    for row in sorted(read_log(root, model), key=lambda row: int(str(row["row"]))):
        name, way = str(row.pop("request_id")).rsplit("-", 1)
        assert row.pop("time") is not None
        assert int(str(row.pop("latency_us"))) >= 0
        found[way][name].append({column: value for column, value in row.items() if not column.startswith("_")})
    assert found["hot"] == found["careful"]
    assert len(found["hot"]) > 30
