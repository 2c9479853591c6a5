"""Recalls: one DELETE for each accepted batch, each an attempt on the record, before anything new is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from pyroaring import BitMap64

from campaigns.as_json import plain
from campaigns.domain.errors import NotAllowed, VendorAway
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.release import release_account
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.lanes.tick import tick
from campaigns.flow.recall.recall import RecallAnswer, recall_run
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.rerun import rerun
from campaigns.ports import Permit
from campaigns.store.views import events as event_views
from campaigns.store.views import who as who_views
from campaigns.store.views.recalls import requests_to_unsend
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, REJECTED, UNKNOWN, UNSENT, UPSTREAM, World, accepted

UNCLEAR = UnsendOutcome(UnsendKind.UNCLEAR, "the answer was lost")
REFUSED = UnsendOutcome(UnsendKind.REFUSED, "HTTP 400: too late", http_status=400)
UNREACHED = UnsendOutcome(UnsendKind.NOT_SENT, "connection refused")
SLOW_DOWN = UnsendOutcome(UnsendKind.THROTTLED, "slow down", http_status=429, retry_after_seconds=20)
SIGNED_OUT = UnsendOutcome(
    UnsendKind.HELD, "logged out", http_status=500, hold=HoldOrder(HoldScope.ACCOUNT, HoldKind.ACCOUNT)
)


def asked(world: World, run_id: int) -> RecallAnswer:
    return recall_run(world.store, run_id, reason="wrong price", actor=ANNA)


def sent(world: World, **changes: Any) -> int:
    """A run of three batches, all accepted, the last one latest."""
    run_id = world.launched(**changes)
    for _ in range(3):
        world.serve(turns=1)
        world.clock.advance(1)
    world.serve()
    return run_id


def shows(world: World, message_id: str, *, canceled: bool = False, can_unsend: bool | None = True) -> None:
    """What the vendor shows of a message."""
    item = ItemContent(message_id, "Hello", is_free=True, sent_count=2, is_canceled=canceled, can_unsend=can_unsend)
    world.gateway.contents[message_id] = item


def made(world: World, run_id: int) -> list[tuple[int, str | None]]:
    with world.store.read() as connection:
        return [(row.batch, row.outcome) for row in requests_to_unsend(connection, run_id)]


def serve_on(world: World, run_id: int) -> dict[str, Any]:
    """Serve until the run's recall has ended, as time goes by; answers what it came to."""
    for _ in range(50):
        world.serve()
        recall = world.run(run_id)["recall"]
        if recall["finished_at"]:
            return {name: recall[name] for name in ("batches", "unsent", "failed", "unknown")}
        waits_until = recall["available_at"]
        left = 1.0 if waits_until is None else (datetime.fromisoformat(waits_until) - world.clock.now).total_seconds()
        world.clock.advance(max(left, 0))
    raise AssertionError("the recall does not end")


@on_both
def test_each_accepted_batch_is_taken_back_the_newest_first(world: World) -> None:
    run_id = sent(world)

    told = asked(world, run_id)
    assert (told.batches, world.run(run_id)["recall"]["finished_at"]) == (3, None)
    assert world.serve() == 3

    assert world.gateway.deleted == ["acct_one-3", "acct_one-2", "acct_one-1"]
    assert world.states(run_id) == ["accepted"] * 3
    assert [batch["follow"] for batch in world.batches(run_id)] == ["unsent"] * 3
    assert all(batch["recalled_at"] for batch in world.batches(run_id))
    run = world.run(run_id)
    assert (run["state"], run["accepted"], run["recalled"]) == ("finished", 5, 5)
    assert serve_on(world, run_id) == {"batches": 3, "unsent": 3, "failed": 0, "unknown": 0}
    assert world.events()[-2:] == ["recall_asked", "recall_finished"]


