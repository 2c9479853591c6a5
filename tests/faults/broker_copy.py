"""A copy of everything that Redis holds, which can be put back."""

from __future__ import annotations

from typing import Any

from redis import Redis


class BrokerCopy:
    """What Redis held when this was made. Raises redis' errors when it is away."""

    def __init__(self, port: int) -> None:
        with _connected(port) as client:
            self._keys = {key: (client.pttl(key), client.dump(key)) for key in client.scan_iter()}

    def put_back(self, port: int) -> None:
        """Make it hold just that again."""
        with _connected(port) as client, client.pipeline(transaction=True) as together:
            together.flushall()
            for key, (left, value) in self._keys.items():
                if value is not None:
                    together.restore(key, max(left, 0), value)
            together.execute()


def empty(port: int) -> None:
    """Make it hold nothing."""
    with _connected(port) as client:
        client.flushall()


def _connected(port: int) -> Any:
    return Redis(port=port, socket_timeout=2.0)
