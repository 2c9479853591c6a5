"""A restored database lacks requests: whose the messages of that time are, and what is proved of its batches."""

from __future__ import annotations

from contextlib import suppress

import httpx
import pytest

from campaigns.domain.errors import NotAllowed
from tests.law.hosts import BATCH, LEASE, Host
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.telling import NORTH, SOUTH, come_to_rest, the_list_reaches_back


@pytest.mark.parametrize("looks", ["by itself", "when asked"])
def test_no_batch_takes_a_message_of_the_lost_time(world: Place, looks: str) -> None:
    """A lost campaign said the same; ours was in flight at the backup, or ready then and an operator asks for it."""
    world.launched(says="News")
    world.serve()
    the_list_reaches_back(world)
    run_id = world.launched(users=BATCH)
    north = world.hosts[NORTH]
    if looks == "by itself":
        north.serve_until_it_hangs("acct_one", takes=False)
    else:
        Operators(world).pause(run_id)
    copy = world.backup()
    if looks == "by itself":
        north.answer_comes(lambda: _refuse(world))
    world.settle(30)
    world.launched(users=BATCH)
    world.settle(4)

    world.restore(copy)
    world.settle(20)
    if looks == "when asked":
        Operators(world).look(run_id)
    world.settle(60, every=5)

    (batch,) = world.batches(run_id)
    assert (batch.state, batch.message_ids) == ("unknown", ())
    come_to_rest(world)


def test_an_answer_from_before_a_restore_makes_no_batch_ready(world: Place) -> None:
    """A late answer is on record at the backup. In the lost time the look used it, and the batch was sent."""
    run_id = world.launched(users=BATCH)
    north = _hangs_until_it_is_unknown(world)
    north.answer_comes(lambda: _slow_down(world))
    copy = world.backup()
    assert world.states(run_id) == ["unknown"]
    world.settle(30)
    assert set(world.reached().values()) == {1}

    world.restore(copy)
    world.settle(20)

    _stays_unknown(world, run_id)


@pytest.mark.parametrize("status", [429, 422])
def test_an_answer_that_comes_after_a_restore_makes_no_batch_ready(world: Place, status: int) -> None:
    """The request hangs all the while. In the lost time it was given up, and sent again by a person's word."""
    run_id = world.launched(users=BATCH)
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=False)
    copy = world.backup()
    _give_up(world)
    Operators(world).decide(run_id, "resend")
    world.serve(host=SOUTH)
    assert set(world.reached().values()) == {1}

    world.restore(copy)
    world.hosts[SOUTH].tick()
    north.answer_comes(lambda: _slow_down(world) if status == 429 else _refuse(world))
    world.settle(20)

    _stays_unknown(world, run_id)


@pytest.mark.parametrize("status", [429, 422])
def test_an_answer_that_was_kept_since_before_the_backup_makes_no_batch_ready(world: Place, status: int) -> None:
    """The host's home was copied and put back, too. In the lost time the answer was written, and the batch sent."""
    run_id = world.launched(users=BATCH)
    _is_kept(world, _slow_down(world) if status == 429 else _refuse(world))
    copy = world.backup()
    world.look_round()
    if status != 429:
        Operators(world).rerun(run_id)
    world.look_round(1)
    assert set(world.reached().values()) == {1}

    world.restore(copy, homes=("restored", "kept"))
    world.hosts[SOUTH].tick()
    world.look_round()

    _stays_unknown(world, run_id)


def _stays_unknown(world: Place, run_id: int) -> None:
    """Also once an operator has let the account go on: nobody gets it again."""
    assert world.states(run_id) == ["unknown"]
    with suppress(NotAllowed):
        Operators(world).release("acct_one")
    world.settle(20)
    assert set(world.reached().values()) == {1}
    come_to_rest(world)


def _is_kept(world: Place, answer: httpx.Response) -> None:
    """The database goes away while a request is under way, and its answer is kept on the host."""

    def fate(*_: object) -> httpx.Response:
        world.store.moods["away"] = True
        return answer

    world.vendor.fate = fate
    world.serve()
    world.vendor.fate = None
    world.store.moods.clear()


def _hangs_until_it_is_unknown(world: Place) -> Host:
    north = world.hosts[NORTH]
    north.serve_until_it_hangs("acct_one", takes=False)
    world.clock.advance(LEASE + 1)
    world.hosts[SOUTH].tick()
    return north


def _give_up(world: Place) -> None:
    world.clock.advance(LEASE + 1)
    for _ in range(20):
        world.clock.advance(5)
        world.hosts[SOUTH].tick()
        world.serve(host=SOUTH)


def _slow_down(world: Place) -> httpx.Response:
    return world.vendor.answer(429, {"message": "rate limit"}, **{"retry-after": "1"})


def _refuse(world: Place) -> httpx.Response:
    return world.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}})
