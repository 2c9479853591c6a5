"""Absent is said only of a list that shows everything and nothing strange; all else is unclear, and never resent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from campaigns.domain.upstream.outcome import Outcome
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem, SavedItem
from campaigns.domain.upstream.reply import VendorReport
from campaigns.flow.lanes.serve import serve_lane
from tests.flow.reconcile.lost_answers import look, lost_answer, old_item, shows
from tests.world import ACCOUNT, LIMITS, UNKNOWN, World, accepted


def never_resent(world: World, run_id: int) -> None:
    world.serve_out()
    assert world.states(run_id)[0] == "unknown"
    assert world.requests_by_user()[1] == 1


def test_an_item_dated_by_a_clock_that_is_minutes_off(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend")
    shows(world, "777")
    world.gateway.listed[-1] = QueueItem("777", world.clock.now + timedelta(minutes=3))

    never_resent(world, run_id)


@pytest.mark.parametrize("off", [-180, 180, 3600])
def test_a_clock_that_was_measured_finds_it(world: World, off: int) -> None:
    def told() -> Outcome:
        report = VendorReport(date=(world.clock.now + timedelta(seconds=off)).isoformat())
        return replace(accepted("700"), report=report)

    run_id = world.launched((1, 2, 3), on_unknown="resend")
    world.gateway.listed.append(QueueItem("old", world.clock.now - timedelta(hours=2)))
    world.gateway.script = [told, UNKNOWN]
    world.serve()
    shows(world, "777", sent=1)
    world.gateway.listed[-1] = QueueItem("777", world.clock.now + timedelta(seconds=off))

    world.serve_out()

    assert world.batches(run_id)[1]["message_id"] == "777"


def test_a_list_that_shows_only_newer_items(world: World) -> None:
    run_id = world.launched((1, 2), on_unknown="resend")
    world.gateway.script = [UNKNOWN]
    world.serve()
    world.gateway.listed = [QueueItem(f"f{n}", world.clock.now + timedelta(hours=1)) for n in range(5)]

    never_resent(world, run_id)


def test_a_text_that_the_vendor_was_allowed_to_soften(world: World) -> None:
    run_id = lost_answer(
        world, (1, 2), on_unknown="resend", message={"text": "A bad word", "block_banned_words": "replace_soften"}
    )
    shows(world, "777", text="<p>A b*d word</p>")

    never_resent(world, run_id)


def test_an_item_of_somebody_elses_that_nothing_explains(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend")
    shows(world, "777", text="Something else")

    never_resent(world, run_id)


def test_an_item_whose_text_is_not_shown(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend")
    world.gateway.listed.append(QueueItem("777", world.clock.now))

    never_resent(world, run_id)


def test_what_is_kept_for_later_is_not_in_the_list(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend", message={"save_for_later": True})

    never_resent(world, run_id)


@pytest.mark.parametrize("echo", ["<p>you &lt; me &gt; them</p>", "you < me > them", "<p>you &lt; me > them</p>"])
def test_a_text_with_angle_brackets_is_found(world: World, echo: str) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend", message={"text": "you < me > them"})
    shows(world, "777", text=echo)

    world.serve_out()

    assert world.batches(run_id)[0]["message_id"] == "777"


def test_a_text_that_lost_more_than_mark_up_is_doubted(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend", message={"text": "you < me > them"})
    shows(world, "777", text="you them")

    never_resent(world, run_id)


def test_no_byte_leaves_after_the_deadline_on_record(world: World) -> None:
    """The lease is far longer: a worker that was stopped in between must not send what a search would not find."""
    limits = replace(LIMITS, request_timeout_seconds=5, lease_seconds=400)
    run_id = world.launched((1, 2))
    note = world.fences.note

    def stall(lane: str, fence: int) -> bool:
        if not world.slept:  # the first request's
            world.local_clock += 300
            world.slept.append(0)
        return note(lane, fence)

    world.fences.note = stall  # type: ignore[method-assign]
    left = iter(range(100))
    serve_lane(world.sender(limits=limits), ACCOUNT, lambda: next(left, None) is not None)

    outcomes = [(one["outcome"], one["error"]) for one in world.attempts(run_id)]
    assert outcomes == [("not_sent", "its deadline was over before it could start"), ("accepted", None)]
    assert len(world.gateway.received) == 1


def test_looks_are_spaced_from_when_they_are_made(world: World) -> None:
    """Everything was down for an hour: the looks do not all come at once then."""
    lost_answer(world, (1, 2))
    world.clock.advance(3600)
    times = []
    for _ in range(12):
        asked = len(world.gateway.questions)
        world.serve()
        if len(world.gateway.questions) > asked:
            times.append(world.clock.now)
        world.clock.advance(0.5)

    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert gaps == [1.0, 2.0]


def test_absent_is_still_said_of_a_whole_list_without_anything_strange(world: World) -> None:
    run_id = lost_answer(world, (1, 2), on_unknown="resend")
    shows(world, "older", text="Something else")
    world.gateway.listed[-1] = QueueItem("older", world.clock.now - timedelta(minutes=50))
    world.gateway.contents["older"] = ItemContent("older", "Something else", is_free=True, sent_count=1)

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["accepted"]
    assert world.requests_by_user()[1] == 2


def test_policy_resend_waits_for_the_first_request_however_late_it_is_listed(world: World) -> None:
    """Sent again by policy, then the first one is listed: the next lost one must not take it."""
    run_id = lost_answer(world, (1, 2, 3, 4), on_unknown="resend")
    arrived = world.clock.now
    world.gateway.script = [accepted("888"), UNKNOWN]
    look(world, LIMITS.settle_looks)
    world.gateway.listed.append(QueueItem("777", arrived))
    world.gateway.contents["777"] = ItemContent("777", "<p>Hello</p>", is_free=True, sent_count=2)

    world.serve_out()

    assert world.batches(run_id)[1]["message_id"] != "777"
    assert world.requests_by_user()[1] == 2


def test_old_items_are_no_obstacle(world: World) -> None:
    old_item(world)
    run_id = lost_answer(world, (1, 2))
    shows(world, "777")

    world.serve_out()

    assert world.batches(run_id)[0]["message_id"] == "777"


def keeps(world: World, message_id: str, users: tuple[int, ...] | None) -> None:
    """Let the vendor keep a message for later, made now."""
    kept = None if users is None else frozenset(users)
    world.gateway.kept.append(SavedItem(message_id, world.clock.now, "<p>Hello</p>", is_free=True, users=kept))


def test_what_is_kept_for_later_is_looked_for_where_the_vendor_keeps_it(world: World) -> None:
    run_id = lost_answer(world, (1, 2), message={"save_for_later": True})
    world.gateway.kept = [SavedItem("600", world.clock.now - timedelta(hours=1), "old", is_free=True)]
    keeps(world, "777", None)

    world.serve_out()

    assert (world.states(run_id), world.batches(run_id)[0]["message_id"]) == (["saved"], "777")
    assert world.gateway.questions == [f"saved {ACCOUNT}"], "the list of saved messages says it all"


def test_one_that_is_kept_for_others_is_not_taken(world: World) -> None:
    run_id = lost_answer(world, (1, 2, 3, 4), on_unknown="resend", message={"save_for_later": True})
    world.gateway.kept = [SavedItem("600", world.clock.now - timedelta(hours=1), "old", is_free=True)]
    keeps(world, "778", (3, 9))
    keeps(world, "777", (1, 2))

    world.serve_out()

    assert world.batches(run_id)[0]["message_id"] == "777"


def test_an_empty_list_does_not_reach_back(world: World) -> None:
    run_id = world.launched((1, 2), on_unknown="resend")
    world.gateway.script = [UNKNOWN]
    world.serve()

    never_resent(world, run_id)
