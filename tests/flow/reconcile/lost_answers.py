"""A request whose answer was lost, and a vendor that shows items, for tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import StaleClaim
from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.sending.record import record_outcome
from campaigns.store.sending.attempts import OpenAttempt
from tests.world import LIMITS, UNKNOWN, World


def shows(
    world: World, message_id: str, *, text: str = "<p>Hello</p>", sent: int | None = 2, free: bool = True
) -> None:
    """Let the vendor's queue show an item, dated now."""
    world.gateway.listed.append(QueueItem(message_id, world.clock.now))
    world.gateway.contents[message_id] = ItemContent(message_id, text, free, sent)


def old_item(world: World) -> None:
    """Let the queue reach back before everything that follows."""
    world.gateway.listed.append(QueueItem("old", world.clock.now - timedelta(hours=1)))


def look(world: World, times: int = 1) -> None:
    """Let the time of the next looks come, and a lane be served."""
    for number in range(times):
        world.clock.advance(LIMITS.request_timeout_seconds + LIMITS.settle_seconds * 2**number + 1)
        world.serve()


def lost_answer(world: World, users: tuple[int, ...] = (1, 2, 3), **changes: object) -> int:
    run_id = world.launched(users, **changes)
    old_item(world)
    world.gateway.script = [UNKNOWN]
    world.serve()
    return run_id


def answers_late(world: World, outcome: Outcome, *, seq: int = 1, number: int = 1) -> None:
    """Let the worker of a request come back with its answer, after somebody else has settled the request."""
    wanted = text(
        "SELECT batch.id, batch.run_id, batch.account_id, attempt.fence FROM batch "
        "JOIN attempt ON attempt.batch_id = batch.id WHERE seq = :seq AND number = :number ORDER BY batch.id"
    )
    with world.store.read() as connection:
        found: Any = connection.execute(wanted, {"seq": seq, "number": number}).first()
    opened = OpenAttempt(found.id, seq, number, 0, found.run_id, found.account_id, found.fence)
    with pytest.raises(StaleClaim):
        record_outcome(world.store, opened, outcome, LIMITS, actor="worker:one")
