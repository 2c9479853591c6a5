"""A vendor that takes its time: the end of a run is told by how long its replies took lately."""

from __future__ import annotations

from datetime import datetime

from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.runs.outlook import ShownRun, show_run
from tests.world import LIMITS, World, accepted

REPLY_SECONDS = 2.5


def test_the_end_is_not_told_too_early_while_the_vendor_is_slow(world: World) -> None:
    run_id = world.launched(range(1, 25))
    seen: list[tuple[datetime, ShownRun]] = []

    def slow(number: int) -> Outcome:
        if number >= 3:
            with world.store.read() as connection:
                shown = show_run(connection, run_id, limits=LIMITS, now=world.clock.now)
            seen.append((world.clock.now, shown))
        world.clock.advance(REPLY_SECONDS)
        return accepted(f"m-{number}")

    world.gateway.script = [lambda number=number: slow(number) for number in range(12)]  # type: ignore[misc]
    world.serve()

    assert world.run(run_id)["state"] == "finished"
    ended = world.clock.now
    assert len(seen) == 9
    for _, shown in seen:
        assert shown.eta is not None
        assert (ended - shown.eta).total_seconds() <= 1, "at most by one look"
        assert shown.bound_by == "request time"
