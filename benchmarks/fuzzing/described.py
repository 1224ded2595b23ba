"""Requests that schemathesis makes of the description at /openapi.json: right ones, wrong ones, and chains of them."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema
from schemathesis.generation.case import Case as Made
from schemathesis.hooks import HookContext

from .exchange import Answer

OPERATIONS = 26


@dataclass
class Sent:
    """One request and what came of it."""

    asked: str
    answer: Answer | None
    head_only: bool = False
    pages: bool = False


def described(url: str, count: int, seed: int) -> Iterator[Sent]:
    """About so many requests, spread over all operations; a failure of schemathesis itself raises."""
    each = max(1, count // OPERATIONS // 2)
    sent: list[Sent] = []

    def listen(_: HookContext, case: Made, response: Response) -> None:
        headers = [(name.lower(), value) for name, values in response.headers.items() for value in values]
        asked = f"{case.method} {response.request.url} {str(response.request.body)[:200]}"
        sent.append(Sent(asked, Answer(response.status_code, headers, response.content), case.method.upper() == "HEAD"))

    config = SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "generation": {"max-examples": each, "no-shrink": True, "database": "none"},
            "phases": {"stateful": {"max-steps": 6}, "coverage": {"enabled": count >= 1000}},
            "checks": {"enabled": False},
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
        schema.hook("after_call")(listen)
        for event in from_schema(schema).execute():
            if isinstance(event, events.FatalError):
                raise event.exception
    gc.collect()  # it leaves its connections open until then
    yield from sent
