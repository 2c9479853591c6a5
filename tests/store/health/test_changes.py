"""Every step that a page shows changes the marks; a sign of life does not."""

from __future__ import annotations

from datetime import timedelta

from campaigns.domain.upstream.outcome import Outcome
from campaigns.store.health.changes import Marks, marks
from campaigns.store.health.heartbeats import QUIET, WORKER, beat_heart
from tests.world import World, accepted


def test_each_step_of_a_run_changes_the_marks(world: World) -> None:
    seen = [_marks(world)]
    world.account()
    seen.append(_marks(world))
    world.gateway.script = [lambda: _in_flight(world, seen)] * 2
    world.launched(users=range(1, 11))
    seen.append(_marks(world))
    world.serve(turns=1)
    seen.append(_marks(world))
    world.serve(turns=1)
    seen.append(_marks(world))

    assert len(world.gateway.received) == 2
    assert len(set(seen)) == len(seen)


def test_signs_of_life_are_no_change_and_their_end_is_one(world: World) -> None:
    _beat(world)
    first = _marks(world)
    world.clock.advance(1)
    _beat(world)
    alive = _marks(world)
    world.clock.advance((QUIET + timedelta(seconds=1)).total_seconds())
    quiet = _marks(world)
    _beat(world)

    assert first == alive == _marks(world)
    assert quiet != first


def _in_flight(world: World, seen: list[Marks]) -> Outcome:
    """While a request is on its way."""
    seen.append(_marks(world))
    return accepted(f"message {len(seen)}")


def _beat(world: World) -> None:
    with world.store.write() as connection:
        beat_heart(connection, WORKER, now=world.store.now(connection))


def _marks(world: World) -> Marks:
    with world.store.read() as connection:
        return marks(connection, world.store.now(connection))
