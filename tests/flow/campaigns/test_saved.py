"""What the vendor keeps for later is saved: never accepted, never sent by us a second time."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from campaigns.domain.errors import NotAllowed
from campaigns.domain.states import BatchState
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.outlook import End, end_of, recipients_done
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.sending.spool_outcome import keep_outcome, write_kept
from campaigns.store.sending.attempts import OpenAttempt
from tests.one_database import on_both
from tests.world import ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World, accepted

pytestmark = on_both

SAVES = {"save_for_later": True}


def test_it_ends_as_saved_and_the_books_balance(world: World) -> None:
    run_id = world.launched(message=SAVES)
    world.gateway.script = [accepted("1"), REJECTED]

    world.serve()

    run = world.run(run_id)
    assert run["accepted"] == 0
    assert run["planned"] == run["saved"] + run["rejected"]
    assert run["saved"] > 0
    saved = [batch for batch in world.batches(run_id) if batch["state"] == "saved"]
    assert all(batch["message_id"] for batch in saved)
    assert all(body["saveForLater"] is True for body in world.gateway.received)


def test_a_run_that_saved_everything_is_finished_and_that_is_no_failure(world: World) -> None:
    run_id = world.launched(message=SAVES)
    assert recipients_done(world.view(run_id)) == 0
    world.serve()

    run = world.view(run_id)
    assert (run.state, run.saved, recipients_done(run), end_of(run)) == ("finished", 5, 5, End.SUCCESS)


def test_who_is_saved_is_never_sent_to_again_since_the_vendor_may_still_send_it(world: World) -> None:
    run_id = world.launched(message=SAVES)
    world.serve()

    everything: Any = frozenset({BatchState.REJECTED, BatchState.CANCELLED, BatchState.SAVED})
    with pytest.raises(NotAllowed, match="nobody to send to again"):
        rerun(world.store, run_id, upstream=UPSTREAM, states=everything, reason="x", actor=ANNA)


def test_an_unknown_one_that_is_decided_accepted_is_saved(world: World) -> None:
    run_id = world.launched([1, 2], message=SAVES)
    world.gateway.script = [UNKNOWN]
    world.serve_out()

    decide(world.store, run_id, seqs=None, verdict="accepted", message_id="77", reason="seen", actor=ANNA)

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("saved", "77")


def test_an_outcome_that_was_kept_outside_the_database_is_saved_too(world: World) -> None:
    run_id = world.launched([1, 2], message=SAVES)
    world.gateway.script = [lambda: (_ for _ in ()).throw(RuntimeError("the worker died"))]
    with pytest.raises(RuntimeError):
        world.serve()
    with world.store.read() as connection:
        row = connection.execute(text("SELECT id, fence FROM batch WHERE run_id = :run"), {"run": run_id}).one()
    opened = OpenAttempt(row.id, 1, 1, 0, run_id, "acct_one", row.fence, saves=True)

    keep_outcome(world.spool, opened, accepted("9"), costs_attempt=True)
    write_kept(world.store, world.spool, LIMITS, actor="worker:one")

    assert world.states(run_id) == ["saved"]


def test_no_state_but_those_of_the_vendors_messages_has_a_message_id(world: World) -> None:
    world.launched([1, 2])
    change = text("UPDATE batch SET state = :state, message_id = '5'")
    for state in BatchState:
        if state in {BatchState.ACCEPTED, BatchState.SAVED, BatchState.SENDING}:
            continue
        with pytest.raises(IntegrityError), world.store.writer.begin() as connection:
            connection.execute(change, {"state": state.value})
