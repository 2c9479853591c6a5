"""What an earlier release sealed keeps its form for ever, and the end of a recall is sealed with what it did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from campaigns.domain.upstream.unsend_outcome import UnsendKind, UnsendOutcome
from campaigns.flow.audit.seal import seal_events
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.decide import decide
from campaigns.store.audit import versions
from campaigns.store.audit.versions import SINCE_VERSION_2, VERSION, VERSION_1, sealed_columns
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from campaigns.store.tables.audit import seal
from campaigns.store.tables.columns import metadata
from tests.clock import DrivenClock
from tests.one_database import AGAIN_ON_POSTGRESQL, reused_database
from tests.store.audit.first_release import OF_THE_FIRST_RELEASE, sealed_by_the_first_release
from tests.store.forger import Forger
from tests.world import ANNA, REJECTED, UNKNOWN, UNSENT, World

IMPOSSIBLE = UnsendOutcome(UnsendKind.IMPOSSIBLE, "the vendor shows no such message")


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


def faults(world: World) -> list[str]:
    with world.store.read() as connection:
        return list(verify.verify(connection).faults)


def seal_versions(world: World) -> set[int]:
    with world.store.read() as connection:
        return set(connection.scalars(select(seal.c.version)))


def sealed_before_the_upgrade(world: World) -> None:
    """A run that ended, with a decision and every kind of row that is covered, sealed by the first release."""
    world.gateway.script = [UNKNOWN, REJECTED]
    run_id = world.launched()
    world.serve()
    decide(world.store, run_id, seqs=[1], verdict="not-sent", reason="asked", actor=ANNA)
    world.serve()
    assert world.run(run_id)["state"] == "finished_with_failures"
    sealed_by_the_first_release(world.store)


# Versions


def test_what_the_first_release_sealed_is_proved_and_the_chains_go_on(world: World) -> None:
    sealed_before_the_upgrade(world)
    assert (faults(world), seal_versions(world)) == ([], {1})

    recall_run(world.store, 1, reason="wrong price", actor=ANNA)
    world.serve()
    assert seal_events(world.store) > 0

    assert (faults(world), seal_versions(world)) == ([], {1, VERSION})


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE event SET actor = 'operator:ben' WHERE kind = 'run_ended'", "is not what was sealed there"),
        ("UPDATE attempt_outcome SET http_status = 418", "outcomes or evidence were edited since they were sealed"),
        ("UPDATE attempt SET worker = 'nobody'", "outcomes or evidence were edited since they were sealed"),
        ("UPDATE evidence SET reason = 'x'", "outcomes or evidence were edited since they were sealed"),
        ("UPDATE seal SET version = 2", "is not what was sealed there"),
        ("UPDATE seal SET version = 3", "version 3 of the seals is of a later release"),
    ],
)
def test_a_forgery_under_a_seal_of_the_first_release_shows(
    world: World, forger: Forger, statement: str, fault: str
) -> None:
    sealed_before_the_upgrade(world)

    forger.does(statement)

    assert [one for one in faults(world) if fault in one], faults(world)


def test_a_seal_is_checked_in_its_own_form_whatever_the_newest_covers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed_before_the_upgrade(world)
    newest = {table: names[:-1] for table, names in versions.COLUMNS[VERSION].items()}

    monkeypatch.setitem(versions.COLUMNS, VERSION, newest)
    assert faults(world) == []
    monkeypatch.setitem(versions.COLUMNS, 1, newest)
    assert faults(world)


def test_a_new_seal_cannot_pass_for_an_old_one(world: World, forger: Forger) -> None:
    world.launched()
    world.serve()
    seal_events(world.store)
    assert faults(world) == []

    forger.does("UPDATE seal SET version = 1")

    assert [one for one in faults(world) if "is not what was sealed there" in one]


def test_version_1_is_what_the_first_release_covered() -> None:
    assert {table: " ".join(names) for table, names in VERSION_1.items()} == OF_THE_FIRST_RELEASE


@pytest.mark.parametrize("table", SINCE_VERSION_2)
def test_the_newest_version_covers_every_column(table: str) -> None:
    """A column that is added to a sealed table belongs into the version that is not released yet."""
    assert set(sealed_columns(table, VERSION)) == {column.name for column in metadata.tables[table].columns}


# Recalls


def taken_back(world: World) -> None:
    """Run r1: of three batches one was taken back at once, one after a request that did not get through, one never."""
    world.launched()
    world.serve()
    recall_run(world.store, 1, reason="wrong price", actor=ANNA)
    unreached = UnsendOutcome(UnsendKind.NOT_SENT, "connection refused")
    world.gateway.deleting = [lambda: unreached, lambda: UNSENT, lambda: IMPOSSIBLE, lambda: UNSENT]
    for _ in range(20):
        world.serve()
        world.clock.advance(10)
    assert world.run(1)["recall"]["finished_at"]
    assert (world.run(1)["recall"]["unsent"], world.run(1)["recall"]["failed"]) == (2, 1)
    seal_events(world.store)
    assert faults(world) == []


FORGED = {
    "a batch that was never taken back": (
        "UPDATE unsend_outcome SET kind = 'unsent' WHERE kind = 'impossible'",
        "UPDATE recall SET unsent = 3, failed = 0",
    ),
    "a request": ("UPDATE unsend SET worker = 'worker:two'",),
    "an answer": ("UPDATE unsend_outcome SET response = '{}' WHERE kind = 'not_sent'",),
    "who asked": ("UPDATE recall SET actor = 'operator:ben'",),
    "the reason": ("UPDATE recall SET reason = 'asked by the fan'",),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_recall_that_was_forged_shows(world: World, forger: Forger, what: str) -> None:
    taken_back(world)

    forger.does(*FORGED[what])

    assert faults(world)[0].startswith("run r1, as its recall ended with event ")
    assert faults(world)[0].endswith("its recalls, or requests to unsend, were edited since they were sealed")


def test_a_forged_digest_of_recalls_shows_in_the_chain(world: World, forger: Forger) -> None:
    taken_back(world)

    forger.does("UPDATE seal SET recalls_sha256 = sha256 WHERE recalls_sha256 IS NOT NULL")

    assert [one for one in faults(world) if "is not what was sealed there" in one]


def test_a_request_to_unsend_that_is_gone_is_counted(world: World, forger: Forger) -> None:
    taken_back(world)

    forger.does("DELETE FROM unsend_outcome WHERE kind = 'not_sent'")

    (fault,) = faults(world)
    assert fault.endswith("of the sealed rows, 0 recalls and 1 requests to unsend or outcomes are missing")


def test_a_request_to_unsend_that_was_added_is_counted(world: World, forger: Forger) -> None:
    taken_back(world)

    forger.does(
        "INSERT INTO unsend SELECT recall_id, batch_id, 9, account_id, message_id, 999, worker, started_at,"
        " deadline_at FROM unsend WHERE batch_id = 1 AND number = 1",
        "INSERT INTO unsend_outcome (recall_id, batch_id, number, kind, by_look, finished_at)"
        " SELECT recall_id, batch_id, 9, 'refused', by_look, finished_at FROM unsend_outcome"
        " WHERE batch_id = 1 AND number = 1",
    )

    (fault,) = faults(world)
    assert fault.endswith("1 requests to unsend were added after they were sealed")


def test_a_second_recall_of_a_run_is_covered_beside_the_first(world: World, forger: Forger) -> None:
    taken_back(world)
    recall_run(world.store, 1, reason="once more", actor=ANNA)
    world.gateway.deleting = [lambda: UNSENT]
    for _ in range(5):
        world.serve()
        world.clock.advance(10)
    seal_events(world.store)
    assert faults(world) == []

    forger.does("UPDATE recall SET reason = 'x' WHERE id = 1")

    assert len(faults(world)) == 2
