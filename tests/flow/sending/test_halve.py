"""One bad recipient among many."""

from __future__ import annotations

import json
from dataclasses import replace
from math import ceil, log2

import pytest
from pyroaring import BitMap64

from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import rerun
from tests.world import ANNA, REJECTED, UPSTREAM, FakeGateway, World, accepted

ONE_BAD = replace(REJECTED, one_user_may_be_the_cause=True, error="user 13 cannot be messaged")


class Picky(FakeGateway):
    """Refuses every request that names a bad user."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad = bad
        self.refused = 0
        self.accepted: list[int] = []

    def send(self, account: str, body: bytes, **how: object) -> Outcome:
        users = {int(user) for user in json.loads(body)["userIds"]}
        self.received.append(json.loads(body))
        if users & self.bad:
            self.refused += 1
            return ONE_BAD
        self.accepted += users
        return accepted(f"m{len(self.received)}")


def sent(world: World, users: range, bad: set[int], batch_size: int) -> tuple[int, Picky]:
    picky = Picky(bad)
    world.gateway = picky
    run_id = world.launched(users, batch_size=batch_size)
    world.serve(turns=1000)
    return run_id, picky


@pytest.mark.parametrize("bad", [1, 7, 8, 13, 16])
def test_one_bad_user_is_found_and_everybody_else_is_accepted_once(world: World, bad: int) -> None:
    run_id, picky = sent(world, range(1, 17), {bad}, 16)

    assert sorted(picky.accepted) == sorted(set(range(1, 17)) - {bad})
    assert world.run(run_id)["accepted"] == 15
    assert world.run(run_id)["rejected"] == 1
    alone = [batch for batch in world.batches(run_id) if batch["state"] == "rejected"]
    assert [(one["size"], one["first_user"], one["error"]) for one in alone] == [(1, str(bad), ONE_BAD.error)]
    assert len(picky.received) - 1 <= 2 * ceil(log2(16))


def test_the_number_of_extra_requests_stays_small_for_some_bad_users(world: World) -> None:
    bad = {3, 300, 470}
    run_id, picky = sent(world, range(1, 501), bad, 500)

    assert set(picky.accepted) == set(range(1, 501)) - bad
    assert len(picky.accepted) == 497
    assert world.run(run_id)["rejected"] == 3
    assert len(picky.received) - 1 <= len(bad) * (2 * ceil(log2(500)) + 2)


def test_halving_stops_when_the_cause_is_not_one_user(world: World) -> None:
    run_id, picky = sent(world, range(1, 65), set(range(1, 33)), 32)

    assert picky.refused == ceil(log2(32)) + 2
    assert world.run(run_id)["rejected"] == 32
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["refused"]
    assert world.run(run_id)["waiting"] == 32

    resume_run(world.store, run_id, reason="the rest is fine", actor=ANNA)
    world.serve()

    assert world.run(run_id)["accepted"] == 32


def test_a_refusal_that_is_about_the_content_is_never_halved(world: World) -> None:
    run_id = world.launched(range(1, 5), batch_size=4)
    world.gateway.script = [REJECTED]

    world.serve()

    assert world.states(run_id) == ["rejected"]


def test_one_use_media_is_never_halved(world: World) -> None:
    run_id = world.launched(range(1, 5), batch_size=4, message={"media_files": ["ofapi_media_1"]})
    world.gateway.script = [ONE_BAD]

    world.serve()

    assert world.states(run_id) == ["rejected"]


def test_a_rerun_of_a_halved_batch_takes_the_bad_user_alone(world: World) -> None:
    run_id, picky = sent(world, range(1, 17), {13}, 16)
    picky.bad = set()

    made = rerun(world.store, run_id, upstream=UPSTREAM, seqs=[1], reason="unblocked", actor=ANNA)
    world.serve()

    assert made.recipients == 1
    assert sorted(picky.accepted) == list(range(1, 17))
    assert BitMap64(picky.accepted) == BitMap64(range(1, 17))
