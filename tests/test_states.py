"""The moves: each guarded write is tried from every state; allowed starts move, all others change nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from campaigns.domain.audience.user_sets import pack, unpack
from campaigns.domain.errors import CampaignsError
from campaigns.domain.states import BATCH_MOVES, BATCH_SENTENCES, RUN_MOVES, RUN_SENTENCES, BatchState, RunState
from campaigns.store.audit.events import Act as EventAct
from campaigns.store.database.engine import Store, open_store
from campaigns.store.runs.runs import end_run_if_done, freeze_plan, move_run
from campaigns.store.sending.attempts import OpenAttempt, ReadyBatch, next_batch, open_attempt, settle_batch
from campaigns.store.sending.batches import cancel_ready, decide_batch, shrink_batch
from campaigns.store.sending.lanes import LaneClaim
from tests.clock import START, DrivenClock
from tests.invariants import Vendor
from tests.one_database import AGAIN_ON_POSTGRESQL, one_database
from tests.world import ACCOUNT, ANNA, UPSTREAM, World

ENDED = {RunState.FINISHED, RunState.FINISHED_WITH_FAILURES, RunState.CANCELLED, RunState.SKIPPED}
BATCH, RUN = 1, 1
FENCE = 5


@pytest.fixture(scope="module", params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One run of one batch; every try is rolled back."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def store(database_url: str) -> Iterator[Store]:
    clock = DrivenClock()
    opened = open_store(database_url, clock=clock)
    world = World(opened, clock, gateway=Vendor())
    assert world.launched([1, 2]) == RUN
    yield opened
    opened.close()


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    with store.writer.connect() as opened:
        yield opened


Act = Callable[[Connection], Any]


@dataclass(frozen=True)
class Move:
    """A guarded write: from where it may start, where it leads."""

    starts: frozenset[str]
    end: str
    act: Act


def _settle(to: BatchState) -> Act:
    opened = OpenAttempt(BATCH, 1, 1, 0, RUN, ACCOUNT, FENCE)
    return lambda connection: settle_batch(connection, opened, to, now=START)


def _decide(to: BatchState, seen: BatchState = BatchState.UNKNOWN) -> Act:
    return lambda connection: decide_batch(connection, BATCH, to, seen=seen, message_id=None, error=None, now=START)


def _open(connection: Connection) -> None:
    users = connection.execute(text("SELECT users FROM batch")).scalar_one()
    ready = ReadyBatch(BATCH, 1, 0, 0, 2, 1, 2, users, RUN, RunState.PLANNED, 1, 1, False, 0)
    how: Any = {"recipients": 2, "body_sha256": "0" * 64, "body_bytes": 9, "form": {}, "now": START}
    claim = LaneClaim(ACCOUNT, "worker:one", FENCE, "worker:one")
    open_attempt(connection, claim, ready, **how, deadline=timedelta(seconds=3), lease=timedelta(seconds=6))


def _empty(connection: Connection) -> None:
    users = connection.execute(text("SELECT users FROM batch")).scalar_one()
    ready = ReadyBatch(BATCH, 1, 0, 0, 2, 1, 2, users, RUN, RunState.PLANNED, 1, 1, False, 0)
    shrink_batch(connection, ready, keep=None, out=pack(unpack(users)), seq=2, error="suppressed", now=START)


BATCH_WRITES = {
    "open": Move(frozenset({"ready"}), "sending", _open),
    "cancel": Move(frozenset({"ready"}), "cancelled", lambda c: cancel_ready(c, RUN, why="stop", now=START)),
    "empty": Move(frozenset({"ready"}), "cancelled", _empty),
    **{f"settle-{to}": Move(frozenset({"sending"}), to, _settle(to)) for to in BATCH_MOVES[BatchState.SENDING]},
    **{
        f"decide-{to}": Move(frozenset({"unknown"}), to, _decide(to))
        for to in (BatchState.ACCEPTED, BatchState.SAVED, BatchState.CANCELLED, BatchState.READY)
    },
    **{
        f"overrule-{to}": Move(frozenset({"accepted"}), to, _decide(to, seen=BatchState.ACCEPTED))
        for to in (BatchState.CANCELLED, BatchState.READY)
    },
    **{
        f"accept-{seen}-as-{to}": Move(frozenset({seen}), to, _decide(to, seen=seen))
        for seen in (BatchState.READY, BatchState.CANCELLED)
        for to in (BatchState.ACCEPTED, BatchState.SAVED)
    },
    "refute": Move(frozenset({"unknown"}), "rejected", _decide(BatchState.REJECTED)),
}


@pytest.mark.parametrize("name", BATCH_WRITES)
def test_a_batch_is_moved_from_its_starts_only(connection: Connection, name: str) -> None:
    write = BATCH_WRITES[name]
    for start in BatchState:
        with connection.begin():
            _put_batch(connection, start)
            before = _batch(connection)
            try:
                write.act(connection)
            except CampaignsError:
                connection.rollback()
                assert start not in write.starts
                continue
            after = _batch(connection)
            assert after["state"] == (write.end if start in write.starts else start)
            assert start in write.starts or after == before, f"{name} changed a batch that is {start}"
            connection.rollback()


def test_a_settlement_needs_the_fence_of_its_attempt(connection: Connection) -> None:
    for fence in (FENCE - 1, FENCE + 1):
        with connection.begin():
            _put_batch(connection, BatchState.SENDING)
            late = OpenAttempt(BATCH, 1, 1, 0, RUN, ACCOUNT, fence)
            assert not settle_batch(connection, late, BatchState.ACCEPTED, now=START)
            assert _batch(connection)["state"] == "sending"
            connection.rollback()


def test_the_table_of_moves_names_every_write_of_a_batch_and_nothing_else() -> None:
    written = {(start, write.end) for write in BATCH_WRITES.values() for start in write.starts}
    tabled = {(start, end) for start, ends in BATCH_MOVES.items() for end in ends}

    assert written <= tabled
    # The end of a halved family and the doubts after a restore: tests/flow/sending/test_halve.py and test_restore.py.
    assert tabled - written == {(BatchState.READY, BatchState.REJECTED), (BatchState.READY, BatchState.UNKNOWN)}


@pytest.mark.parametrize("start", RunState)
@pytest.mark.parametrize("end", RunState)
def test_a_run_makes_the_moves_of_the_table_and_no_others(
    connection: Connection, start: RunState, end: RunState
) -> None:
    for stands in RunState:
        with connection.begin():
            _put_run(connection, stands)
            if end not in RUN_MOVES[start]:
                with pytest.raises(KeyError):
                    move_run(connection, RUN, start=start, end=end, now=START)
                assert _run(connection) == stands
            else:
                moved = move_run(connection, RUN, start=start, end=end, now=START)
                assert moved == (stands is start)
                assert _run(connection) == (end if stands is start else stands)
            connection.rollback()


def test_only_a_due_run_is_planned(connection: Connection) -> None:
    for start in RunState:
        with connection.begin():
            _put_run(connection, start)
            connection.execute(text("UPDATE batch SET seq = 50"))
            how: Any = {"batches": [], "excluded": {}, "recipients": 2, "suppressions": 0, "plan_sha256": "0" * 64}
            planned = freeze_plan(EventAct(connection, START, ANNA), RUN, whole_list=False, **how)
            assert planned == (start is RunState.DUE)
            assert _run(connection) == (RunState.PLANNED if planned else start)
            connection.rollback()


def test_only_a_planned_or_sending_run_is_sent(connection: Connection) -> None:
    for start in RunState:
        with connection.begin():
            _put_run(connection, start)
            found = next_batch(connection, ACCOUNT, upstream=UPSTREAM, now=START)
            assert (found is not None) == (start in {RunState.PLANNED, RunState.SENDING})
            if found is None:
                with pytest.raises(CampaignsError):
                    _open(connection)
            else:
                _open(connection)
                assert _run(connection) == RunState.SENDING
            connection.rollback()


@pytest.mark.parametrize("batch", BatchState)
def test_a_run_ends_when_nothing_of_it_waits(connection: Connection, batch: BatchState) -> None:
    failed = batch in {BatchState.REJECTED, BatchState.UNKNOWN}
    for start in RunState:
        if start is RunState.PLANNED and failed:
            continue  # a failure comes of an attempt, and the first attempt makes the run `sending`
        with connection.begin():
            _put_run(connection, start)
            _put_batch(connection, batch)
            end_run_if_done(EventAct(connection, START, ANNA), RUN)
            assert _run(connection) == _end(start, waits=batch in {"ready", "sending", "split"}, failed=failed)
            connection.rollback()


def _end(start: RunState, *, waits: bool, failed: bool) -> RunState:
    """Splitting leaves children; a split batch alone is a fault of the books, so the run stays for a person."""
    if waits:
        return start
    if start is RunState.CANCELLING:
        return RunState.CANCELLED
    if start in {RunState.PLANNED, RunState.SENDING}:
        return RunState.FINISHED_WITH_FAILURES if failed else RunState.FINISHED
    if start is RunState.FINISHED_WITH_FAILURES and not failed:
        return RunState.FINISHED
    return start


def test_every_state_has_a_sentence() -> None:
    assert RUN_SENTENCES.keys() == RUN_MOVES.keys() == set(RunState)
    assert BATCH_SENTENCES.keys() == BATCH_MOVES.keys() == set(BatchState)


def _put_batch(connection: Connection, state: BatchState) -> None:
    lease = START + timedelta(seconds=6) if state is BatchState.SENDING else None
    connection.execute(
        text("UPDATE batch SET state = :state, fence = :fence, lease_until = :lease WHERE id = :batch"),
        {"state": state.value, "fence": FENCE, "lease": lease, "batch": BATCH},
    )


def _put_run(connection: Connection, state: RunState) -> None:
    ended = START if state in ENDED else None
    connection.execute(text("UPDATE run SET state = :state, finished_at = :ended"), {"state": state, "ended": ended})


def _batch(connection: Connection) -> dict[str, Any]:
    row = connection.execute(text("SELECT * FROM batch WHERE id = :batch"), {"batch": BATCH}).mappings().one()
    return dict(row)


def _run(connection: Connection) -> str:
    return str(connection.execute(text("SELECT state FROM run")).scalar_one())
