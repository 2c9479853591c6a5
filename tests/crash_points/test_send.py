"""A process may die between any two steps of the send path; whoever takes over must double nobody and lose nobody.

Every boundary of serving a run of three batches is listed here, in order; the first test holds the list to what is
really crossed. Then the process dies at each of them, its lease runs out, and another worker serves what is left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, bindparam, text, update

from campaigns.domain.errors import StaleClaim
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import BatchState
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.audience.suppress import suppress as suppress_users
from campaigns.flow.audience.suppress import unsuppress
from campaigns.flow.backup.hosts import join
from campaigns.flow.campaigns.drafts import Changes, edit_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.lanes.tick import tick
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.reconcile import abandoned
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.backfill import backfill
from campaigns.flow.schedules.due import open_due, open_due_runs
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, skip_next
from campaigns.flow.sending import record
from campaigns.flow.sending.record import record_outcome
from campaigns.store.database.engine import Store, open_store
from campaigns.store.sending import attempts
from campaigns.store.sending.attempts import OpenAttempt, expired_attempts, settle_batch
from campaigns.store.tables.batches import batch
from campaigns.store.views.run_lines import RunFilter
from campaigns.store.views.run_lines import runs as runs_of
from tests.clock import DrivenClock
from tests.crash_points.steps import (
    ATTEMPT,
    BEAT,
    BOUNDARIES,
    CLAIM,
    PERMIT,
    POST,
    RECORD,
    FragileStore,
    Killed,
    Place,
    Steps,
)
from tests.invariants import Vendor, hold_the_law, vendor_of
from tests.one_database import AGAIN_ON_POSTGRESQL, one_database
from tests.world import ANNA, LIMITS, NOT_SENT, REJECTED, THROTTLED, UNKNOWN, UPSTREAM, FakeFences, World, accepted


@pytest.fixture(scope="module", params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every death gets an account of its own in it."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture(scope="module")
def store(database_url: str, clock: DrivenClock) -> Iterator[Store]:
    opened = open_store(database_url, clock=clock)
    join(opened, FakeFences(), "host", actor="worker:one")  # done once, by the first lane of a host
    yield opened
    opened.close()


@pytest.fixture
def place(store: Store, clock: DrivenClock) -> Place:
    world = World(store, clock, gateway=Vendor())
    return Place(world, world.account(f"acct_{next(_numbers)}"))


_numbers = itertools.count(1)


def test_the_boundaries_of_the_send_path_are_these(place: Place) -> None:
    place.launched()

    assert place.serve_and_die(None) == list(BOUNDARIES)


@pytest.mark.parametrize("die_at", range(len(BOUNDARIES)), ids=lambda at: f"{at}-{BOUNDARIES[at].replace(' ', '-')}")
def test_a_death_at_any_boundary_doubles_nobody_and_loses_nobody(place: Place, die_at: int) -> None:
    run_id = place.launched()

    place.serve_and_die(die_at)
    hold_the_law(place.world, [run_id])
    place.take_over()

    hold_the_law(place.world, [run_id])
    run = place.world.run(run_id)
    assert run["waiting"] == 0
    assert run["state"] == ("finished_with_failures" if run["unknown"] else "finished")
    assert run["unknown"] == _left_unknown(die_at)


def _left_unknown(die_at: int) -> int:
    """Users whose request was committed and whose outcome was not: from one commit to the other."""
    path = [*CLAIM, *(PERMIT + ATTEMPT + POST + RECORD) * 3]
    for number, size in enumerate((2, 2, 1)):
        start = len(CLAIM) + number * (len(path) - len(CLAIM)) // 3
        committed = start + path[start:].index("committed")
        recorded = committed + 1 + path[committed + 1 :].index("committed")
        if committed <= die_at < recorded:
            return size
    return 0


def test_a_death_at_any_boundary_of_a_rough_run_doubles_nobody_and_loses_nobody(place: Place) -> None:
    """As above, with answers of every kind: not sent, throttled, refused, unknown."""
    rough = [NOT_SENT, THROTTLED, REJECTED, UNKNOWN]
    for die_at in itertools.count():
        there = Place(place.world, place.world.account(f"acct_{next(_numbers)}"))
        there.world.gateway = Vendor(script=list(rough))
        run_id = there.launched()
        try:
            crossed = there.serve_and_die(die_at)
        except pytest.fail.Exception:  # it got through: there is no such boundary any more
            assert die_at > len(CLAIM + PERMIT + ATTEMPT + POST + RECORD)
            return
        there.take_over()
        assert there.world.run(run_id)["waiting"] == 0, crossed
        hold_the_law(there.world, [run_id])


def test_a_build_that_makes_an_abandoned_attempt_ready_is_found_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_ready(connection: Connection, opened: OpenAttempt, _: BatchState, **how: Any) -> bool:
        return settle_batch(connection, opened, BatchState.READY, **{**how, "look_at": None})

    monkeypatch.setattr(abandoned, "ABANDONED", Outcome(OutcomeKind.NOT_SENT, error="its worker went away"))
    monkeypatch.setattr(abandoned, "settle_batch", make_ready)
    run_id = place.launched()

    place.serve_and_die(BOUNDARIES.index("answered"))
    place.take_over()

    with pytest.raises(AssertionError, match="messaged more than once"):
        hold_the_law(place.world, [run_id])


def test_a_build_that_takes_unknown_for_not_sent_is_found_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "SETTLES", {**record.SETTLES, OutcomeKind.UNKNOWN: BatchState.READY})
    run_id = place.launched()
    vendor_of(place.world).script = [UNKNOWN]

    place.take_over()

    with pytest.raises(AssertionError, match="messaged more than once"):
        hold_the_law(place.world, [run_id])


def test_a_build_that_settles_without_the_fence_is_found_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even then the key that refuses a second outcome of an attempt stands in its way, so that is broken here, too."""
    columns: Any = {
        batch.c.state: bindparam("to_state"),
        batch.c.lease_until: None,
        batch.c.message_id: bindparam("new_message"),
    }
    unguarded = update(batch).where(batch.c.id == bindparam("batch")).values(columns).returning(batch.c.id)
    monkeypatch.setattr(attempts, "SETTLE_BATCH", unguarded)
    monkeypatch.setattr(record, "add_outcome", lambda *_, **__: None)

    with pytest.raises(AssertionError, match="no batch says so"):
        _refused_late(place)


