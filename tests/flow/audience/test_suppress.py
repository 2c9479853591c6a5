"""Users who must not be sent to: from the commit on, no attempt names them."""

from __future__ import annotations

import pytest
from pyroaring import BitMap64

from campaigns.domain.errors import NotFound, UsageError
from campaigns.flow.audience.suppress import Suppressed, Unsuppressed, suppress, unsuppress
from campaigns.store.views import suppressions as suppression_views
from campaigns.store.views import who as who_views
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, World

pytestmark = on_both


def test_who_is_suppressed_already_keeps_the_first_reason(world: World) -> None:
    world.account()

    assert _suppress(world, [1, 2]).added == 2
    told = suppress(world.store, BitMap64([2, 3]), account_id=None, reason="another", actor="operator:ben")

    assert told == Suppressed(account=None, added=1, already=1)
    with world.store.read() as connection:
        kept = [(row.user_id, row.reason, row.actor) for row in suppression_views.suppressions(connection)]
    assert kept == [("1", "asked to stop", ANNA), ("2", "asked to stop", ANNA), ("3", "another", "operator:ben")]


def test_a_suppression_on_one_account_leaves_the_others_alone(world: World) -> None:
    first = world.launched([1, 2])
    second = world.launch(world.campaign([1, 2], account_id=world.account("acct_two")))
    _suppress(world, [1], ACCOUNT)

    world.serve()
    world.serve("acct_two")

    assert world.run(first)["cancelled"] == 1
    assert world.run(second)["cancelled"] == 0


def test_a_run_whose_every_batch_is_emptied_is_finished_without_a_request(world: World) -> None:
    run_id = world.launched()
    _suppress(world, range(1, 6))

    assert world.serve() == 0

    assert world.states(run_id) == ["cancelled"] * 3
    assert world.run(run_id)["state"] == "finished"
    assert world.attempts(run_id) == []


def test_who_was_taken_out_stays_in_the_books_with_the_reason(world: World) -> None:
    run_id = world.launched([1, 2, 3])
    _suppress(world, [2])

    world.serve()

    batches = world.batches(run_id)
    assert [(batch["seq"], batch["state"], batch["size"]) for batch in batches] == [
        (1, "accepted", 1),
        (2, "accepted", 1),
        (3, "cancelled", 1),
    ]
    assert batches[2]["error"] == "suppressed since the plan"
    with world.store.read() as connection:
        assert [row.state for row in who_views.who(connection, 2)] == ["cancelled"]
        assert [row.state for row in who_views.who(connection, 1)] == ["accepted"]


def test_a_lifted_suppression_holds_for_later_plans_only(world: World) -> None:
    world.account()
    _suppress(world, [1])
    before = world.launch(world.campaign([1, 2]))

    told = unsuppress(world.store, BitMap64([1, 9]), account_id=None, reason="came back", actor=ANNA)
    after = world.launch(world.campaign([1, 2]))

    assert told == Unsuppressed(account=None, removed=1, absent=1)
    assert (world.run(before)["planned"], world.run(after)["planned"]) == (1, 2)
    assert world.events().count("suppressions_removed") == 1


def test_a_suppression_on_an_unknown_account_is_refused(world: World) -> None:
    for act in (suppress, unsuppress):
        with pytest.raises(NotFound, match="acct_none is not known"):
            act(world.store, BitMap64([1]), account_id="acct_none", reason="none", actor=ANNA)


def test_a_reason_is_needed_below_the_edges_too(world: World) -> None:
    for act in (suppress, unsuppress):
        with pytest.raises(UsageError, match="reason is empty"):
            act(world.store, BitMap64([1]), account_id=None, reason=" ", actor=ANNA)
    with pytest.raises(UsageError, match="No actor is named"):
        suppress(world.store, BitMap64([1]), account_id=None, reason="asked to", actor=" ")


def _suppress(world: World, users: list[int] | range, account_id: str | None = None) -> Suppressed:
    return suppress(world.store, BitMap64(users), account_id=account_id, reason="asked to stop", actor=ANNA)
