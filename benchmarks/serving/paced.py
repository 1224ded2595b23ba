"""A load generator with a clock: requests leave when they are due, whether or not earlier ones are answered.

    python paced.py PORT PATH FILE --rate 5000 --connections 16 --seconds 6

Latency counts from the moment a request was due, so that a stall is charged to every request that it delayed. A generator that waits for
answers, as wrk does, would send nothing during a stall and never see it. `--rate 0` is such a generator, for where there is no wrk.
Prints one line of JSON; `late_p99_ms` is how late requests left: the generator's own fault, or that of too few connections. It looks at
its sockets without ever sleeping: timers would send in bursts of a millisecond.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import select
import socket
import time
from collections import deque
from itertools import cycle
from pathlib import Path

GRACE_S = 2.0


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self.received = b""

    def send(self, request: bytes, due: float) -> None:
        """Send one request."""
        self.due, self.received = due, b""
        self.socket.sendall(request)

    def answer(self) -> int | None:
        """The status of a whole answer, None while it is not whole."""
        try:
            part = self.socket.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        if not part:
            raise SystemExit("the server closed a connection")
        self.received += part
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at < 0:
            raise SystemExit("an answer without a length")
        if len(body) < int(lower[at + 15 :].split(b"\r\n", 1)[0]):
            return None
        return int(head[9:12])


def main() -> None:
    """Send, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("file", type=Path, help="bodies, one a line")
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0 = as fast as they are answered")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=6.0)
    wanted = parser.parse_args()
    head = f"POST {wanted.path} HTTP/1.1\r\nHost: 127.0.0.1:{wanted.port}\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [line.encode() for line in wanted.file.read_text().splitlines()]
    requests = [head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies]
    print(json.dumps(send(wanted.port, requests, rate=wanted.rate, connections=wanted.connections, seconds=wanted.seconds)))


def send(port: int, requests: list[bytes], *, rate: float, connections: int, seconds: float) -> dict[str, float]:
    """Requests at exponential distances (a rate), or one after another on every connection (no rate)."""
    opened = [Connection(port) for _ in range(connections)]
    poll = select.epoll()
    by_number = {one.socket.fileno(): one for one in opened}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    idle, bodies, waiting = deque(opened), cycle(requests), deque[float]()
    drawn, clock = random.Random(7), time.perf_counter
    latencies: list[float] = []
    lags: list[float] = []
    failed = sent = 0
    gc.disable()
    begun = now = clock()
    end, due = begun + seconds, begun
    while now < end or (len(idle) < connections and now < end + GRACE_S):
        if rate:
            while due <= now and due < end:
                waiting.append(due)
                due += drawn.expovariate(rate)
            while waiting and idle:
                when = waiting.popleft()
                idle.popleft().send(next(bodies), when)
                lags.append(clock() - when)
                sent += 1
        elif now < end:
            while idle:
                idle.popleft().send(next(bodies), clock())
                sent += 1
        for number, _ in poll.poll(0):
            one = by_number[number]
            status = one.answer()
            if status is not None:
                latencies.append(clock() - one.due)
                failed += status != 200
                idle.append(one)
        now = clock()
    for one in opened:
        one.socket.close()
    failed += sent - len(latencies) + len(waiting)
    return {
        "requests": len(latencies), "seconds": seconds, "failed": failed, "sent": sent, "late_p99_ms": quantile_ms(lags, 0.99),
        **{f"p{name}_ms": quantile_ms(latencies, share) for name, share in (("50", 0.5), ("90", 0.9), ("99", 0.99), ("999", 0.999))},
    }  # fmt: skip


def quantile_ms(values: list[float], share: float) -> float:
    """That value of the sorted ones [ms], from seconds."""
    return 1000 * sorted(values)[min(int(share * len(values)), len(values) - 1)] if values else 0.0


if __name__ == "__main__":
    main()
