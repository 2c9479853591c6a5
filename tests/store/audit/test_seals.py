"""The sealed trail: whatever is changed behind our back is named, and sealing itself is safe to run at any time."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import insert, select, text

from campaigns.domain.errors import DatabaseAway, StaleClaim
from campaigns.domain.states import EvidenceKind
from campaigns.flow.audit.seal import seal_events
from campaigns.flow.lanes import tick as ticking
from campaigns.flow.lanes.tick import tick
from campaigns.flow.reconcile.decide import decide
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.audit.seals import START, Head, add_seals, make_seals, unsealed_events
from campaigns.store.database.engine import Store, open_store
from campaigns.store.proof import verify
from campaigns.store.proof.verify import Verified
from campaigns.store.tables.audit import event, seal, unsealed
from tests.clock import DrivenClock
from tests.crash_points.steps import FragileStore, Killed, Steps
from tests.one_database import AGAIN_ON_POSTGRESQL, reused_database
from tests.store.forger import Forger
from tests.store.interleave import overlapping, together
from tests.world import ACCOUNT, ANNA, REJECTED, UNKNOWN, UPSTREAM, World

RUN = "run:1"
NOT_WHAT_WAS_SEALED = "global: {} of it, is not what was sealed there: edited, or moved"


@pytest.fixture(params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Nobody else's: the forger takes its rules away for good."""
    yield from reused_database(request, "forgeries")


@pytest.fixture
def forger(store: Store) -> Forger:
    return Forger(store)


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    """A world whose books were forged in the end, and need not balance."""
    return World(store, clock)


def sealed(world: World) -> World:
    """A run that has ended, with an account that has a trail of its own, all of it sealed."""
    world.gateway.script = [UNKNOWN, REJECTED]
    run_id = world.launched()
    world.serve()
    decide(world.store, run_id, seqs=[1], verdict="not-sent", reason="asked", actor=ANNA)
    world.serve()
    assert world.run(run_id)["state"] == "finished_with_failures"
    add_events(world.store, 3)
    seal_events(world.store)
    world.prove()
    return world


def add_events(store: Store, count: int, **columns: Any) -> None:
    """Write events of no run and, unless told otherwise, of no account."""
    with store.write() as connection:
        for number in range(count):
            Act(connection, store.now(connection), ANNA).record(
                EventKind.SUPPRESSIONS_ADDED,
                reason=f"number {number}",
                detail={"users": number},
                **columns,
            )


def verified(store: Store, kept: dict[str, Head] | None = None, *, every_chain: bool = False) -> Verified:
    with store.read() as connection:
        return verify.verify(connection, kept, every_chain=every_chain)


def faults(world: World, kept: dict[str, Head] | None = None) -> list[str]:
    found = verified(world.store, kept)
    assert found.ok == (not found.faults)
    return list(found.faults)


def heads(world: World) -> dict[str, Head]:
    """All heads, as somebody keeps them elsewhere."""
    return dict(verified(world.store, every_chain=True).heads)


def events_of(world: World, chain: str) -> list[int]:
    statement = select(seal.c.event_id).where(seal.c.chain == chain).order_by(seal.c.position)
    with world.store.read() as connection:
        return list(connection.scalars(statement))


def kept_in_chains(world: World) -> dict[str, int]:
    with world.store.read() as connection:
        rows = connection.execute(text("SELECT chain, count(*) AS length FROM seal GROUP BY chain"))
        return {row.chain: row.length for row in rows}


# What is sealed


def test_each_event_is_sealed_in_the_chain_of_its_run_its_account_or_the_rest(world: World) -> None:
    world.account()
    run_id = world.launched()
    add_events(world.store, 2)
    before = verified(world.store)
    assert before.unsealed == before.events
    assert before.ok
    assert before.heads == {"trail": START}

    count = seal_events(world.store)

    after = verified(world.store, every_chain=True)
    assert (after.ok, after.unsealed, count) == (True, 0, before.events)
    assert set(after.heads) == {"trail", f"run:{run_id}", f"account:{ACCOUNT}", "global"}
    assert after.heads["trail"].position == count
    assert after.heads["global"].position == 2
    assert set(verified(world.store).heads) == {"trail"}
    assert seal_events(world.store) == 0


