"""A tick beside many batches and runs: every statement of it finds its rows by an index, on both databases."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from campaigns.flow.campaigns.launch import launch
from campaigns.flow.lanes.tick import tick
from campaigns.store.database.engine import Store
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import metadata
from tests.clock import DrivenClock
from tests.store.statements import statements_of
from tests.world import ANNA, UPSTREAM, World

BATCHES, RUNS = 100_000, 20_000

GROWS = ("batch", "run", "attempt", "attempt_outcome", "evidence", "event", "message", "recall", "unsend")
"""Tables whose rows nobody deletes: a tick that reads all of one grows for ever."""

FILLED = ("batch", "run")
"""Those with so many rows here that PostgreSQL, too, finds an index cheaper."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most)"

MANY_BATCHES = f"""INSERT INTO batch
    (run_id, account_id, seq, state, available_at, message_id, updated_at, size)
    {_NUMBERS} SELECT 1, 'acct_one', i + 1000, 'accepted', :now, 'm' || i, :now, 1 FROM n"""

MANY_RUNS = f"""INSERT INTO run
    (campaign_id, revision, account_id, upstream, kind, launch, occurrence, state, actor, created_at, finished_at)
    {_NUMBERS} SELECT 1, 1, 'acct_one', :upstream, 'launch', i + 10, i + 10, 'finished', 'x', :now, :now FROM n"""


@pytest.fixture
def busy(store: Store, clock: DrivenClock) -> World:
    """A world with many batches and runs that ended, and one run that is being sent. Its books are made up."""
    world = World(store, clock)
    world.launched([1, 2, 3])
    with store.write() as connection:
        at = {"now": clock.now.replace(tzinfo=None) if connection.dialect.name == "sqlite" else clock.now}
        connection.execute(text(MANY_BATCHES), {"most": BATCHES, **at})
        connection.execute(text(MANY_RUNS), {"most": RUNS, "upstream": UPSTREAM, **at})
    if store.writer.dialect.name == "postgresql":
        with store.write() as connection:
            connection.execute(text("ANALYZE"))  # as PostgreSQL does by itself within a minute; SQLite never does
    return world


def test_a_tick_reads_no_table_that_grows(busy: World) -> None:
    for planted in ("SELECT * FROM run", "SELECT id FROM batch WHERE seq + 0 = 7 ORDER BY id"):
        assert _reads_whole(busy.store, planted, ()) != []
    launch(busy.store, busy.campaign([7], starts_at=busy.clock.now + timedelta(hours=1)), upstream=UPSTREAM, actor=ANNA)
    with statements_of(busy.store) as asked:
        for seconds in (0, 3600, 60):
            busy.clock.advance(seconds)
            tick(busy.store, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat")

    found = {one: values for one, values in asked if one[:6] in {"SELECT", "UPDATE", "DELETE"}}
    assert len(found) > 10
    assert {step: one for one, values in found.items() for step in _reads_whole(busy.store, one, values)} == {}


def _reads_whole(store: Store, statement: str, values: Any) -> list[str]:
    """The steps of the database's plan that go through a whole table that grows, or through a whole index of it.

    A partial index is none of those: it holds the few rows that wait for something.
    """
    with store.reader.connect() as connection:
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return [str(row[3]) for row in rows if _is_scan_of_sqlite(str(row[3]))]
        plan = "\n".join(str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values))
        return [step for step in re.split(r"\n\s*->", plan) if _is_scan_of_postgresql(step)]


def _is_scan_of_sqlite(step: str) -> bool:
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    return found is not None and found[1] in GROWS and found[2] not in _partial_indexes()


def _is_scan_of_postgresql(step: str) -> bool:
    if found := re.search(r"Seq Scan on (\w+)", step):
        return found[1] in FILLED
    found = re.search(r"Index (?:Only )?Scan(?: Backward)? using (\w+) on (\w+)", step)
    return found is not None and found[2] in FILLED and "Index Cond" not in step and found[1] not in _partial_indexes()


def _partial_indexes() -> set[str]:
    return {
        str(index.name)
        for table in metadata.tables.values()
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
