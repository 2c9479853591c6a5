"""Requests that the vendor refuses for what they are: too large, or not of a kind that it takes."""

from __future__ import annotations

import json

import pytest

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from campaigns.flow.runs.pause_resume_cancel import resume_run
from tests.world import ANNA, FakeGateway, World, accepted

TOO_LARGE = Outcome(OutcomeKind.REJECTED, error="HTTP 413: too large", http_status=413, is_too_large=True)
GONE = Outcome(
    OutcomeKind.REJECTED, error="HTTP 410: Gone", http_status=410, hold=HoldOrder(HoldScope.RUN, HoldKind.REFUSED)
)


class Narrow(FakeGateway):
    """Takes no more than so many users at once."""

    most = 3

    def send(self, account: str, body: bytes, **how: object) -> Outcome:
        users = json.loads(body).get("userIds", [])
        self.received.append(json.loads(body))
        return accepted(f"m{len(self.received)}") if 0 < len(users) <= self.most else TOO_LARGE


def test_a_batch_that_is_too_large_is_halved_until_it_is_not(world: World) -> None:
    world.gateway = Narrow()
    run_id = world.launched(range(1, 33), batch_size=32)
    world.serve(turns=1000)

    run = world.run(run_id)
    assert (run["accepted"], run["rejected"], run["holds"]) == (32, 0, [])
    taken = [user for body in world.gateway.received if len(body["userIds"]) <= 3 for user in body["userIds"]]
    assert sorted(map(int, taken)) == list(range(1, 33))
    first = world.batches(run_id)[0]
    assert (first["state"], first["error"]) == ("split", "use smaller batches: HTTP 413: too large")


def test_a_text_that_is_too_large_by_itself_stops_the_halving(world: World) -> None:
    gateway = Narrow()
    gateway.most = 0
    world.gateway = gateway
    run_id = world.launched(range(1, 9), batch_size=4)
    world.serve(turns=1000)

    run = world.run(run_id)
    assert (run["rejected"], run["waiting"]) == (4, 4)
    assert [(hold["kind"], hold["reason"]) for hold in run["holds"]] == [
        ("refused", "shorten the text: HTTP 413: too large")
    ]
    assert len(gateway.received) == 4


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"message": {"user_lists": ["fans"]}}, "cannot be made smaller; shorten the text"),
        ({"message": {"media_files": ["ofapi_media_1"]}, "batch_size": 4}, "smaller batches"),
    ],
    ids=["whole_list", "one_use_media"],
)
def test_one_request_that_is_too_large_holds_its_run_alone(world: World, changes: dict[str, object], cure: str) -> None:
    other = world.launched(range(50, 52))
    run_id = world.launched(range(1, 5), **changes)
    world.gateway.script = [accepted("m0"), TOO_LARGE]
    world.serve()

    (hold,) = world.run(run_id)["holds"]
    assert (hold["scope"], hold["kind"]) == ("run", "refused")
    assert cure in hold["reason"]
    assert world.states(run_id) == ["ready"]
    assert world.run(other)["state"] == "finished"
    assert len(world.gateway.received) == 2

    resume_run(world.store, run_id, reason="the vendor takes more now", actor=ANNA)
    world.serve()

    assert world.states(run_id) == ["accepted"]


def test_a_refusal_of_the_request_rejects_the_batch_and_holds_the_run(world: World) -> None:
    run_id = world.launched(range(1, 9), batch_size=4)
    other = world.launched(range(50, 52))
    world.gateway.script = [GONE]
    world.serve()

    run = world.run(run_id)
    assert (run["rejected"], run["waiting"], run["state"]) == (4, 4, "sending")
    assert [(hold["scope"], hold["kind"], hold["reason"]) for hold in run["holds"]] == [
        ("run", "refused", "HTTP 410: Gone")
    ]
    assert world.states(run_id) == ["rejected", "ready"]
    assert world.run(other)["state"] == "finished"


def test_the_last_batch_of_a_run_leaves_nothing_to_hold(world: World) -> None:
    run_id = world.launched(range(1, 5), batch_size=4)
    world.gateway.script = [GONE]
    world.serve()

    run = world.run(run_id)
    assert (run["state"], run["rejected"], run["holds"]) == ("finished_with_failures", 4, [])
    assert world.batches(run_id)[0]["error"] == "HTTP 410: Gone"