def test_a_late_refusal_says_nothing_about_the_request_that_is_at_the_vendor_now(place: Place) -> None:
    assert _refused_late(place) == ["accepted"]


def _refused_late(place: Place) -> list[str]:
    """The first attempt is given up, decided to be sent again, and answered while the second is at the vendor."""
    world, run_id = place.world, place.launched([1])
    place.serve_and_die(BOUNDARIES.index("left"))
    vendor_of(world).reached.clear()  # it will turn out that the vendor refused it
    world.clock.advance(LIMITS.lease_seconds + 1)
    with world.store.read() as connection:
        (first,) = expired_attempts(connection, now=world.clock.now)
    expire_attempts(world.store, settle_seconds=1, actor=BEAT)
    world.serve_out(place.account_id, owner="worker:two", turns=0)
    decide(world.store, run_id, seqs=None, verdict="resend", reason="the vendor's list is empty", actor=ANNA)

    def second() -> Outcome:
        with suppress(StaleClaim):
            record_outcome(world.store, first, REJECTED, LIMITS, actor="worker:one")
        hold_the_law(world, [run_id])
        return accepted("m2")

    vendor_of(world).script = [second]
    world.serve(place.account_id, owner="worker:two")
    return world.states(run_id)


@dataclass
class Command:
    """Something that an operator or a beat asks for, and how to bring a run to where it may be asked for."""

    prepare: Callable[[Place], int]
    act: Callable[[Store, Place, int], object]


def _draft(place: Place) -> int:
    return place.world.campaign(range(1, 6), account_id=place.account_id)


