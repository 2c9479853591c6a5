"""Acts on many runs at once: on what their author saw and on nothing else, each once, whatever dies meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

import pytest
from sqlalchemy import event

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.errors import DatabaseBusy, Forbidden, InvalidInput, NotAllowed, OtherCount, Outdated
from campaigns.domain.operations import BulkFilter, OperationAct, TargetState
from campaigns.domain.states import HoldKind, RunState
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.handoff.cancel import cancel_run
from campaigns.flow.operations import carry_out as carrying_out
from campaigns.flow.operations.ask import Bulk, BulkPreview, abort_operation, ask_bulk, preview_bulk
from campaigns.flow.operations.carry_out import FAULT, Hand, carry_out
from campaigns.flow.runs.pause_resume_cancel import pause_run, resume_run
from campaigns.flow.runs.rerun import rerun
from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import begin_incarnation
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.operations.operations import LEASE, OperationRow, operations_to_do
from campaigns.store.views.desk.operations import OperationView, TargetView, operation_of, operations, targets_of
from campaigns.store.views.events import EventView, events
from tests.one_database import on_both
from tests.store.interleave import together
from tests.world import ACCOUNT, ANNA, REJECTED, TEAM, UNKNOWN, UPSTREAM, World

ADMIN = Principal("anna", frozenset({Right.ADMIN}), address="127.0.0.1")
EVERYTHING = BulkFilter()


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Mortal:
    """A process that dies at the nth beginning or commit of a transaction, and does nothing any more."""

    world: World
    die_at: int
    crossed: int = 0
    is_dead: bool = False

    def __enter__(self) -> Self:
        for name in ("begin", "commit"):
            event.listen(self.world.store.writer, name, self.cross)
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("begin", "commit"):
            event.remove(self.world.store.writer, name, self.cross)

    def cross(self, _connection: Any) -> None:
        self.crossed += 1
        if self.is_dead or self.crossed > self.die_at:
            self.is_dead = True
            raise Killed


def previewed(world: World, act: OperationAct, which: BulkFilter = EVERYTHING, **how: Any) -> BulkPreview:
    return preview_bulk(world.store, ADMIN, Bulk(act, which, **how), as_of=None)


def asked(world: World, act: OperationAct, seen: BulkPreview, which: BulkFilter = EVERYTHING, **how: Any) -> int:
    bulk = Bulk(act, which, **how)
    return ask_bulk(world.store, ADMIN, bulk, as_of=seen.as_of, count=seen.count, reason="as I saw it").operation_id


def worked(world: World, operation_id: int, owner: str = "worker:one") -> int:
    return carry_out(Hand(world.store, UPSTREAM, owner, lambda: True), operation_id)


def done(world: World, act: OperationAct, **how: Any) -> int:
    operation_id = asked(world, act, previewed(world, act, **how), **how)
    worked(world, operation_id)
    return operation_id


def shown(world: World, operation_id: int) -> OperationView:
    with world.store.read() as connection:
        return operation_of(connection, operation_id)


def targets(world: World, operation_id: int) -> list[TargetView]:
    with world.store.read() as connection:
        return targets_of(connection, operation_id)


def trail(world: World) -> list[EventView]:
    with world.store.read() as connection:
        return list(events(connection))


def kinds_by_run(world: World, kind: str) -> Counter[int | None]:
    return Counter(each.run_id for each in trail(world) if each.kind == kind)


def three_runs(world: World) -> list[int]:
    return [world.launched(users=[10 * n + 1, 10 * n + 2], name=f"Friday {n}") for n in range(1, 4)]


@on_both
def test_a_run_that_came_after_the_picture_is_left_alone(world: World) -> None:
    runs = three_runs(world)
    seen = previewed(world, OperationAct.PAUSE)
    later = world.launched(users=[77], name="Later")

    operation_id = asked(world, OperationAct.PAUSE, seen)
    assert worked(world, operation_id) == 3

    assert (seen.count, list(seen.runs)) == (3, runs)
    assert set(kinds_by_run(world, "hold_opened")) == set(runs)
    assert world.view(later).holds == []
    view = shown(world, operation_id)
    assert (view.total, view.done, view.failed, view.left) == (3, 3, 0, 0)
    assert view.finished_at is not None
    pauses = [each for each in trail(world) if each.kind == "hold_opened"]
    assert {(each.actor, each.reason, (each.detail or {})["address"]) for each in pauses} == {
        ("operator:anna", "as I saw it", "127.0.0.1")
    }
    assert [each.kind for each in trail(world) if each.kind.startswith("operation_")] == [
        "operation_asked",
        "operation_ended",
    ]


@on_both
def test_another_number_than_was_seen_is_refused_and_writes_nothing(world: World) -> None:
    runs = three_runs(world)
    seen = previewed(world, OperationAct.CANCEL)
    cancel_run(world.store, runs[0], reason="alone", actor=ANNA)
    before = world.events()

    with pytest.raises(OtherCount, match="shown 3, and 2"):
        asked(world, OperationAct.CANCEL, seen)
    with world.store.read() as connection:
        assert operations(connection) == []
    assert world.events() == before


@on_both
def test_a_batch_that_became_unknown_after_the_picture_is_not_decided(world: World) -> None:
    first = _with_unknown(world, users=[1, 2])
    seen = previewed(world, OperationAct.DECIDE, verdict="not-sent")
    world.clock.advance(60)
    second = _with_unknown(world, users=[3, 4])

    operation_id = asked(world, OperationAct.DECIDE, seen, verdict="not-sent")
    worked(world, operation_id)

    assert (world.states(first), world.states(second)) == (["cancelled"], ["unknown"])
    assert [(each.run_id, each.batches, each.size) for each in targets(world, operation_id)] == [(first, [1], 1)]
    assert shown(world, operation_id).options == {"verdict": "not-sent"}


@on_both
def test_a_rerun_goes_to_the_rejected_that_were_not_sent_again_since(world: World) -> None:
    runs = []
    for users in ([1, 2], [3, 4]):
        world.gateway.script = [REJECTED]
        runs.append(world.launched(users=users, name=str(users)))
        world.serve_out()
    rerun(world.store, runs[0], upstream=UPSTREAM, reason="alone", actor=ANNA)

    operation_id = done(world, OperationAct.RERUN)

    (only,) = targets(world, operation_id)
    assert (only.run_id, only.state) == (runs[1], TargetState.DONE)
    assert only.answer is not None
    world.serve_out()
    assert world.view(only.answer["run_id"]).accepted == 2
    assert world.requests_by_user() == {1: 2, 2: 2, 3: 2, 4: 2}, "each was rejected once and then accepted"


@on_both
def test_a_bulk_recall_unsends_ended_runs_alone(world: World) -> None:
    ended = world.launched(users=[1, 2], name="Ended")
    world.serve_out()
    world.launched(users=[3, 4], name="Open")

    operation_id = done(world, OperationAct.RECALL)

    assert [each.run_id for each in targets(world, operation_id)] == [ended]


@on_both
def test_a_bulk_resume_lifts_pauses_of_people_and_no_other_hold(world: World) -> None:
    runs = three_runs(world)
    for run_id in runs[:2]:
        pause_run(world.store, run_id, reason="wait", actor=ANNA)
    with world.store.write() as connection:
        act = Act(connection, world.store.now(connection), "beat")
        for run_id in runs[1:]:
            place_hold(act, Held(run_id=run_id), HoldKind.RESTORED, reason="the database was restored")
    seen = previewed(world, OperationAct.RESUME)
    operation_id = asked(world, OperationAct.RESUME, seen)
    resume_run(world.store, runs[1], reason="alone", actor=ANNA)
    worked(world, operation_id)

    states = {each.run_id: (each.state, each.code) for each in targets(world, operation_id)}
    assert states == {runs[0]: (TargetState.DONE, None), runs[1]: (TargetState.FAILED, "not_allowed")}
    assert [hold.kind for hold in world.view(runs[1]).holds] == [HoldKind.RESTORED]


def test_a_target_that_is_refused_says_why_and_the_others_are_done(world: World) -> None:
    runs = three_runs(world)
    operation_id = asked(world, OperationAct.CANCEL, previewed(world, OperationAct.CANCEL))
    cancel_run(world.store, runs[1], reason="alone", actor=ANNA)
    worked(world, operation_id)

    states = [each.state for each in targets(world, operation_id)]
    assert states == [TargetState.DONE, TargetState.FAILED, TargetState.DONE]
    assert "can no longer be cancelled" in str(targets(world, operation_id)[1].error)
    assert (shown(world, operation_id).done, shown(world, operation_id).failed) == (2, 1)


def test_what_is_left_after_an_abort_is_not_done(world: World) -> None:
    runs = three_runs(world)
    operation_id = asked(world, OperationAct.PAUSE, previewed(world, OperationAct.PAUSE))
    turns = iter([True])
    carry_out(Hand(world.store, UPSTREAM, "worker:one", lambda: next(turns, False)), operation_id)
    abort_operation(world.store, ADMIN, operation_id)

    assert worked(world, operation_id) == 0
    assert dict(kinds_by_run(world, "hold_opened")) == {runs[0]: 1}
    view = shown(world, operation_id)
    assert (view.done, view.left, view.aborted_by) == (1, 2, "operator:anna")
    assert trail(world)[-1].detail == {
        "operation": operation_id,
        "act": "pause",
        "done": 1,
        "left": 2,
        "address": "127.0.0.1",
    }
    with pytest.raises(NotAllowed):
        abort_operation(world.store, ADMIN, operation_id)


def test_a_run_whose_account_is_busy_is_done_the_next_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = three_runs(world)
    operation_id = asked(world, OperationAct.PAUSE, previewed(world, OperationAct.PAUSE))

    def busy(store: Any, run_id: int, **how: Any) -> Any:
        if run_id == runs[1]:
            raise DatabaseBusy("somebody has it")
        return pause_run(store, run_id, **how)

    with monkeypatch.context() as patched:
        patched.setattr(carrying_out, "pause_run", busy)
        worked(world, operation_id)
    assert [each.state for each in targets(world, operation_id)].count(TargetState.WAITING) == 1
    with world.store.read() as connection:
        assert operations_to_do(connection, now=world.store.now(connection)) == [operation_id]
    worked(world, operation_id)
    assert kinds_by_run(world, "hold_opened") == dict.fromkeys(runs, 1)


def test_a_fault_of_ours_stops_at_its_target(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = three_runs(world)
    operation_id = asked(world, OperationAct.PAUSE, previewed(world, OperationAct.PAUSE))

    def broken(store: Any, run_id: int, **how: Any) -> Any:
        if run_id == runs[0]:
            raise ZeroDivisionError
        return pause_run(store, run_id, **how)

    monkeypatch.setattr(carrying_out, "pause_run", broken)
    with pytest.raises(ZeroDivisionError):
        worked(world, operation_id)
    worked(world, operation_id)
    assert [each.error for each in targets(world, operation_id)] == [FAULT, None, None]
    assert set(kinds_by_run(world, "hold_opened")) == set(runs[1:])


@on_both
def test_a_death_at_any_step_neither_repeats_a_target_nor_leaves_one_out(world: World) -> None:
    runs, expected = three_runs(world), Counter[tuple[str, int | None]]()
    for die_at in range(100):
        act, kind = (OperationAct.PAUSE, "hold_opened") if die_at % 2 == 0 else (OperationAct.RESUME, "hold_closed")
        operation_id = asked(world, act, previewed(world, act))
        with Mortal(world, die_at) as process:
            died = _dies(world, operation_id)
        assert died == process.is_dead
        world.clock.advance(LEASE.total_seconds())
        worked(world, operation_id, "worker:two")

        expected.update((kind, run_id) for run_id in runs)
        made = Counter((each.kind, each.run_id) for each in trail(world) if each.kind.startswith("hold_"))
        assert made == expected, f"it died at step {die_at}"
        assert shown(world, operation_id).done == 3
        if not died:
            break
    assert die_at > 12, "the process never got so far"


@on_both
def test_two_workers_at_once_do_each_target_once(world: World) -> None:
    runs = three_runs(world)
    operation_id = asked(world, OperationAct.PAUSE, previewed(world, OperationAct.PAUSE))
    # Both have claimed it: the lease of the first one is over, and it goes on.
    row = OperationRow(operation_id, OperationAct.PAUSE, {}, None, "as I saw it", ADMIN.actor)
    hand = Hand(world.store, UPSTREAM, "worker:one", lambda: True)

    def works() -> None:
        for run_id in runs:
            carrying_out._do_target(hand, row, run_id)

    assert together(works, works) == [None, None]

    assert kinds_by_run(world, "hold_opened") == dict.fromkeys(runs, 1)
    assert [each.state for each in targets(world, operation_id)] == [TargetState.DONE] * 3


def test_an_operation_from_before_a_restore_is_not_carried_out(world: World) -> None:
    three_runs(world)
    seen = previewed(world, OperationAct.PAUSE)
    operation_id = asked(world, OperationAct.PAUSE, seen)
    with world.store.write() as connection:
        begin_incarnation(Act(connection, world.store.now(connection), "beat"), reason="restored")

    assert worked(world, operation_id) == 0
    assert (shown(world, operation_id).left, shown(world, operation_id).aborted_by) == (3, "worker:one")
    assert "hold_opened" not in world.events()
    with pytest.raises(Outdated):
        asked(world, OperationAct.PAUSE, seen)


@on_both
def test_filters_choose_and_a_picture_of_some_accounts_holds_no_other(world: World) -> None:
    runs = three_runs(world)
    add_account(world.store, "acct_two", upstream=UPSTREAM, team=TEAM, actor=ANNA)
    other = world.launch(world.campaign([5], account_id="acct_two", name="Other"))
    campaign = world.view(runs[1]).campaign_id

    def found(which: BulkFilter, by: Principal = ADMIN) -> list[int]:
        return list(preview_bulk(world.store, by, Bulk(OperationAct.PAUSE, which), as_of=None).runs)

    assert found(EVERYTHING) == [*runs, other]
    assert found(BulkFilter(account=ACCOUNT)) == runs
    assert found(BulkFilter(campaign=campaign)) == [runs[1]]
    assert found(BulkFilter(runs=[runs[2], 999])) == [runs[2]]
    assert found(BulkFilter(state=RunState.FINISHED)) == []
    two = Principal("two", frozenset({Right.SENDER}), frozenset({"acct_two"}))
    assert found(EVERYTHING, two) == [other]
    asked(world, OperationAct.PAUSE, previewed(world, OperationAct.PAUSE))
    with world.store.read() as connection:
        assert operations(connection, two.accounts) == []


@pytest.mark.parametrize("as_of", ["", "now", "0-0-0", "f" * 12 + "-1-1", "000000000000-1-1"])
def test_a_moment_that_no_list_has_shown_is_refused(world: World, as_of: str) -> None:
    three_runs(world)
    with pytest.raises((InvalidInput, Outdated)):
        ask_bulk(world.store, ADMIN, Bulk(OperationAct.PAUSE, EVERYTHING), as_of=as_of, count=3, reason="x")


def test_each_act_needs_the_right_that_it_needs_for_one_run(world: World) -> None:
    three_runs(world)
    editor = Principal("ed", frozenset({Right.EDITOR}))
    preview_bulk(world.store, editor, Bulk(OperationAct.PAUSE, EVERYTHING), as_of=None)
    for act in (OperationAct.RESUME, OperationAct.RERUN, OperationAct.RECALL):
        with pytest.raises(Forbidden):
            preview_bulk(world.store, editor, Bulk(act, EVERYTHING), as_of=None)
    with pytest.raises(Forbidden):
        preview_bulk(
            world.store, Principal("vi", frozenset({Right.VIEWER})), Bulk(OperationAct.PAUSE, EVERYTHING), as_of=None
        )


def _with_unknown(world: World, users: list[int]) -> int:
    world.gateway.script = [UNKNOWN]
    run_id = world.launched(users=users, name=str(users))
    world.serve_out()
    return run_id


def _dies(world: World, operation_id: int) -> bool:
    try:
        worked(world, operation_id)
    except Killed:
        return True
    return False
