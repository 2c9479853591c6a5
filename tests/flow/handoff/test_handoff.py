"""Native hand-off: the vendor is given a run ahead of its time, and sends it at its time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, UsageError, VendorAway
from campaigns.domain.messages.message import make_message
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.handoff import WATCHED_AFTER
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.planning.preview import preview
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.pause_resume_skip import pause_schedule
from campaigns.store.views.recalls import requests_to_unsend
from tests.flow.handoff.handed_over import DAILY, TODAY, TOMORROW, armed, dates, opened, shows, watched
from tests.world import ANNA, LIMITS, REJECTED, TEAM, UNKNOWN, UPSTREAM, World

CANCELLED = frozenset({BatchState.CANCELLED})


def test_a_run_is_handed_over_ahead_of_its_time(world: World) -> None:
    armed(world)

    (run_id,) = opened(world)
    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z"] * 3
    assert world.run(run_id)["state"] == "finished"
    assert world.run(run_id)["scheduled_for"] == TODAY.isoformat()


def test_the_next_one_is_handed_over_a_day_ahead_and_not_before_the_one_before_it(world: World) -> None:
    armed(world, Timing(cron="0 18 * * MON,WED", zone="UTC", handoff=True))
    opened(world)
    world.serve()

    world.clock.now = TODAY + timedelta(days=1) - timedelta(seconds=1)
    assert opened(world) == []
    world.clock.advance(1)
    (run_id,) = opened(world)
    assert world.run(run_id)["scheduled_for"] == (TODAY + timedelta(days=2)).isoformat()

    armed_hourly = Timing(cron="0 * * * *", zone="UTC", handoff=True)
    add_account(world.store, "acct_two", upstream=UPSTREAM, team=TEAM, actor=ANNA)
    campaign_id = world.campaign(timing=armed_hourly, account_id="acct_two")
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    now = world.clock.now  # on the hour
    (first,) = opened(world)
    assert world.run(first)["scheduled_for"] == (now + timedelta(hours=1)).isoformat()
    world.serve("acct_two")
    assert opened(world) == []
    world.clock.advance(3600)
    (second,) = [run for run in opened(world) if world.run(run)["campaign_id"] == campaign_id]
    assert world.run(second)["scheduled_for"] == (now + timedelta(hours=2)).isoformat()


def test_what_is_too_late_to_be_handed_over_is_sent_by_us_at_its_time(world: World) -> None:
    world.clock.now = TODAY - timedelta(minutes=9)
    armed(world)
    (run_id,) = opened(world)

    world.serve()
    assert world.gateway.received == []
    assert world.run(run_id)["state"] == "planned"

    world.clock.now = TODAY - timedelta(seconds=1)
    world.serve()
    assert world.gateway.received == []
    world.clock.advance(1)
    world.serve()
    assert dates(world) == [None] * 3
    assert world.run(run_id)["accepted"] == 5


def test_a_run_that_is_held_over_its_time_is_never_handed_over_late(world: World) -> None:
    armed(world)
    (run_id,) = opened(world)
    world.serve(turns=1)
    world.clock.now = TODAY + timedelta(minutes=1)
    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z", None, None]
    assert world.run(run_id)["accepted"] == 5


def test_hours_are_those_of_its_time_and_not_of_the_hand_over(world: World) -> None:
    armed(world, Timing(cron="0 18 * * *", zone="UTC", handoff=True, hours="17:00-19:00"))
    (run_id,) = opened(world)

    world.serve()

    assert dates(world) == ["2026-03-02T18:00:00.000Z"] * 3
    assert world.run(run_id)["state"] == "finished"


def test_a_run_whose_time_falls_out_of_its_accounts_hours_meanwhile_is_sent_by_us_within_them(world: World) -> None:
    armed(world)
    opened(world)
    with world.store.write() as connection:
        connection.execute(text("UPDATE account SET hours = '20:00-22:00', zone = 'UTC'"))

    world.serve()
    world.clock.now = TODAY
    world.serve()
    assert world.gateway.received == []
    world.clock.now = TODAY + timedelta(hours=2)
    world.serve()
    assert dates(world) == [None] * 3


def test_the_plan_says_who_holds_the_clock(world: World) -> None:
    campaign_id = armed(world)
    told = preview(world.store, campaign_id, LIMITS)
    assert told.clock == "vendor"
    assert any("the vendor sends at the time" in warning.fact for warning in told.warnings)
    assert preview(world.store, world.campaign(), LIMITS).clock == "campaigns"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timing": Timing(handoff=True)}, "neither cron, every nor at"),
        ({"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, over_seconds=60)}, "over cannot be kept"),
        ({"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, expires_seconds=60)}, "expires cannot be kept"),
        (
            {"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, overlap="unsend")},
            "overlap unsend cannot be kept",
        ),
        (
            {"timing": Timing(cron="0 18 * * *", zone="UTC", handoff=True, hours="09:00-17:00")},
            "would send at 2026-03-02 18:00.00:00 UTC, outside the hours 09:00-17:00 UTC",
        ),
        ({"timing": DAILY, "message": {"save_for_later": True}}, "save_for_later cannot be combined with handoff"),
        (
            {"timing": DAILY, "audience": None, "message": {"subscribed_within_last_days": 7}},
            "subscribed_within_last_days cannot be combined with handoff",
        ),
    ],
)
def test_what_cannot_be_handed_over_is_not_kept(world: World, changes: dict[str, Any], said: str) -> None:
    world.account()
    with pytest.raises(UsageError, match=said):
        world.campaign(**changes)


def test_an_edit_of_what_the_vendor_has_is_refused_with_its_local_time(world: World) -> None:
    campaign_id = armed(world, Timing(cron="0 19 * * *", zone="Europe/Berlin", handoff=True))
    opened(world)
    world.serve()
    with pytest.raises(
        NotAllowed, match=r"handed over to the vendor for 2026-03-02 19:00\+01:00 Europe/Berlin and cannot be changed"
    ):
        edit_campaign(world.store, campaign_id, Changes(name="Other"), actor=ANNA)


def test_pausing_what_the_vendor_has_already_names_the_recall(world: World) -> None:
    campaign_id = armed(world, Timing(handoff=True), starts_at=TODAY)
    (run_id,) = opened(world)
    world.serve()
    with pytest.raises(NotAllowed, match=f"run r{run_id} is with the vendor") as refused:
        pause_schedule(world.store, campaign_id, reason="why", actor=ANNA)
    assert refused.value.remedies == (Remedy(Do.RECALL, run=run_id),)


def test_a_lost_answer_is_found_by_the_scheduled_date_alone(world: World) -> None:
    armed(world, users=[1, 2])
    (run_id,) = opened(world)
    world.gateway.script = [UNKNOWN]
    world.gateway.listed = [
        QueueItem("1", world.clock.now - timedelta(hours=1)),
        QueueItem("2", world.clock.now),  # somebody else's, which says the same at the moment of our hand-over
        QueueItem("3", TODAY),
    ]
    world.gateway.contents = {each: ItemContent(each, "Hello", True, 0) for each in ("1", "2", "3")}

    world.serve_out()

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("accepted", "3")


def test_a_lost_answer_of_what_we_sent_at_its_time_is_found_by_that(world: World) -> None:
    world.clock.now = TODAY - timedelta(minutes=5)
    armed(world, users=[1, 2])
    (run_id,) = opened(world)
    world.clock.now = TODAY + timedelta(minutes=10)
    world.gateway.script = [UNKNOWN]
    world.gateway.listed = [
        QueueItem("1", world.clock.now - timedelta(hours=1)),
        QueueItem("2", TODAY),
        QueueItem("3", world.clock.now),
    ]
    world.gateway.contents = {each: ItemContent(each, "Hello", True, 0) for each in ("1", "2", "3")}

    world.serve_out()

    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["message_id"]) == ("accepted", "3")


def test_a_rerun_ahead_of_the_time_is_handed_over_too_and_sent_at_once_after_it(world: World) -> None:
    armed(world, users=[1])
    world.gateway.script = [REJECTED]
    (early,) = opened(world)
    world.serve()
    rerun(world.store, early, upstream=UPSTREAM, reason="again", actor=ANNA)
    world.serve()
    assert dates(world)[-1] == "2026-03-02T18:00:00.000Z"

    world.clock.now = TODAY
    world.gateway.script = [REJECTED]
    (late,) = opened(world)
    world.serve()
    world.clock.now = TOMORROW + timedelta(minutes=1)
    rerun(world.store, late, upstream=UPSTREAM, reason="again", actor=ANNA)
    world.serve()
    assert dates(world)[-2:] == ["2026-03-03T18:00:00.000Z", None]


def test_a_launch_by_hand_is_sent_at_once(world: World) -> None:
    campaign_id = armed(world)
    world.launch(campaign_id, at_once=True)
    world.serve()
    assert dates(world) == [None] * 3


def handed_over(world: World, **changes: Any) -> int:
    """A run that the vendor is to send at six in the evening."""
    armed(world, **changes)
    (run_id,) = opened(world)
    world.serve()
    assert dates(world)[-1] == "2026-03-02T18:00:00.000Z"
    return run_id


def test_what_was_handed_over_is_looked_at_and_then_taken_back(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1", is_canceled=False, can_unsend=False)

    told = cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert (told.recalling, told.cancelled_batches) == (1, 0)
    assert world.gateway.questions == ["item acct_one-1"] * 2, "before the DELETE, and after it was confirmed"
    assert world.gateway.deleted == ["acct_one-1"]
    (batch,) = world.batches(run_id)
    assert (batch["state"], batch["error"]) == ("cancelled", "unsent before its time")
    assert (world.run(run_id)["accepted"], world.run(run_id)["cancelled"]) == (0, 2)
    assert "handover_taken_back" in world.events()


def test_a_delete_that_is_confirmed_and_not_done_proves_nothing(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1")
    world.gateway.deleting = [UnsendOutcome(UnsendKind.UNSENT, http_status=200)] * 20  # the item stays as it is

    cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    for _ in range(20):
        world.serve()
        world.clock.advance(60)

    assert world.states(run_id) == ["accepted"]
    assert world.run(run_id)["recall"]["failed"] == 1
    with pytest.raises(NotAllowed, match="nobody to send to again"):
        rerun(world.store, run_id, upstream=UPSTREAM, states=CANCELLED, reason="again", actor=ANNA)


def test_what_was_taken_at_the_vendors_word_is_not_said_to_be_unsent_for_sure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the release before did it: its rows stand, and a rerun still leaves those fans out."""
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1")
    monkeypatch.setattr("campaigns.flow.recall.unsend._must_be_seen", lambda _: False)

    cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert (world.run(run_id)["recall"]["unsent"], world.states(run_id)) == (1, ["accepted"])


