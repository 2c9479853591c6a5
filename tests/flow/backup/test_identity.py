"""What is remembered outside the database does not fit another life of it, and is never put onto its rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import text

from campaigns.adapters.disk.spool import LOST, FileSpool
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.upstream.outcome import Outcome
from campaigns.flow.accounts.release import release_account
from campaigns.flow.lanes.serve import serve_lane
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.sending.lane_context import LaneContext
from campaigns.flow.sending.spool_outcome import keep_outcome, write_kept
from campaigns.ports import Replayed
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.database.engine import Store
from campaigns.store.sending.attempts import OpenAttempt
from campaigns.store.sending.identity import AttemptIdentity
from tests.flow.backup.conftest import Backup
from tests.flow.sending.outage import Outage, ShakyStore
from tests.one_database import on_both
from tests.world import ACCOUNT, ANNA, LIMITS, LOGGED_OUT, REJECTED, THROTTLED, UNSENT, World, accepted

pytestmark = on_both

OTHER = "acct_two"


def forever() -> bool:
    return True


@pytest.fixture
def spool(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path / "home")


def write(world: World, spool: FileSpool) -> Replayed:
    return write_kept(world.store, spool, LIMITS, actor="worker:one")


def in_database(sender: LaneContext, world: World) -> LaneContext:
    """The same process, after its database was put back."""
    return replace(sender, store=world.store)


def test_a_worker_that_lived_through_a_restore_sends_what_the_restored_run_says(world: World, backup: Backup) -> None:
    world.account()
    world.account(OTHER)
    restored = backup()
    lost = world.launch(world.campaign([1, 2], message={"text": "Explicit offer for VIPs"}))
    worker = world.sender()
    serve_lane(worker, ACCOUNT, forever)

    run_id = restored.launch(restored.campaign([8, 9], account_id=OTHER, message={"text": "Happy Easter"}))
    serve_lane(in_database(worker, restored), OTHER, forever)

    assert run_id == lost
    assert [body["text"] for body in world.gateway.received] == ["Explicit offer for VIPs", "Happy Easter"]


def test_a_worker_that_lived_through_a_restore_keeps_to_the_hours_of_the_restored_run(
    world: World, backup: Backup
) -> None:
    world.account()
    world.account(OTHER)
    restored = backup()
    world.launch(world.campaign([1], timing=Timing(hours="00:00-24:00", zone="UTC")))
    worker = world.sender()
    serve_lane(worker, ACCOUNT, forever)

    closed = f"{(world.clock.now.hour + 2) % 24:02}:00-{(world.clock.now.hour + 3) % 24:02}:00"
    restored.launch(restored.campaign([8], account_id=OTHER, timing=Timing(hours=closed, zone="UTC")))
    serve_lane(in_database(worker, restored), OTHER, forever)

    assert OTHER not in world.gateway.accounts_seen


def test_what_a_worker_keeps_in_memory_does_not_grow_with_what_it_has_sent(world: World) -> None:
    worker = world.sender()
    for user in range(3):
        world.launched([1 + user])
        serve_lane(worker, ACCOUNT, forever)

    assert len(world.gateway.received) == 3
    assert (len(worker.read_once.messages), len(worker.read_once.timings)) == (0, 0)


def permits(world: World) -> set[str]:
    return set(world.pacer.held)


def test_no_request_after_a_restore_asks_for_a_permit_under_the_key_of_a_lost_one(world: World, backup: Backup) -> None:
    """Else "asked twice is granted once" would let it through without a slot."""
    restored, anew = backup(), backup()
    for copy in (world, restored, anew):
        copy.account()
        copy.launch(copy.campaign([1, 2, 3, 4]))
        copy.clock.advance(1)
        copy.fences.forget()  # so that all of them begin with the same fences
        copy.serve()

    assert all(len(permits(copy)) == 2 for copy in (world, restored, anew))
    assert not permits(world) & permits(restored)
    assert not permits(restored) & permits(anew)


def test_a_restore_that_is_recognised_begins_a_new_incarnation_and_keeps_the_old_on_record(
    world: World, backup: Backup
) -> None:
    world.launched(range(1, 5))
    restored = backup()
    world.serve()
    with restored.store.read() as connection:
        before = find_incarnation(connection)

    restored.serve()
    release_account(restored.store, ACCOUNT, reason="compared", actor=ANNA)
    restored.launched([99])
    restored.serve()

    with restored.store.read() as connection:
        rows = connection.execute(text("SELECT value, reason FROM incarnation ORDER BY number")).all()
        assert rows[-1].value == find_incarnation(connection) != before
    assert [row.value for row in rows[:-1]] == [before]
    assert rows[-1].reason.startswith("the database was restored from a backup: request 3")
    assert all(key.startswith(f"{rows[-1].value}:") for key in permits(restored))


def test_the_first_incarnation_is_there_from_the_start(world: World) -> None:
    with world.store.read() as connection:
        assert len(find_incarnation(connection)) == 32


def outage(world: World, spool: FileSpool) -> Outage:
    store = ShakyStore(world.store)
    sender = replace(world.sender(), store=cast("Store", store), spool=spool, stranded={})
    return Outage(world, store, sender)


def test_an_answer_of_the_lost_future_is_put_aside_and_named_by_the_hold(
    world: World, backup: Backup, spool: FileSpool
) -> None:
    """The story in which there are kept answers: the database failed, and was replaced by its backup."""
    world.account()
    restored = backup()
    world.launch(world.campaign([1, 2]))
    outage(world, spool).with_answer(accepted("777"))
    other = restored.launch(restored.campaign([8, 9]))

    assert write(restored, spool) == Replayed(lost=1, lost_aside=spool.content().lost[0])
    serve_lane(replace(restored.sender(), spool=spool), ACCOUNT, forever)

    assert restored.states(other) == ["unknown"]
    assert restored.batches(other)[0]["message_id"] is None
    with restored.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM evidence")) == 0
        assert connection.scalar(text("SELECT count(*) FROM message")) == 0
        reason = connection.scalar(text("SELECT reason FROM hold"))
    assert "host host has answers to 1 of the lost requests, messages 777 among them" in reason
    assert write(restored, spool) == Replayed(), "it is told once"


@pytest.mark.parametrize("answer", [accepted("777"), THROTTLED, REJECTED, LOGGED_OUT], ids=lambda one: str(one.kind))
def test_an_answer_to_a_request_of_another_account_is_not_put_onto_the_batch_of_that_number(
    world: World, backup: Backup, spool: FileSpool, answer: Outcome
) -> None:
    world.account()
    world.account(OTHER)
    restored = backup()
    world.launch(world.campaign([1, 2]))
    outage(world, spool).with_answer(answer)
    run_id = restored.launch(restored.campaign([8, 9], account_id=OTHER))

    assert write(restored, spool).lost == 1
    restored.serve(OTHER)

    assert restored.states(run_id) == ["accepted"]
    assert restored.run(run_id)["holds"] == []
    assert restored.batches(run_id)[0]["message_id"] != "777"


def test_an_answer_is_not_put_onto_another_request_with_the_same_numbers_and_fence(
    world: World, backup: Backup, spool: FileSpool
) -> None:
    """All memory was lost with the database, so that the fences begin again where they were."""
    world.account()
    restored = backup()
    world.launch(world.campaign([1, 2]))
    outage(world, spool).with_answer(accepted("777"))
    world.fences.forget()
    world.clock.advance(60)
    run_id = restored.launch(restored.campaign([8, 9]))
    outage(restored, FileSpool(spool._home / "another")).with_answer(accepted("888"))
    (made,) = restored.attempts(run_id)

    assert write(restored, spool).lost == 1

    assert (made["number"], restored.states(run_id)) == (1, ["sending"])
    with restored.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM message")) == 0


@pytest.mark.parametrize("answer", [accepted("777"), THROTTLED, REJECTED, LOGGED_OUT], ids=lambda one: str(one.kind))
@pytest.mark.parametrize("exists", [True, False], ids=["another's numbers", "no such numbers"])
def test_an_answer_that_comes_to_a_worker_after_the_restore_is_evidence_of_a_lost_request(
    world: World, backup: Backup, spool: FileSpool, answer: Outcome, *, exists: bool
) -> None:
    world.account()
    world.account(OTHER)
    restored = backup()
    world.launch(world.campaign([1, 2]))
    store = ShakyStore(world.store)
    run_id = restored.launch(restored.campaign([8, 9], account_id=OTHER)) if exists else None

    def put_back() -> Outcome:
        store.real = restored.store
        return answer

    world.gateway.script = [put_back]
    worker = replace(world.sender(), store=cast("Store", store), spool=spool, stranded={})
    serve_lane(worker, ACCOUNT, forever)

    assert write(restored, spool).lost == 1
    (lost,) = spool.lost()
    assert (lost.account_id, lost.message_id) == (ACCOUNT, answer.message_id)
    with restored.store.read() as connection:
        for table in ("evidence", "message", "attempt_outcome", "hold"):
            assert connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
    assert run_id is None or restored.states(run_id) == ["ready"]


class Killed(BaseException):
    """The process is gone."""


def test_an_answer_that_comes_after_the_restore_settles_no_request_that_another_account_has_in_flight(
    world: World, backup: Backup, spool: FileSpool
) -> None:
    """Both have the same batch number and the same fence."""
    world.account()
    world.account(OTHER)
    restored = backup()
    world.launch(world.campaign([1, 2]))
    run_id = restored.launch(restored.campaign([8, 9], account_id=OTHER))
    store = ShakyStore(world.store)

    def die() -> Outcome:
        raise Killed

    def meanwhile() -> Outcome:
        store.real = restored.store
        world.gateway.script = [die]
        with pytest.raises(Killed):
            restored.serve(OTHER)
        return accepted("777")

    world.gateway.script = [meanwhile]
    serve_lane(replace(world.sender(), store=cast("Store", store), spool=spool, stranded={}), ACCOUNT, forever)

    assert restored.states(run_id) == ["sending"]
    assert write(restored, spool).lost == 1


def test_a_request_to_take_back_is_not_put_onto_one_of_another_life(world: World, backup: Backup) -> None:
    run_id = world.launched([1, 2])
    restored = backup()
    world.serve()
    recall_run(world.store, run_id, reason="wrong", actor=ANNA)
    store = ShakyStore(world.store)

    def put_back() -> object:
        store.real = restored.store
        return UNSENT

    world.gateway.deleting = [put_back]  # type: ignore[list-item]
    serve_lane(replace(world.sender(), store=cast("Store", store), stranded={}), ACCOUNT, forever)

    assert world.gateway.deleted == ["acct_one-1"]
    with restored.store.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM unsend_outcome")) == 0


def kept_before(world: World, spool: FileSpool, **changes: object) -> None:
    """A line as the previous release wrote it, of the attempt that is in flight."""
    with world.store.read() as connection:
        row = connection.execute(text("SELECT batch_id, number, account_id, fence FROM attempt")).one()
        run_id = connection.scalar(text("SELECT run_id FROM batch"))
    attempt = {**row._asdict(), "batch_seq": 1, "failures": 0, "run_id": run_id, "saves": False, **changes}
    keep_outcome(spool, OpenAttempt(**attempt), accepted("777"), costs_attempt=True)
    assert "identity" not in (spool._home / "outcomes.jsonl").read_text()


def in_flight(world: World) -> int:
    run_id = world.launched([1, 2])
    outage(world, FileSpool(Path("/nowhere"))).with_answer(accepted("777"))
    return run_id


def test_a_line_of_the_previous_release_is_written_when_it_fits(world: World, spool: FileSpool) -> None:
    run_id = in_flight(world)
    kept_before(world, spool)

    assert write(world, spool) == Replayed(written=1)

    assert world.batches(run_id)[0]["message_id"] == "777"


@pytest.mark.parametrize(
    "other", [{"fence": 99}, {"batch_id": 99}, {"run_id": 99}, {"number": 2}, {"account_id": OTHER}], ids=str
)
def test_a_line_of_the_previous_release_is_put_aside_when_it_does_not_fit(
    world: World, spool: FileSpool, other: dict[str, object]
) -> None:
    run_id = in_flight(world)
    kept_before(world, spool, **other)

    assert write(world, spool).lost == 1

    assert world.states(run_id) == ["sending"]
    assert [path.name.startswith(LOST) for path in spool._home.glob("outcomes.lost*")] == [True]


@pytest.mark.parametrize(
    "identity",
    [
        {"lane": f"{ACCOUNT}@20200101T000000.000000"},
        {"request_sha256": "0" * 64},
        {"started_at": datetime.fromtimestamp(0).astimezone()},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_each_part_of_an_identity_is_compared(world: World, spool: FileSpool, identity: dict[str, object]) -> None:
    run_id = world.launched([1, 2])
    during = outage(world, spool)
    during.with_answer(accepted("777"))
    line = json.loads((spool._home / "outcomes.jsonl").read_text())["kept"]
    kept = AttemptIdentity(**{**line["identity"], "started_at": datetime.fromisoformat(line["identity"]["started_at"])})
    (spool._home / "outcomes.jsonl").unlink()
    opened = OpenAttempt(**line["attempt"], identity=replace(kept, **identity))  # type: ignore[arg-type]
    keep_outcome(spool, opened, accepted("777"), costs_attempt=True)

    assert write(world, spool).lost == 1
    assert world.states(run_id) == ["sending"]


def test_one_line_that_cannot_be_written_stops_no_other(
    world: World, spool: FileSpool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal of the database that is no outage, of whatever kind."""
    run_id = world.launched([1, 2])
    during = outage(world, spool)
    during.with_answer(accepted("777"))
    good = (spool._home / "outcomes.jsonl").read_bytes()
    bad = json.loads(good)["kept"]
    bad["outcome"]["http_status"] = 2**70  # no column holds it
    (spool._home / "outcomes.jsonl").unlink()
    spool.keep(bad)
    with (spool._home / "outcomes.jsonl").open("ab") as file:
        file.write(good)

    replayed = write(world, spool)

    assert (replayed.written, replayed.damaged, replayed.lost) == (1, 1, 0)
    assert world.states(run_id) == ["accepted"]
