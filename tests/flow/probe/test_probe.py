"""A probe: one message a year ahead is sent once, read back, deleted, and seen gone; whatever goes wrong on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import NotAllowed, NotFound, UsageError, VendorAway, VendorRefused
from campaigns.domain.messages.marks import read_marks, without_marks
from campaigns.domain.probe.reading import AHEAD, TEXT, Escapes, LineBreaks, ProbeReading
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.queue_items import QueueItem
from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.accounts.accounts import add_account, set_account
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.flow.probe.ask import AskedProbe, ask_probe
from campaigns.flow.probe.carry_out import CREDITS, LIST_LOOKS_AFTER, carry_out_probe
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.expire import expire_runs
from campaigns.flow.runs.rerun import rerun
from campaigns.ports import Permit
from campaigns.store.audit.events import Act
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.probe.results import latest_probe, marks_survive
from campaigns.store.sending.lanes import lanes_to_wake
from campaigns.store.views.campaigns import campaigns
from campaigns.store.views.probes import ProbeView, probe_view, probes_left
from tests.clock import DrivenClock
from tests.flow.probe.vendor import LATE_DATE, ProbedVendor
from tests.flow.reconcile.lost_answers import look, old_item
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, LOGGED_OUT, UPSTREAM, World

USER = 4242
LOST_DELETE = UnsendOutcome(UnsendKind.UNCLEAR, error="the answer did not come")
REFUSED_DELETE = UnsendOutcome(UnsendKind.REFUSED, error="no", http_status=400)


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> Any:
    made = World(store, clock, gateway=ProbedVendor(now=clock))
    made.account()
    yield made
    made.prove()


def vendor(world: World) -> ProbedVendor:
    assert isinstance(world.gateway, ProbedVendor)
    return world.gateway


def asked(world: World, **how: Any) -> AskedProbe:
    return ask_probe(world.store, ACCOUNT, how.pop("user", USER), upstream=UPSTREAM, actor=ANNA, **how)


def serve(world: World, times: int = 6, seconds: float = 1) -> None:
    """Let a worker serve the lane as a tick wakes it, so many seconds apart."""
    for _ in range(times):
        wakes = tick(world.store, upstream=UPSTREAM, settle_seconds=LIMITS.settle_seconds, actor="beat").lanes
        for account_id in wakes:
            world.serve(account_id)
        world.clock.advance(seconds)


def view(world: World, probe: AskedProbe) -> ProbeView:
    with world.store.read() as connection:
        return probe_view(connection, probe.probe_id)


def left(world: World) -> list[ProbeView]:
    with world.store.read() as connection:
        return probes_left(connection)


def reading(world: World) -> ProbeReading:
    with world.store.read() as connection:
        found = latest_probe(connection, ACCOUNT)
    assert found is not None
    return found


@on_both
def test_the_message_is_scheduled_a_year_ahead_for_the_named_user_read_back_and_deleted(world: World) -> None:
    now = world.clock.now
    probe = asked(world)

    serve(world)

    (body,) = world.gateway.received
    assert body["userIds"] == [str(USER)]
    assert probe.scheduled_for == now + AHEAD
    assert datetime.fromisoformat(body["scheduledDate"]) == probe.scheduled_for
    assert without_marks(body["text"]) == TEXT
    assert read_marks(body["text"]) == (world.attempts(probe.run_id)[0]["mark"],)
    assert (world.gateway.deleted, vendor(world).gone) == (["777"], {"777"})
    assert (view(world, probe).ended, left(world)) == ("gone", [])
    told = ["probe_asked", "run_started", "run_ended", "probe_read", "recall_asked", "recall_finished", "probe_ended"]
    assert [kind for kind in world.events() if kind in told] == told


def test_every_request_and_question_of_it_has_a_permit_and_they_are_no_more_than_was_said(world: World) -> None:
    vendor(world).lag = timedelta(minutes=5)
    asked(world)

    serve(world, times=60)

    asked_of_vendor = len(world.gateway.questions) + len(world.gateway.received) + len(world.gateway.deleted)
    assert asked_of_vendor == CREDITS
    assert len(world.pacer.held) >= asked_of_vendor


def test_without_a_permit_nothing_is_asked(world: World) -> None:
    asked(world)
    world.pacer.permits = [Permit(granted=True), Permit(granted=False, wait_seconds=1, why="team budget")]

    world.serve(turns=1)
    assert (len(world.gateway.received), world.gateway.questions) == (1, [])

    serve(world, times=20)
    assert vendor(world).gone == {"777"}


@pytest.mark.parametrize(
    ("echo", "mark", "line_breaks", "escapes"),
    [
        (lambda text: text, True, LineBreaks.KEPT, Escapes.KEPT),
        (lambda text: f"<p>{text.replace('&', '&amp;')}</p>", True, LineBreaks.KEPT, Escapes.ESCAPED),
        (lambda text: without_marks(text).replace("\n", "<br />"), False, LineBreaks.TAG, Escapes.KEPT),
        (lambda text: f"<p>{text}</p>".replace("\n", "</p>\n<p>"), True, LineBreaks.PARAGRAPH, Escapes.KEPT),
        (lambda text: " ".join(text.split()), True, LineBreaks.SPACE, Escapes.KEPT),
        (lambda text: text.replace("\n", "").replace("< two >", ""), True, LineBreaks.LOST, Escapes.CHANGED),
        (lambda text: text[::-1], False, LineBreaks.CHANGED, Escapes.CHANGED),
        (lambda text: text.replace("\u2063", ""), False, LineBreaks.KEPT, Escapes.KEPT),
    ],
)
def test_it_learns_what_the_vendor_does_to_a_text(
    world: World, *, echo: Callable[[str], str], mark: bool, line_breaks: LineBreaks, escapes: Escapes
) -> None:
    vendor(world).echo = echo
    asked(world)

    serve(world)

    found = reading(world).text
    assert (found.mark, found.line_breaks, found.escapes) == (mark, line_breaks, escapes)


def test_it_learns_the_lag_and_the_depth_of_the_list_and_the_skew_of_the_clock(world: World) -> None:
    vendor(world).lag, vendor(world).ahead = timedelta(seconds=4), timedelta(seconds=180)
    oldest = world.clock.now - timedelta(days=30)
    world.gateway.listed = [QueueItem("2", world.clock.now), QueueItem("1", oldest), QueueItem("0", None)]
    asked(world)

    serve(world, times=12)

    found = reading(world)
    assert found.list_lag_seconds == pytest.approx(5, abs=1)
    assert (found.list_size, found.list_reaches_back_to) == (3, oldest)
    assert found.clock_skew_seconds == pytest.approx(180, abs=1)
    assert (found.in_item, found.in_overview, found.date_kept) == (True, False, True)
    assert (found.priced, found.is_free) == (False, True)


def test_a_list_that_never_shows_it_is_known_as_such(world: World) -> None:
    vendor(world).lag = timedelta(days=1)
    asked(world)

    serve(world, times=40)

    assert reading(world).list_lag_seconds is None
    assert world.gateway.questions.count(f"list {ACCOUNT}") == len(LIST_LOOKS_AFTER) + 1


def test_with_a_media_file_it_learns_how_a_price_is_echoed(world: World) -> None:
    asked(world, media="991")
    serve(world)

    assert (world.gateway.received[0]["price"], world.gateway.received[0]["mediaFiles"]) == (3, ["991"])
    assert (reading(world).priced, reading(world).is_free) == (True, False)
    with pytest.raises(UsageError, match="not a valid vault ID"):
        asked(world, media="ofapi_media_1")


@on_both
def test_its_result_is_the_default_of_the_mark_for_campaigns_written_afterwards(world: World) -> None:
    before = world.campaign()
    asked(world)
    serve(world)
    after, without = world.campaign(), world.campaign(mark=False)
    edit_campaign(world.store, before, Changes(name="renamed"), actor=ANNA)

    assert [choice(world, each) for each in (before, after, without)] == [False, True, False]

    vendor(world).echo = without_marks
    asked(world)
    serve(world)

    with world.store.read() as connection:
        assert not marks_survive(connection, ACCOUNT)
    assert choice(world, world.campaign()) is False, "the newest probe holds"


def test_another_account_s_probe_says_nothing_of_this_one(world: World) -> None:
    add_account(world.store, "acct_two", upstream=UPSTREAM, team="sandbox", actor=ANNA)
    asked(world)
    serve(world)

    assert choice(world, world.campaign(account_id="acct_two")) is False


def test_a_suppressed_user_is_refused(world: World) -> None:
    suppress(world.store, BitMap64([USER]), account_id=None, reason="asked to stop", actor=ANNA)
    suppress(world.store, BitMap64([7]), account_id=ACCOUNT, reason="asked to stop", actor=ANNA)

    for user in (USER, 7):
        with pytest.raises(NotAllowed, match=f"User {user} is suppressed"):
            asked(world, user=user)
    serve(world)
    assert (world.gateway.received, left(world)) == ([], [])


def test_a_user_who_is_suppressed_after_the_question_is_not_sent_to(world: World) -> None:
    probe = asked(world)
    suppress(world.store, BitMap64([USER]), account_id=None, reason="asked to stop", actor=ANNA)

    serve(world)

    assert world.gateway.received == []
    assert (view(world, probe).ended, view(world, probe).words) == ("cancelled", "suppressed since the plan")


@on_both
def test_a_second_probe_a_foreign_account_and_a_held_one_are_refused(world: World) -> None:
    with pytest.raises(NotFound):
        ask_probe(world.store, "acct_none", USER, upstream=UPSTREAM, actor=ANNA)
    with pytest.raises(NotAllowed, match="belongs to sandbox"):
        ask_probe(world.store, ACCOUNT, USER, upstream="https://elsewhere", actor=ANNA)
    with world.store.write() as connection:
        place_hold(Act(connection, world.clock.now, ANNA), Held(account_id=ACCOUNT), HoldKind.ACCOUNT, reason="log in")
    with pytest.raises(NotAllowed, match="is paused, so it cannot be probed: log in"):
        asked(world)
    with world.store.write() as connection:
        connection.execute(text("UPDATE hold SET closed_at = opened_at, closed_by = 'anna'"))
    asked(world)
    with pytest.raises(NotAllowed, match="has not ended yet"):
        asked(world)


def test_a_vendor_that_refuses_so_late_a_date_ends_it_and_its_words_are_kept(world: World) -> None:
    vendor(world).refuses_late_date = True
    probe = asked(world)

    serve(world)

    assert (view(world, probe).ended, view(world, probe).words) == ("refused", LATE_DATE)
    assert (len(world.gateway.received), world.gateway.deleted, world.gateway.questions) == (1, [], [])
    with world.store.read() as connection:
        assert latest_probe(connection, ACCOUNT) is None


@on_both
def test_a_lost_answer_is_searched_and_the_probe_goes_on(world: World) -> None:
    vendor(world).loses_answer, vendor(world).echo = True, lambda text: f"<p>{text}</p>"
    old_item(world)
    probe = asked(world)
    world.serve()
    assert world.states(probe.run_id) == ["unknown"]
    assert [each.message_id for each in left(world)] == [None], "doctor shows it meanwhile"

    look(world)
    serve(world)

    assert (view(world, probe).ended, vendor(world).gone) == ("gone", {"777"})
    assert len(world.gateway.received) == 1
    assert reading(world).list_lag_seconds is None, "nobody knows when it was accepted"


def test_a_lost_answer_that_no_search_finds_waits_for_a_decision_and_its_message_is_deleted_then(world: World) -> None:
    vendor(world).loses_answer, vendor(world).lag = True, timedelta(days=1)
    probe = asked(world)
    world.serve_out()
    assert [each.state for each in left(world)] == ["unknown"]

    with pytest.raises(NotAllowed, match="is a probe of account"):
        decide(world.store, probe.run_id, seqs=None, verdict="resend", reason="again", actor=ANNA)
    with pytest.raises(NotAllowed, match="no ID is given"):
        decide(world.store, probe.run_id, seqs=None, verdict="accepted", reason="seen", actor=ANNA)
    how: dict[str, Any] = {"verdict": "accepted", "message_id": "777", "reason": "seen", "actor": ANNA}
    decide(world.store, probe.run_id, seqs=[1], **how)
    serve(world, times=40)

    assert (view(world, probe).ended, vendor(world).gone) == ("gone", {"777"})


def test_a_lost_answer_that_is_decided_never_to_have_arrived_ends_it(world: World) -> None:
    vendor(world).loses_answer, vendor(world).lag = True, timedelta(days=1)
    probe = asked(world)
    world.serve_out()

    decide(world.store, probe.run_id, seqs=None, verdict="not-sent", reason="the vendor shows none", actor=ANNA)
    serve(world)

    assert view(world, probe).ended == "cancelled"


def test_a_deletion_whose_answer_is_lost_is_tried_again_until_the_message_is_seen_gone(world: World) -> None:
    world.gateway.deleting = [LOST_DELETE, LOST_DELETE]
    probe = asked(world)

    serve(world, times=3)
    (shown,) = left(world)
    assert (shown.message_id, shown.scheduled_for, shown.ended) == ("777", probe.scheduled_for, None)
    serve(world, times=30, seconds=5)

    assert (world.gateway.deleted, view(world, probe).ended) == (["777"] * 3, "gone")


def test_a_deletion_that_is_confirmed_but_not_done_is_tried_again(world: World) -> None:
    vendor(world).ignores_deletes = 2
    probe = asked(world)

    serve(world, times=30, seconds=5)

    assert (world.gateway.deleted, view(world, probe).ended) == (["777"] * 3, "gone")


def test_a_deletion_that_the_vendor_refuses_is_asked_for_again_later_and_doctor_shows_the_message(world: World) -> None:
    world.gateway.deleting = [REFUSED_DELETE]
    probe = asked(world)

    serve(world, times=5)
    assert [each.message_id for each in left(world)] == ["777"]
    assert world.gateway.deleted == ["777"]
    serve(world, times=30, seconds=5)

    assert (world.gateway.deleted, view(world, probe).ended, left(world)) == (["777"] * 2, "gone", [])


def test_a_scheduled_message_without_a_page_of_its_own_is_deleted_and_the_list_tells_that_it_is_gone(
    world: World,
) -> None:
    vendor(world).hides_scheduled, vendor(world).ignores_deletes = True, 1
    probe = asked(world)

    serve(world, times=10, seconds=5)

    assert (world.gateway.deleted, view(world, probe).ended) == (["777"], None)
    assert reading(world).in_item is False
    assert [each.waits_for for each in left(world)] == ["it is deleted, but the vendor's list still shows it"]
    vendor(world).gone.add("777")  # by hand
    serve(world, times=20, seconds=60)
    assert view(world, probe).ended == "gone"


def test_a_vendor_that_is_away_is_asked_again_ever_later_and_nothing_is_lost(world: World) -> None:
    probe = asked(world)
    world.gateway.obstacle = VendorAway("The vendor does not answer.")

    serve(world, times=60)

    assert 3 <= len(world.gateway.questions) <= 5
    assert [each.waits_for for each in left(world)] == ["The vendor does not answer."]
    world.gateway.obstacle = None
    serve(world, times=60)
    assert (view(world, probe).ended, view(world, probe).words) == ("gone", None)


def test_a_message_that_cannot_be_read_back_is_deleted_all_the_same(world: World) -> None:
    """A key may be limited to some of the vendor's endpoints."""
    probe = asked(world)

    def refuses(account: str, **dates: Any) -> Any:
        raise VendorRefused("HTTP 403")

    vendor(world).overview = refuses  # type: ignore[method-assign]
    serve(world, times=60, seconds=10)

    assert (vendor(world).gone, view(world, probe).ended, view(world, probe).result) == ({"777"}, "gone", None)
    assert "nothing was learned" in str(view(world, probe).words)
    with world.store.read() as connection:
        assert latest_probe(connection, ACCOUNT) is None


