"""Whoever sent and went away leaves an unknown, never a batch that is sent again."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.reconcile.abandoned import expire_attempts
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, World

pytestmark = on_both

BEAT = "worker:beat"


def test_an_attempt_is_given_up_when_its_lease_ends_and_not_a_moment_before(world: World) -> None:
    run_id = _abandoned(world)

    world.clock.advance(LIMITS.lease_seconds - 0.001)
    assert expire_attempts(world.store, settle_seconds=1, actor=BEAT) == 0
    world.clock.advance(0.001)
    assert expire_attempts(world.store, settle_seconds=1, actor=BEAT) == 1

    assert world.states(run_id) == ["unknown", "ready", "ready"]
    assert [one["outcome"] for one in world.attempts(run_id)] == ["unknown"]
    assert "attempt_abandoned" in world.events()


def test_nobody_else_gets_the_lane_before_the_lease_ends(world: World) -> None:
    run_id = _abandoned(world)

    assert world.serve(owner="worker:two") == 0
    world.clock.advance(LIMITS.lease_seconds)
    assert world.serve_out(owner="worker:two") == 2

    assert world.states(run_id) == ["unknown", "accepted", "accepted"]
    assert set(world.requests_by_user().values()) == {1}


def test_a_lane_is_not_taken_while_a_request_of_the_account_is_in_flight(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease may end between the sweep and the claim; then the next tick sweeps, and nothing is sent till then."""
    run_id = _abandoned(world)
    world.clock.advance(LIMITS.lease_seconds)
    with monkeypatch.context() as patch:
        patch.setattr("campaigns.flow.lanes.serve.expire_attempts", lambda *_, **__: 0)
        assert world.serve(owner="worker:two") == 0

    world.serve_out(owner="worker:two")
    assert world.states(run_id) == ["unknown", "accepted", "accepted"]


def test_an_abandoned_attempt_ends_a_run_that_is_being_cancelled(world: World) -> None:
    run_id = _abandoned(world)
    assert cancel_run(world.store, run_id, reason="stop", actor=ANNA).state == "cancelling"

    world.clock.advance(LIMITS.lease_seconds)
    expire_attempts(world.store, settle_seconds=1, actor=BEAT)
    assert world.run(run_id)["state"] == "cancelling", "it is still being looked for"
    world.serve_out(owner="worker:two")

    assert world.run(run_id)["state"] == "cancelled"
    assert world.states(run_id) == ["unknown", "cancelled", "cancelled"]


def test_a_sweep_may_be_asked_for_one_account(world: World) -> None:
    _abandoned(world)
    world.clock.advance(LIMITS.lease_seconds)

    assert expire_attempts(world.store, settle_seconds=1, actor=BEAT, account_id="acct_two") == 0
    assert expire_attempts(world.store, settle_seconds=1, actor=BEAT, account_id=ACCOUNT) == 1


class _Killed(BaseException):
    """The process is gone."""


def _abandoned(world: World) -> int:
    """A run whose first request has left when its worker dies."""
    run_id = world.launched()

    def die() -> Outcome:
        raise _Killed

    script: list[Any] = [die]
    world.gateway.script = script
    with pytest.raises(_Killed):
        world.serve()
    assert world.states(run_id) == ["sending", "ready", "ready"]
    return run_id
