"""Count the tries of a name and of an address before they are looked at, and let the next ones wait after a few."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from sqlalchemy import Connection

from campaigns.domain.errors import TooManyTries
from campaigns.store.access.login_failures import begin_try, forget, take_back
from campaigns.store.database.engine import Store

ONE_PERSONS_BITS = 64
"""Of an IPv6 address; the others a person can choose."""

FREE_TRIES_OF_A_NAME = 5
FREE_TRIES_OF_AN_ADDRESS = 20
"""Tries that do not have to wait. People behind one address share it."""


@dataclass(frozen=True, slots=True)
class Tries:
    """The tries of one name from one address. Both are kept as keyed digests: a name may be a mistyped password."""

    name: str
    address: str

    def begin(self, store: Store) -> None:
        """Count a try, which is a failure until `succeeded`. Raises TooManyTries, and counts nothing then."""
        with store.write() as connection:
            now = store.now(connection)
            free = {self.name: FREE_TRIES_OF_A_NAME, self.address: FREE_TRIES_OF_AN_ADDRESS}
            until = begin_try(connection, free, now=now)
        if until is not None:
            seconds = max(1, round((until - now).total_seconds()))
            raise TooManyTries(
                f"Too many tries with this name or from this address did not succeed. Try again in {seconds} s.",
                after_seconds=seconds,
            )

    def succeeded(self, connection: Connection) -> None:
        """Forget the failures of the name. Those of the address stay: it may also have tried other names."""
        forget(connection, self.name)
        take_back(connection, self.address)


def tries(secret: bytes, name: str, address: str | None) -> Tries:
    """The tries of a name from an address; `secret` is the key of the installation."""
    return Tries(_keyed(secret, f"name {name}"), _keyed(secret, f"address {_place(address or '')}"))


def _place(address: str) -> str:
    """The address; of IPv6 the network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((known, ONE_PERSONS_BITS), strict=False))
    return address


def _keyed(secret: bytes, text: str) -> str:
    return hmac.new(secret, b"login failure " + text.encode(errors="replace"), hashlib.sha256).hexdigest()
