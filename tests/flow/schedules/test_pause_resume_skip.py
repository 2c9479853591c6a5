"""What operators may do to a schedule, and that nothing is lost or doubled by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.schedules.backfill import Backfill, backfill, preview_backfill
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, resume_schedule, skip_next
from tests.flow.schedules.timetable import (
    HOURLY,
    armed,
    campaign,
    look,
    put_forward,
    runs,
    states,
    work,
    written,
)
from tests.world import ANNA, UPSTREAM, World


def test_what_comes_due_while_the_schedule_is_paused_is_skipped_with_the_reason(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1)
    work(world)

    told = pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    stands = campaign(world, campaign_id)
    assert told.next_at == _at(14)
    assert stands["next_at"] == "2026-03-02T14:00:00+00:00"
    assert (stands["paused"], stands["paused_by"]) == ("a holiday", ANNA)
    put_forward(world, hours=1)
    work(world)
    resume_schedule(world.store, campaign_id, reason="back again", actor=ANNA)
    put_forward(world, hours=1)
    work(world)

    assert states(world, campaign_id) == {"13:00": "finished", "14:00": "skipped", "15:00": "finished"}
    assert runs(world, campaign_id)[1]["reason"] == "the schedule was paused: a holiday"
    assert campaign(world, campaign_id)["paused"] is None
    assert {"schedule_paused", "schedule_resumed"} <= set(world.events())


def test_a_pause_stops_no_open_run(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1)
    look(world)

    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    work(world)

    assert states(world, campaign_id) == {"13:00": "finished"}


def test_what_was_due_before_a_pause_is_opened_first_though_beat_was_away(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1, seconds=1)

    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)

    assert states(world, campaign_id) == {"13:00": "due"}


def test_what_came_due_in_a_pause_is_skipped_though_beat_looks_after_it(world: World) -> None:
    campaign_id = armed(world)
    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    put_forward(world, hours=1, minutes=5)
    resume_schedule(world.store, campaign_id, reason="back again", actor=ANNA)

    look(world)

    assert states(world, campaign_id) == {"13:00": "skipped"}


def test_a_schedule_is_paused_once_and_resumed_once(world: World) -> None:
    campaign_id = armed(world)
    with pytest.raises(NotAllowed, match="nothing to resume"):
        resume_schedule(world.store, campaign_id, reason="why", actor=ANNA)
    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    with pytest.raises(NotAllowed, match="paused already"):
        pause_schedule(world.store, campaign_id, reason="again", actor=ANNA)


@pytest.mark.parametrize("act", [pause_schedule, resume_schedule, skip_next])
def test_nothing_is_done_to_a_schedule_that_is_not_armed(world: World, act: Any) -> None:
    with pytest.raises(NotAllowed, match="nothing of it is scheduled"):
        act(world.store, written(world), reason="why", actor=ANNA)


def test_the_next_occurrence_is_skipped_and_the_others_are_sent(world: World) -> None:
    campaign_id = armed(world)

    told = skip_next(world.store, campaign_id, reason="a fair", actor=ANNA)
    for _ in range(2):
        put_forward(world, hours=1)
        work(world)

    assert (told.skipped, told.next_at) == (_at(13), _at(14))
    assert states(world, campaign_id) == {"13:00": "skipped", "14:00": "finished"}
    assert runs(world, campaign_id)[0]["reason"] == "an operator skipped it ahead of its time: a fair"


def test_a_second_skip_skips_the_occurrence_after_and_names_what_was_skipped(world: World) -> None:
    campaign_id = armed(world)
    skip_next(world.store, campaign_id, reason="a fair", actor=ANNA)

    again = skip_next(world.store, campaign_id, reason="and its second hour", actor=ANNA)

    assert (again.skipped, again.next_at, again.skipped_before) == (_at(14), _at(15), (_at(13),))
    for _ in range(3):
        put_forward(world, hours=1)
        work(world)
    assert states(world, campaign_id) == {"13:00": "skipped", "14:00": "skipped", "15:00": "finished"}
    later = skip_next(world.store, campaign_id, reason=None, actor=ANNA)
    assert later.skipped_before == (), "those have passed"


@pytest.mark.parametrize("change", [pause_schedule, resume_schedule, skip_next])
def test_an_empty_reason_is_refused_and_nothing_is_changed(world: World, change: Any) -> None:
    campaign_id = armed(world)
    before = world.events()

    with pytest.raises(UsageError, match="The reason is empty"):
        change(world.store, campaign_id, reason=" ", actor=ANNA)

    assert world.events() == before


def test_a_pause_names_the_runs_that_go_on(world: World) -> None:
    campaign_id = armed(world)
    put_forward(world, hours=1)
    (run_id,) = look(world)

    assert pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA).open_runs == (run_id,)


def test_pausing_a_campaign_without_a_schedule_names_the_run_to_pause(world: World) -> None:
    run_id = world.launched()

    with pytest.raises(NotAllowed, match=f"its run r{run_id} has not ended") as refused:
        pause_schedule(world.store, 1, reason="stop it", actor=ANNA)

    assert refused.value.remedies == (Remedy(Do.PAUSE_RUN, run=run_id),)


def test_a_launch_is_suggested_only_where_it_arms_a_schedule(world: World) -> None:
    """For anything else it would send at once."""
    world.launched()
    world.serve()
    in_an_hour = world.clock.now + timedelta(hours=1)
    campaigns = [1, world.campaign(), written(world), world.campaign(starts_at=in_an_hour)]

    suggested = []
    for campaign_id in campaigns:
        with pytest.raises(NotAllowed) as refused:
            pause_schedule(world.store, campaign_id, reason="why", actor=ANNA)
        suggested.append([remedy.do for remedy in refused.value.remedies])

    assert suggested == [[Do.SHOW_CAMPAIGN], [Do.SHOW_CAMPAIGN], [Do.ARM], [Do.ARM]]


def test_skipping_the_only_occurrence_ends_the_schedule_and_nobody_has_got_it(world: World) -> None:
    world.account()
    campaign_id = world.campaign(starts_at=world.clock.now + timedelta(hours=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    told = skip_next(world.store, campaign_id, reason=None, actor=ANNA)
    put_forward(world, hours=2)

    assert look(world) == []
    assert told.next_at is None
    stands = campaign(world, campaign_id)
    assert (stands["state"], stands["launches"], stands["skipped"]) == ("launched", 0, 1)


def test_an_edit_does_not_bring_back_what_was_skipped_ahead(world: World) -> None:
    campaign_id = armed(world)
    skip_next(world.store, campaign_id, reason=None, actor=ANNA)

    half_hours = Changes(timing=Timing(cron="*/30 * * * *", zone="UTC"))
    edit_campaign(world.store, campaign_id, half_hours, actor=ANNA)
    for _ in range(3):
        put_forward(world, minutes=30)
        work(world)

    assert states(world, campaign_id) == {"12:30": "finished", "13:00": "skipped", "13:30": "finished"}


def test_a_backfill_sends_what_was_skipped_one_after_the_other(world: World) -> None:
    campaign_id = _with_gaps(world)
    period = _period(13, 16)

    told = preview_backfill(world.store, campaign_id, period, upstream=UPSTREAM)
    assert states(world, campaign_id) == dict.fromkeys(("13:00", "14:00", "15:00"), "skipped") | {"16:00": "finished"}
    done = _backfill(world, campaign_id, period)

    assert [line.scheduled_for for line in told.runs] == [line.scheduled_for for line in done.runs]
    assert (told.dry_run, done.dry_run, done.sent_before, done.left) == (True, False, 1, 0)
    first, second, third = (line.run_id for line in done.runs)
    assert [line.after_run_id for line in done.runs] == [None, first, second]
    assert [work(world) for _ in range(4)] == [[first], [second], [third], []]
    assert set(states(world, campaign_id).values()) == {"finished"}
    assert campaign(world, campaign_id)["occurrences"] == 4
    assert world.events().count("run_backfilled") == 3
    assert set(world.requests_by_user().values()) == {4}


def test_a_backfill_asked_for_twice_opens_nothing_twice(world: World) -> None:
    campaign_id = _with_gaps(world)
    _backfill(world, campaign_id, _period(13, 16))

    again = _backfill(world, campaign_id, _period(13, 16))

    assert (again.runs, again.sent_before) == ((), 4)


def test_a_backfill_waits_for_an_open_run_or_leaves_all_as_it_is(world: World) -> None:
    campaign_id = _with_gaps(world)
    by_hand = world.launch(campaign_id, at_once=True)
    pause_run(world.store, by_hand, reason="wait", actor=ANNA)

    left = _backfill(world, campaign_id, _period(13, 16, "skip"))
    assert (left.runs, left.left) == ((), 3)
    done = _backfill(world, campaign_id, _period(13, 16))

    assert done.runs[0].after_run_id == by_hand
    assert work(world) == []


def test_under_skip_a_backfill_sends_the_first_alone(world: World) -> None:
    campaign_id = _with_gaps(world)

    done = _backfill(world, campaign_id, _period(13, 16, "skip"))

    assert (len(done.runs), done.left) == (1, 2)
    assert list(states(world, campaign_id).values()) == ["due", "skipped", "skipped", "finished"]


def test_a_backfill_sends_what_has_no_row_at_all(world: World) -> None:
    """From before the schedule was armed."""
    campaign_id = armed(world)

    done = _backfill(world, campaign_id, _period(9, 12))

    assert [line.was for line in done.runs] == ["missing"] * 4
    assert list(states(world, campaign_id)) == ["09:00", "10:00", "11:00", "12:00"]


def test_an_edit_of_the_schedule_gives_the_past_no_other_occurrences(world: World) -> None:
    """They were sent at their own times; a backfill by the new times would send all of them again."""
    campaign_id = armed(world)
    for _ in range(2):
        put_forward(world, hours=1)
        work(world)
    edit_campaign(world.store, campaign_id, Changes(timing=Timing(cron="15 * * * *", zone="UTC")), actor=ANNA)
    put_forward(world, hours=1)
    work(world)

    done = _backfill(world, campaign_id, Period(_at(13), world.clock.now))

    assert (done.runs, done.sent_before) == ((), 3)


def test_a_backfill_keeps_to_the_runs_that_a_schedule_may_have(world: World) -> None:
    campaign_id = _with_gaps(world, max_runs=3)

    with pytest.raises(NotAllowed, match="3 more are too many"):
        _backfill(world, campaign_id, _period(13, 16))
    done = _backfill(world, campaign_id, _period(14, 16))

    assert len(done.runs) == 2
    assert campaign(world, campaign_id)["state"] == "launched", "it has had all of its runs"


@pytest.mark.parametrize(
    ("period", "words"),
    [
        (lambda: Period(_at(13), _at(23)), "is to come"),
        (lambda: Period(_at(15), _at(14)), "exchange them"),
        (lambda: Period(_at(15) - timedelta(days=400), _at(14)), "more than 1,000"),
    ],
)
def test_a_period_that_cannot_be_backfilled_is_refused(world: World, period: Any, words: str) -> None:
    campaign_id = _with_gaps(world)

    with pytest.raises(UsageError, match=words):
        _backfill(world, campaign_id, period())
    with pytest.raises(UsageError, match=words):
        preview_backfill(world.store, campaign_id, period(), upstream=UPSTREAM)


def test_what_was_never_scheduled_or_belongs_elsewhere_is_not_backfilled(world: World) -> None:
    draft = written(world)
    once = world.campaign(starts_at=world.clock.now + timedelta(hours=1))
    launch(world.store, once, upstream=UPSTREAM, actor=ANNA)
    ours = armed(world)

    with pytest.raises(NotAllowed, match="is draft"):
        _backfill(world, draft, _period(9, 10))
    with pytest.raises(NotAllowed, match="no schedule that recurs"):
        _backfill(world, once, _period(9, 10))
    with pytest.raises(NotAllowed, match="never changes vendors"):
        backfill(world.store, ours, _period(9, 10), upstream="https://vendor.example", reason=None, actor=ANNA)


def test_a_backfilled_run_says_what_the_campaign_says_now_and_has_its_time_anew(world: World) -> None:
    campaign_id = _with_gaps(world, expires_seconds=600.0)

    (line,) = _backfill(world, campaign_id, _period(13, 13)).runs
    work(world)

    assert world.run(line.run_id or 0)["revision"] == 1
    assert world.run(line.run_id or 0)["state"] == "finished"


def _with_gaps(world: World, **timing: Any) -> int:
    """A campaign whose occurrences at 13, 14 and 15 o'clock were skipped; that at 16 was sent."""
    campaign_id = armed(world, HOURLY, **timing)
    pause_schedule(world.store, campaign_id, reason="a holiday", actor=ANNA)
    put_forward(world, hours=3, minutes=30)
    resume_schedule(world.store, campaign_id, reason="back again", actor=ANNA)
    put_forward(world, minutes=30)
    work(world)
    return campaign_id


def _at(hour: int) -> datetime:
    return datetime.fromisoformat(f"2026-03-02T{hour:02}:00:00+00:00")


def _period(start: int, end: int, overlap: Any = "queue") -> Period:
    return Period(_at(start), _at(end), overlap)


def _backfill(world: World, campaign_id: int, period: Period) -> Backfill:
    return backfill(
        world.store,
        campaign_id,
        period,
        upstream=UPSTREAM,
        reason="missed",
        actor=ANNA,
        before_created=True,
    )
