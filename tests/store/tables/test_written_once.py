"""What is written once cannot be changed, deleted, replaced, merged into or emptied, whatever the statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pyroaring import BitMap64
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from campaigns.flow.audience.suppress import suppress
from campaigns.flow.audit.seal import seal_events
from campaigns.flow.probe.ask import ask_probe
from campaigns.flow.recall.recall import recall_run
from campaigns.flow.reconcile.decide import decide
from campaigns.store.database.engine import Store, open_store
from campaigns.store.reconcile.ownership import give_back
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import metadata
from campaigns.store.views.probes import probes_left
from tests.clock import DrivenClock
from tests.flow.probe.vendor import ProbedVendor
from tests.one_database import KINDS, one_database
from tests.store.tables.insert_only import INSERT_ONLY, MAY_CHANGE
from tests.world import ACCOUNT, ANNA, UNKNOWN, UPSTREAM, World

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

REFUSED = "rows are never rewritten"


@pytest.fixture(scope="module", params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Filled once, and changed by none of these."""
    yield from one_database(request, tmp_path_factory)


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[Store]:
    """A row at least in each table whose rows are written once."""
    clock = DrivenClock()
    store = open_store(database_url, clock=clock)
    world = World(store, clock, gateway=ProbedVendor(now=clock))
    world.account()
    ask_probe(store, ACCOUNT, 4242, upstream=UPSTREAM, actor=ANNA)
    carry_out_the_probe(world)
    suppress(store, BitMap64([99]), account_id=None, reason="asked to stop", actor=ANNA)
    world.gateway.script = [UNKNOWN]
    run_id = world.launch(world.campaign([1, 2, 3, 4, 5, 99], mark=True))
    world.serve()
    decide(store, run_id, seqs=[1], verdict="not-sent", reason="not in the list", actor=ANNA)
    world.serve()
    recall_run(store, run_id, reason="wrong price", actor=ANNA)
    world.serve()
    seal_events(store)
    world.prove()
    with store.write() as connection:
        give_back(connection, ACCOUNT, "777", now=clock.now)
    yield store
    store.close()


def carry_out_the_probe(world: World) -> None:
    """Serve the lane whenever the probe asks for it, until its message is gone."""
    for _ in range(50):
        world.serve()
        with world.store.read() as connection:
            left = probes_left(connection)
        if not left:
            return
        world.clock.advance(60)
    raise AssertionError(left)


def rows_of(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))]


def refuses(store: Store, table: str, statement: str, **values: Any) -> None:
    """The statement fails for that reason, and all rows are as they were."""
    with store.writer.connect() as connection:
        before = rows_of(connection, table)
        assert before
        with pytest.raises(DBAPIError, match=f"{table} {REFUSED}"), connection.begin_nested():
            connection.execute(text(statement), values)
        assert rows_of(connection, table) == before
        connection.rollback()


def only_where(table: Table, key: list[str]) -> str:
    """The condition of a key that some rows have only, as `ON CONFLICT` must repeat it."""
    for index in table.indexes:
        if index.unique and [column.name for column in index.columns] == key:
            return f" WHERE {index.dialect_options['sqlite']['where']}"
    return ""


def unique_keys(table: Table) -> list[list[str]]:
    """The primary key and each other key of a table."""
    keys = [constraint for constraint in table.constraints if hasattr(constraint, "columns")]
    named = {"PrimaryKeyConstraint", "UniqueConstraint"}
    found = [[column.name for column in each.columns] for each in keys if type(each).__name__ in named]
    return found + [[column.name for column in index.columns] for index in table.indexes if index.unique]


KEYS = [(table, number) for table in INSERT_ONLY for number, _ in enumerate(unique_keys(metadata.tables[table]))]


def test_each_table_is_written_once_or_may_change() -> None:
    """A new table belongs into one list; one that is written once gets the triggers that all of them have."""
    assert sorted([*INSERT_ONLY, *MAY_CHANGE]) == sorted(metadata.tables)


@pytest.mark.parametrize("table", INSERT_ONLY)
def test_an_update_or_a_delete_is_refused(filled: Store, table: str) -> None:
    column = next(iter(metadata.tables[table].columns)).name
    refuses(filled, table, f"UPDATE {table} SET {column} = {column}")
    refuses(filled, table, f"DELETE FROM {table}")


@pytest.mark.parametrize(("table", "number"), KEYS)
def test_an_upsert_is_refused(filled: Store, table: str, number: int) -> None:
    """The row that is written collides in that key alone where it can, and asks for an update of the one there."""
    key = unique_keys(metadata.tables[table])[number]
    names = [column.name for column in metadata.tables[table].columns]
    refuses(
        filled,
        table,
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(names)} FROM {table} WHERE true LIMIT 1"
        f" ON CONFLICT ({', '.join(key)}){only_where(metadata.tables[table], key)}"
        f" DO UPDATE SET {names[-1]} = excluded.{names[-1]}",
    )


@on_sqlite
@pytest.mark.parametrize("how", ["INSERT OR REPLACE", "REPLACE"])
@pytest.mark.parametrize(("table", "number"), KEYS)
def test_sqlite_replaces_no_row_whichever_key_it_shares(filled: Store, table: str, number: int, how: str) -> None:
    key = unique_keys(metadata.tables[table])[number]
    names = [column.name for column in metadata.tables[table].columns]
    with filled.read() as connection:
        row = dict(connection.execute(text(f"SELECT * FROM {table} LIMIT 1")).mappings().one())
    others = {name for other in unique_keys(metadata.tables[table]) for name in other} - set(key)
    for name in others:  # in this key alone it is the row that stands there
        row[name] = row[name] + 1000 if isinstance(row[name], int) else f"{row[name]}x"
    placed = ", ".join(f":{name}" for name in names)
    refuses(filled, table, f"{how} INTO {table} ({', '.join(names)}) VALUES ({placed})", **row)


@on_sqlite
@pytest.mark.parametrize("table", [table for table in INSERT_ONLY if len(metadata.tables[table].primary_key) > 1])
def test_sqlite_replaces_no_row_by_its_rowid(filled: Store, table: str) -> None:
    """The hidden key of a table that has no number of its own."""
    names = [column.name for column in metadata.tables[table].columns]
    keyed = {name for key in unique_keys(metadata.tables[table]) for name in key}
    given = ", ".join(f"{name} || 'x'" if name in keyed else name for name in names)
    into = f"INSERT OR REPLACE INTO {table} (rowid, {', '.join(names)})"
    refuses(filled, table, f"{into} SELECT rowid, {given} FROM {table} LIMIT 1")


@on_postgresql
@pytest.mark.parametrize("table", INSERT_ONLY)
def test_postgresql_empties_no_table(filled: Store, table: str) -> None:
    with filled.writer.connect() as connection:
        with pytest.raises(DBAPIError, match=REFUSED), connection.begin_nested():
            connection.execute(text(f"TRUNCATE {table} CASCADE"))
        assert rows_of(connection, table)
        connection.rollback()