def test_the_form_that_is_hashed_stays_what_it_was(world: World) -> None:
    """On both databases, and in every later release: another form would call every old trail a forgery.

    A column that is added to `event` before the release of version 2 changes these digests, and nothing else may.
    """
    with world.store.write() as connection:
        Act(connection, world.clock.now + timedelta(microseconds=5), "operator:änna").record(
            EventKind.SUPPRESSIONS_ADDED,
            reason="asked",
            detail={"b": [1, 2.5, None, True], "a": "\u2028"},
        )
    seal_events(world.store)

    assert heads(world) == {
        "trail": Head(1, "234c7f9945cf4870e00a5f1da1fe57907ff74f2ab55f06c08b4d0d521371d3aa"),
        "global": Head(1, "c1de35a3f9c745af3aa6b1ebb7b4fded731841e8bc27ce9fa0319597c4a71636"),
    }


def test_a_tick_seals_what_happened(world: World) -> None:
    world.launched()

    tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")

    assert verified(world.store).unsealed == 0


def test_who_is_to_be_woken_never_waits_for_the_trail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_store: Store) -> int:
        raise DatabaseAway("locked")

    world.launched()
    monkeypatch.setattr(ticking, "seal_events", away)

    assert tick(world.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").lanes == [ACCOUNT]


def test_an_event_that_was_committed_late_is_sealed_after_younger_ones(world: World) -> None:
    """A sequence gives numbers before the commit: a lower ID may come to light later."""
    add_events(world.store, 3)
    with world.store.write() as connection:
        connection.execute(text("DELETE FROM unsealed WHERE event_id = 2"))
    assert seal_events(world.store) == 2
    with world.store.write() as connection:
        connection.execute(insert(unsealed).values(event_id=2))

    assert seal_events(world.store) == 1

    assert events_of(world, "global") == [1, 3, 2]
    assert faults(world) == []


def test_many_events_are_sealed_a_part_at_a_time(world: World) -> None:
    add_events(world.store, 5)

    assert [seal_events(world.store, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    assert events_of(world, "global") == [1, 2, 3, 4, 5]
    assert faults(world) == []


# What is found


CHANGES = {
    "reason": "reason = 'another'",
    "actor": "actor = 'operator:ben'",
    "kind": "kind = 'hold_opened'",
    "detail": "detail = '{\"users\": 77}'",
    "batch": "batch_seq = 9",
    "time": "at = '2020-01-01 00:00:00'",
    "a reason taken away": "reason = NULL",
}


def test_an_edited_event_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)
    forger.does("CREATE TABLE before AS SELECT * FROM event WHERE id = 2")

    for name, change in CHANGES.items():
        forger.does(f"UPDATE event SET {change} WHERE id = 2")

        (fault,) = faults(world)
        assert fault.startswith("global: event 2 ("), name
        assert fault.endswith("sealed as number 2 of it, is not what was sealed there: edited, or moved"), name
        forger.does("DELETE FROM event WHERE id = 2", "INSERT INTO event SELECT * FROM before")
        assert faults(world) == []


def test_the_first_edited_event_of_each_chain_is_named(world: World, forger: Forger) -> None:
    sealed(world)
    second, third = events_of(world, RUN)[1:3]

    forger.does(
        f"UPDATE event SET reason = 'x' WHERE id IN ({second}, {third})", "UPDATE event SET actor = 'x' WHERE id = 1"
    )

    found = faults(world)
    assert [one.partition(" (")[0] for one in found] == [f"account:{ACCOUNT}: event 1", f"{RUN}: event {second}"]


def test_a_missing_event_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)

    forger.does("DELETE FROM event WHERE id = 2")

    assert faults(world) == ["global: event 2, sealed as number 2 of it, is missing"]


def test_an_event_that_went_with_its_seal_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)

    forger.does("DELETE FROM event WHERE id IN (2, 3)", "DELETE FROM seal WHERE event_id IN (2, 3)")

    assert faults(world) == ["the audit log: seals 2 to 3 are missing", "global: seals 2 to 3 are missing"]


def test_closing_the_gap_does_not_hide_it(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)

    forger.does(
        "DELETE FROM event WHERE id = 2",
        "DELETE FROM seal WHERE event_id = 2",
        "UPDATE seal SET number = 2, position = 2 WHERE event_id = 3",
        "UPDATE seal SET number = 3, position = 3 WHERE event_id = 4",
    )

    assert faults(world) == [
        "seal 2 (event 3 of global) does not follow from the one before it",
        NOT_WHAT_WAS_SEALED.format("event 3 (suppressions_added), sealed as number 2"),
    ]