@on_both
def test_each_request_is_on_the_record_before_it_is_made_and_no_transaction_is_open_then(world: World) -> None:
    run_id = world.launched([1])
    world.serve()
    asked(world, run_id)
    seen: list[tuple[int, str | None]] = []

    def look_and_write() -> UnsendOutcome:
        seen.extend(made(world, run_id))
        suppress(world.store, BitMap64([9]), account_id=ACCOUNT, reason="asked us to stop", actor=ANNA)
        return UNSENT

    world.gateway.deleting = [look_and_write]
    world.serve()
    assert seen == [(1, None)]
    assert made(world, run_id) == [(1, "unsent")]


@on_both
def test_who_was_taken_back_is_told_and_never_sent_to_by_a_rerun(world: World) -> None:
    world.account()
    run_id = world.launch(world.campaign())
    world.gateway.script = [REJECTED]
    world.serve()
    asked(world, run_id)
    world.serve()

    with world.store.read() as connection:
        rejected, taken_back = who_views.who(connection, 1), who_views.who(connection, 3)
    assert (taken_back[0].state, taken_back[0].follow) == ("accepted", "unsent")
    assert (rejected[0].state, rejected[0].follow) == ("rejected", None)
    again = rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA)
    assert again.recipients == 2


@on_both
def test_a_tick_wakes_the_lane_of_a_run_that_is_to_be_taken_back(world: World) -> None:
    run_id = sent(world)

    def woken() -> list[str]:
        world.clock.advance(10)
        return tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").lanes

    assert woken() == []
    asked(world, run_id)
    assert woken() == [ACCOUNT]
    serve_on(world, run_id)
    assert woken() == []


def _rejected(world: World) -> int:
    run_id = world.launched([1])
    world.gateway.script = [REJECTED]
    world.serve()
    return run_id


def _recalled(world: World) -> int:
    run_id = sent(world)
    asked(world, run_id)
    world.serve()
    return run_id


def _asked_once(world: World) -> int:
    run_id = sent(world)
    asked(world, run_id)
    return run_id


@pytest.mark.parametrize(
    ("bring", "why"),
    [
        (World.launched, "is planned and may send more; cancel it first"),
        (_rejected, "Nothing of run r1 was accepted"),
        (_recalled, "All of run r1 is unsent already"),
        (_asked_once, "is being recalled already"),
    ],
)
def test_a_recall_is_refused_where_it_means_nothing(world: World, bring: Callable[[World], int], why: str) -> None:
    run_id = bring(world)
    before = world.events()
    with pytest.raises(NotAllowed, match=why):
        asked(world, run_id)
    assert world.events() == before


def test_a_lost_answer_is_looked_at_and_not_asked_again_when_it_was_done(world: World) -> None:
    run_id = sent(world)
    world.gateway.deleting = [UNCLEAR]
    shows(world, "acct_one-3", canceled=True)

    asked(world, run_id)

    assert serve_on(world, run_id)["unsent"] == 3
    assert world.gateway.deleted == ["acct_one-3", "acct_one-2", "acct_one-1"]
    assert world.gateway.questions == ["item acct_one-3"]
    assert made(world, run_id) == [(3, "unclear"), (2, "unsent"), (1, "unsent"), (3, "unsent")]


@on_both
def test_a_lost_answer_is_asked_again_when_the_message_still_stands(world: World) -> None:
    run_id = sent(world)
    world.gateway.deleting = [UNCLEAR]
    shows(world, "acct_one-3")

    asked(world, run_id)

    assert serve_on(world, run_id)["unsent"] == 3
    assert world.gateway.deleted == ["acct_one-3", "acct_one-2", "acct_one-1", "acct_one-3"]


def test_a_look_that_cannot_be_made_does_not_keep_a_message_from_being_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise VendorAway("does not answer")

    run_id = sent(world)
    world.gateway.deleting = [UNCLEAR]
    monkeypatch.setattr(world.gateway, "item", away)

    asked(world, run_id)

    assert serve_on(world, run_id)["unsent"] == 3


