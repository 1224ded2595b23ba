"""The way of a command through the service that runs here: it is loaded already, and a command that asks it takes no seconds to start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from farero.errors import OutsideError

ADDRESS: Final = Path(".farero") / "run" / "service.json"
"""Where a service that runs notes its address and process; `farero.server.supervisor` writes it."""

TIMEOUT_S: Final = 30.0


def address(project: Path) -> str | None:
    """Where the service of this installation answers; None where none runs."""
    try:
        noted = json.loads((project / ADDRESS).read_bytes())
        os.kill(noted["pid"], 0)
        return str(noted["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the service answers; None where it cannot be reached, or refuses: then nothing was done.

    Args:
        body: to POST; None = GET.

    Raises:
        OutsideError: it was asked and has not answered, so nobody knows whether it was done.
    """
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    connection = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.connect()
    except OSError:
        return None
    try:
        given = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body=given, headers=headers)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, HTTPException) as error:
        raise OutsideError(
            f"The service at {url} was asked and has not answered ({type(error).__name__}).",
            hint="See what is in production before you ask again: farero versions list.",
        ) from error
    finally:
        connection.close()
    return json.loads(said) if answer.status == 200 else None