def test_a_run_that_lost_its_end_is_named_by_the_trail_over_all(world: World, forger: Forger) -> None:
    sealed(world)
    last = events_of(world, RUN)[-1]

    forger.does(f"DELETE FROM seal WHERE event_id = {last}", f"DELETE FROM event WHERE id = {last}")

    (fault,) = faults(world)
    assert fault.startswith("the audit log: seal")


def test_only_a_kept_head_shows_that_the_newest_rows_are_gone(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)
    kept = heads(world)

    forger.does("DELETE FROM seal WHERE event_id > 2", "DELETE FROM event WHERE id > 2")

    assert faults(world) == []
    assert faults(world, kept) == [
        "the audit log is cut off: it ends with seal 2, but seal 4 was kept",
        "global is cut off: it ends with seal 2, but seal 4 was kept",
    ]


def test_only_a_kept_head_shows_that_all_was_sealed_anew(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)
    kept = heads(world)

    forger.does(
        "DELETE FROM seal",
        "UPDATE event SET actor = 'operator:ben' WHERE id = 2",
        "INSERT INTO unsealed SELECT id FROM event",
    )
    seal_events(world.store)

    assert faults(world) == []
    assert faults(world, kept) == [
        "the audit log was rewritten: seal 4 is not the one that was kept",
        "global was rewritten: its seal 4 is not the one that was kept",
    ]


def test_a_chain_that_is_gone_is_missed_by_who_kept_its_head(world: World, forger: Forger) -> None:
    add_events(world.store, 1)
    seal_events(world.store)
    kept = heads(world)
    forger.does("DELETE FROM seal", "DELETE FROM event")

    assert "global is gone: its seal 1 was kept" in faults(world, kept)


def test_a_trail_that_went_on_still_fits_the_heads_that_were_kept(world: World) -> None:
    sealed(world)
    kept = heads(world)
    add_events(world.store, 3)
    world.launch(world.campaign([9]))
    world.serve()
    seal_events(world.store)

    assert faults(world, kept) == []
    assert faults(world, {"trail": START}) == []


def test_events_that_changed_places_are_named(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)

    forger.does(
        "UPDATE seal SET event_id = 1000 WHERE event_id = 2",
        "UPDATE seal SET event_id = 2 WHERE event_id = 3",
        "UPDATE seal SET event_id = 3 WHERE event_id = 1000",
    )

    (fault,) = faults(world)
    assert fault.startswith("global: event 3 (suppressions_added), sealed as number 2 of it, is not what was sealed")


def test_seals_that_changed_places_are_named(world: World, forger: Forger) -> None:
    add_events(world.store, 4)
    seal_events(world.store)

    forger.does(
        "UPDATE seal SET position = 1000 WHERE event_id = 2",
        "UPDATE seal SET position = 2 WHERE event_id = 4",
        "UPDATE seal SET position = 4 WHERE event_id = 2",
    )

    (fault,) = faults(world)
    assert fault.startswith("global: event 4 (suppressions_added), sealed as number 2 of it, is not what was sealed")


def test_an_event_that_was_slipped_in_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 2)
    seal_events(world.store)

    forger.does(
        "INSERT INTO event (id, at, actor, kind) VALUES (77, '2026-01-01 00:00:00', 'operator:anna', 'hold_closed')"
    )

    found = verified(world.store)
    assert found.faults == [
        "event 77 (hold_closed) has no seal and waits for none: it was not written by campaigns",
    ]
    assert found.unsealed == 1


def test_an_event_that_was_slipped_in_with_a_seal_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 2)
    seal_events(world.store)

    forger.does(
        "INSERT INTO event (id, at, actor, kind) VALUES (77, '2026-01-01 00:00:00', 'operator:anna', 'hold_closed')",
        "INSERT INTO seal (number, chain, position, event_id, sha256, trail_sha256, sealed_at)"
        " VALUES (3, 'global', 3, 77, 'x', 'y', '2026-01-01 00:00:00')",
    )

    assert faults(world) == [
        "seal 3 (event 77 of global) does not follow from the one before it",
        NOT_WHAT_WAS_SEALED.format("event 77 (hold_closed), sealed as number 3"),
    ]


