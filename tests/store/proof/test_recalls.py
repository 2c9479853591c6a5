"""`audit verify` finds what somebody changed about recalls behind our back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from campaigns.store.database.engine import Store, open_store
from campaigns.store.proof import verify
from tests.clock import DrivenClock
from tests.flow.schedules.timetable import armed, look, put_forward, work
from tests.one_database import KINDS, one_database
from tests.world import World


@pytest.fixture(scope="module", params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Every damage is rolled back."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def store(database_url: str) -> Iterator[Store]:
    """Run r1 was taken back for run r2, which was then sent."""
    clock = DrivenClock()
    opened = open_store(database_url, clock=clock)
    world = World(opened, clock)
    armed(world, overlap="unsend")
    for _ in range(2):
        put_forward(world, hours=1)
        look(world)
        for _ in range(3):
            work(world)
            clock.advance(1)
    assert (world.run(1)["recalled"], world.run(2)["accepted"]) == (5, 5)
    world.prove()
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (
            "UPDATE recall SET unsent = 2, failed = 1",
            "run r1: recall 1 counts 2 batches as unsent, but its requests",
        ),
        (
            "UPDATE recall SET unsent = 9, batches = 9",
            "run r1: recall 1 counts 9 batches as unsent, but its requests",
        ),
        (
            "UPDATE run SET planned_at = '2026-03-02 12:00:00' WHERE id = 2",
            "run r2: planned before the recall of run r1 had ended",
        ),
        (
            "UPDATE recall SET finished_at = NULL, batches = NULL, unsent = NULL, failed = NULL, unknown = NULL",
            "run r2: planned before the recall of run r1 had ended",
        ),
        (
            """INSERT INTO unsend SELECT recall_id, batch_id, 9, account_id, 'm-9', 99, worker, started_at, deadline_at
            FROM unsend WHERE batch_id = 1 AND number = 1""",
            "run r1 batch 1: message m-9 was to be unsent, but it is not its own",
        ),
    ],
)
def test_each_damage_is_named(store: Store, damage: str, fault: str) -> None:
    with store.writer.connect() as connection:
        connection.execute(text(damage))
        faults = verify.verify(connection).faults
        connection.rollback()
    assert [found for found in faults if fault in found], faults


@pytest.mark.parametrize("table", ["unsend", "unsend_outcome"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET number = number", "DELETE FROM {}"])
def test_a_request_to_take_something_back_is_never_rewritten(store: Store, table: str, statement: str) -> None:
    with store.writer.connect() as connection, pytest.raises(Exception, match="never rewritten"):
        connection.execute(text(statement.format(table)))
