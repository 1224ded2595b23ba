"""What a prediction body may look like, what the answer does, and what becomes of requests when there are too many or they are slow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import pytest
from starlette.types import Message, Receive, Scope, Send

from farero.app import App
from farero.core.prediction import Answer, Served
from farero.core.schema import Fault
from farero.errors import BadInput, TookTooLong
from farero.rest.infer import BIG_BYTES, SMALL_AT_ONCE, Infer, read_rows, served_json
from farero.serving.meters import Meters

SERVED = Served(request_id="r", model="m", version="1.0.0", predictions=(Answer(prediction=1, probability=0.8, risk_level="high"),))


def test_rows_and_one_bare_row_are_told_apart() -> None:
    assert read_rows({"rows": [{"a": 1}, {"a": 2}]}, 10) == ([{"a": 1}, {"a": 2}], False)
    assert read_rows({"a": 1}, 10) == ([{"a": 1}], True)


REFUSED = [
    ([], "wrong-type"),
    ("text", "wrong-type"),
    (None, "wrong-type"),
    (3, "wrong-type"),
    (True, "wrong-type"),
    ({"rows": {}}, "wrong-type"),
    ({"rows": []}, "empty"),
    ({"rows": [1] * 11}, "too-many-rows"),
    ({"rows": [{}], "model": "x"}, "unknown-field"),
]


@pytest.mark.row("S2")
@pytest.mark.parametrize(("value", "code"), REFUSED)
def test_any_other_shape_is_refused_with_a_code(value: object, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_rows(value, 10)
    assert [fault.code for fault in caught.value.faults if isinstance(fault, Fault)] == [code]


@pytest.mark.row("S1")
def test_one_bare_row_gets_its_prediction_beside_the_rest() -> None:
    head = {"request_id": "r", "model": "m", "version": "1.0.0"}
    one = {"prediction": 1, "probability": 0.8, "risk_level": "high"}
    assert served_json(SERVED, bare=True) == head | one
    assert served_json(SERVED, bare=False) == head | {"predictions": [one]}


def test_classes_come_with_the_probability_of_each() -> None:
    answer = Answer(prediction="a", probability=0.6, probabilities={"a": 0.6, "b": 0.4})
    served = Served(request_id="r", model="m", version="1", predictions=(answer,))
    assert served_json(served, bare=True)["probabilities"] == {"a": 0.6, "b": 0.4}


class Slow:
    """An application whose predictions take until they are let go, and are recorded only while somebody waits."""

    models = ("lines",)

    def __init__(self) -> None:
        self.meters = Meters(None, "test")
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.recorded: list[str] = []
        self.at_once = 0
        self.most_big_at_once = 0
        self.lock = threading.Lock()
        self.resting = False
        self.may_wake = threading.Event()
        self.woken: list[tuple[str, str]] = []

    def only_model(self, model: str | None) -> str:
        return model or "lines"

    def is_resting(self, model: str, endpoint: str) -> bool:
        return self.resting

    def wake(self, model: str, endpoint: str) -> None:
        self.woken.append((model, endpoint))
        assert self.may_wake.wait(20)
        self.resting = False

    def predict(
        self, model: str, rows: Sequence[object], *, request_id: str, endpoint: str, prefix: str, in_time: Callable[[], bool]
    ) -> Served:
        assert endpoint == "predict"
        big = len(rows) > 1
        with self.lock:
            self.at_once += big
            self.most_big_at_once = max(self.most_big_at_once, self.at_once)
        self.begun.release()
        try:
            if rows != [{"quick": True}]:
                assert self.go_on.wait(20)
            if not in_time():
                raise TookTooLong
            self.recorded.append(request_id)
            return Served(request_id=request_id, model=model, version="1.0.0", predictions=(Answer(prediction=1.0),) * len(rows))
        finally:
            with self.lock:
                self.at_once -= big
            self.ended.release()


class Client:
    """Asks an ASGI application several things at once."""

    def __init__(self, app: Slow, **limits: float) -> None:
        given: dict[str, Any] = {"max_body_bytes": 1 << 20, "max_rows": 10_000, **limits}
        self.infer = Infer(cast(App, app), nowhere, **given)

    async def ask(self, request_id: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [(b"x-request-id", request_id.encode())]}
        await self.infer(scope, receive, send)
        start, content = sent
        return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, msgspec.json.decode(content["body"])


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("only predictions are asked for here")


async def has_begun(semaphore: threading.Semaphore, times: int = 1) -> None:
    for _ in range(times):
        assert await asyncio.to_thread(semaphore.acquire, timeout=20)


SLOW, QUICK = b'{"slow": true}', b'{"quick": true}'
BIG = msgspec.json.encode({"rows": [{"slow": True}] * 6000})


@pytest.mark.row("S3")
def test_what_would_have_to_wait_too_long_is_told_so_at_once_and_the_rest_is_answered() -> None:
    app = Slow()

    async def scenario() -> None:
        client = Client(app, max_waiting=3)
        waiting = [asyncio.create_task(client.ask(f"r{number}", SLOW)) for number in range(3)]
        await has_begun(app.begun, 3)
        status, headers, told = await client.ask("one-too-many", QUICK)
        assert (status, told["code"], headers["retry-after"]) == (429, "too-many-requests", "2")
        assert headers["content-type"] == "application/problem+json"
        assert told["request_id"] == headers["x-request-id"] == "one-too-many"
        app.go_on.set()
        assert [status for status, _, _ in await asyncio.gather(*waiting)] == [200] * 3
        assert (await client.ask("later", QUICK))[0] == 200

    asyncio.run(scenario())
    assert sorted(app.recorded) == ["later", "r0", "r1", "r2"]


@pytest.mark.row("S3", "L1")
def test_what_takes_too_long_is_given_up_and_records_nothing_but_keeps_its_place_until_it_ends() -> None:
    app = Slow()

    async def scenario() -> None:
        client = Client(app, max_waiting=1, timeout_s=0.2)
        status, headers, told = await client.ask("slow", SLOW)
        assert (status, told["code"], headers["retry-after"]) == (503, "took-too-long", "2")
        assert "0.2 s" in told["detail"]
        assert app.meters.gauge("farero_requests_waiting").value == 1
        assert (await client.ask("while-it-is-there", QUICK))[0] == 429
        app.go_on.set()
        await has_begun(app.ended)
        while app.meters.gauge("farero_requests_waiting").value:  # the thread has but to leave
            await asyncio.sleep(0.001)
        assert (await client.ask("after", QUICK))[0] == 200

    asyncio.run(scenario())
    assert app.recorded == ["after"]
    counted = {sample.labels: sample.value for sample in app.meters.samples() if sample.name == "farero_requests_total"}
    assert counted == {("/predict", "503"): 1, ("/predict", "429"): 1, ("/predict", "200"): 1}
    assert sum(sample.value for sample in app.meters.samples() if sample.name == "farero_failed_requests_total") == 2


def test_a_request_given_up_before_it_had_a_thread_leaves_its_place_at_once() -> None:
    app = Slow()

    async def scenario() -> None:
        client = Client(app, max_waiting=50, timeout_s=0.3)
        found = await asyncio.gather(*[client.ask(f"r{number}", SLOW) for number in range(SMALL_AT_ONCE + 5)])
        assert {status for status, _, _ in found} == {503}
        # Those that waited for a thread got one when the first were given up, or none at all; none of them counts twice.
        under_way = app.meters.gauge("farero_requests_waiting").value
        assert SMALL_AT_ONCE <= under_way <= SMALL_AT_ONCE + 5
        app.go_on.set()
        while app.meters.gauge("farero_requests_waiting").value:
            await asyncio.sleep(0.001)

    asyncio.run(scenario())
    assert app.recorded == []


@pytest.mark.row("S3")
def test_big_batches_have_one_thread_between_them_while_small_requests_go_on() -> None:
    app = Slow()
    assert len(BIG) > BIG_BYTES

    async def scenario() -> None:
        client = Client(app)
        big = [asyncio.create_task(client.ask(f"big-{number}", BIG)) for number in range(3)]
        await has_begun(app.begun)
        for number in range(5):
            assert (await client.ask(f"small-{number}", QUICK))[0] == 200
        assert app.recorded == [f"small-{number}" for number in range(5)]
        app.go_on.set()
        assert [status for status, _, _ in await asyncio.gather(*big)] == [200] * 3

    asyncio.run(scenario())
    assert app.most_big_at_once == 1
