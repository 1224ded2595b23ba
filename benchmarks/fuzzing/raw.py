"""HTTP that no client should write: broken, ambiguous, endless, slow, or not HTTP at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from . import odd
from .bodies import BAD_ROW, ROW, post
from .exchange import Case
from .odd import GET, get, new_id

SMUGGLED = "smuggled"
"""A request id that must never reach the log."""

CLOSED, FOUR = frozenset({400}), frozenset(range(400, 500))
_HIDDEN = post("/predict", ROW, f"X-Request-Id: {SMUGGLED}\r\n")


def request_line(rng: Random) -> Case:
    """A first line that is none, or hardly one."""
    line = rng.choice(
        [
            b"GET",
            b"GET /",
            b"GET  / HTTP/1.1",
            b"GET / HTTP/1.1 x",
            b"get / HTTP/1.1",
            b"GET / HTTP/9.9",
            b"GET / HTTP/1.",
            b"GET / HTCPCP/1.0",
            b"GET /\x00 HTTP/1.1",
            b"GET /\xff\xfe HTTP/1.1",
            b"GET /a b HTTP/1.1",
            b"\x00GET / HTTP/1.1",
            b" GET / HTTP/1.1",
            b"GET\t/\tHTTP/1.1",
            b"POST  /predict HTTP/1.1",
            b"POST /predict",
            b"POST /predict HTTP/1.1.1",
            b"GET http://[ HTTP/1.1",
            b"GET / http/1.1",
            b"G\x80T / HTTP/1.1",
            rng.randbytes(rng.randrange(1, 40)),
        ]
    )
    return Case(
        "raw: request lines", repr(line), (line + b"\r\nHost: h\r\nContent-Length: 13\r\n\r\n" + BAD_ROW,), answers=None, alone=True
    )


def line_ends(rng: Random) -> Case:
    """Bare carriage returns and line feeds, blanks before colons, folded lines."""
    head = rng.choice(
        [
            b"GET /health HTTP/1.1\nHost: h\n\n",
            b"GET /health HTTP/1.1\rHost: h\r\r",
            b"GET /health HTTP/1.1\r\nHost : h\r\n\r\n",
            b"GET /health HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n",
            b"GET /health HTTP/1.1\r\n: nothing\r\n\r\n",
            b"GET /health HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /health HTTP/1.1\r\nX: a\x00b\r\n\r\n",
            b"GET /health HTTP/1.1\r\nX: \xff\xfe\r\n\r\n",
            b"\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n",
            b"POST /predict HTTP/1.1\nHost: h\nContent-Length: 13\n\n" + BAD_ROW,
            b"POST /predict HTTP/1.1\r\nContent-Length: 13\r\n\n\r\n" + BAD_ROW,
            b"POST /predict HTTP/1.1\r\nContent-Length:\r\n 13\r\n\r\n" + BAD_ROW,
            b"POST /predict HTTP/1.1\r\nX: \r\r\nContent-Length: 13\r\n\r\n" + BAD_ROW,
        ]
    )
    return Case("raw: line ends", repr(head[:60]), (head,), answers=None, alone=True)


def length(rng: Random) -> Case:
    """A Content-Length that is none, is there twice, or is not true."""
    value = rng.choice(
        [
            "abc",
            "-1",
            "-13",
            "+13",
            "1e1",
            "13.0",
            "0x0d",
            "13, 13",
            "13 13",
            "13;",
            '"13"',
            "9" * 30,
            "18446744073709551616",
            "\u0661\u0663",
            "1_3",
            "\x0b13",
        ]
    )
    if rng.random() < 0.4:
        value = rng.choice(("13\r\nContent-Length: 13", "13\r\nContent-Length: 12", "0\r\nContent-Length: 13", "13\r\ncontent-length:13"))
    data = f"POST /predict HTTP/1.1\r\nHost: h\r\nContent-Length: {value}\r\n\r\n".encode() + BAD_ROW + _HIDDEN
    return Case("raw: Content-Length", repr(value), (data,), statuses=CLOSED, most=1, alone=True)


def smuggling(rng: Random) -> Case:
    """Two readings of where a request ends; the second would let another request out of its body."""
    coding = rng.choice(
        [
            "chunked",
            "Chunked",
            " chunked",
            "chunked ",
            "identity, chunked",
            "xchunked",
            "chunked, identity",
            "chunked\r\nTransfer-Encoding: identity",
            "\tchunked",
            "chunked;q=1",
            ",chunked",
        ]
    )
    inner = b"0\r\n\r\n" + _HIDDEN
    size = f"Content-Length: {len(inner)}\r\n" if rng.random() < 0.8 or "x" in coding else ""
    kinds = [size, f"Transfer-Encoding: {coding}\r\n"]
    rng.shuffle(kinds)
    if not size:  # a sound coding alone is no smuggling: the rest is the next request, and may be answered
        kinds, inner = [f"Transfer-Encoding: {rng.choice(('xchunked', 'chunked, identity', 'gzip'))}\r\n"], inner
    name = rng.choice(("Host: h\r\n", "Host: h\r\nConnection: keep-alive\r\n"))
    data = f"POST /predict HTTP/1.1\r\n{name}{''.join(kinds)}\r\n".encode() + inner
    return Case("raw: smuggling", repr(coding), (data,), statuses=CLOSED, most=1, alone=True)


def bad_chunks(rng: Random) -> Case:
    """Chunks that are none."""
    chunk = rng.choice(
        [
            b"zz\r\n",
            b"-1\r\n",
            b"0x5\r\nhello\r\n",
            b"5\r\nhello!!\r\n",
            b"ffffffffffffffffff\r\n",
            b"5 \r\nhello\r\n0\r\n",
            b"\r\n",
            b"5\nhello\n0\n\n",
            b"5;\x00\r\nhello\r\n",
            b"5\r\nhel\r\n0\r\n\r\n",
        ]
    )
    data = b"POST /predict HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + _HIDDEN
    return Case("raw: bad chunks", repr(chunk), (data,), answers=None, most=1, statuses=FOUR, alone=True)


def chunks(rng: Random) -> Case:
    """A sound chunked request, in pieces."""
    own = new_id(rng)
    cuts = sorted(rng.sample(range(1, len(ROW)), 3))
    parts = [ROW[a:b] for a, b in zip([0, *cuts], [*cuts, len(ROW)], strict=True)]
    body = (
        b"".join(b"%x%b\r\n%b\r\n" % (len(part), rng.choice((b"", b";x=y")), part) for part in parts)
        + b"0\r\n"
        + rng.choice((b"", b"X-Trailer: 1\r\n"))
        + b"\r\n"
    )
    head = f"POST /predict HTTP/1.1\r\nHost: h\r\nX-Request-Id: {own}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    data = head + body
    at = rng.randrange(1, len(data))
    return Case("raw: chunked, sound", "chunked", (data[:at], data[at:]), statuses=frozenset({200}), ids=(own,), alone=rng.random() < 0.5)


def pipeline(rng: Random) -> Case:
    """Fifty requests at once; their answers must come in their order."""
    ids = tuple(new_id(rng) for _ in range(50))
    sent = []
    for own in ids:
        more = f"X-Request-Id: {own}\r\n"
        way = rng.randrange(6)
        if way < 3:
            sent.append(post("/predict", ROW, more))
        elif way == 3:
            sent.append(post("/predict", BAD_ROW, more))
        elif way == 4:
            sent.append(post("/predict", ROW, more + "TE: trailers\r\n"))
        else:
            sent.append(get(rng.choice(("/health/live", "/v1/models", "/nothing")), more))
    data = b"".join(sent)
    at = rng.randrange(1, len(data))
    return Case("raw: pipelines of 50", "pipeline", (data[:at], data[at:]), answers=50, counts=50, ids=ids, alone=True)


def broken_pipeline(rng: Random) -> Case:
    """A sound request and, behind it, something that is none: first the answer, then the refusal."""
    own = new_id(rng)
    first = post("/predict", ROW, f"X-Request-Id: {own}\r\n" + rng.choice(("", "TE: trailers\r\n")))
    second = rng.choice(
        (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/1.1 x\r\n\r\n", b"NO SUCH\r\n\r\n", b"POST /predict HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
    )
    return Case("raw: sound, then broken", repr(second), (first + second,), answers=2, counts=2, ids=(own, ""), alone=True)


def half(rng: Random) -> Case:
    """Hang up within a request. What has not been sent to its end is not recorded, even where it could be read."""
    if rng.random() < 0.3:
        data = (
            f"POST /predict HTTP/1.1\r\nHost: h\r\nX-Request-Id: {SMUGGLED}\r\nTransfer-Encoding: chunked\r\n\r\n{len(ROW):x}\r\n".encode()
            + ROW
            + b"\r\n"
        )
    elif rng.random() < 0.5:
        data = post("/predict", ROW + b"  ", f"X-Request-Id: {SMUGGLED}\r\nTE: trailers\r\n")[:-1]
    else:
        whole = post("/predict", ROW, f"X-Request-Id: {SMUGGLED}\r\n")
        data = whole[: rng.randrange(1, len(whole))]
    return Case("raw: half requests", "half", (data,), wait=False, alone=True)


def slow(rng: Random) -> Case:
    """Byte by byte."""
    own = new_id(rng)
    data = post("/predict", ROW, f"X-Request-Id: {own}\r\n" + rng.choice(("", "TE: trailers\r\n")))
    return Case("raw: byte by byte", "slow", tuple(data[at : at + 1] for at in range(len(data))), statuses=frozenset({200}), ids=(own,))


def strangers(rng: Random) -> Case:
    """Other protocols, and noise."""
    data = rng.choice(
        [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),
            b"GET /\r\n",
            b"GET /predict\n",
            b"SSH-2.0-OpenSSH_9.0\r\n",
            b"EHLO x\r\n",
            b"\x00" * 1000,
            b"*1\r\n$4\r\nPING\r\n",
            b"\xff\xfb\x1f\xff\xfb\x20",
            rng.randbytes(rng.randrange(1, 4000)),
            rng.randbytes(200).replace(b"\n", b"") + b"\r\n\r\n",
            b"\r\n" * 500,
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + _HIDDEN,
            b"POST /" + rng.randbytes(100),
        ]
    )
    return Case("raw: other protocols and noise", repr(data[:30]), (data,), answers=None, most=1, alone=True)


def flipped(rng: Random) -> Case:
    """A sound request whose head is mutated. Its row does not fit."""
    data = bytearray(rng.choice((post("/predict", BAD_ROW), get(rng.choice(GET)), post("/v1/labels", b'{"label":1}'))))
    end = data.index(b"\r\n\r\n") + 4
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(min(end, len(data)))
        how = rng.randrange(3)
        if how == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            data[at:at] = rng.randbytes(rng.choice((1, 2)))
        else:
            del data[at]
    return Case("raw: mutated heads", repr(bytes(data[:80])), (bytes(data),), answers=None, alone=True, pages=True)


SHARES: dict[Callable[[Random], Case], int] = {
    request_line: 4,
    line_ends: 4,
    odd.headers: 2,
    odd.long_address: 1,
    length: 12,
    smuggling: 12,
    bad_chunks: 6,
    chunks: 8,
    pipeline: 1,
    broken_pipeline: 4,
    half: 6,
    slow: 1,
    odd.kinds: 6,
    odd.methods: 8,
    odd.addresses: 8,
    odd.request_ids: 8,
    odd.hosts: 8,
    odd.expectations: 6,
    odd.versions: 5,
    odd.upgrades: 4,
    strangers: 4,
    flipped: 8,
}


def attacks(rng: Random, requests: int) -> Iterator[Case]:
    """So many requests of all kinds."""
    makers, weights = list(SHARES), list(SHARES.values())
    while requests > 0:
        case = rng.choices(makers, weights)[0](rng)
        requests -= case.counts
        yield case
