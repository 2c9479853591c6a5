"""What is done to a whole account, or to all of them, beside somebody who sends, plans, adds an account or vanished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import text

from campaigns.domain.errors import DatabaseAway, DatabaseBusy, NotAllowed
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import HoldKind
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.audience.suppress import suppress
from campaigns.flow.campaigns.archive import archive_campaign
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import WakeUps, tick
from campaigns.flow.reconcile.decide import decide
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.flow.schedules.due import open_due_runs
from campaigns.store.audit.events import Act
from campaigns.store.database import postgresql
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, open_hold
from campaigns.store.sending.lanes import lock_lanes
from tests.invariants import vendor_of
from tests.store.interleave import Doing, overlapping
from tests.world import ACCOUNT, ANNA, REJECTED, TEAM, UNKNOWN, UPSTREAM, World

BEAT = "worker:beat"
NEW = "acct_new"

NEXT_SEAL = """INSERT INTO seal (number, chain, position, event_id, sha256, trail_sha256, sealed_at)
    SELECT max(number) + 1, 'another', 1, (SELECT min(event_id) FROM unsealed), 'a', 'b', now() FROM seal"""
"""What a sealer writes next."""

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.mark.parametrize("order", ["suppression first", "account first"])
def test_whoever_is_suppressed_everywhere_is_suppressed_on_an_account_that_is_added_meanwhile(
    world: World, order: str
) -> None:
    world.account()
    acts = [_suppress(1), _add_and_launch(world)]

    overlapping(world.store, *(acts if order == "suppression first" else reversed(acts)))
    world.serve(NEW)

    assert vendor_of(world).times_reached() == {2: 1}


def test_a_team_that_is_held_is_held_on_an_account_that_is_added_meanwhile(world: World) -> None:
    world.account()

    def hold_team(store: Store) -> None:
        with store.write() as connection:
            lock_lanes(connection)
            open_hold(Act(connection, world.clock.now, ANNA), Held(upstream=UPSTREAM), HoldKind.KEY, reason="401")

    overlapping(world.store, hold_team, _add_and_launch(world))
    world.serve(NEW)

    assert vendor_of(world).received == []


@pytest.mark.parametrize("order", ["archive first", "rerun first"])
def test_an_archive_and_a_rerun_at_once_leave_no_open_run_of_an_archived_campaign(world: World, order: str) -> None:
    run_id = world.launched([1, 2, 3])
    world.gateway.script = [REJECTED]
    world.serve()
    acts = [
        lambda store: archive_campaign(store, 1, actor=ANNA),
        lambda store: rerun(store, run_id, upstream=UPSTREAM, reason="once more", actor=ANNA),
    ]

    first, second = overlapping(world.store, *(acts if order == "archive first" else reversed(acts)))

    assert isinstance(second, NotAllowed)
    assert not isinstance(first, Exception)
    assert world.serve() == (0 if order == "archive first" else 1)


@pytest.mark.parametrize("order", ["archive first", "decision first"])
def test_an_archive_and_a_decision_to_send_again_at_once_send_nothing_of_an_archived_campaign(
    world: World, order: str
) -> None:
    run_id = world.launched([1])
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    acts: list[Doing] = [
        lambda store: archive_campaign(store, 1, actor=ANNA),
        lambda store: decide(store, run_id, seqs=None, verdict="resend", reason="nobody got it", actor=ANNA),
    ]

    first, second = overlapping(world.store, *(acts if order == "archive first" else reversed(acts)))

    assert isinstance(second, NotAllowed)
    assert not isinstance(first, Exception)
    assert world.serve() == (0 if order == "archive first" else 1)


@on_postgresql
@pytest.mark.parametrize("waits_for", ["lane", "batch in flight", "due campaign", "expired run", "plan"])
def test_a_lane_that_somebody_keeps_locked_stops_no_other_account(
    world: World, waits_for: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a host does that vanished in the middle of a transaction: the tick goes by it."""
    monkeypatch.setattr(postgresql, "BRIEF_SECONDS", 0.01)
    monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("10000", "0"))  # for ever
    _something_waits(world, waits_for)
    other = world.launch(world.campaign([8], account_id=world.account("acct_two")))

    locks = [f"SELECT 1 FROM {table} WHERE account_id = 'acct_one' FOR UPDATE" for table in ("lane", "run")]
    with _vanished(world, *locks):
        assert _tick(world) == WakeUps([], ["acct_two"])
        world.serve("acct_two")
    assert world.run(other)["state"] == "finished"
    before = world.events()
    woken = _tick(world)
    assert woken != WakeUps([], []) or world.events() != before, "nothing of the locked account is lost"


@on_postgresql
def test_a_tick_that_never_ended_keeps_no_other_from_its_work(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched()
    _tick(world)
    world.clock.advance(60)

    monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("10000", "0"))
    pause_run(world.store, run_id, reason="wait", actor=ANNA)
    resume_run(world.store, run_id, reason="go on", actor=ANNA)
    with _vanished(world, "UPDATE heartbeat SET at = at", NEXT_SEAL):
        assert _tick(world).lanes == [ACCOUNT]


