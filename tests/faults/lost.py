"""What a database knew before it was put back: the judge has to know it, and nobody else may."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, create_engine, text

from tests.faults.moments import seconds_of

Request = tuple[str, str]
"""An account, and the SHA-256 of what was sent from it."""


@dataclass
class Lost:
    """What was committed in a database that is no more."""

    requests: dict[Request, set[float]] = field(default_factory=dict)  # when each of them was committed
    unknown: set[tuple[Request, float]] = field(default_factory=set)  # those whose outcome nobody knew

    def add(self, other: Lost) -> None:
        """Take over what another database knew."""
        for request, moments in other.requests.items():
            self.requests.setdefault(request, set()).update(moments)
        self.unknown |= other.unknown


def read_lost(url: str) -> Lost:
    """All requests of a database."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return requests_of(connection)
    finally:
        engine.dispose()


def requests_of(connection: Connection) -> Lost:
    """All requests that a database knows now."""
    statement = text(
        "SELECT account_id, request_sha256, started_at, kind FROM attempt"
        " LEFT JOIN attempt_outcome USING (batch_id, number) ORDER BY started_at DESC"
    )
    found = Lost()
    for row in connection.execute(statement):
        request, at = (row.account_id, row.request_sha256), seconds_of(row.started_at)
        found.requests.setdefault(request, set()).add(at)
        if row.kind == "unknown":
            found.unknown.add((request, at))
    return found
