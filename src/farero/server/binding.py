"""Binding an address, and the clear error when it cannot be had."""

from __future__ import annotations

import socket

from farero.errors import BadInput, OutsideError


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        port: 0 takes a free one.

    Raises:
        BadInput: there is no such port.
        OutsideError: it cannot be had; says why and what to do.
    """
    if not 0 <= port <= 65535:
        raise BadInput(f"There is no port {port}: a port is 0 to 65535.", hint="Choose one with --port (0 takes a free one).")
    listener: socket.socket | None = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        if listener is not None:
            listener.close()
        reason = error.strerror or str(error)
        raise OutsideError(
            f"Cannot listen on {host} port {port}: {reason}.",
            retryable=False,
            hint="Stop what uses it, or choose another with --port (0 takes a free one).",
        ) from error
    return listener