def test_an_event_that_was_deleted_before_it_was_sealed_is_named(world: World, forger: Forger) -> None:
    add_events(world.store, 3)

    forger.does("DELETE FROM event WHERE id = 2")

    assert faults(world) == ["event 2 is missing: it was deleted before it was sealed"]
    assert seal_events(world.store) == 2, "the others do not wait for it"


# What the end of a run speaks for


DAMAGE = {
    "an outcome": ("UPDATE attempt_outcome SET kind = 'rejected', message_id = NULL WHERE kind = 'accepted'", "edited"),
    "an answer": ("UPDATE attempt_outcome SET http_status = 200 WHERE kind = 'rejected'", "edited"),
    "an attempt": ("UPDATE attempt SET worker = 'worker:other' WHERE batch_id = 1", "edited"),
    "evidence": ("UPDATE evidence SET reason = 'seen'", "edited"),
    "a lost outcome": ("DELETE FROM attempt_outcome WHERE kind = 'unknown'", "1 attempts or outcomes and 0 rows of"),
    "lost evidence": ("DELETE FROM evidence", "0 attempts or outcomes and 1 rows of evidence are missing"),
    "what is spoken for": ("UPDATE seal SET covered_attempts = covered_evidence WHERE covered_sha256 IS NOT NULL", ""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_records_of_an_ended_run_are_part_of_the_proof(world: World, forger: Forger, damage: str) -> None:
    statement, words = DAMAGE[damage]
    sealed(world)

    forger.does(statement)

    (fault,) = [told for told in faults(world) if told.startswith("run r1, as it ended with event ")]
    assert words in fault


def test_what_was_learned_after_the_end_is_no_fault_and_has_its_own_event(world: World) -> None:
    sealed(world)

    with world.store.write() as connection:
        Act(connection, world.clock.now - timedelta(hours=1), ANNA).record_evidence(
            1, kind=EvidenceKind.LATE_ANSWER, number=1
        )

    assert faults(world) == []


def test_a_run_that_was_reopened_is_covered_again_when_it_ends_again(world: World, forger: Forger) -> None:
    world.gateway.script = [UNKNOWN]
    run_id = world.launched([1, 2, 3])
    world.serve()
    for _ in range(5):
        world.clock.advance(100)
        world.serve()
    assert world.run(run_id)["state"] == "finished_with_failures"
    seal_events(world.store)
    decide(world.store, run_id, seqs=[1], verdict="resend", reason="not there", actor=ANNA)
    seal_events(world.store)
    assert faults(world) == []
    world.serve()
    assert world.run(run_id)["state"] == "finished"
    seal_events(world.store)
    assert faults(world) == []

    forger.does("UPDATE attempt_outcome SET message_id = 'x' WHERE batch_id = 1 AND number = 2")

    (fault,) = faults(world)
    assert fault.startswith(f"run r{run_id}, as it ended with event ")


# What cannot be read


def test_a_digest_of_records_that_cannot_be_read_is_a_sentence(world: World, forger: Forger) -> None:
    sealed(world)

    forger.does("UPDATE seal SET covered_attempts = :blob WHERE covered_sha256 IS NOT NULL", blob=b"\x01\x02")

    (fault,) = faults(world)
    assert fault.startswith("run r1, as it ended with event ")
    assert "cannot be read" in fault


UNREADABLE = {
    "detail": "UPDATE event SET detail = '{broken' WHERE id = 2",
    "time": "UPDATE event SET at = 'yesterday' WHERE id = 2",
    "sealed": "UPDATE seal SET sealed_at = 'yesterday' WHERE event_id = 2",
    "bytes": "UPDATE event SET reason = x'ff' WHERE id = 2",
    "no text": "UPDATE event SET reason = CAST(x'ffff' AS TEXT) WHERE id = 2",
    "position": "UPDATE seal SET position = 'x' WHERE event_id = 2",
    "number": "UPDATE seal SET number = 77 WHERE event_id = 2",
    "books": "UPDATE batch SET users = x'0102'",
}


@pytest.mark.parametrize("damage", UNREADABLE)
def test_a_row_that_cannot_be_read_is_a_sentence(sqlite_store: Store, clock: DrivenClock, damage: str) -> None:
    """Only SQLite takes such values; PostgreSQL's types refuse them."""
    sealed(World(sqlite_store, clock))

    Forger(sqlite_store).does(UNREADABLE[damage])

    assert not verified(sqlite_store).ok


def test_an_event_that_cannot_be_read_is_left_out_and_named(sqlite_store: Store) -> None:
    add_events(sqlite_store, 3)
    Forger(sqlite_store).does("UPDATE event SET detail = '{broken' WHERE id = 2")

    assert seal_events(sqlite_store) == 2

    found = verified(sqlite_store)
    assert found.faults == ["event 2 (suppressions_added) cannot be sealed: event.detail holds no such value"]


def test_a_ruined_trail_tells_its_first_faults_and_counts_the_rest(world: World, forger: Forger) -> None:
    add_events(world.store, 150)
    forger.does("DELETE FROM unsealed")

    found = faults(world)

    assert len(found) == verify.FAULTS_LISTED + 1
    assert found[-1] == "and 50 more faults like these"


# Two sealers, and one that dies


def test_two_sealers_at_once_seal_each_event_once(world: World) -> None:
    world.launched()
    add_events(world.store, 5)

    first, second = overlapping(world.store, seal_events, seal_events)

    assert sorted([first, second]) == [0, verified(world.store).events]
    assert faults(world) == []


def test_many_sealers_and_writers_at_once_leave_one_whole_trail(world: World) -> None:
    world.launched()

    def write() -> None:
        for _ in range(5):
            add_events(world.store, 2)

    def seal_some() -> None:
        for _ in range(10):
            seal_events(world.store, limit=3)

    assert together(write, write, *[seal_some] * 4) == [None] * 6
    while seal_events(world.store, limit=3):
        pass

    found = verified(world.store)
    assert (found.faults, found.unsealed) == ([], 0)


def test_a_sealer_that_read_old_heads_writes_nothing(world: World) -> None:
    """It slept between reading and writing, while another one sealed an event that it did not see."""
    add_events(world.store, 2)
    with world.store.read() as connection:
        waiting = unsealed_events(connection, 1)
        old = make_seals(connection, waiting, now=world.clock.now)
    with world.store.write() as connection:
        connection.execute(text("DELETE FROM unsealed WHERE event_id = 1"))
    assert seal_events(world.store) == 1
    with world.store.write() as connection:
        connection.execute(insert(unsealed).values(event_id=1))

    with pytest.raises(StaleClaim, match="quicker"), world.store.write() as connection:
        add_seals(connection, old)

    assert kept_in_chains(world) == {"global": 1}
    assert seal_events(world.store) == 1
    assert faults(world) == []


def test_a_sealer_that_dies_has_sealed_all_or_nothing(world: World) -> None:
    for die_at in itertools.count():
        add_events(world.store, 3)
        steps = Steps(die_at)
        try:
            seal_events(cast("Store", FragileStore(world.store, steps)))
        except Killed:
            assert verified(world.store).unsealed in {0, 3}
            assert faults(world) == []
            seal_events(world.store)
        else:
            break
    assert "committed" in steps.crossed
    found = verified(world.store)
    assert (found.faults, found.unsealed) == ([], 0)


# How much


def test_a_long_trail_needs_no_more_memory_than_a_short_one(sqlite_store: Store, clock: DrivenClock) -> None:
    row = {"at": clock.now, "actor": ANNA, "kind": "hold_opened", "reason": "x" * 4000}
    with sqlite_store.write() as connection:
        connection.execute(insert(event), [row] * 6000)
        connection.execute(text("INSERT INTO unsealed SELECT id FROM event"))
    while seal_events(sqlite_store):
        pass

    tracemalloc.start()
    try:
        found = verified(sqlite_store)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (found.events, found.ok, found.heads["trail"].position) == (6000, True, 6000)
    assert peak < 16_000_000, "all rows together are more than that"


@pytest.fixture
def sqlite_store(sqlite_template: Any, tmp_path: Any, clock: DrivenClock) -> Any:
    """A migrated store on SQLite only."""
    path = tmp_path / "campaigns.db"
    path.write_bytes(sqlite_template.read_bytes())
    opened = open_store(f"sqlite:///{path}", clock=clock)
    yield opened
    opened.close()
