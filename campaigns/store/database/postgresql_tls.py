"""How the connection to PostgreSQL verifies the server.

libpq's own default (`sslmode=prefer`) verifies nothing and falls back to plain text: any server that replies gets the
password. So a server on another machine is verified by its certificate and its name, unless the address says otherwise.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection

VERIFIED = "verify-full"

ROOTS = Path("~/.postgresql/root.crt")
"""The file in which libpq looks for CAs by itself."""


@dataclass(frozen=True, slots=True)
class Line:
    """The protection of one connection to a server on another machine."""

    mode: str  # libpq's sslmode
    is_encrypted: bool

    @property
    def is_verified(self) -> bool:
        """Whether the connection can lead only to the right server."""
        return self.is_encrypted and self.mode == VERIFIED


def tls_arguments(url: URL) -> dict[str, str]:
    """TLS options beside those of the address and of libpq's own environment."""
    asked: dict[str, str] = {}
    mode = url.query.get("sslmode") or os.environ.get("PGSSLMODE")
    if mode is None and not all(map(_is_here, _hosts(url))):
        mode = asked["sslmode"] = VERIFIED
    says_roots = "sslrootcert" in url.query or "PGSSLROOTCERT" in os.environ or ROOTS.expanduser().exists()
    if str(mode).startswith("verify-") and not says_roots:
        asked["sslrootcert"] = ssl.get_default_verify_paths().cafile or "system"
    return asked


def line_of(connection: Connection) -> Line | None:
    """The protection of this connection; None on SQLite and for a server on this machine."""
    if connection.dialect.name != "postgresql":
        return None
    driver: Any = connection.connection.dbapi_connection
    options = {each.keyword.decode(): (each.val or b"").decode() for each in driver.pgconn.info}
    if _is_here(driver.pgconn.host.decode()):
        return None
    return Line(options.get("sslmode") or "prefer", bool(driver.pgconn.ssl_in_use))


def _hosts(url: URL) -> list[str]:
    named = url.query.get("host") or url.host or os.environ.get("PGHOST") or ""
    return ",".join([named] if isinstance(named, str) else named).split(",")


def _is_here(host: str) -> bool:
    """Whether it is a socket or loopback, where nobody is in between."""
    if not host or host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
