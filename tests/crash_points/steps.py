"""A process that dies at a chosen step: its store, vendor and pacer count what is crossed, and end it there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Connection

from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, Overview, QueueItem, SavedItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.domain.upstream.unsend_outcome import UnsendOutcome
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.ports import Pacer, PacerState, Permit
from campaigns.store.database.engine import Store
from tests.invariants import Vendor, vendor_of
from tests.world import NOT_SENT, World, accepted

CLAIM = ("read", "read", "begin", "commit", "committed", "read", "read", "read")
PERMIT = ("acquire", "acquired")
ATTEMPT = ("begin", "commit", "committed")
POST = ("send", "leave", "left", "answered")
RECORD = ("begin", "commit", "committed", "free the slot", "slot freed")
NOTHING_LEFT = ("acquire", "acquired", "begin", "commit", "committed", "refund", "refunded")
GIVE_BACK = ("read", "begin", "commit", "committed")
BOUNDARIES = (*CLAIM, *(PERMIT + ATTEMPT + POST + RECORD) * 3, *NOTHING_LEFT, *GIVE_BACK)
"""What is crossed in serving three batches that are accepted at once."""


BEAT = "worker:beat"


class Killed(BaseException):
    """The process is gone: no handler of ours may run, and none catches this."""


@dataclass
class Steps:
    """Counts the boundaries that are crossed, and ends the process at one of them."""

    die_at: int | None = None
    crossed: list[str] = field(default_factory=list)

    def cross(self, name: str) -> None:
        self.crossed.append(name)
        if len(self.crossed) - 1 == self.die_at:
            raise Killed(name)


@dataclass
class FragileStore:
    real: Store
    steps: Steps

    @contextmanager
    def write(self) -> Iterator[Connection]:
        self.steps.cross("begin")
        with self.real.write() as connection:
            yield connection
            self.steps.cross("commit")
        self.steps.cross("committed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.steps.cross("read")
        with self.real.read() as connection:
            yield connection

    def now(self, connection: Connection) -> datetime:
        return self.real.now(connection)


@dataclass
class FragileGateway:
    real: Vendor
    steps: Steps

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        def ask() -> str | None:
            self.steps.cross("leave")
            return may_start()

        self.steps.cross("send")
        answer = self.real.script.pop(0) if self.real.script else None
        self.real.script.insert(0, answer if answer is NOT_SENT else lambda: self._answer(account, answer))
        outcome = self.real.send(account, body, deadline_seconds=deadline_seconds, may_start=ask)
        self.steps.cross("answered")
        return outcome

    def _answer(self, account: str, answer: Any) -> Outcome:
        """What happens at the vendor once it has the request."""
        self.steps.cross("left")
        if callable(answer):
            answer = answer()
        return cast("Outcome", answer or accepted(f"{account}-{len(self.real.received)}"))

    def unsend(
        self, account: str, message_id: str, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> UnsendOutcome:
        self.steps.cross("delete")
        outcome = self.real.unsend(account, message_id, deadline_seconds=deadline_seconds, may_start=may_start)
        self.steps.cross("deleted")
        return outcome

    def queue(self, account: str) -> list[QueueItem]:
        self.steps.cross("list")
        return self.real.queue(account)

    def overview(self, account: str, *, since: datetime, until: datetime) -> Overview:
        self.steps.cross("overview")
        return self.real.overview(account, since=since, until=until)

    def saved(self, account: str) -> list[SavedItem]:
        raise AssertionError("nothing of these stories is saved")

    def scheduled(self, account: str, first: date, last: date) -> list[ItemContent]:
        raise AssertionError("nothing of these stories is handed over")

    def item(self, account: str, message_id: str) -> ItemContent | None:
        self.steps.cross("item")
        return self.real.item(account, message_id)

    def team(self) -> str:
        return self.real.team()

    def accounts(self) -> list[Any]:
        return self.real.accounts()

    def last_report(self) -> VendorReport | None:
        return self.real.last_report()


@dataclass
class FragilePacer:
    real: Pacer
    steps: Steps

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        self.steps.cross("acquire")
        permit = self.real.acquire(key, account, hold_seconds=hold_seconds, reserved=reserved)
        self.steps.cross("acquired")
        return permit

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        self.steps.cross("free the slot")
        self.real.answered(key, limit_minute=limit_minute, remaining_minute=remaining_minute)
        self.steps.cross("slot freed")

    def refund(self, key: str, account: str) -> None:
        self.steps.cross("refund")
        self.real.refund(key, account)
        self.steps.cross("refunded")

    def cool_down(self, account: str, seconds: float) -> None:
        self.steps.cross("cool down")
        self.real.cool_down(account, seconds)
        self.steps.cross("cooled down")

    def state(self) -> PacerState:
        return self.real.state()


@dataclass
class Place:
    """A world with an account of its own in the shared database, and a run of three batches on it."""

    world: World
    account_id: str

    def launched(self, users: Iterable[int] = range(1, 6)) -> int:
        return self.world.launch(self.world.campaign(users, account_id=self.account_id))

    def serve_and_die(self, die_at: int | None) -> list[str]:
        """Serve until the process dies at that boundary (never for None); answers the boundaries crossed."""
        steps = Steps(die_at)
        sender = self.world.sender("worker:one")
        fragile = replace(
            sender,
            store=cast("Store", FragileStore(sender.store, steps)),
            gateway=FragileGateway(vendor_of(self.world), steps),
            pacer=FragilePacer(sender.pacer, steps),
        )
        if die_at is None:
            serve_lane(fragile, self.account_id, lambda: True)
            return steps.crossed
        with pytest.raises(Killed):
            serve_lane(fragile, self.account_id, lambda: True)
        return steps.crossed

    def take_over(self, owner: str = "worker:two") -> None:
        """The lease runs out, a tick sweeps, another worker serves what is left, for as long as anything is."""
        for _ in range(len(BOUNDARIES)):
            self.world.clock.advance(60)
            expire_attempts(self.world.store, settle_seconds=1, actor=BEAT)
            if not self.world.serve_out(self.account_id, owner=owner):
                return
