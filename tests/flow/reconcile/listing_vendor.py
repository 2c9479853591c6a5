"""A vendor that lists what it takes, by numbers that grow and a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.reconcile.search import ask_to_look
from tests.clock import DrivenClock
from tests.world import ANNA, UNKNOWN, FakeGateway, World, accepted


@dataclass
class ListingVendor(FakeGateway):
    """Each request meets the next fate: answered, lost (taken, but the answer is lost) or absent (never arrived)."""

    clock: DrivenClock = field(default_factory=DrivenClock)
    fates: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta(0)  # its clock against ours
    tells_its_clock: bool = True
    users_of: dict[str, frozenset[int]] = field(default_factory=dict)  # the truth: whose each message is
    numbers: count[int] = field(default_factory=lambda: count(40627237000))

    def __post_init__(self) -> None:
        self.listed.append(QueueItem("40627230000", self.date() - timedelta(hours=2)))

    def date(self) -> datetime:
        return (self.clock.now + self.ahead).replace(microsecond=0)

    def send(
        self, account: str, body: bytes, *, deadline_seconds: float, may_start: Callable[[], str | None]
    ) -> Outcome:
        assert deadline_seconds > 0
        assert may_start() is None
        request = json.loads(body)
        self.received.append(request)
        fate = self.fates.pop(0) if self.fates else "answered"
        self.clock.advance(1)
        if fate == "absent":
            return UNKNOWN
        message_id = self.take(request)
        if fate == "lost":
            return UNKNOWN
        report = VendorReport(date=self.date().isoformat()) if self.tells_its_clock else VendorReport()
        return replace(accepted(message_id), report=report)

    def take(self, request: dict[str, Any]) -> str:
        """Make an item of a request, and list it."""
        message_id = str(next(self.numbers))
        self.listed.insert(0, QueueItem(message_id, self.date()))
        text = f"<p>{request['text']}</p>"
        self.contents[message_id] = ItemContent(message_id, text, is_free=True, sent_count=len(request["userIds"]))
        self.users_of[message_id] = frozenset(int(user) for user in request["userIds"])
        return message_id


def vendor(world: World) -> ListingVendor:
    """The vendor of such a world."""
    assert isinstance(world.gateway, ListingVendor)
    return world.gateway


def accepted_together(world: World, *run_ids: int) -> set[str]:
    """Let the first two batches of a run, or the first of two, be accepted with two messages; answers their IDs.

    Both searches are cut short by decisions, so either request may have arrived late, and no order is known.
    """
    batches = [(run_ids[0], 1), (run_ids[-1], 1 if len(run_ids) > 1 else 2)]
    vendor(world).fates = ["absent", "absent"]
    for run_id, seq in batches:
        world.serve(turns=1)
        decide(world.store, run_id, seqs=[seq], verdict="accepted", reason="seen", actor=ANNA)
    world.serve(turns=0)
    world.clock.advance(30)
    ids = {vendor(world).take(vendor(world).received[number]) for number in (-1, -2)}
    for run_id, _ in batches:
        ask_to_look(world.store, run_id, actor=ANNA)
    world.serve(turns=0)
    return ids