@on_both
def test_a_worker_that_dies_between_reading_and_writing_reads_again(world: World) -> None:
    probe = asked(world)
    real = vendor(world).overview

    def dies(account: str, **dates: Any) -> Any:
        raise KeyboardInterrupt

    vendor(world).overview = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.serve()
    vendor(world).overview = real  # type: ignore[method-assign]
    world.clock.advance(60)

    serve(world, times=10)

    assert (view(world, probe).ended, len(world.gateway.received)) == ("gone", 1)


@on_both
def test_two_workers_that_read_at_once_keep_one_result_and_ask_for_one_deletion(world: World) -> None:
    probe = asked(world)
    real = vendor(world).overview

    def beside(account: str, **dates: Any) -> Any:
        vendor(world).overview = real  # type: ignore[method-assign]
        carry_out_probe(world.sender("worker:two"), ACCOUNT)
        return real(account, **dates)

    vendor(world).overview = beside  # type: ignore[method-assign]
    serve(world)

    assert (view(world, probe).ended, world.gateway.deleted) == ("gone", ["777"])
    assert world.events().count("probe_read") == 1


def test_what_has_not_left_after_an_hour_is_cancelled(world: World) -> None:
    world.gateway.script = [LOGGED_OUT]
    probe = asked(world)
    serve(world)
    assert view(world, probe).ended is None

    world.clock.advance(3600)
    expire_runs(world.store, actor="beat")
    serve(world)

    assert (view(world, probe).ended, len(world.gateway.received)) == ("cancelled", 1)


