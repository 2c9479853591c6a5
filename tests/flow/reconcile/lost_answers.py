"""A request whose answer was lost, and a vendor that shows items, for tests."""

from __future__ import annotations

from datetime import timedelta

from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
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