@pytest.mark.parametrize(
    ("can_unsend", "why"),
    [(False, "can no longer be unsent"), (True, "the vendor refused, and still shows it: HTTP 400: too late")],
)
def test_a_message_that_cannot_be_taken_back_is_counted_and_named(world: World, *, can_unsend: bool, why: str) -> None:
    run_id = sent(world)
    world.gateway.deleting = [REFUSED]
    shows(world, "acct_one-3", can_unsend=can_unsend)

    asked(world, run_id)

    assert serve_on(world, run_id) == {"batches": 3, "unsent": 2, "failed": 1, "unknown": 0}
    assert world.gateway.deleted.count("acct_one-3") == 1
    with world.store.read() as connection:
        reason = str(list(event_views.events(connection, run_id))[-1].reason)
    assert f"1 of 3 accepted batches are still out: 3 ({'the vendor shows that it ' * (not can_unsend)}" in reason
    assert why in reason
    # What could not be taken back may be asked for again, and nothing else is.
    shows(world, "acct_one-3")
    asked(world, run_id)
    assert serve_on(world, run_id) == {"batches": 3, "unsent": 3, "failed": 0, "unknown": 0}
    assert world.gateway.deleted[3:] == ["acct_one-3"]


def test_a_message_that_is_not_shown_any_more_counts_as_not_taken_back(world: World) -> None:
    run_id = sent(world)
    world.gateway.deleting = [REFUSED]
    asked(world, run_id)
    assert serve_on(world, run_id)["failed"] == 1


def test_an_answer_that_stays_unclear_is_given_up(world: World) -> None:
    run_id = world.launched([1])
    world.serve()
    world.gateway.deleting = [UNCLEAR] * 20
    shows(world, "acct_one-1")

    asked(world, run_id)

    assert serve_on(world, run_id)["failed"] == 1
    assert made(world, run_id) == [(1, "unclear")] * 3 + [(1, "impossible")]


def test_a_vendor_that_is_not_reached_is_tried_ever_less_often(world: World) -> None:
    run_id = world.launched([1])
    world.serve()
    world.gateway.deleting = [UNREACHED] * 6
    asked(world, run_id)

    started = world.clock.now
    assert serve_on(world, run_id)["unsent"] == 1

    assert len(made(world, run_id)) == 7
    assert (world.clock.now - started).total_seconds() == 0.5 + 1 + 2 + 4 + 8 + 16
    assert world.gateway.questions == []


@on_both
def test_batches_that_are_out_for_one_reason_are_named_together(world: World) -> None:
    run_id = sent(world)
    world.gateway.deleting = [REFUSED, REFUSED]
    shows(world, "acct_one-2", can_unsend=False)
    shows(world, "acct_one-3", can_unsend=False)

    asked(world, run_id)
    serve_on(world, run_id)

    with world.store.read() as connection:
        reason = str(list(event_views.events(connection, run_id))[-1].reason)
    assert reason.endswith("are still out: 2, 3 (the vendor shows that it can no longer be unsent)")