@on_postgresql
def test_who_waits_for_a_lock_is_told_so_after_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.launched()

    with _vanished(world, "SELECT 1 FROM lane FOR UPDATE"):
        monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("10000", "10"))
        with pytest.raises(DatabaseBusy, match="nothing was changed"):
            pause_run(world.store, run_id, reason="stop", actor=ANNA)

    assert world.run(run_id)["holds"] == []


@on_postgresql
def test_an_import_of_suppressions_waits_for_as_long_as_it_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.account()
    monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("10000", "10"))

    def slow(store: Store) -> None:
        with store.write() as connection:
            lock_lanes(connection, [ACCOUNT])

    def slower(store: Store) -> None:
        with store.write() as connection:
            connection.execute(text("SELECT pg_sleep(0.1)"))

    _, told = overlapping(world.store, slow, _suppress(1), then=slower)

    assert told == {"account": None, "added": 1, "already": 0}


@on_postgresql
def test_who_is_suppressed_while_a_resume_has_the_lock_is_not_accepted_by_it(world: World) -> None:
    """Each reads the time when it has the lock, so the rows stand in the order of the commits."""
    world.account()
    run_id = world.launch(world.campaign(message={"user_lists": ["fans"]}))
    _suppress(777)(world.store)
    world.serve()

    def resume(store: Store) -> None:
        resume_run(store, run_id, reason="they may get it", actor=ANNA)

    overlapping(world.store, resume, _suppress(888), then=lambda _: world.clock.advance(1))
    world.serve()

    assert vendor_of(world).received == []
    with world.store.read() as connection:
        rows = connection.execute(text("SELECT at FROM event WHERE kind = 'suppressions_added' ORDER BY id DESC"))
        assert rows.scalars().first() == world.clock.now


@on_postgresql
def test_a_transaction_of_which_nothing_is_heard_is_ended_by_the_server(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that vanished: its account is locked for half a minute, not for the two hours of the system."""
    run_id = world.launched()
    monkeypatch.setattr(postgresql, "BEGIN", postgresql.BEGIN.replace("30000", "50"))

    def fall_silent() -> None:
        with world.store.write() as connection:
            lock_lanes(connection, [ACCOUNT])
            monkeypatch.undo()
            pause_run(world.store, run_id, reason="stop", actor=ANNA)
            lock_lanes(connection, [ACCOUNT])

    with pytest.raises(DatabaseAway):
        fall_silent()
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == ["operator"], "the other one got the lock"


def test_a_clock_that_was_once_ahead_lets_no_lane_wait(world: World) -> None:
    """The wake-up was lost, and the lane was told to wait, both an hour ahead of the time."""
    world.launched([1])
    _armed(world)
    world.clock.advance(3600)
    woken = _tick(world)
    assert (len(woken.plans), woken.lanes) == (1, [ACCOUNT])
    world.clock.advance(-3595)

    assert _tick(world) == woken
    assert _tick(world) == WakeUps([], []), "told just now"


def test_a_wait_that_was_set_by_a_clock_that_was_ahead_is_over(world: World) -> None:
    run_id = world.launched([1])
    world.clock.advance(3600)
    world.fences.away = True
    world.serve()
    world.fences.away = False
    assert _tick(world) == WakeUps([], []), "it waits for the fence book"
    world.clock.advance(-3600)

    assert _tick(world).lanes == [ACCOUNT]
    assert world.serve() == 1
    assert world.run(run_id)["state"] == "finished"


def _tick(world: World) -> WakeUps:
    return tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor=BEAT)


def _suppress(user: int) -> Doing:
    return lambda store: suppress(store, BitMap64([user]), account_id=None, reason="asked to stop", actor=ANNA)


def _add_and_launch(world: World) -> Doing:
    def add(store: Store) -> Any:
        add_account(store, NEW, upstream=UPSTREAM, team=TEAM, actor=ANNA)
        campaign_id = replace(world, store=store).campaign([1, 2], account_id=NEW)
        return launch(store, campaign_id, upstream=UPSTREAM, actor=ANNA)

    return add


def _armed(world: World) -> None:
    """A campaign that comes due in a second."""
    campaign_id = world.campaign([7], starts_at=world.clock.now + timedelta(seconds=1))
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)


def _something_waits(world: World, what: str) -> None:
    """Something on the first account for which a tick wants its lock."""
    if what == "batch in flight":
        vendor_of(world).script = [_die]
        world.launched([1])
        with pytest.raises(_Killed):
            world.serve()
    elif what == "expired run":
        world.launched([1], timing=Timing(expires_seconds=30))
    else:
        world.launched([1])
    if what in {"due campaign", "plan"}:
        _armed(world)
        world.clock.advance(1)
    if what == "plan":
        open_due_runs(world.store, actor=BEAT)
    world.clock.advance(0 if what == "lane" else 60)


class _Killed(BaseException):
    """The process is gone."""


def _die() -> Any:
    raise _Killed


@contextmanager
def _vanished(world: World, *statements: str) -> Iterator[None]:
    """A transaction of somebody who is never heard of again."""
    with world.store.writer.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        yield
        connection.rollback()
