"""Which requests the hot lane takes, in what order answers leave, and when a connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.wires import Answer, Reader, Rig, on_a_loop, post, turns, unrecorded

from farero.server.wire import MOST_HEAD, MOST_LATER, REMEMBERED, REMEMBERED_BYTES, Heads


def asked(*pieces: bytes, models: tuple[str, ...] = ("lines",)) -> list[Answer]:
    """What a new connection answers to these pieces."""
    found: list[Answer] = []

    async def scenario() -> None:
        found.extend(await Rig(models=models).ask(*pieces))

    on_a_loop(scenario)
    return found


def told(answers: list[Answer]) -> list[object]:
    """The prediction of an answer of the hot lane, and the path that any other was for."""
    return [answer.json["prediction"] if answer.way == "hot" else answer.json["path"] for answer in answers]


@pytest.mark.row("S1")
def test_a_whole_request_in_one_piece_is_answered_on_the_spot() -> None:
    [answer] = asked(post(3, more="X-Request-Id: mine\r\n"))
    assert (answer.status, answer.way, answer.headers["x-request-id"]) == (200, "hot", "mine")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["date"] == "today"
    assert answer.json == {
        "request_id": "mine", "model": "lines", "version": "1.0.0", "prediction": 6.0, "probability": None, "risk_level": None,
    }  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 7, 30])
def test_a_body_may_come_after_its_head_in_as_many_pieces_as_it_likes(size: int) -> None:
    request = post(4)
    head = request.index(b"\r\n\r\n") + 4
    body = [request[at : at + size] for at in range(head, len(request), size)]
    [answer] = asked(request[:head], *body)
    assert (answer.way, answer.json["prediction"]) == ("hot", 8.0)


@pytest.mark.parametrize("cut", [1, 5, 6, 20, 40])
def test_a_head_in_pieces_goes_the_careful_way_and_the_next_request_may_be_hot_again(cut: int) -> None:
    request = post(4)
    assert [answer.way for answer in asked(request[:cut], request[cut:], post(5))] == ["careful", "hot"]


def test_pipelined_requests_of_both_ways_are_answered_in_their_order() -> None:
    other = b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n"
    slow = post(path="/slow")
    assert told(asked(post(1) + post(2) + other + post(3) + post(4))) == [2.0, 4.0, "/health", "/predict", "/predict"]
    assert told(asked(other + post(1))) == ["/health", "/predict"]

    async def scenario() -> None:
        rig = Rig()
        wire, transport = rig.connect()
        for piece in (post(1), slow, post(2), other, post(3)):
            wire.data_received(piece)
        await asyncio.sleep(0.15)
        await turns()
        wire.data_received(post(9))
        await turns()
        assert told(Reader(transport.sent).answers) == [2.0, "/slow", "/predict", "/health", "/predict", 18.0]

    on_a_loop(scenario)


def test_a_hundred_pipelined_requests_cut_anywhere_are_all_answered_once_and_in_order() -> None:
    stream = b"".join(post(number) for number in range(100))
    for size in (17, 333, 4096):
        answers = asked(*[stream[at : at + size] for at in range(0, len(stream), size)])
        assert len(answers) == 100
        assert [answer.json["prediction"] for answer in answers if answer.way == "hot"] == [
            2.0 * number for number, answer in enumerate(answers) if answer.way == "hot"
        ]


def test_a_part_of_the_next_request_waits_for_its_rest() -> None:
    second = post(6)
    assert told(asked(post(5) + second[:-3], second[-3:], post(7))) == [10.0, 12.0, 14.0]


CAREFUL: dict[str, bytes] = {
    "chunked": b'POST /predict HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"x": 1}\r\n0\r\n\r\n',
    "expect": post(more="Expect: 100-continue\r\n"),
    "close": post(more="Connection: close\r\n"),
    "HTTP/1.0": post(version="1.0"),
    "content-encoding": post(more="Content-Encoding: identity\r\n"),
    "another path": post(path="/v1/models/other/predict"),
    "query": post(path="/predict?x=1"),
    "GET": b"GET /predict HTTP/1.1\r\nHost: h\r\n\r\n",
    "PUT": post().replace(b"POST", b"PUT", 1),
    "no length": b"POST /predict HTTP/1.1\r\nHost: h\r\n\r\n",
    "empty": post(body=b""),
    "too big": post(body=b'{"x": 1}' + b" " * (128 << 10)),
    "a fault": post("?"),
    "no JSON": post(body=b"{"),
}


@pytest.mark.row("S2")
@pytest.mark.parametrize("name", CAREFUL)
def test_what_is_out_of_the_ordinary_is_answered_the_careful_way(name: str) -> None:
    [answer] = asked(CAREFUL[name])
    assert (answer.status, answer.way) == (200, "careful")


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    "request_",
    [
        post(more="Content-Length: 9\r\n"),
        post().replace(b"Content-Length: ", b"Content-Length: x"),
        post().replace(b"Content-Length: ", b"Content-Length: -"),
        post(more="Bad Header: 1\r\n"),
        post(more="X: a\x00b\r\n"),
        b"POST /predict HTTP/1.1\nContent-Length: 2\n\n{}\r\n\r\n",
        b"POST /predict HTTP/9\r\n\r\n",
        b"POST / predict\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_the_connection_closed(request_: bytes) -> None:
    async def scenario() -> None:
        rig = Rig()
        wire, transport = rig.connect()
        wire.data_received(request_)
        await turns()
        assert [answer.status for answer in Reader(transport.sent).answers] == [400]
        assert transport.ended
        assert rig.log.frames == []

    on_a_loop(scenario)


def test_a_length_that_is_too_short_never_makes_the_rest_part_of_the_body() -> None:
    async def scenario() -> None:
        rig = Rig()
        wire, transport = rig.connect()
        wire.data_received(post(body=b'{"x": 1}{"x": 2}', length=8))
        await turns()
        assert [answer.status for answer in Reader(transport.sent).answers] == [200, 400]
        assert transport.ended

    on_a_loop(scenario)


def test_each_model_has_an_address_and_one_alone_has_the_short_one_too() -> None:
    assert [answer.way for answer in asked(post(path="/v1/models/lines/predict"), post())] == ["hot", "hot"]
    two = ("lines", "points")
    answers = asked(post(path="/v1/models/points/predict"), post(path="/v1/models/lines/predict"), post(), models=two)
    assert [answer.way for answer in answers] == ["hot", "hot", "careful"]
    assert [answer.json["model"] for answer in answers[:2]] == ["points", "lines"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("X-Request-Id: first\r\nX-Request-Id: second\r\n", "first"),
        ("x-request-id: \r\nX-REQUEST-ID: second\r\n", "second"),
        ("X-Request-Id: with space\r\n", None),
        (f"X-Request-Id: {'x' * 129}\r\n", None),
        ('X-Request-Id: "quoted\\\r\n', '"quoted\\'),
    ],
)
def test_the_first_sane_request_id_is_kept_and_any_other_replaced(sent: str, expected: str | None) -> None:
    [answer] = asked(post(more=sent))
    own = answer.headers["x-request-id"]
    assert answer.json["request_id"] == own
    assert own == expected if expected is not None else len(own) == 32


def test_every_request_without_an_id_gets_one_of_its_own() -> None:
    answers = asked(*[post(1)] * 50)
    assert len({answer.headers["x-request-id"] for answer in answers}) == 50


def test_heads_are_remembered_within_a_limit_and_those_with_an_id_not_at_all() -> None:
    heads = Heads({})
    same = b"POST /predict HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
    assert heads.read(same) is heads.read(same)
    for number in range(REMEMBERED + 10):
        heads.read(b"POST /%d HTTP/1.1\r\nContent-Length: 3\r\n\r\n" % number)
        assert len(heads._known) <= REMEMBERED

    async def scenario() -> None:
        rig = Rig()
        await rig.ask(*[post(1, more=f"X-Request-Id: {number}\r\n") for number in range(20)])
        assert len(rig.heads._known) == 0

    on_a_loop(scenario)


def test_an_answer_is_held_until_it_is_recorded_and_so_are_those_after_it() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.waits = True
        wire, transport = rig.connect()
        wire.data_received(post(1))
        await turns()
        wire.data_received(post(2) + b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        await turns()
        assert (transport.sent, len(rig.log.waiting)) == (b"", 1)
        rig.log.release()
        await turns()
        assert told(Reader(transport.sent).answers) == [2.0]
        rig.log.release()
        await turns()
        assert told(Reader(transport.sent).answers) == [2.0, 4.0, "/health"]

    on_a_loop(scenario)


def test_a_client_that_sends_far_ahead_is_not_read_from_until_it_has_its_answer() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.waits = True
        wire, transport = rig.connect()
        wire.data_received(post(1))
        later = [post(number) for number in range(6000)]
        await turns()
        for piece in later:
            if transport.paused:
                break
            wire.data_received(piece)
        assert transport.paused
        assert len(wire._later) <= MOST_LATER + len(later[-1])
        rig.log.waits = False
        rig.log.release()
        assert not transport.paused

    on_a_loop(scenario)


@pytest.mark.row("L4")
def test_what_cannot_be_recorded_is_refused_with_its_id_and_when_to_try_again() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.failing = unrecorded()
        wire, transport = rig.connect()
        wire.data_received(post(1, more="X-Request-Id: mine\r\n"))
        await turns()
        rig.log.failing = None
        wire.data_received(post(2))
        await turns()
        refused, answered = Reader(transport.sent).answers
        assert (refused.status, refused.headers["content-type"]) == (503, "application/problem+json")
        assert refused.headers["x-request-id"] == refused.json["request_id"] == "mine"
        assert (refused.json["code"], refused.headers["retry-after"]) == ("log-unavailable", "2")
        assert (answered.status, answered.json["prediction"]) == (200, 4.0)
        assert rig.counted("farero_requests_total") == {("/predict", "200"): 1.0, ("/predict", "503"): 1.0}

    on_a_loop(scenario)


def test_a_stopping_server_sends_the_answer_that_is_held_and_then_closes() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.waits = True
        wire, transport = rig.connect()
        idle, silent = rig.connect()
        wire.data_received(post(1) + post(2))
        await turns()
        wire.shutdown()
        idle.shutdown()
        assert (transport.closed, silent.closed) == (False, True)
        rig.log.release()
        assert told(Reader(transport.sent).answers) == [2.0]
        assert transport.closed
        await turns()
        assert rig.state.connections == set()

    on_a_loop(scenario)


def test_a_connection_lost_while_its_answer_is_held_is_harmless() -> None:
    async def scenario() -> None:
        rig = Rig()
        rig.log.waits = True
        lost, transport = rig.connect()
        other, other_transport = rig.connect()
        lost.data_received(post(1) + post(2))
        other.data_received(post(3))
        await turns()
        transport.closed = True
        lost.connection_lost(ConnectionResetError())
        rig.log.release()
        await turns()
        assert transport.sent == b""
        assert told(Reader(other_transport.sent).answers) == [6.0]
        assert len(rig.log.frames) == 1, "what was scored is recorded, heard or not"

    on_a_loop(scenario)


def test_an_earlier_requests_timer_does_not_close_a_connection_that_is_busy_on_the_hot_lane() -> None:
    async def scenario() -> None:
        rig = Rig(keep_alive_s=0.05)
        wire, transport = rig.connect()
        wire.data_received(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        await turns()
        wire.data_received(post(1))
        await asyncio.sleep(0.15)
        assert not transport.closed
        wire.data_received(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
        await asyncio.sleep(0.15)
        assert transport.closed, "uvicorn's own timer still ends what fell silent after one of its requests"

    on_a_loop(scenario)


async def _nothing(rig: Rig, send: Callable[[bytes], None]) -> None: ...


async def _hot(rig: Rig, send: Callable[[bytes], None]) -> None:
    send(post(1))


async def _careful(rig: Rig, send: Callable[[bytes], None]) -> None:
    send(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")


async def _held(rig: Rig, send: Callable[[bytes], None]) -> None:
    rig.log.waits = True
    send(post(1))


async def _slow(rig: Rig, send: Callable[[bytes], None]) -> None:
    send(post(path="/slow"))


async def _begun(rig: Rig, send: Callable[[bytes], None]) -> None:
    send(b"POST /predict HT")


@pytest.mark.parametrize(
    ("before", "idle_since_then", "idle_later"),
    [
        (_nothing, True, True),
        (_hot, False, True),
        (_careful, False, True),
        (_held, False, False),
        (_slow, False, False),
        (_begun, False, True),
    ],
)
def test_a_connection_is_idle_once_nothing_is_under_way_and_nothing_has_happened_for_long(
    before: Callable[[Rig, Callable[[bytes], None]], Awaitable[None]], idle_since_then: bool, idle_later: bool
) -> None:
    async def scenario() -> None:
        rig = Rig()
        wire, _ = rig.connect()
        begun = wire.seen + 0.005
        await asyncio.sleep(0.01)
        await before(rig, wire.data_received)
        await turns()
        assert wire.is_idle(begun) == idle_since_then
        assert wire.is_idle(begun + 1000) == idle_later
        await asyncio.sleep(0.12)  # /slow ends before the loop does

    on_a_loop(scenario)


@pytest.mark.row("S2")
@pytest.mark.parametrize("path", ["/predict", "/slow"])
def test_a_request_before_something_broken_is_answered_first(path: str) -> None:
    async def scenario() -> None:
        wire, transport = Rig().connect()
        wire.data_received(post(path=path) + b"POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        await asyncio.sleep(0.15)
        told = Reader(transport.sent).answers
        assert [answer.status for answer in told] == [200, 400]
        assert told[1].json["request_id"] == told[1].headers["x-request-id"]

    on_a_loop(scenario)


@pytest.mark.row("S2")
@pytest.mark.parametrize("pieces", [1, 50])
def test_a_head_without_end_is_not_kept(pieces: int) -> None:
    head = b"POST /predict HTTP/1.1\r\nContent-Length: 7\r\nX-Long: " + b"v" * MOST_HEAD + b"\r\n\r\n"
    size = len(head) // pieces + 1
    [answer] = asked(*(head[at : at + size] for at in range(0, len(head), size)))
    assert (answer.status, answer.json["code"], answer.headers["connection"]) == (431, "head-too-large", "close")


def test_a_big_head_is_read_and_not_remembered() -> None:
    heads = Heads({})
    heads.read(b"GET / HTTP/1.1\r\nX: " + b"v" * REMEMBERED_BYTES + b"\r\n\r\n")
    assert heads._known == {}