def test_what_the_vendor_shows_no_more_after_it_confirmed_is_taken_back(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1")

    def delete() -> UnsendOutcome:
        del world.gateway.contents["acct_one-1"]
        return UnsendOutcome(UnsendKind.UNSENT, http_status=200)

    world.gateway.deleting = [delete]
    cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert (world.states(run_id), len(world.gateway.deleted)) == (["cancelled"], 1)


def test_who_was_taken_back_can_be_sent_to_again_with_the_newest_words_at_the_same_time(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    campaign_id = world.run(run_id)["campaign_id"]
    shows(world, "acct_one-1")
    edit = Changes(message=make_message({"text": "Better"}))
    with pytest.raises(NotAllowed, match=f"Run r{run_id} .* is handed over .* recall it"):
        edit_campaign(world.store, campaign_id, edit, actor=ANNA)

    recall_run(world.store, run_id, reason="wrong", actor=ANNA)
    world.serve()
    edit_campaign(world.store, campaign_id, edit, actor=ANNA)
    how: dict[str, Any] = {"states": frozenset({BatchState.CANCELLED}), "current": True, "reason": "x", "actor": ANNA}
    rerun(world.store, run_id, upstream=UPSTREAM, **how)
    world.serve()

    assert [(body["text"], body["scheduledDate"]) for body in world.gateway.received] == [
        ("Hello", "2026-03-02T18:00:00.000Z"),
        ("Better", "2026-03-02T18:00:00.000Z"),
    ]


@pytest.mark.parametrize(
    ("date", "why"),
    [
        (TODAY, "less than 5 minutes from now"),
        (None, "the vendor does not say when it is sent"),
    ],
)
def test_nothing_is_deleted_unless_a_look_shows_that_it_is_time(world: World, date: datetime | None, why: str) -> None:
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1", date)
    world.clock.now = TODAY - timedelta(minutes=5)

    cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert world.gateway.deleted == []
    assert world.states(run_id) == ["accepted"]
    with world.store.read() as connection:
        (request,) = requests_to_unsend(connection, run_id)
    assert request.outcome == "impossible"
    assert why in (request.error or "")


def test_while_the_vendor_cannot_be_asked_nothing_is_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = handed_over(world, users=[1, 2])
    monkeypatch.setattr(world.gateway, "item", Mock(side_effect=VendorAway("the vendor is away")))

    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert world.gateway.deleted == []
    assert world.run(run_id)["recall"]["finished_at"] is None


def test_what_was_sent_at_its_time_is_recalled_as_any_other_and_stays_accepted(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    world.clock.now = TODAY + timedelta(minutes=1)

    recall_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert world.gateway.questions == []
    assert world.gateway.deleted == ["acct_one-1"]
    assert world.states(run_id) == ["accepted"]


def test_a_pause_of_the_schedule_takes_back_what_was_handed_over(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    shows(world, "acct_one-1")

    told = pause_schedule(world.store, world.run(run_id)["campaign_id"], reason="a mourning", actor=ANNA)
    world.serve()

    assert told.recalling == (run_id,)
    assert world.states(run_id) == ["cancelled"]


def test_a_run_of_which_half_is_handed_over_is_cancelled_whole(world: World) -> None:
    armed(world)
    (run_id,) = opened(world)
    world.serve(turns=1)
    shows(world, "acct_one-1")

    told = cancel_run(world.store, run_id, reason="wrong price", actor=ANNA)
    world.serve()

    assert (told.cancelled_batches, told.recalling) == (2, 1)
    assert world.states(run_id) == ["cancelled"] * 3
    assert world.run(run_id)["state"] == "cancelled"


def test_after_its_time_the_vendor_is_asked_once_what_became_of_it(world: World) -> None:
    run_id = handed_over(world)
    world.gateway.listed = [QueueItem(f"acct_one-{number}", TODAY, is_done=True) for number in (1, 2, 3)]
    world.clock.now = TODAY + WATCHED_AFTER - timedelta(seconds=1)
    assert watched(world, run_id) == []
    assert world.gateway.questions == []

    world.clock.advance(1)
    (seen,) = watched(world, run_id)

    assert seen["detail"] == {"sent": 3, "not_sent": 0}
    assert world.gateway.questions == ["list acct_one"]
    assert world.run(run_id)["holds"] == []
    world.clock.advance(3600)
    assert len(watched(world, run_id)) == 1


def test_what_the_vendor_has_not_sent_holds_the_run_for_a_person(world: World) -> None:
    run_id = handed_over(world, users=range(1, 10))
    world.gateway.listed = [
        QueueItem("acct_one-1", TODAY, is_done=True, is_canceled=True),
        QueueItem("acct_one-2", TODAY, is_done=False, has_error=True),
        QueueItem("acct_one-4", TODAY, is_done=False),
    ]
    world.gateway.contents = {"acct_one-4": ItemContent("acct_one-4", "Hello", True, 2, TODAY)}
    world.clock.now = TODAY + WATCHED_AFTER

    (seen,) = watched(world, run_id)

    assert seen["detail"] == {"sent": 1, "not_sent": 4}
    (hold,) = world.run(run_id)["holds"]
    assert hold["kind"] == "handover"
    assert (
        "1 (cancelled at the vendor), 2 (the vendor reports an error), 3 (the vendor no longer shows it)"
        in hold["reason"]
    )
    assert world.states(run_id) == ["accepted"] * 5
    resume_run(world.store, run_id, reason="seen", actor=ANNA)
    assert world.run(run_id)["holds"] == []


def test_what_is_not_sent_yet_is_asked_for_again_for_an_hour(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    world.gateway.listed = [QueueItem("acct_one-1", TODAY, is_done=False)]
    shows(world, "acct_one-1")
    world.clock.now = TODAY + WATCHED_AFTER
    asked = 0
    while not watched(world, run_id):
        asked += 1
        world.clock.now += timedelta(minutes=10)
    assert asked == 6
    assert "not sent yet" in world.run(run_id)["holds"][0]["reason"]


def test_a_vendor_that_is_away_is_asked_later(world: World) -> None:
    run_id = handed_over(world, users=[1, 2])
    world.clock.now = TODAY + WATCHED_AFTER
    world.gateway.obstacle = VendorAway("the vendor is away")
    assert watched(world, run_id) == []
    world.gateway.obstacle = None
    world.gateway.listed = [QueueItem("acct_one-1", TODAY, is_done=True)]
    assert watched(world, run_id) == []
    world.clock.advance(30)
    assert len(watched(world, run_id)) == 1
