"""What serving a lane needs: ports, limits and clocks; and the result of one turn of a lane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from sqlalchemy import Connection

from campaigns.domain.messages.text_modes import TextAs
from campaigns.domain.sending.pacing import Limits
from campaigns.flow.sending.read_once import ReadOnce
from campaigns.ports import FenceBook, Gateway, Pacer, Spool
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store
from campaigns.store.sending.lanes import LaneClaim


@dataclass(frozen=True, slots=True)
class LaneContext:
    """The ports that a lane uses, its limits, and the clocks and random numbers that tests drive."""

    store: Store
    gateway: Gateway
    pacer: Pacer
    fences: FenceBook
    spool: Spool
    limits: Limits
    upstream: str
    team: Callable[[], str]  # the team that the key belongs to; raises VendorRefused or VendorAway
    owner: str  # our name in leases and in the audit
    host_name: str  # as the machine calls itself
    stopping: Callable[[], bool]
    sleep: Callable[[float], object]  # may end early when the process is stopping
    monotonic: Callable[[], float]  # seconds; it counts while the machine is suspended
    chance: Callable[[], float]  # from 0 to 1
    random_bytes: Callable[[int], bytes]  # that many, which nobody can predict or repeat: for marks
    rf_as: Literal["array", "string"] = "array"
    text_as: TextAs = "html"  # how plain text is sent where no probe of the account has measured it
    read_once: ReadOnce = field(default_factory=ReadOnce)
    stranded: dict[str, Step] = field(default_factory=dict)  # lanes that could not be given back: no database

    def for_claim(self) -> LaneContext:
        """The context for one claim of a lane, which has read nothing yet.

        A database that is restored between two claims may give the IDs of its rows to others.
        """
        return replace(self, read_once=ReadOnce())

    def reason_not_to_start(self, permitted_at: float) -> str | None:
        """Why a request must not start now, by this worker's clock; None: it may start.

        A worker that slept past its lease must not send: the batch may be unknown by now, or somebody else's.
        """
        if self.stopping():
            return "the worker is stopping"
        ends_at = self.monotonic() + self.limits.request_timeout_seconds
        return "too little of the lease was left" if ends_at > permitted_at + self.limits.lease_seconds else None

    def act(self, connection: Connection) -> Act:
        """What this worker does in one transaction, at the database's time of this call."""
        return Act(connection, self.store.now(connection), self.owner)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one turn of a lane."""

    claim: LaneClaim | None  # None: somebody else took the lane
    leave: bool = False  # there is nothing more to do now
    sent: bool = False  # a request was made
    wait_seconds: float = 0.0
    waits_for: str | None = None
    failures: int = 0