def test_sending_hours_that_are_shut_now_do_not_stop_it(world: World) -> None:
    set_account(world.store, ACCOUNT, hours="18:00-20:00", zone="UTC", actor=ANNA)

    probe = asked(world)
    serve(world)

    assert probe.scheduled_for.hour == 18
    assert view(world, probe).ended == "gone"


def test_its_campaign_is_none_of_those_that_people_wrote(world: World) -> None:
    world.campaign()
    probe = asked(world)
    serve(world)
    campaign_id = world.run(probe.run_id)["campaign_id"]

    with world.store.read() as connection:
        assert [line.name for line in campaigns(connection)] == ["Friday"]
    again: dict[str, Any] = {"upstream": UPSTREAM, "actor": ANNA}
    with pytest.raises(NotAllowed, match="is a probe of account"):
        launch(world.store, campaign_id, again_reason="again", **again)
    with pytest.raises(NotAllowed, match="is a probe of account"):
        edit_campaign(world.store, campaign_id, Changes(name="mine"), actor=ANNA)
    with pytest.raises(NotAllowed, match="is a probe of account"):
        rerun(world.store, probe.run_id, reason="again", **again)
    assert len(world.gateway.received) == 1


@on_both
def test_a_lane_is_woken_for_a_probe_only_when_there_is_something_to_do(world: World) -> None:
    vendor(world).lag = timedelta(seconds=1)
    asked(world)
    world.serve()

    def wakes() -> list[str]:
        with world.store.read() as connection:
            now = world.clock.now
            return lanes_to_wake(connection, upstream=UPSTREAM, now=now, again_before=now)

    assert wakes() == [], "the list does not show it yet, and is asked again later"
    world.clock.advance(LIST_LOOKS_AFTER[1])
    assert wakes() == [ACCOUNT]
    serve(world)
    assert wakes() == []


def choice(world: World, campaign_id: int) -> bool:
    asked_for = text("SELECT mark FROM revision WHERE campaign_id = :campaign ORDER BY number DESC LIMIT 1")
    with world.store.read() as connection:
        return bool(connection.scalar(asked_for, {"campaign": campaign_id}))


@on_both
def test_the_echo_is_kept_as_it_was_shown(world: World) -> None:
    asked(world)
    serve(world)

    with world.store.read() as connection:
        kept, basis = connection.execute(text("SELECT echo, basis FROM probe_result")).one()
    echo = json.loads(kept) if isinstance(kept, str) else kept
    assert (list(echo), basis) == (["item"], "scheduled")
    assert echo["item"] == vendor(world).echo(world.gateway.received[0]["text"])