def _armed(place: Place) -> int:
    starts_at = place.world.clock.now + timedelta(seconds=1)
    campaign_id = place.world.campaign(range(1, 6), account_id=place.account_id, starts_at=starts_at)
    launch(place.world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    place.world.clock.advance(1)
    return campaign_id


DECADE = timedelta(weeks=520)


def _recurs(place: Place) -> int:
    """A schedule that is armed for a day that no test sees."""
    return _scheduled(place, every="520 weeks", starting=place.world.clock.now - 3 * DECADE)


def _missed(place: Place) -> int:
    """A schedule of two days that have passed unseen."""
    now = place.world.clock.now
    campaign_id = _scheduled(
        place, every="1 day", starting=now, until=now + timedelta(days=2), misfire="all", grace_seconds=1e6
    )
    place.world.clock.advance(2 * 86_400 + 120)
    return campaign_id


def _scheduled(place: Place, *, starting: datetime, **timing: Any) -> int:
    when = Timing(starting=starting.replace(tzinfo=None), zone="UTC", **timing)
    campaign_id = place.world.campaign(range(1, 6), account_id=place.account_id, timing=when)
    launch(place.world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    return campaign_id


def _backfill(store: Store, place: Place, campaign_id: int) -> object:
    now = place.world.clock.now
    period = Period(now - 3 * DECADE, now)
    return backfill(store, campaign_id, period, upstream=UPSTREAM, reason="missed", actor=ANNA, before_created=True)


def _due(place: Place) -> int:
    campaign_id = _armed(place)
    open_due_runs(place.world.store, actor=BEAT)
    with place.world.store.read() as connection:
        return runs_of(connection, RunFilter(campaign_id=campaign_id))[0].id


def _ended_with(answer: Outcome) -> Callable[[Place], int]:
    def prepare(place: Place) -> int:
        run_id = place.launched()
        vendor_of(place.world).script = [answer]
        place.world.serve_out(place.account_id)
        return run_id

    return prepare


def _suppress_two(store: Store, place: Place, _: int = 0) -> int:
    return suppress_users(store, BitMap64([2]), account_id=place.account_id, reason="asked", actor=ANNA).added


COMMANDS = {
    "launch": Command(_draft, lambda store, _, campaign_id: launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)),
    "arm": Command(
        lambda place: place.world.campaign(
            [1], account_id=place.account_id, starts_at=place.world.clock.now + timedelta(days=365)
        ),
        lambda store, _, campaign_id: launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA),
    ),
    "due": Command(_armed, lambda store, *_: open_due_runs(store, actor=BEAT)),
    "due many times": Command(_missed, lambda store, _, made: open_due(store, made, actor=BEAT)),
    "pause schedule": Command(_recurs, lambda store, _, made: pause_schedule(store, made, reason="wait", actor=ANNA)),
    "skip next": Command(_recurs, lambda store, _, made: skip_next(store, made, reason=None, actor=ANNA)),
    "backfill": Command(_recurs, _backfill),
    "plan": Command(_due, lambda store, _, run_id: plan_run(store, run_id, actor=BEAT)),
    "edit": Command(_draft, lambda store, _, made: edit_campaign(store, made, Changes(batch_size=3), actor=ANNA)),
    "rerun": Command(
        _ended_with(REJECTED),
        lambda store, _, run_id: rerun(store, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA),
    ),
    "decide": Command(
        _ended_with(UNKNOWN),
        lambda store, _, run_id: decide(store, run_id, seqs=None, verdict="resend", reason="not there", actor=ANNA),
    ),
    "pause": Command(Place.launched, lambda store, _, run_id: pause_run(store, run_id, reason="wait", actor=ANNA)),
    "cancel": Command(Place.launched, lambda store, _, run_id: cancel_run(store, run_id, reason="stop", actor=ANNA)),
    "suppress": Command(
        Place.launched,
        _suppress_two,
    ),
    "unsuppress": Command(
        lambda place: _suppress_two(place.world.store, place),
        lambda store, place, _: unsuppress(
            store, BitMap64([2]), account_id=place.account_id, reason="asked", actor=ANNA
        ),
    ),
    "tick": Command(Place.launched, lambda store, *_: tick(store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_dies_is_done_whole_or_not_at_all(place: Place, name: str) -> None:
    """Killed at each of its boundaries in turn; where nothing was committed, asking again does it."""
    command = COMMANDS[name]
    shapes = []
    for die_at in itertools.count():
        there = Place(place.world, place.world.account(f"acct_{next(_numbers)}"))
        subject = command.prepare(there)
        before = _shape(there)
        steps = Steps(die_at)
        try:
            command.act(cast("Store", FragileStore(place.world.store, steps)), there, subject)
        except Killed:
            if "committed" not in steps.crossed:
                assert _shape(there) == before, f"half done, having died at {steps.crossed[-1]}"
                command.act(place.world.store, there, subject)
            shapes.append(_shape(there))
        else:
            break
    assert "committed" in steps.crossed
    assert before not in shapes
    assert shapes == [_shape(there)] * len(steps.crossed)


SHAPE = (
    "SELECT state, revision, launches, occurrences, pause_reason FROM campaign WHERE account_id = :account",
    "SELECT due_at IS NULL, due_for IS NULL FROM campaign WHERE account_id = :account",
    "SELECT kind, state, planned, batch_count FROM run WHERE account_id = :account",
    "SELECT seq, state, size FROM batch WHERE account_id = :account",
    "SELECT kind, actor, reason, batch_seq FROM event WHERE account_id = :account",
    "SELECT h.kind, h.reason, closed_by FROM hold h JOIN run ON run.id = h.run_id WHERE run.account_id = :account",
    "SELECT user_id FROM suppression WHERE account_id = :account",
    "SELECT suppressions, hinted_at IS NULL, owner FROM lane WHERE account_id = :account",
    "SELECT number FROM revision JOIN campaign ON campaign.id = campaign_id WHERE account_id = :account",
    "SELECT e.kind FROM evidence e JOIN batch ON batch.id = e.batch_id WHERE account_id = :account",
    "SELECT e.size FROM exclusion e JOIN run ON run.id = run_id WHERE account_id = :account",
)
"""All that a command can change of an account, but for IDs and times."""


def _shape(place: Place) -> list[list[str]]:
    with place.world.store.read() as connection:
        return [
            sorted(str(tuple(row)) for row in connection.execute(text(one), {"account": place.account_id}))
            for one in SHAPE
        ]