@on_both
def test_a_batch_without_a_message_id_and_an_unknown_one_are_named(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [UNKNOWN, UNKNOWN]
    world.serve_out()
    decide(world.store, run_id, seqs=[1], verdict="accepted", reason="a fan has it", actor=ANNA)

    assert plain(asked(world, run_id)) == {
        "run_id": run_id,
        "state": "finished_with_failures",
        "batches": 2,
        "unsent": 0,
        "unknown": 1,
    }

    assert serve_on(world, run_id) == {"batches": 2, "unsent": 1, "failed": 1, "unknown": 1}
    with world.store.read() as connection:
        reason = str(list(event_views.events(connection, run_id))[-1].reason)
    assert reason == (
        "run r1 was not unsent completely: 1 of 2 accepted batches are still out: 1 (its message ID is not known); "
        "unknown, so nobody knows what to unsend: 2"
    )


def test_a_recall_waits_until_nothing_is_looked_for(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [lambda: _cancel(world, run_id)]
    world.serve(turns=2)
    assert world.run(run_id)["state"] == "cancelling"

    asked(world, run_id)
    world.serve()
    assert world.gateway.deleted == []
    world.gateway.contents["777"] = ItemContent("777", "Hello", is_free=True, sent_count=2)
    decide(world.store, run_id, seqs=[1], verdict="accepted", message_id="777", reason="seen", actor=ANNA)

    assert serve_on(world, run_id)["unsent"] == 1
    assert world.gateway.deleted == ["777"]
    assert world.run(run_id)["state"] == "cancelled"


def _cancel(world: World, run_id: int) -> Any:
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)
    return UNKNOWN


def test_a_limiter_stops_recall_and_sending_for_as_long_as_it_says(world: World) -> None:
    run_id = sent(world)
    other = world.launch(world.campaign([7]))
    world.gateway.deleting = [SLOW_DOWN]
    asked(world, run_id)

    world.serve()
    assert world.pacer.cooling == {ACCOUNT: 20}
    assert world.run(run_id)["recall"]["waits_for"] == "cool-down"
    world.clock.advance(19)
    world.serve()
    assert (len(world.gateway.deleted), world.run(other)["accepted"]) == (1, 0)

    world.clock.advance(1)
    world.serve()
    assert world.run(run_id)["recalled"] == 5
    assert world.run(other)["accepted"] == 1


def test_a_refusal_of_the_account_holds_it_and_stops_the_recall_until_it_is_released(world: World) -> None:
    run_id = sent(world)
    world.gateway.deleting = [SIGNED_OUT]
    asked(world, run_id)

    world.serve()
    world.clock.advance(60)
    world.serve()
    assert len(world.gateway.deleted) == 1
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["account"]

    release_account(world.store, ACCOUNT, reason="signed in", actor=ANNA)
    assert serve_on(world, run_id)["unsent"] == 3


def test_a_recall_goes_before_what_is_to_be_sent(world: World) -> None:
    first = sent(world)
    other = world.launch(world.campaign(range(1, 11)))
    world.gateway.script = [lambda: _asks(world, first)]

    world.serve()
    assert (len(world.gateway.received), world.gateway.deleted) == (4, [])
    world.serve()

    assert world.run(first)["recalled"] == 5
    assert world.run(other)["accepted"] == 10


def _asks(world: World, run_id: int) -> Any:
    asked(world, run_id)
    return accepted("m-4")


def test_while_a_recall_waits_for_its_time_sends_go_on(world: World) -> None:
    first = sent(world)
    other = world.launch(world.campaign([8, 9]))
    world.gateway.deleting = [UNREACHED]
    asked(world, first)

    world.serve()

    assert world.run(first)["recalled"] == 0
    assert world.run(other)["accepted"] == 2


def test_without_a_permit_nothing_is_asked_for(world: World) -> None:
    run_id = sent(world)
    asked(world, run_id)
    world.pacer.away = True
    world.serve()
    world.pacer.away = False
    assert made(world, run_id) == []
    assert world.run(run_id)["recall"]["waits_for"] == "the shared rate budget"

    world.clock.advance(3)
    world.pacer.permits = [Permit(granted=False, wait_seconds=30, why="team budget")]
    world.serve()
    assert (made(world, run_id), world.run(run_id)["recall"]["waits_for"]) == ([], "team budget")
    world.clock.advance(30)
    assert serve_on(world, run_id)["unsent"] == 3


def test_a_worker_that_stops_asks_for_nothing_more(world: World) -> None:
    run_id = sent(world)
    asked(world, run_id)

    def stop() -> UnsendOutcome:
        world.stopping = True
        return UNSENT

    world.gateway.deleting = [stop]
    world.serve()
    assert (len(world.gateway.deleted), world.run(run_id)["recalled"]) == (1, 1)

    world.stopping = False
    assert serve_on(world, run_id)["unsent"] == 3


def test_who_slept_past_the_lease_asks_for_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched([1])
    world.serve()
    asked(world, run_id)
    real = world.gateway.unsend

    def late(*args: Any, **how: Any) -> UnsendOutcome:
        world.local_clock += 10
        monkeypatch.setattr(world.gateway, "unsend", real)
        return real(*args, **how)

    monkeypatch.setattr(world.gateway, "unsend", late)
    world.serve()
    assert world.gateway.deleted == ["acct_one-1"]
    assert made(world, run_id) == [(1, "not_sent"), (1, "unsent")]
