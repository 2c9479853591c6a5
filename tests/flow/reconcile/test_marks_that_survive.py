"""Where an account's probe saw that marks survive, an item without its mark is not a marked request's own."""

from __future__ import annotations

import pytest

from campaigns.domain.messages.marks import without_marks
from campaigns.flow.lanes.tick import tick
from campaigns.flow.probe.ask import ask_probe
from tests.flow.probe.vendor import ProbedVendor
from tests.flow.reconcile.lost_answers import look, lost_answer, shows
from tests.world import ACCOUNT, ANNA, LIMITS, UPSTREAM, World


def probed(world: World, *, survives: bool) -> None:
    """A probe of the account that is done."""
    other, vendor = world.gateway, ProbedVendor(now=world.clock)
    if not survives:
        vendor.echo = without_marks
    world.account()
    world.gateway = vendor
    ask_probe(world.store, ACCOUNT, 4242, upstream=UPSTREAM, actor=ANNA)
    for _ in range(6):
        for account_id in tick(
            world.store, upstream=UPSTREAM, settle_seconds=LIMITS.settle_seconds, actor="beat"
        ).lanes:
            world.serve(account_id)
        world.clock.advance(1)
    assert vendor.gone == {"777"}
    world.gateway = other


@pytest.mark.parametrize(
    ("survives", "mark", "state"),
    [(True, True, "unknown"), (True, False, "accepted"), (False, True, "accepted"), (None, True, "accepted")],
)
def test_an_item_without_a_mark_is_taken_only_where_its_mark_may_be_lost(
    world: World, *, survives: bool | None, mark: bool, state: str
) -> None:
    """It may be another tool's, which said the same a moment later."""
    if survives is not None:
        probed(world, survives=survives)
    run_id = lost_answer(world, (1, 2), mark=mark)
    shows(world, "900")

    look(world, LIMITS.settle_looks)

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == (state, None if state == "unknown" else "900")
    if state == "unknown":
        assert "item 900 has the same text but fits no request" in batch["error"]
