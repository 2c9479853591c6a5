"""Looking for an unknown in the vendor's queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, VendorAway
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.decide import decide
from campaigns.ports import Permit
from tests.flow.reconcile.lost_answers import look, lost_answer, old_item, shows
from tests.world import ACCOUNT, ANNA, LIMITS, UNKNOWN, World, accepted


def test_the_lane_waits_while_a_batch_is_looked_for(world: World) -> None:
    run_id = lost_answer(world)

    world.serve()

    assert world.states(run_id) == ["unknown", "ready"]
    assert world.run(run_id)["state"] == "sending"
    assert world.gateway.questions == [], "the settle time has not passed"


def test_other_accounts_never_wait(world: World) -> None:
    lost_answer(world)
    world.account("acct_two")
    other = world.launch(world.campaign([8], account_id="acct_two"))

    world.serve("acct_two")

    assert world.states(other) == ["accepted"]


def test_a_question_takes_a_permit_of_the_reserve_and_waits_without_one(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    world.pacer.permits = [Permit(granted=False, wait_seconds=5, why="team budget")]

    look(world)

    assert world.gateway.questions == [], "nothing is asked without a permit"
    assert world.states(run_id) == ["unknown", "ready"]

    look(world)

    assert world.gateway.questions == [f"list {ACCOUNT}", "item 777"]
    assert len(world.pacer.reserved) == 2, "sends may use up the rest of the budget"
    assert world.states(run_id) == ["accepted", "accepted"]


def test_the_one_item_that_it_can_be_is_adopted(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")

    look(world)

    assert world.states(run_id) == ["accepted", "accepted"]
    assert world.batches(run_id)[0]["message_id"] == "777"
    assert world.run(run_id)["state"] == "finished"
    assert "unknown_found" in world.events()
    assert world.requests_by_user()[1] == 1
    assert [one["outcome"] for one in world.attempts(run_id)] == ["unknown", "accepted"], "outcomes are never rewritten"


def test_a_look_whose_lane_was_taken_meanwhile_writes_nothing(world: World) -> None:
    """Another worker has it, or a restored database, whose rows have the numbers of others."""
    run_id = lost_answer(world)
    shows(world, "777")
    item = world.gateway.item

    def taken(account: str, message_id: str) -> ItemContent | None:
        with world.store.write() as connection:
            connection.execute(text("UPDATE lane SET owner = 'worker:other', fence = fence + 1"))
        return item(account, message_id)

    world.gateway.item = taken  # type: ignore[method-assign]
    look(world)

    assert world.states(run_id) == ["unknown", "ready"]
    assert "unknown_found" not in world.events()


def test_foreign_items_with_another_text_or_price_are_normal(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "1", text="Something else")
    shows(world, "2", free=False)
    shows(world, "777")

    look(world)

    assert world.batches(run_id)[0]["message_id"] == "777"


def test_two_items_that_it_could_be_are_for_an_operator(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    shows(world, "778")

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["unknown", "accepted"]
    assert world.run(run_id)["state"] == "finished_with_failures"
    assert "unknown_given_up" in world.events()


def test_an_item_that_went_to_more_than_the_batch_is_not_adopted(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777", sent=3)

    look(world, LIMITS.settle_looks)

    assert world.states(run_id)[0] == "unknown"


def test_a_list_that_does_not_reach_back_proves_nothing(world: World) -> None:
    run_id = lost_answer(world)
    world.gateway.listed.clear()
    shows(world, "777")

    look(world, LIMITS.settle_looks)

    assert world.states(run_id)[0] == "unknown"


def test_an_item_that_another_batch_owns_is_no_candidate(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    old_item(world)
    world.gateway.script = [accepted("700"), UNKNOWN]
    world.serve()
    shows(world, "700")

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["accepted", "unknown"]
    assert "item 700" not in world.gateway.questions


def test_an_item_that_appears_late_is_found_by_a_later_look(world: World) -> None:
    run_id = lost_answer(world)
    appeared = world.clock.now
    look(world)
    assert world.states(run_id) == ["unknown", "ready"]
    world.gateway.listed.append(QueueItem("777", appeared))
    world.gateway.contents["777"] = ItemContent("777", "Hello", is_free=True, sent_count=None)

    look(world)

    assert world.batches(run_id)[0]["message_id"] == "777"


def test_after_the_last_look_it_stays_unknown_and_the_lane_goes_on(world: World) -> None:
    run_id = lost_answer(world)

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["unknown", "accepted"]
    assert world.run(run_id)["state"] == "finished_with_failures"
    assert world.gateway.questions == [f"list {ACCOUNT}"] * LIMITS.settle_looks


def test_policy_resend_sends_again_after_the_last_look_and_says_so(world: World) -> None:
    run_id = lost_answer(world, on_unknown="resend")

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["accepted", "accepted"]
    assert world.requests_by_user()[1] == 2
    assert "unknown_resent" in world.events()


def test_policy_resend_never_sends_what_might_be_listed(world: World) -> None:
    run_id = lost_answer(world, on_unknown="resend")
    shows(world, "777")
    shows(world, "778")

    look(world, LIMITS.settle_looks)

    assert world.states(run_id)[0] == "unknown"
    assert world.requests_by_user()[1] == 1


def test_policy_resend_never_sends_what_was_listed_once(world: World) -> None:
    run_id = lost_answer(world, on_unknown="resend")
    shows(world, "777")
    shows(world, "778")
    look(world)
    world.gateway.listed = world.gateway.listed[:1]

    world.serve_out()

    assert world.states(run_id)[0] == "unknown"
    assert world.requests_by_user()[1] == 1


def test_policy_resend_never_sends_in_a_run_that_is_cancelled_during_the_last_look(world: World) -> None:
    run_id = lost_answer(world, on_unknown="resend")
    queue = world.gateway.queue

    def cancel(account: str) -> list[QueueItem]:
        if len(world.gateway.questions) == LIMITS.settle_looks - 1:
            cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        return queue(account)

    world.gateway.queue = cancel  # type: ignore[method-assign]
    world.serve_out()

    assert world.states(run_id) == ["unknown", "cancelled"]
    assert world.run(run_id)["state"] == "cancelled"


def test_a_vendor_that_cannot_be_asked_costs_no_look(world: World) -> None:
    run_id = lost_answer(world)
    world.gateway.obstacle = VendorAway("away")
    look(world, LIMITS.settle_looks + 3)
    assert world.states(run_id) == ["unknown", "ready"]
    world.gateway.obstacle = None
    shows(world, "777")
    world.gateway.listed[-1] = QueueItem("777", world.clock.now - timedelta(seconds=100))

    world.clock.advance(10)
    world.serve()

    assert world.states(run_id) == ["accepted", "accepted"]


def test_a_cancelled_run_ends_when_the_search_does(world: World) -> None:
    run_id = lost_answer(world, on_unknown="resend")
    assert cancel_run(world.store, run_id, reason="stop", actor=ANNA).state == "cancelling"

    look(world, LIMITS.settle_looks)

    assert world.states(run_id) == ["unknown", "cancelled"]
    assert world.run(run_id)["state"] == "cancelled"
    assert world.requests_by_user()[1] == 1


def test_resend_is_refused_while_the_search_runs(world: World) -> None:
    run_id = lost_answer(world)

    with pytest.raises(NotAllowed, match="searched"):
        decide(world.store, run_id, seqs=[1], verdict="resend", reason="now", actor=ANNA)

    assert world.states(run_id) == ["unknown", "ready"]


def test_a_decision_ends_the_search(world: World) -> None:
    run_id = lost_answer(world)

    decide(world.store, run_id, seqs=[1], verdict="not-sent", reason="asked the vendor", actor=ANNA)
    world.serve()

    assert world.states(run_id) == ["cancelled", "accepted"]
    assert world.gateway.questions == []


def test_an_operator_may_overrule_what_a_search_found(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    look(world)

    decide(world.store, run_id, seqs=[1], verdict="not-sent", reason="777 is the creator's own", actor=ANNA)

    assert world.states(run_id) == ["cancelled", "accepted"]


def test_nothing_else_that_is_accepted_can_be_decided(world: World) -> None:
    run_id = lost_answer(world)
    shows(world, "777")
    look(world)

    with pytest.raises(NotAllowed):
        decide(world.store, run_id, seqs=[2], verdict="resend", reason="why not", actor=ANNA)


def test_a_late_answer_is_believed_by_the_next_look(world: World) -> None:
    run_id = world.launched([1])
    old_item(world)
    answers = []

    def sleep_past_the_lease() -> object:
        world.clock.advance(LIMITS.lease_seconds + 1)
        world.serve(owner="worker:two")
        answers.append(world.states(run_id))
        return accepted("777")

    world.gateway.script = [sleep_past_the_lease]  # type: ignore[list-item]
    world.serve()
    assert answers == [["unknown"]]
    assert world.states(run_id) == ["unknown"], "late evidence moves nothing by itself"

    look(world)

    assert world.batches(run_id)[0]["message_id"] == "777"
