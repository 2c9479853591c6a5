"""Outages in the middle: what is known is kept, nothing is sent twice, and the lane comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import event

from campaigns.adapters.disk.spool import FileSpool
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.lanes.serve import give_back_stranded, serve_lane
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.sending.spool_outcome import write_kept
from campaigns.ports import Replayed
from campaigns.store.database.engine import Store
from tests.flow.sending.outage import Outage, ShakyStore
from tests.one_database import on_both
from tests.world import ACCOUNT, LIMITS, LOGGED_OUT, NO_CREDITS, NOT_SENT, THROTTLED, UNKNOWN, World, accepted

pytestmark = on_both


@pytest.fixture
def outage(world: World, tmp_path: Path) -> Outage:
    store = ShakyStore(world.store)
    return Outage(
        world,
        store,
        replace(world.sender(), store=cast("Store", store), spool=FileSpool(tmp_path / "home"), stranded={}),
    )


def test_an_answer_that_could_not_be_written_is_written_later(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched(range(1, 5))
    outage.with_answer(accepted("777"))
    assert world.states(run_id) == ["sending", "ready"]

    assert outage.ends() == Replayed(written=1)

    assert world.states(run_id) == ["accepted", "ready"]
    assert world.batches(run_id)[0]["message_id"] == "777"
    serve_lane(outage.sender, ACCOUNT, lambda: True)
    assert world.run(run_id)["state"] == "finished", "the lane came back without waiting for its lease"
    assert world.requests_by_user() == dict.fromkeys(range(1, 5), 1)
    assert world.events().count("answer_came_late") == 0


@pytest.mark.parametrize(
    ("outcome", "state"), [(NOT_SENT, "ready"), (THROTTLED, "ready"), (UNKNOWN, "unknown")], ids=lambda x: str(x)[:20]
)
def test_every_answer_is_kept_whole(outage: Outage, outcome: Outcome, state: str) -> None:
    world = outage.world
    run_id = world.launched([1, 2])
    outage.with_answer(outcome)

    outage.ends()

    assert world.states(run_id) == [state]
    (attempt,) = world.attempts(run_id)
    assert (attempt["outcome"], attempt["error"]) == (outcome.kind.value, outcome.error)


@pytest.mark.parametrize(("outcome", "kind"), [(LOGGED_OUT, HoldKind.ACCOUNT), (NO_CREDITS, HoldKind.CREDITS)])
def test_an_answer_that_pauses_an_account_or_a_team_does_so_when_it_is_written_late(
    outage: Outage, outcome: Outcome, kind: HoldKind
) -> None:
    world = outage.world
    run_id = world.launched([1, 2])
    outage.with_answer(outcome)

    assert outage.ends() == Replayed(written=1)

    assert world.states(run_id) == ["ready"]
    assert [hold["kind"] for hold in world.run(run_id)["holds"]] == [kind]


def test_the_reply_itself_is_not_kept_since_it_may_repeat_the_message(outage: Outage, tmp_path: Path) -> None:
    outage.world.launched([1, 2])

    outage.with_answer(replace(accepted("777"), response='{"text": "Hello, secret"}'))

    kept = (tmp_path / "home" / "outcomes.jsonl").read_text()
    assert "777" in kept
    assert "Hello" not in kept


def test_an_answer_written_after_the_sweep_is_evidence_and_moves_no_batch(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched([1, 2])
    outage.with_answer(accepted("777"))
    world.clock.advance(60)
    expire_attempts(world.store, settle_seconds=1, actor="worker:two")

    assert outage.ends().written == 1

    assert world.states(run_id) == ["unknown"]
    assert "answer_came_late" in world.events()
    world.serve_out()
    assert world.batches(run_id)[0]["message_id"] == "777", "the next look believes it"


def test_what_is_written_twice_is_written_once(outage: Outage) -> None:
    """The process died after the write, before the spool was emptied."""
    world = outage.world
    run_id = world.launched([1, 2])
    outage.with_answer(accepted("777"))
    kept = (Path(str(outage.sender.spool._path))).read_bytes()  # type: ignore[attr-defined]
    outage.ends()

    outage.sender.spool._path.write_bytes(kept)  # type: ignore[attr-defined]
    outage.ends()

    assert world.states(run_id) == ["accepted"]
    assert "answer_came_late" not in world.events()


def test_an_outage_that_ends_while_the_answer_is_tried_again_leaves_nothing_behind(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched([1, 2])

    def answer() -> Outcome:
        outage.store.away = True
        return accepted("777")

    def sleep(_seconds: float) -> None:
        outage.store.away = False

    world.gateway.script.append(answer)
    serve_lane(replace(outage.sender, sleep=sleep), ACCOUNT, lambda: True)
    outage.ends()

    assert world.run(run_id)["state"] == "finished"
    assert "answer_came_late" not in world.events()


def test_something_that_is_no_outcome_is_put_aside(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched([1, 2])
    outage.sender.spool.keep({"attempt": {"batch_id": 1}, "outcome": {"kind": "told"}})
    outage.with_answer(accepted("777"))

    replayed = outage.ends()

    assert (replayed.written, replayed.damaged) == (1, 1)
    assert world.states(run_id) == ["accepted"]


def test_a_lane_that_was_held_through_an_outage_is_given_back(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched(range(1, 7))

    def take_away() -> bool:
        outage.store.away = True
        return True

    with pytest.raises(DatabaseAway):
        serve_lane(outage.sender, ACCOUNT, take_away)
    with pytest.raises(DatabaseAway):
        give_back_stranded(outage.sender)
    assert world.serve(owner="worker:two") == 0, "its lease has not ended"
    outage.store.away = False

    give_back_stranded(outage.sender)

    assert outage.sender.stranded == {}
    assert world.serve(owner="worker:two") == 3
    assert world.run(run_id)["state"] == "finished"


def test_a_lane_that_somebody_took_meanwhile_is_not_given_back(outage: Outage) -> None:
    world = outage.world
    run_id = world.launched(range(1, 7))

    def take_away() -> bool:
        outage.store.away = True
        return True

    with pytest.raises(DatabaseAway):
        serve_lane(outage.sender, ACCOUNT, take_away)
    outage.store.away = False
    world.clock.advance(LIMITS.lease_seconds + 1)
    owners = []

    def give_back_meanwhile() -> Outcome:
        give_back_stranded(outage.sender)
        owners.append(world.run(run_id)["lane"]["owner"])
        return accepted("777")

    world.gateway.script = [give_back_meanwhile]
    world.serve(owner="worker:two")

    assert owners == ["worker:two"]


def test_a_full_disk_loses_nothing(tmp_path: Path, world: World) -> None:
    """SQLite refuses to grow: whatever it would not take is written when there is room again."""
    if world.store.writer.dialect.name != "sqlite":
        return  # a page count is SQLite's
    run_id = world.launched(range(1, 41))
    sender = replace(world.sender(), spool=FileSpool(tmp_path / "home"))

    with world.store.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with full(world, pages):
        with pytest.raises(DatabaseAway):
            serve_lane(sender, ACCOUNT, lambda: True)
        assert world.run(run_id)["waiting"] > 0

    write_kept(world.store, sender.spool, LIMITS, actor="worker:one")
    give_back_stranded(sender)
    world.serve_out()

    assert world.run(run_id)["state"] == "finished"
    assert world.requests_by_user() == dict.fromkeys(range(1, 41), 1)


@contextmanager
def full(world: World, pages: int) -> Iterator[None]:
    """No connection can write more than that many pages."""

    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    writer = world.store.writer
    writer.dispose()
    event.listen(writer, "connect", limit)
    yield
    event.remove(writer, "connect", limit)
    writer.dispose()


def test_a_clock_that_jumps_forward_over_a_lease_stops_the_request(world: World) -> None:
    run_id = world.launched([1, 2])
    sender = replace(world.sender(), monotonic=jumping(0, LIMITS.lease_seconds))

    serve_lane(sender, ACCOUNT, iter([True, False]).__next__)

    assert world.gateway.received == []
    assert world.states(run_id) == ["ready"]


def test_the_database_clock_jumping_forward_makes_an_attempt_unknown_and_its_answer_evidence(world: World) -> None:
    run_id = world.launched([1, 2])

    def answer() -> Outcome:
        world.clock.advance(LIMITS.lease_seconds + 1)
        expire_attempts(world.store, settle_seconds=1, actor="worker:two")
        return accepted("777")

    world.gateway.script = [answer]
    world.serve()
    world.serve_out()

    assert world.batches(run_id)[0]["message_id"] == "777"
    assert world.requests_by_user() == {1: 1, 2: 1}


def test_the_database_clock_jumping_back_sends_nothing_twice(world: World) -> None:
    run_id = world.launched(range(1, 7))
    world.serve(turns=1)
    world.clock.now -= timedelta(hours=1)

    world.serve(turns=1)
    world.serve(owner="worker:two")
    world.clock.advance(3700)
    world.serve(owner="worker:two")

    assert world.run(run_id)["state"] == "finished"
    assert world.requests_by_user() == dict.fromkeys(range(1, 7), 1)


def jumping(*offsets: float) -> Any:
    """A clock whose readings jump by these offsets, and stay at the last."""
    left = list(offsets)

    def read() -> float:
        return 1000.0 + (left.pop(0) if len(left) > 1 else left[0])

    return read
