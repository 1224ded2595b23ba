"""Requests that are HTTP but that no sane client writes: heads without end, addresses that climb, methods and names of all kinds."""

from __future__ import annotations

from random import Random

from .bodies import BAD_ROW, ROW, post
from .exchange import Case

GET = (
    "/health",
    "/health/live",
    "/",
    "/v1/models",
    "/v1/models/churn/versions",
    "/v1/incidents?last=3",
    "/openapi.json",
    "/v1/models/churn/observations",
)


def new_id(rng: Random) -> str:
    """A request id of our own."""
    return f"raw-{rng.getrandbits(60):x}"


def get(path: str, more: str = "", method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    return f"{method} {path} HTTP/{version}\r\nHost: h\r\n{more}\r\n".encode("latin-1", "replace")


def headers(rng: Random) -> Case:
    """Huge heads and heads of many lines."""
    size, lines = rng.choice(((8_000, 1), (60_000, 1), (400_000, 1), (10, 90), (10, 3_000), (100, 200), (2_000_000, 1)))
    more = "".join(f"X-{rng.getrandbits(32):x}-{number}: {'v' * size}\r\n" for number in range(lines))
    if rng.random() < 0.5:
        return Case("raw: huge and many headers", f"GET {lines} of {size}", (get("/health/live", more),), alone=True)
    return Case("raw: huge and many headers", f"POST {lines} of {size}", (post("/predict", ROW, more),), alone=True)


def long_address(rng: Random) -> Case:
    """An address without end."""
    size = rng.choice((5_000, 70_000, 300_000))
    return Case("raw: huge and many headers", f"address of {size}", (get("/v1/models/" + "m" * size),), alone=True)


def kinds(rng: Random) -> Case:
    """Content-Type and Content-Encoding of all kinds."""
    kind = rng.choice(
        [
            "text/plain",
            "application/xml",
            "",
            "application/json; charset=utf-16",
            "multipart/form-data; boundary=x",
            "\xff",
            "application/x-www-form-urlencoded",
            "json",
            ";",
        ]
    )
    coding = rng.choice(["", "", "gzip", "br", "identity", "deflate, gzip", "x" * 300])
    path, body = rng.choice((("/predict", ROW), ("/v1/labels", b'{"label":1,"request_id":"nobody"}'), ("/v1/models/churn/rollback", b"{}")))
    more = f"Content-Encoding: {coding}\r\n" if coding else ""
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return Case("raw: wrong kinds of body", f"{kind} {coding} {path}", (head.encode("latin-1") + body,))


METHODS = (
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "PROPFIND",
    "M-SEARCH",
    "PURGE",
    "SOURCE",
    "QUERY",
    "HEAD",
    "CONNECT",
    "PRI",
    "FOO",
    "post",
    "GETGET",
)


def methods(rng: Random) -> Case:
    """Methods that no address here knows, and some that nobody knows."""
    method = rng.choice(METHODS)
    path = "h:80" if method == "CONNECT" and rng.random() < 0.5 else rng.choice(("/predict", "/v1/labels", *GET))
    return Case("raw: methods", f"{method} {path}", (get(path, method=method),), alone=True, head_only=method == "HEAD")


PARTS = (
    "..",
    ".",
    "%2e%2e",
    "%00",
    "%",
    "%zz",
    "%c0%af",
    "%ff",
    "%u0041",
    "a%2fb",
    ";x",
    "churn",
    "v1",
    "1.0.0",
    "console",
    "docs",
    "swagger",
    "static",
    "etc",
    "passwd",
    "%5c..%5c",
    "x" * 300,
    "~",
    "{}",
    "|",
    '"',
    "<x>",
    "%0d%0aX:y",
    "%F0%9F%98%80",
    "",
)


def addresses(rng: Random) -> Case:
    """Addresses that climb, that are no text, that are whole URLs."""
    start = rng.choice(
        (
            "/",
            "/",
            "/v1/models/",
            "/v1/incidents/",
            "/console/",
            "/docs/",
            "/docs/swagger/",
            "/docs/static/",
            "//",
            "http://evil/",
            "*",
            "/v1/models/churn/versions/",
            "/console/models/",
        )
    )
    path = start + "/".join(rng.choice(PARTS) for _ in range(rng.randrange(1, 6)))
    if rng.random() < 0.3:
        path += rng.choice(
            (
                "?",
                "?last=x",
                "?last=-1",
                "?last=99999999999999999999",
                "?%00=%ff",
                "?a=1&a=2",
                "?last=1&last=2",
                "#x",
                "?" + "&".join(["q=1"] * 2000),
            )
        )
    method = rng.choice(("GET", "GET", "POST", "HEAD"))
    return Case("raw: addresses", path[:120], (get(path, method=method),), answers=None, alone=True, pages=True, head_only=method == "HEAD")


def request_ids(rng: Random) -> Case:
    """An X-Request-Id that is no id."""
    value = rng.choice(
        [
            "",
            " ",
            "x" * 128,
            "x" * 129,
            "x" * 9000,
            "a b",
            "\t",
            "\xe9",
            "a\xff",
            "'; DROP TABLE",
            "<script>",
            "%00",
            "a,b",
            "../../x",
            "{}",
            "\x7f",
            f"one\r\nX-Request-Id: two-{new_id(rng)}",
        ]
    )
    more = f"X-Request-Id: {value}\r\n"
    data = (post("/predict", ROW) if rng.random() < 0.5 else get("/v1/models")).replace(
        b"Host: h\r\n", b"Host: h\r\n" + more.encode("latin-1"), 1
    )
    return Case("raw: request ids", repr(value[:40]), (data,), alone=True)


def hosts(rng: Random) -> Case:
    """A Host that is none, is missing, or comes twice."""
    value = rng.choice(
        [
            "[",
            "]",
            "[::1",
            "a b",
            "h:notaport",
            "h:99999999",
            "",
            "h\r\nHost: other",
            "\xff\xfe",
            "%00",
            "h/../x",
            "user:pw@h",
            "http://h",
            "?",
            "#",
            "[v1.x]",
            "h\r\nX-Forwarded-Host: [",
        ]
    )
    path = rng.choice(
        (*GET, "/v1/models/", "/v1/incidents/", "/nothing", "/console", "/console/", "/docs/swagger", "/console/models/churn/")
    )
    data = get(path).replace(b"Host: h\r\n", b"" if rng.random() < 0.1 else f"Host: {value}\r\n".encode("latin-1"))
    return Case("raw: Host", f"{value!r} {path}", (data,), alone=True, pages=True)


def expectations(rng: Random) -> Case:
    """Expect: 100-continue, sound and unsound."""
    own = new_id(rng)
    expect = rng.choice(("100-continue", "100-Continue", "200-ok", "100-continue, x", ""))
    data = post("/predict", ROW, f"X-Request-Id: {own}\r\nExpect: {expect}\r\n")
    at = data.index(b"\r\n\r\n") + 4
    return Case("raw: Expect", expect, (data[:at], data[at:]), statuses=frozenset({200}), ids=(own,))


def versions(rng: Random) -> Case:
    """HTTP/1.0 and versions that there are not."""
    version = rng.choice(("1.0", "1.0\r\nConnection: keep-alive", "0.9", "1.9", "2.0", "3", "1.10"))
    return Case("raw: versions", repr(version), (get(rng.choice(GET), version=version),), alone=True)


def upgrades(rng: Random) -> Case:
    """Requests for another protocol; the second request on the connection must not be lost."""
    kind = rng.choice(("websocket", "h2c", "TLS/1.0", "x", "websocket, h2c"))
    more = f"Connection: Upgrade\r\nUpgrade: {kind}\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nHTTP2-Settings: AAMAAABk\r\n"
    first = rng.choice((get("/health/live", more), post("/predict", BAD_ROW, more)))
    return Case("raw: upgrades", kind, (first,), alone=True)
