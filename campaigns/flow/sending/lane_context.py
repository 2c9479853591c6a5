"""What sending needs: the ports, the clocks, and what one turn of a lane came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from campaigns.domain.messages.message import Message
from campaigns.domain.messages.text_modes import TextAs
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.sending.pacing import Limits
from campaigns.ports import FenceBook, Gateway, Pacer, Spool
from campaigns.store.database.engine import Store
from campaigns.store.sending.lanes import LaneClaim


@dataclass(frozen=True, slots=True)
class Sender:
    """Everything a lane needs, and the clocks and the chance that tests drive."""

    store: Store
    gateway: Gateway
    pacer: Pacer
    fences: FenceBook
    spool: Spool
    limits: Limits
    upstream: str
    team: Callable[[], str]  # whom the key belongs to; raises VendorRefused or VendorAway
    owner: str  # who we are, in leases and in the audit
    host_name: str  # as the machine calls itself
    stopping: Callable[[], bool]
    sleep: Callable[[float], object]  # may end early when the process is stopping
    monotonic: Callable[[], float]  # seconds that count while the machine is suspended
    chance: Callable[[], float]  # from 0 to 1
    random_bytes: Callable[[int], bytes]  # so many, which nobody can foresee or repeat: for marks
    rf_as: Literal["array", "string"] = "array"
    text_as: TextAs = "html"  # how plain text travels where no probe of the account says it
    # For one claim of a lane only: a database that is restored meanwhile gives the numbers to others, but not the lane.
    messages: dict[int, Message] = field(default_factory=dict)  # by run
    timings: dict[tuple[int, int], Timing] = field(default_factory=dict)  # by campaign and revision
    mark_up: dict[str, bool | None] = field(default_factory=dict)  # by account: what its newest probe measured
    stranded: dict[str, Step] = field(default_factory=dict)  # lanes that could not be given back: no database


@dataclass(frozen=True, slots=True)
class Step:
    """What one turn of a lane came to."""

    claim: LaneClaim | None  # None: the lane was lost to somebody else
    leave: bool = False  # nothing more to do now
    sent: bool = False  # a request was made
    wait_seconds: float = 0.0
    waits_for: str | None = None
    failures: int = 0
