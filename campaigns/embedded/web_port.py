"""The port of the desk in `campaigns up`: the one that was asked for, or the first that is free."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from campaigns.domain.errors import NotAllowed

FIRST = 8400

TRIED = 100
"""At most this many ports are tried, from the first one on."""

IN_USE = "address already in use"


class WebPort:
    """Where the desk listens, on loopback. Without a port that was asked for, the next free one is taken."""

    def __init__(self, asked: int | None) -> None:
        """Raise NotAllowed when the port that was asked for is in use, or none is free."""
        self._is_fixed = asked is not None
        self.port = FIRST if asked is None else asked
        if not _is_free(self.port):
            if self._is_fixed:
                raise NotAllowed(f"Port {asked} is in use on this machine. Name another one; nothing was started.")
            self._take_next()

    @property
    def address(self) -> str:
        """The address for a browser on this machine."""
        return f"http://127.0.0.1:{self.port}/"

    def repair(self, last_lines: Sequence[str]) -> str | None:
        """Take the next port when somebody took ours between our look and the start; returns what was done."""
        if self._is_fixed or not any(IN_USE in line for line in last_lines):
            return None
        before = self.port
        self._take_next()
        return f"Port {before} was taken meanwhile; the desk moves to {self.address}"

    def _take_next(self) -> None:
        for port in range(self.port + 1, FIRST + TRIED):
            if _is_free(port):
                self.port = port
                return
        raise NotAllowed(f"No port from {FIRST} to {FIRST + TRIED - 1} is free for the desk. Name another one.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server does: a port that a stopped server used a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
