"""What the vendor chooses from: lists beside user IDs, and a look-back on subscriptions. One request, one unit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.audience.user_sets import Reading
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.messages.message import make_message
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.proof.bodies import Bodies
from campaigns.store.proof.verify import verify
from tests.world import ANNA, LIMITS, REJECTED, UNKNOWN, UPSTREAM, World

LISTS: dict[str, Any] = {"user_lists": ["fans"]}
LOOK_BACK: dict[str, Any] = {"subscribed_within_last_days": 7}


def mixed(world: World, users: tuple[int, ...] = (1, 2), message: dict[str, Any] = LISTS, **more: Any) -> int:
    """A campaign of user IDs that the vendor also chooses for."""
    made = world.campaign(users, audience=Reading(users=BitMap64(users)), message=message, **more)
    assert isinstance(made, int)
    return made


def suppressed(world: World, users: list[int]) -> None:
    suppress(world.store, BitMap64(users), account_id=None, reason="asked to", actor=ANNA)


def proved(world: World) -> Any:
    with world.store.read() as connection:
        return verify(connection)


@pytest.mark.parametrize("chosen", [LISTS, LOOK_BACK, {**LISTS, **LOOK_BACK}])
def test_ids_and_what_the_vendor_chooses_are_one_request_and_one_unit(world: World, chosen: dict[str, Any]) -> None:
    world.account()
    campaign_id = mixed(world, message=chosen)
    told = preview(world.store, campaign_id, LIMITS)
    run_id = world.launch(campaign_id, plan_hash=told.hash)
    world.serve()

    (body,) = world.gateway.received
    assert body["userIds"] == ["1", "2"]
    assert body.get("userLists") == chosen.get("user_lists")
    assert body.get("subscribedWithinLastDays") == chosen.get("subscribed_within_last_days")
    assert (told.recipients, told.whole_list, told.batches) == (None, True, 1)
    run = world.run(run_id)
    assert (run["recipients"], run["whole_list"], run["planned"], run["accepted"]) == (None, True, 1, 1)
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(1, 0))


@pytest.mark.parametrize("chosen", [LISTS, LOOK_BACK])
def test_more_ids_than_one_request_takes_are_refused(world: World, chosen: dict[str, Any]) -> None:
    world.account()
    with pytest.raises(UsageError, match="these 3 user IDs take 2"):
        mixed(world, (1, 2, 3), message=chosen)
    campaign_id = mixed(world, (1, 2), message=chosen)
    with pytest.raises(UsageError, match="these 2 user IDs take 2"):
        edit_campaign(world.store, campaign_id, Changes(batch_size=1), actor=ANNA)


def test_a_look_back_alone_is_refused(world: World) -> None:
    world.account()
    with pytest.raises(UsageError, match="only narrows who gets it"):
        world.campaign(audience=None, message=LOOK_BACK)


def armed_before(world: World) -> int:
    """A due run of an armed campaign with a look-back alone, as an earlier release took it."""
    world.account()
    campaign_id = world.campaign(message=LISTS, starts_at=world.clock() + timedelta(hours=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    with world.store.write() as connection:
        old = dict(connection.execute(text("SELECT * FROM revision")).mappings().one())
        kept = {**old, "number": 2, "message": '{"text": "Hello", "subscribed_within_last_days": 7}'}
        names = ", ".join(kept)
        columns = ", ".join(f":{name}" for name in kept)
        connection.execute(text(f"INSERT INTO revision ({names}) VALUES ({columns})"), kept)
        connection.execute(text("UPDATE campaign SET revision = 2"))
    world.clock.advance(3700)
    (run_id,) = open_due_runs(world.store, actor="worker:beat")
    return run_id


def test_an_armed_look_back_alone_is_held_with_the_reason_and_never_sent(world: World) -> None:
    run_id = armed_before(world)
    plan_run(world.store, run_id, actor="worker:one")

    for _ in range(2):
        assert world.serve() == 0
        (hold,) = world.run(run_id)["holds"]
        assert (hold["kind"], "only narrows who gets it" in hold["reason"]) == ("recipients", True)
        resume_run(world.store, run_id, reason="try", actor=ANNA)
    assert world.gateway.received == []


def test_it_is_never_halved_rerun_or_sent_again(world: World) -> None:
    world.account()
    run_id = world.launch(mixed(world))
    world.gateway.script = [Outcome(OutcomeKind.REJECTED, "HTTP 400", http_status=400, one_user_may_be_the_cause=True)]
    world.serve()

    assert world.states(run_id) == ["rejected"]
    with pytest.raises(NotAllowed, match="whole lists"):
        rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA)

    lost = world.launch(mixed(world, on_unknown="resend"))
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    assert world.states(lost) == ["unknown"]
    with pytest.raises(NotAllowed, match="whole lists"):
        decide(world.store, lost, seqs=None, verdict="resend", reason="again", actor=ANNA)


def test_a_rerun_never_takes_a_look_back_from_an_edit(world: World) -> None:
    run_id = world.launched([1, 2])
    world.gateway.script = [REJECTED]
    world.serve()
    narrowed = Changes(message=make_message({"text": "x", **LOOK_BACK}))
    edit_campaign(world.store, world.run(run_id)["campaign_id"], narrowed, actor=ANNA)
    with pytest.raises(NotAllowed, match="leaves recipients to the vendor"):
        rerun(world.store, run_id, upstream=UPSTREAM, current=True, reason="again", actor=ANNA)


def test_suppressions_must_be_accepted_and_named_users_are_left_out_all_the_same(world: World) -> None:
    world.account()
    suppressed(world, [2])
    with pytest.raises(NotAllowed, match="the vendor alone knows who is on its lists"):
        world.launch(mixed(world))

    run_id = world.launch(mixed(world, accept_suppressed=True))
    world.serve()

    assert world.gateway.received[0]["userIds"] == ["1"]
    assert world.run(run_id)["excluded"] == {"suppressed": 1}
    assert proved(world).faults == []


def test_who_is_suppressed_after_the_plan_is_left_out_of_the_names_and_kept(world: World) -> None:
    world.account()
    run_id = world.launch(mixed(world, (1, 2), accept_suppressed=True))
    world.gateway.script = [Outcome(OutcomeKind.NOT_SENT, "no route")]
    suppressed(world, [1])
    world.serve(turns=1)
    suppressed(world, [2])
    world.clock.advance(600)
    world.serve()

    assert [body.get("userIds") for body in world.gateway.received] == [None]
    assert world.gateway.received[0]["userLists"] == ["fans"]
    assert world.run(run_id)["excluded"] == {"suppressed_since_plan": 1, "suppressed_since_plan_2": 1}
    found = proved(world)
    assert (found.faults, found.bodies) == ([], Bodies(2, 0))


@pytest.mark.parametrize("back", [0, 60])
def test_who_is_suppressed_after_a_resume_holds_a_whole_list_again(world: World, back: int) -> None:
    """Whatever the clock says: that of the database may step back between the two."""
    world.account()
    run_id = world.launch(world.campaign(message=LISTS, audience=None))
    suppressed(world, [777])
    world.serve()
    resume_run(world.store, run_id, reason="they may get it", actor=ANNA)
    world.clock.advance(-back)
    suppressed(world, [888])
    world.clock.advance(120)
    world.serve()
    assert world.gateway.received == []
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["suppressions"]

    resume_run(world.store, run_id, reason="they may get it too", actor=ANNA)
    suppressed(world, [888])  # who was suppressed already is nobody new
    world.serve()
    assert len(world.gateway.received) == 1


def test_a_look_back_of_which_everybody_named_is_suppressed_goes_to_nobody(world: World) -> None:
    world.account()
    run_id = world.launch(mixed(world, message=LOOK_BACK, accept_suppressed=True))
    suppressed(world, [1, 2])

    assert world.serve() == 0
    assert world.states(run_id) == ["cancelled"]
    assert world.run(run_id)["state"] in {"finished", "finished_with_failures"}
    assert proved(world).faults == []

    with pytest.raises(NotAllowed, match="nobody is left"):
        world.launch(mixed(world, message=LOOK_BACK, accept_suppressed=True))


def test_an_edit_may_add_a_list_to_user_ids(world: World) -> None:
    world.account()
    campaign_id = world.campaign([1, 2])
    edit_campaign(world.store, campaign_id, Changes(message=make_message({"text": "Hi", **LISTS})), actor=ANNA)
    world.launch(campaign_id)
    world.serve()
    assert world.gateway.received == [{"text": "Hi", "userLists": ["fans"], "userIds": ["1", "2"]}]
