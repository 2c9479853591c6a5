"""Failures in a row open an account's circuit, and several open ones make their team wait."""

from __future__ import annotations

from datetime import datetime

import pytest

from campaigns.domain.sending.pacing import failures_after_unknown
from campaigns.store.views.limits import tripped_circuits
from tests.world import ACCOUNT, LIMITS, NOT_SENT, REJECTED, UNKNOWN, World


def lane(world: World, run_id: int) -> dict[str, str]:
    found: dict[str, str] = world.run(run_id)["lane"]
    return found


def serve_when_it_may(world: World, run_id: int, times: int, account_id: str = ACCOUNT) -> None:
    for _ in range(times):
        until = lane(world, run_id)["available_at"]
        if until is not None:
            world.clock.now = max(world.clock.now, datetime.fromisoformat(until))
        world.serve(account_id)


def circuits(world: World) -> list[str]:
    with world.store.read() as connection:
        return [row.account for row in tripped_circuits(connection, now=world.clock.now)]


def test_five_requests_in_a_row_that_did_not_get_through_open_it(world: World) -> None:
    run_id = world.launched(range(1, 21))
    world.gateway.script = [NOT_SENT] * 5

    serve_when_it_may(world, run_id, 4)
    assert lane(world, run_id)["waits_for"] == "the vendor"
    assert circuits(world) == []
    serve_when_it_may(world, run_id, 1)

    assert lane(world, run_id)["waits_for"] == "circuit open: the last 5 requests did not get through"
    assert circuits(world) == [ACCOUNT]


def test_all_workers_share_it_and_it_shuts_with_the_first_answer(world: World) -> None:
    run_id = world.launched(range(1, 21))
    world.gateway.script = [NOT_SENT] * 6
    serve_when_it_may(world, run_id, 5)

    assert world.serve(owner="worker:two") == 0, "it is open for everybody"
    serve_when_it_may(world, run_id, 1)
    assert "last 6 requests" in lane(world, run_id)["waits_for"]
    serve_when_it_may(world, run_id, 1)

    assert world.run(run_id)["accepted"] == 16, "all but the two batches whose attempts were used up"
    assert circuits(world) == []


def test_two_unknowns_in_a_row_open_it_and_the_wait_grows(world: World) -> None:
    run_id = world.launched(range(1, 21))
    world.gateway.script = [UNKNOWN] * 4
    waits = []

    for number in range(4):
        world.serve()
        found = lane(world, run_id)
        if number:
            assert found["waits_for"] == f"circuit open: the last {number + 1} answers proved nothing"
            waits.append((datetime.fromisoformat(found["available_at"]) - world.clock.now).total_seconds())
        else:
            assert found["available_at"] is None
        for _ in range(LIMITS.settle_looks + 1):
            world.clock.advance(70)
            world.serve(turns=0)  # looks, until none of it is looked for any more

    assert waits == [8, 16, 32]


def test_an_unknown_between_answers_opens_nothing(world: World) -> None:
    run_id = world.launched(range(1, 9))
    world.gateway.script = [UNKNOWN, REJECTED, UNKNOWN]

    world.serve_out()

    assert world.states(run_id) == ["unknown", "rejected", "unknown", "accepted"]
    assert circuits(world) == []


def test_unknowns_and_failures_count_together() -> None:
    assert failures_after_unknown(0, 1) == 1
    assert failures_after_unknown(4, 1) == 5
    assert failures_after_unknown(1, 2) == 5
    assert failures_after_unknown(5, 3) == 6
    assert failures_after_unknown(9, 2) == 10


@pytest.fixture
def failing_team(world: World) -> World:
    """Three accounts whose circuits are open, and a fourth that has tried nothing yet."""
    for number in range(1, 4):
        account_id = world.account(f"acct_{number}")
        run_id = world.launch(world.campaign(range(1, 21), account_id=account_id))
        world.gateway.script = [NOT_SENT] * 5
        world.serve(account_id)
        now = world.clock.now
        for _ in range(4):
            world.clock.now = datetime.fromisoformat(lane(world, run_id)["available_at"])
            world.serve(account_id)
        world.clock.now = now
    world.account()
    return world


def test_several_open_circuits_make_the_whole_team_wait(failing_team: World) -> None:
    world = failing_team
    run_id = world.launch(world.campaign([99]))
    world.clock.advance(0.5 + 1 + 2 + 4)

    assert world.serve() == 0

    assert lane(world, run_id)["waits_for"] == "circuit open for the team: requests of 3 accounts keep failing"
    assert circuits(world) == ["acct_1", "acct_2", "acct_3"]
    assert world.serve("acct_1") == 0


def test_the_team_goes_on_when_one_of_them_got_through(failing_team: World) -> None:
    world = failing_team
    run_id = world.launch(world.campaign([99]))
    world.clock.advance(7.5)
    world.serve()
    world.clock.advance(8)
    world.serve("acct_1")

    serve_when_it_may(world, run_id, 1)

    assert world.states(run_id) == ["accepted"]


def test_accounts_of_another_team_do_not_wait(failing_team: World) -> None:
    world = failing_team
    run_id = world.launch(world.campaign([99]))
    world.clock.advance(7.5)
    with world.store.write() as connection:
        connection.exec_driver_sql("UPDATE account SET team = 'other' WHERE id = 'acct_3'")

    world.serve()

    assert world.states(run_id) == ["accepted"]
