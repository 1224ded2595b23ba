"""The limit that serving could reach: Farero's compiled engine behind a raw uvloop protocol: `python bare.py ROOT PORT`.

It reads nothing of a request but its length, checks no value, records nothing, and cannot tell a bad request from a good one. What lies
between this and Farero is the price of the checks, the record, and HTTP as it is.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from farero.adapters.folder_models import FolderModels
from farero.adapters.system_clock import SystemClock
from farero.project.load import load as load_project
from farero.serving.engine import Quick
from farero.serving.engine import load as load_engine
from farero.serving.layout import read_contract
from farero.store import versions
from farero.store.database import Store

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


def answerer(root: Path) -> Callable[[bytes], bytes]:
    """From a body to the body of its answer, by the version in production."""
    loaded = load_project(root)
    (model,) = loaded.projects
    store = Store.open(loaded.settings.state.resolved(root), clock=SystemClock())
    with store.read() as conn:
        version = versions.production(conn, model)
    if version is None:
        raise SystemExit(f"no version of {model} is in production")
    folder = FolderModels(root / ".farero" / "models").open(version.digest)
    contract = read_contract(folder)
    engine = load_engine(folder, contract.label, contract.schema)
    quick = engine.quick
    if quick is None:
        raise SystemExit(f"there is no compiled engine for this model: {engine.detail}")
    codes = [{level: float(code) for code, level in enumerate(field.levels)} for field in contract.schema.features]
    names = [field.name for field in contract.schema.features]
    return lambda body: _answer(quick, names, codes, body)


def _answer(quick: Quick, names: list[str], codes: list[dict[str, float]], body: bytes) -> bytes:
    decoded: Any = _decode(body)
    rows = decoded.get("rows")
    if rows is None:
        _fill(quick.rows, 0, names, codes, decoded)
        quick.run(1)
        return b'{"probability":%.17g}' % quick.answers[0, 0]
    for at, row in enumerate(rows):
        _fill(quick.rows, at, names, codes, row)
    quick.run(len(rows))
    return _encode({"predictions": [{"probability": share} for share in quick.answers[: len(rows), 0].tolist()]})


def _fill(matrix: Any, at: int, names: list[str], codes: list[dict[str, float]], row: Mapping[str, Any]) -> None:
    matrix[at] = [levels[row[name]] if levels else row[name] for name, levels in zip(names, codes, strict=True)]


class Bare(asyncio.Protocol):
    """One connection."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it to answer on."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in what came."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            at = self._rest.find(b"Content-Length:", 0, end)
            length = int(self._rest[at + 15 : self._rest.find(b"\r\n", at)]) if at >= 0 else 0
            if len(self._rest) < end + 4 + length:
                return
            body = self._rest[end + 4 : end + 4 + length]
            self._rest = self._rest[end + 4 + length :]
            answer = self._answer(body) if length else b"{}"
            self._transport.write(HEAD + str(len(answer)).encode() + b"\r\n\r\n" + answer)


async def main(root: Path, port: int) -> None:
    """Answer for ever."""
    answer = answerer(root)
    server = await asyncio.get_running_loop().create_server(lambda: Bare(answer), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]).resolve(), int(sys.argv[2])))
