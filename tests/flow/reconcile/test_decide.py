"""Unknown is left only by an operator's word, on the record; `resend` is the one way past the law."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.states import BatchState
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.decide import Decided, decide
from campaigns.flow.runs.rerun import rerun
from campaigns.store.views import events as event_views
from tests.one_database import on_both
from tests.world import ANNA, REJECTED, UNKNOWN, UPSTREAM, World, accepted

pytestmark = on_both


def test_an_accepted_unknown_takes_the_message_id_that_was_found(world: World) -> None:
    run_id = _unknown(world)

    told = _decide(world, run_id, "accepted", message_id="found-1")

    assert (told.state, told.recipients) == ("finished", 2)
    assert world.batches(run_id)[0]["message_id"] == "found-1"
    assert _decisions(world, run_id) == [("operator:anna", "seen in the vendor's list", "accepted")]


def test_a_message_id_that_another_batch_owns_is_refused_and_nothing_is_decided(world: World) -> None:
    run_id = _unknown(world)

    with pytest.raises(NotAllowed, match="belongs to another batch"):
        _decide(world, run_id, "accepted", message_id="acct_one-2")

    assert world.states(run_id) == ["unknown", "accepted"]
    assert _decisions(world, run_id) == []


def test_a_decision_about_no_batch_is_refused(world: World) -> None:
    run_id = _unknown(world)

    with pytest.raises(UsageError, match=r"No batch .* is named"):
        decide(world.store, run_id, seqs=[], verdict="not-sent", reason="x", actor=ANNA)

    assert _decisions(world, run_id) == []


def test_what_was_not_sent_is_cancelled_and_may_be_rerun(world: World) -> None:
    run_id = _unknown(world)

    _decide(world, run_id, "not-sent")

    assert world.states(run_id) == ["cancelled", "accepted"]
    assert world.run(run_id)["state"] == "finished"
    again = rerun(
        world.store, run_id, upstream=UPSTREAM, states=frozenset({BatchState.CANCELLED}), reason="once more", actor=ANNA
    )
    assert again.recipients == 2


def test_a_resend_reopens_the_run_and_sends_with_the_next_number(world: World) -> None:
    run_id = _unknown(world)

    assert _decide(world, run_id, "resend").state == "sending"
    world.serve()

    assert world.states(run_id) == ["accepted", "accepted"]
    assert [(one["batch"], one["number"], one["outcome"]) for one in world.attempts(run_id)] == [
        (1, 1, "unknown"),
        (2, 1, "accepted"),
        (1, 2, "accepted"),
    ]
    assert world.events()[-3:] == ["run_reopened", "unknown_decided", "run_ended"]
    assert world.run(run_id)["state"] == "finished"


def test_all_unknowns_are_decided_at_once_or_none(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [UNKNOWN, UNKNOWN]
    world.serve_out()

    with pytest.raises(NotAllowed, match="is accepted, not unknown"):
        _decide(world, run_id, "not-sent", seqs=[1, 3])
    assert world.states(run_id) == ["unknown", "unknown", "accepted"]
    with pytest.raises(NotFound, match="has no batch 9"):
        _decide(world, run_id, "not-sent", seqs=[1, 9])
    with pytest.raises(NotAllowed, match="belongs to one batch"):
        _decide(world, run_id, "accepted", message_id="m1")
    assert _decide(world, run_id, "accepted").batches == [1, 2]
    with pytest.raises(NotAllowed, match="nothing to decide"):
        _decide(world, run_id, "accepted")


def test_nothing_of_a_cancelled_run_is_sent_again(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [UNKNOWN]
    world.serve(turns=1)
    cancel_run(world.store, run_id, reason="stop", actor=ANNA)

    with pytest.raises(NotAllowed, match="nothing of it is sent again"):
        _decide(world, run_id, "resend")
    assert _decide(world, run_id, "not-sent").state == "cancelled"


def test_a_whole_list_is_never_sent_again(world: World) -> None:
    world.account()
    run_id = world.launch(world.campaign(message={"user_lists": ["fans"]}))
    world.gateway.script = [UNKNOWN]
    world.serve()

    with pytest.raises(NotAllowed, match="whole lists"):
        _decide(world, run_id, "resend")
    assert _decide(world, run_id, "accepted").state == "finished"


def test_one_use_media_is_never_sent_again(world: World) -> None:
    """Its first request burned it: a second one could only be refused, or message without it."""
    world.account()
    run_id = world.launch(world.campaign([1, 2], message={"media_files": ["ofapi_media_1"]}))
    world.gateway.script = [UNKNOWN]
    world.serve()

    with pytest.raises(NotAllowed, match="one-use"):
        _decide(world, run_id, "resend")


def test_a_run_with_rejected_recipients_still_ends_with_failures(world: World) -> None:
    run_id = world.launched()
    world.gateway.script = [UNKNOWN, REJECTED]
    world.serve_out()

    assert _decide(world, run_id, "accepted").state == "finished_with_failures"


def test_a_late_answer_stops_a_resend_that_has_not_left(world: World) -> None:
    """An operator decided to send again; then the first worker came back: the vendor had taken it."""
    from campaigns.flow.reconcile.abandoned import expire_attempts
    from tests.world import LIMITS

    run_id = world.launched([1])

    def late() -> Any:
        world.clock.advance(LIMITS.lease_seconds + 1)
        expire_attempts(world.store, settle_seconds=1, actor="worker:beat")
        world.serve_out(owner="worker:two")
        _decide(world, run_id, "resend")
        return accepted("m1")

    world.gateway.script = [late]
    world.serve()
    world.serve(owner="worker:two")

    assert world.requests_by_user() == {1: 1}
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["late_answer"]


def _unknown(world: World) -> int:
    """A finished run whose first batch is unknown and whose second was accepted."""
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    assert world.states(run_id) == ["unknown", "accepted"]
    assert world.run(run_id)["state"] == "finished_with_failures"
    return run_id


def _decide(world: World, run_id: int, verdict: Any, **how: Any) -> Decided:
    how = {"seqs": None, "reason": "seen in the vendor's list", **how}
    return decide(world.store, run_id, verdict=verdict, actor=ANNA, **how)


def _decisions(world: World, run_id: int) -> list[tuple[str, str, str]]:
    with world.store.read() as connection:
        kept = connection.execute(text("SELECT count(*) FROM evidence WHERE kind = 'decision'")).scalar_one()
        told = [
            (event.actor, str(event.reason), (event.detail or {})["as"])
            for event in event_views.events(connection, run_id)
            if event.kind == "unknown_decided"
        ]
    assert kept == len(told)
    return told
