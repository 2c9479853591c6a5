"""Sending hours and spread: when a run waits, that it goes on by itself, and that nobody is sent to in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, text

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.accounts.accounts import AccountHours, add_account, set_account
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.planning.preview import OpenHours, preview
from campaigns.flow.runs.pause_resume_cancel import resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.sending import pick_batch
from campaigns.store.campaigns.campaigns import RevisionRow, find_revision
from campaigns.store.sending.attempts import ReadyBatch, next_batch
from campaigns.store.sending.lanes import lane_has_work
from tests.world import ACCOUNT, ANNA, LIMITS, NOT_SENT, TEAM, UPSTREAM, World, accepted

BERLIN = ZoneInfo("Europe/Berlin")
DAYTIME = Timing(hours="09:00-22:00", zone="Europe/Berlin")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


FRIDAY_NIGHT = berlin("2026-03-06T21:50")
SATURDAY_MORNING = berlin("2026-03-07T09:00")


def at(world: World, moment: datetime) -> None:
    world.clock.now = moment.astimezone(ZoneInfo("UTC"))


def slow(world: World, seconds: float) -> Callable[[], Outcome]:
    """A vendor that takes its time."""

    def answer() -> Outcome:
        world.clock.advance(seconds)
        return accepted(f"slow-{len(world.gateway.received)}")

    return answer


def serve_slowly(world: World) -> int:
    """Serve a lane whose requests may take minutes."""
    limits = replace(LIMITS, request_timeout_seconds=150, lease_seconds=200)
    return serve_lane(world.sender(limits=limits), ACCOUNT, lambda: True)


def beat(world: World) -> tuple[list[int], list[str]]:
    woken = tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")
    return woken.plans, woken.lanes


def resumes(world: World, run_id: int) -> datetime | None:
    found = world.run(run_id)["resumes_at"]
    return datetime.fromisoformat(found) if found else None


def test_a_run_of_friday_night_closes_at_ten_and_goes_on_on_saturday_morning(world: World) -> None:
    at(world, FRIDAY_NIGHT)
    run_id = world.launched(range(1, 21), timing=DAYTIME)
    world.gateway.script = [slow(world, 120)] * 5

    assert serve_slowly(world) == 5, "at 21:50, 52, 54, 56 and 58"
    assert world.clock.now == berlin("2026-03-06T22:00")
    assert world.run(run_id)["waiting"] == 10
    assert resumes(world, run_id) == SATURDAY_MORNING
    for moment in (berlin("2026-03-06T23:30"), SATURDAY_MORNING - timedelta(seconds=1)):
        at(world, moment)
        assert beat(world) == ([], []), "nobody is woken for it"
        assert world.serve() == 0
    at(world, SATURDAY_MORNING)
    assert beat(world) == ([], [ACCOUNT])
    assert world.serve() == 5

    assert world.run(run_id)["state"] == "finished"
    assert world.events().count("run_waits_for_hours") == 1
    assert set(world.requests_by_user().values()) == {1}


def test_a_closing_gives_the_permit_back_and_the_account_sends_its_other_runs(world: World) -> None:
    at(world, berlin("2026-03-06T23:00"))
    night = world.launched([1, 2, 3, 4], timing=DAYTIME)
    other = world.launched([7, 8, 9])

    assert world.serve() == 2

    assert world.states(night) == ["ready", "ready"]
    assert world.states(other) == ["accepted", "accepted"]
    assert len(world.pacer.held) == 2, "one for each request"


def test_a_run_resumes_in_the_order_of_its_account_and_waits_again_at_the_next_closing(world: World) -> None:
    at(world, berlin("2026-03-06T23:00"))
    run_id = world.launched([1, 2, 3, 4], timing=DAYTIME)
    world.serve()
    at(world, berlin("2026-03-07T21:59"))
    world.gateway.script = [slow(world, 60)]

    assert serve_slowly(world) == 1, "the request may end after the closing, but the next one does not start"

    assert resumes(world, run_id) == berlin("2026-03-08T09:00")
    assert world.events().count("run_waits_for_hours") == 2


def test_a_run_sends_only_while_campaign_and_account_are_open(world: World) -> None:
    add_account(
        world.store, ACCOUNT, upstream=UPSTREAM, team=TEAM, zone="America/New_York", hours="10:00-18:00", actor=ANNA
    )
    at(world, berlin("2026-03-06T12:00"))
    run_id = world.launched([1], timing=DAYTIME)
    assert world.run(run_id)["sending_hours"] == [
        {"hours": "09:00-22:00", "zone": "Europe/Berlin"},
        {"hours": "10:00-18:00", "zone": "America/New_York"},
    ]

    assert world.serve() == 0
    assert resumes(world, run_id) == berlin("2026-03-06T16:00")
    at(world, berlin("2026-03-06T16:00"))
    assert world.serve() == 1


def test_an_accounts_hours_hold_for_the_very_next_send(world: World) -> None:
    at(world, berlin("2026-03-06T12:00"))
    run_id = world.launched([1, 2, 3, 4, 5])

    def narrowed() -> Outcome:
        set_account(world.store, ACCOUNT, hours="14:00-15:00", zone="Europe/Berlin", actor=ANNA)
        return accepted("first")

    world.gateway.script = [narrowed]

    assert world.serve() == 1
    assert resumes(world, run_id) == berlin("2026-03-06T14:00")
    set_account(world.store, ACCOUNT, clear_hours=True, actor=ANNA)
    assert resumes(world, run_id) is None
    assert beat(world)[1] == [ACCOUNT]
    assert world.serve() == 2
    assert world.events().count("account_changed") == 2


def test_hours_of_an_account_are_kept_in_one_form_and_need_a_zone(world: World) -> None:
    world.account()
    with pytest.raises(UsageError, match="has no time zone"):
        set_account(world.store, ACCOUNT, hours="9:00-22:00", actor=ANNA)
    with pytest.raises(UsageError, match="are not valid hours"):
        set_account(world.store, ACCOUNT, hours="9-22", zone="Europe/Berlin", actor=ANNA)
    with pytest.raises(UsageError, match="did you mean Europe/Berlin"):
        set_account(world.store, ACCOUNT, hours="9:00-22:00", zone="Berlin", actor=ANNA)
    with pytest.raises(UsageError, match="Nothing of account"):
        set_account(world.store, ACCOUNT, actor=ANNA)
    made = set_account(world.store, ACCOUNT, hours="9:00-22:00", zone="Europe/Berlin", actor=ANNA)
    assert made == AccountHours(ACCOUNT, hours="09:00-22:00", zone="Europe/Berlin")
    assert set_account(world.store, ACCOUNT, zone="Asia/Tokyo", actor=ANNA).hours == "09:00-22:00"


def test_a_campaign_that_could_never_send_is_refused_and_so_is_its_launch(world: World) -> None:
    add_account(
        world.store, ACCOUNT, upstream=UPSTREAM, team=TEAM, zone="Europe/Berlin", hours="22:00-24:00", actor=ANNA
    )
    with pytest.raises(UsageError, match="never open at the same time"):
        world.campaign(timing=DAYTIME)
    set_account(world.store, ACCOUNT, clear_hours=True, actor=ANNA)
    campaign_id = world.campaign(timing=DAYTIME)
    set_account(world.store, ACCOUNT, hours="22:00-24:00", actor=ANNA)
    with pytest.raises(NotAllowed, match="never open at the same time"):
        world.launch(campaign_id)


def test_starting_at_once_means_within_the_hours_too(world: World) -> None:
    at(world, FRIDAY_NIGHT + timedelta(hours=1))
    world.account()
    campaign_id = world.campaign([1], timing=DAYTIME, starts_at=berlin("2026-03-09T12:00"))

    planned = preview(world.store, campaign_id, LIMITS).starts_at
    assert planned == berlin("2026-03-09T12:00"), "its own time is within them"
    run_id = launch(world.store, campaign_id, upstream=UPSTREAM, at_once=True, actor=ANNA).run_id

    assert run_id is not None
    assert world.serve() == 0
    assert resumes(world, run_id) == SATURDAY_MORNING


def test_the_plan_says_that_it_starts_when_the_hours_open(world: World) -> None:
    at(world, FRIDAY_NIGHT + timedelta(hours=1))
    world.account()
    plan = preview(world.store, world.campaign([1], timing=DAYTIME), LIMITS)

    assert plan.starts_at == SATURDAY_MORNING
    assert plan.bound_by == "sending hours"
    assert plan.sending_hours == (OpenHours("09:00-22:00", "Europe/Berlin"),)


def test_a_plan_is_another_one_when_the_accounts_hours_were_changed(world: World) -> None:
    world.account()
    campaign_id = world.campaign()
    before = preview(world.store, campaign_id, LIMITS).hash
    set_account(world.store, ACCOUNT, hours="09:00-22:00", zone="Europe/Berlin", actor=ANNA)
    assert preview(world.store, campaign_id, LIMITS).hash != before


def test_the_moment_counts_at_which_the_lock_was_got(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    at(world, berlin("2026-03-06T21:59:59"))
    run_id = world.launched([1], timing=DAYTIME)

    def after_a_wait(*asked: Any, **how: Any) -> ReadyBatch | None:
        world.clock.advance(2)
        return next_batch(*asked, **how)

    monkeypatch.setattr(pick_batch, "next_batch", after_a_wait)

    assert run_id is not None
    assert world.serve() == 0
    assert resumes(world, run_id) == SATURDAY_MORNING


def test_a_campaign_without_hours_costs_one_question_however_many_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.launched(range(1, 11))
    asked: list[Any] = []

    def counted(*key: Any) -> RevisionRow:
        asked.append(key)
        return find_revision(*key)

    monkeypatch.setattr(pick_batch, "find_revision", counted)

    assert world.serve() == 5
    assert len(asked) == 1


def test_a_lane_whose_runs_are_all_outside_their_hours_has_no_work(world: World) -> None:
    at(world, berlin("2026-03-06T23:00"))
    world.launched([1], timing=DAYTIME)

    def has_work(connection: Connection) -> bool:
        return lane_has_work(connection, ACCOUNT, upstream=UPSTREAM, now=world.clock.now)

    with world.store.read() as connection:
        assert has_work(connection)
    world.serve()
    with world.store.read() as connection:
        assert not has_work(connection)


# Spread


def times(world: World, run_id: int) -> list[datetime]:
    return [datetime.fromisoformat(one["available_at"]) for one in world.batches(run_id)]


def test_batches_are_spread_evenly_and_go_one_after_the_other(world: World) -> None:
    start = world.clock.now
    run_id = world.launched(range(1, 9), timing=Timing(over_seconds=3600))
    assert times(world, run_id) == [start + timedelta(minutes=15 * number) for number in range(4)]

    for _ in range(4):
        assert world.serve() == 1
        world.clock.advance(15 * 60)
    assert world.run(run_id)["state"] == "finished"


def test_a_spread_counts_open_time_only(world: World) -> None:
    at(world, berlin("2026-03-06T21:00"))
    run_id = world.launched(range(1, 9), timing=Timing(hours="09:00-22:00", zone="Europe/Berlin", over_seconds=7200))

    assert times(world, run_id) == [
        berlin("2026-03-06T21:00"),
        berlin("2026-03-06T21:30"),
        SATURDAY_MORNING,
        berlin("2026-03-07T09:30"),
    ]


def test_a_spread_run_that_is_planned_late_begins_when_it_is_planned(world: World) -> None:
    start = world.clock.now + timedelta(hours=1)
    world.account()
    campaign_id = world.campaign(range(1, 5), timing=Timing(over_seconds=600), starts_at=start)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    at(world, start + timedelta(seconds=90))
    (run_id,), _ = beat(world)
    plan_run(world.store, run_id, actor=ANNA)

    assert times(world, run_id) == [start + timedelta(seconds=90), start + timedelta(seconds=390)]


def test_a_batch_that_never_left_does_not_wait_for_the_end_of_the_spread(world: World) -> None:
    run_id = world.launched(range(1, 5), timing=Timing(over_seconds=3600))
    world.gateway.script = [NOT_SENT]

    world.serve()
    world.clock.advance(60)
    assert world.serve() == 1
    assert world.states(run_id) == ["accepted", "ready"]


def test_a_rerun_keeps_the_hours_but_is_not_spread(world: World) -> None:
    at(world, berlin("2026-03-06T12:00"))
    run_id = world.launched(range(1, 5), timing=Timing(hours="09:00-22:00", zone="Europe/Berlin", over_seconds=3600))
    with world.store.write() as connection:
        connection.execute(text("UPDATE batch SET state = 'rejected'"))
        connection.execute(
            text("UPDATE run SET state = 'finished_with_failures', finished_at = created_at, served_at = created_at")
        )
    at(world, berlin("2026-03-06T23:00"))
    child = rerun(world.store, run_id, upstream=UPSTREAM, reason="again", actor=ANNA).child

    assert times(world, child) == [berlin("2026-03-06T23:00")] * 2
    assert world.serve() == 0
    at(world, SATURDAY_MORNING)
    assert world.serve() == 2


def test_a_run_whose_hours_cannot_be_read_is_held_and_the_accounts_others_go_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(world, berlin("2026-03-06T12:00"))
    unread = world.launched([1], timing=Timing(hours="09:00-22:00", zone="Europe/Berlin"))
    other = world.launch(world.campaign([2]))

    def found(connection: Connection, campaign_id: int, number: int) -> RevisionRow:
        revision = find_revision(connection, campaign_id, number)
        sunk = {**(revision.timing or {}), "zone": "Europe/Atlantis"}
        return replace(revision, timing=sunk) if campaign_id == world.run(unread)["campaign_id"] else revision

    with monkeypatch.context() as patched:
        patched.setattr(pick_batch, "find_revision", found)
        world.serve()

    (hold,) = world.run(unread)["holds"]
    assert hold["kind"] == "hours"
    assert "'Europe/Atlantis' is not a known time zone" in hold["reason"]
    assert world.states(other) == ["accepted"]
    resume_run(world.store, unread, reason="zone data is new again", actor=ANNA)
    world.serve()
    assert world.states(unread) == ["accepted"]


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        ('UPDATE run SET message = \'{"text": "Hi", "sticker": 7}\' WHERE id = :run', "its message"),
        ('UPDATE run SET message = \'{"text": "Hi", "price": "ten"}\' WHERE id = :run', "its message"),
        ("UPDATE batch SET users = :spoilt WHERE run_id = :run", "batch 1"),
    ],
)
def test_a_run_that_cannot_be_read_is_held_and_the_accounts_others_go_on(world: World, spoil: str, what: str) -> None:
    """As in a release that is older than the one which wrote it."""
    unread = world.launched([1])
    with world.store.write() as connection:
        users = connection.execute(text("SELECT users FROM batch")).scalar_one()
        connection.execute(text(spoil).bindparams(run=unread, **({"spoilt": b"\0"} if ":spoilt" in spoil else {})))
    other = world.launch(world.campaign([2]))

    world.serve()

    (hold,) = world.run(unread)["holds"]
    assert (hold["kind"], hold["reason"].startswith(f"{what} cannot be read on worker:one: ")) == ("unreadable", True)
    assert (world.states(unread), world.states(other)) == (["ready"], ["accepted"])
    with world.store.write() as connection:
        connection.execute(text("UPDATE run SET message = NULL"))
        connection.execute(text("UPDATE batch SET users = :users WHERE run_id = :run").bindparams(users=users, run=1))
    resume_run(world.store, unread, reason="upgraded", actor=ANNA)
    world.serve()
    assert world.states(unread) == ["accepted"]
