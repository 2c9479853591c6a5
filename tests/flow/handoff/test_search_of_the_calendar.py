"""A hand-over whose answer was lost is looked for in the vendor's calendar too, where its list does not show it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from tests.flow.handoff.handed_over import TODAY, armed, opened
from tests.world import ACCOUNT, LIMITS, UNKNOWN, World, accepted

ASKED = f"scheduled {ACCOUNT}"


def lost(world: World, **changes: Any) -> int:
    """A run that was handed over to two users without an answer; the list is whole and does not show it."""
    armed(world, users=[1, 2], **changes)
    (run_id,) = opened(world)
    world.gateway.script = [UNKNOWN]
    world.gateway.listed = [QueueItem("1", world.clock.now - timedelta(hours=1))]
    return run_id


def stands(world: World, run_id: int) -> tuple[str, str | None]:
    (batch,) = world.batches(run_id)
    return batch["state"], batch["message_id"]


def test_what_the_list_does_not_show_yet_is_found_in_the_calendar(world: World) -> None:
    run_id = lost(world)
    world.gateway.calendar = [
        ItemContent("5", "Somebody else's", is_free=True, sent_count=None, date=TODAY - timedelta(hours=1)),
        ItemContent("7", "<p>Hello</p>", is_free=True, sent_count=None, date=TODAY),
    ]

    world.serve_out()

    assert stands(world, run_id) == ("accepted", "7")
    assert world.gateway.questions == [f"list {ACCOUNT}", ASKED], "the calendar says it all"
    world.prove()


def test_what_the_list_shows_is_not_asked_for_elsewhere(world: World) -> None:
    run_id = lost(world)
    world.gateway.listed.append(QueueItem("3", TODAY))
    world.gateway.contents["3"] = ItemContent("3", "Hello", is_free=True, sent_count=0)

    world.serve_out()

    assert stands(world, run_id) == ("accepted", "3")
    assert ASKED not in world.gateway.questions


@pytest.mark.parametrize("shown", ["nothing", "something else for that time"])
def test_what_the_calendar_does_not_rule_out_is_never_sent_again(world: World, shown: str) -> None:
    run_id = lost(world, on_unknown="resend")
    strange = ItemContent("5", "Hello, softened", is_free=True, sent_count=None, date=TODAY)
    world.gateway.calendar = None if shown == "nothing" else [strange]

    world.serve_out()

    assert stands(world, run_id) == ("unknown", None)
    assert world.requests_by_user() == {1: 1, 2: 1}
    assert world.gateway.questions.count(ASKED) == LIMITS.settle_looks
    (batch,) = world.batches(run_id)
    assert ("does not show what it is to send later" in batch["error"]) == (shown == "nothing")


def test_what_neither_shows_is_absent(world: World) -> None:
    run_id = lost(world, on_unknown="resend")
    world.gateway.script.append(accepted("9"))

    world.serve_out()

    assert stands(world, run_id) == ("accepted", "9")
    assert world.requests_by_user() == {1: 2, 2: 2}


def test_after_its_time_only_the_list_is_asked(world: World) -> None:
    """The calendar shows what is still to come."""
    run_id = lost(world)
    world.serve()
    world.clock.now = TODAY + timedelta(minutes=1)

    world.serve_out()

    assert stands(world, run_id) == ("unknown", None)
    assert ASKED not in world.gateway.questions
