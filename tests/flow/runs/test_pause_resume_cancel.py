"""What operators may change about a run, from which state, and what it leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.as_json import plain
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.accounts.release import release_account
from campaigns.flow.accounts.stop import stop
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.store.views import events as event_views
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LOGGED_OUT, NO_CREDITS, UNKNOWN, UPSTREAM, World, accepted

pytestmark = on_both

ACTS = (pause_run, resume_run, cancel_run)


@pytest.mark.parametrize("act", [pause_run, cancel_run])
def test_a_run_that_has_ended_cannot_be_changed(world: World, act: Any) -> None:
    finished, cancelled = world.launched([1]), world.launch(world.campaign([2]))
    cancel_run(world.store, cancelled, reason="stop", actor=ANNA)
    world.serve()

    for run_id, state in ((finished, "finished"), (cancelled, "cancelled")):
        with pytest.raises(NotAllowed, match=f"is {state} and can no longer"):
            act(world.store, run_id, reason="too late", actor=ANNA)


@pytest.mark.parametrize("act", ACTS)
def test_there_is_no_such_run(world: World, act: Any) -> None:
    with pytest.raises(NotFound, match="no run r7"):
        act(world.store, 7, reason="none", actor=ANNA)


def test_pausing_twice_and_resuming_twice_are_refused(world: World) -> None:
    run_id = world.launched()

    pause_run(world.store, run_id, reason="wait", actor=ANNA)
    with pytest.raises(NotAllowed, match="paused already"):
        pause_run(world.store, run_id, reason="wait", actor=ANNA)
    resume_run(world.store, run_id, reason="go on", actor=ANNA)
    with pytest.raises(NotAllowed, match="nothing to resume"):
        resume_run(world.store, run_id, reason="go on", actor=ANNA)


def test_resuming_closes_one_hold_and_never_anothers(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [LOGGED_OUT]
    world.serve()
    pause_run(world.store, run_id, reason="wait", actor=ANNA)

    assert resume_run(world.store, run_id, reason="go on", actor=ANNA).closed == "operator"
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["account"]
    with pytest.raises(NotAllowed, match="its account or its team is") as refused:
        resume_run(world.store, run_id, reason="go on", actor=ANNA)
    assert refused.value.remedies == (Remedy(Do.RELEASE_ACCOUNT, account=ACCOUNT),)
    assert world.serve() == 0
    release_account(world.store, ACCOUNT, reason="signed in again", actor=ANNA)
    world.serve()

    assert world.run(run_id)["state"] == "finished"


def test_resuming_a_run_that_is_stopped_names_what_lifts_the_stop_and_lifts_nothing(world: World) -> None:
    run_id = world.launched()
    stop(world.store, ACCOUNT, upstream=UPSTREAM, reason="a wrong price", actor=ANNA)
    stop(world.store, None, upstream=UPSTREAM, reason="fire", actor=ANNA)

    with pytest.raises(NotAllowed, match=r"is not paused itself, but stopped \(a wrong price\)\.") as refused:
        resume_run(world.store, run_id, reason="go on", actor=ANNA)
    assert refused.value.remedies == (Remedy(Do.GO_ACCOUNT, account=ACCOUNT), Remedy(Do.GO))

    pause_run(world.store, run_id, reason="wait", actor=ANNA)
    resumed = resume_run(world.store, run_id, reason="go on", actor=ANNA)
    assert (resumed.paused, resumed.still_held_by) == (True, ["stop", "stop"])
    assert world.serve() == 0


def test_a_team_that_is_out_of_credits_is_released_for_all_its_accounts(world: World) -> None:
    run_id = world.launched([1])
    other = world.launch(world.campaign([2], account_id=world.account("acct_two")))
    world.gateway.script = [NO_CREDITS]
    world.serve()

    assert release_account(world.store, "acct_two", reason="bought some", actor=ANNA).released == ["credits"]
    world.serve()
    world.serve("acct_two")

    assert world.run(run_id)["state"] == world.run(other)["state"] == "finished"


def test_a_cancelled_run_cancels_all_that_has_not_left_and_says_who_and_why(world: World) -> None:
    run_id = world.launched()

    told = cancel_run(world.store, run_id, reason="wrong picture", actor=ANNA)

    assert plain(told) == {"run_id": run_id, "state": "cancelled", "cancelled_batches": 3, "recalling": 0}
    assert world.run(run_id)["cancelled"] == 5
    assert world.run(run_id)["reason"] == "wrong picture"
    with world.store.read() as connection:
        last = list(event_views.events(connection, run_id))[-1]
    assert (last.kind, last.actor, last.reason) == ("run_cancelled", ANNA, "wrong picture")


def test_a_paused_run_can_be_cancelled(world: World) -> None:
    run_id = world.launched()
    pause_run(world.store, run_id, reason="wait", actor=ANNA)

    assert cancel_run(world.store, run_id, reason="stop", actor=ANNA).state == "cancelled"


def test_a_run_is_not_cancelled_twice(world: World) -> None:
    run_id = world.launched()
    refusals = []

    def twice() -> Any:
        cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        with pytest.raises(NotAllowed) as refused:
            cancel_run(world.store, run_id, reason="stop", actor=ANNA)
        refusals.append(str(refused.value))
        return accepted("m1")

    world.gateway.script = [twice]
    world.serve()

    assert refusals == [f"Run r{run_id} is being cancelled already; a request of it is still in flight."]


def test_a_pause_while_a_request_is_in_flight_lets_it_end(world: World) -> None:
    run_id = world.launched()

    def pause() -> Any:
        pause_run(world.store, run_id, reason="wait", actor=ANNA)
        return UNKNOWN

    world.gateway.script = [pause]
    world.serve()

    assert world.states(run_id) == ["unknown", "ready", "ready"]
    assert world.run(run_id)["state"] == "sending"


def test_a_run_does_not_stop_the_others_of_its_account(world: World) -> None:
    paused = world.launched([1])
    other = world.launch(world.campaign([2]))
    pause_run(world.store, paused, reason="wait", actor=ANNA)

    world.serve()

    assert (world.states(paused), world.states(other)) == (["ready"], ["accepted"])
