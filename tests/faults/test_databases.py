"""A storm's database is put back, and its replica takes over, under connections that stay open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import InternalError

from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade
from tests.clock import DrivenClock
from tests.faults.databases import Database, PostgresDatabase, SqliteDatabase
from tests.faults.installation import wait_for
from tests.faults.pooler import find_pooler
from tests.faults.postgres_pair import PostgresPair, Promotion, postgres_pair
from tests.servers import NoServer
from tests.world import World


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty one of each kind."""
    if request.param == "sqlite":
        made: Database = SqliteDatabase(tmp_path)
    else:
        made = PostgresDatabase(request.getfixturevalue("postgres_url"), tmp_path, pooled=False)
    upgrade(made.url)
    yield made
    made.close()


def world_on(url: str) -> World:
    clock = DrivenClock()
    return World(open_store(url, clock=clock), clock)


def test_a_database_is_put_back_under_open_connections_and_says_what_it_forgot(database: Database) -> None:
    world = world_on(database.url)
    world.launched([1, 2])
    world.serve()
    database.copy()
    world.launch(world.campaign([3, 4, 5, 6]))
    world.serve()
    forgotten = database.put_back()
    assert len(forgotten.requests) == 3
    assert world.events().count("run_opened") == 1
    assert world.launch(world.campaign([7])) == 2, "numbers come again"
    world.store.close()


def test_a_file_that_somebody_holds_is_not_put_back_yet(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path)
    upgrade(database.url)
    world = world_on(database.url)
    assert database.is_free()
    with world.store.write():
        assert not database.is_free()
    assert database.is_free()
    world.store.close()


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresPair]:
    with postgres_pair() as made:
        yield made


@pytest.fixture
def behind_the_pair(pair: PostgresPair, tmp_path: Path) -> Iterator[PostgresDatabase]:
    """An empty database of the pair, also reached through PgBouncer."""
    made = PostgresDatabase(pair.url, tmp_path, pooled=True)
    upgrade(made.url)
    yield made
    made.close()


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("how", Promotion)
def test_a_replica_takes_over(pair: PostgresPair, behind_the_pair: PostgresDatabase, how: Promotion) -> None:
    world = world_on(behind_the_pair.url)
    world.launched([1, 2])

    def follows() -> bool:
        pair.tend()
        return pair.has_replica

    with connected(behind_the_pair.addresses[0]) as open_before:
        open_before.execute(text("SELECT 1"))
        assert wait_for(follows, 60)
        if how is Promotion.BEHIND:
            pair.fall_behind()
        world.serve()

        committed = pair.promote(how, behind_the_pair.name)

        world.store.close()
        assert len(committed.requests) == 1
        assert world.states(1) == (["ready"] if how is Promotion.BEHIND else ["accepted"])
        world.launch(world.campaign([3]))
        if how is Promotion.DEMOTED:
            with pytest.raises(InternalError, match="read-only"):
                open_before.execute(text("UPDATE lane SET hinted_at = NULL"))
    world.store.close()


@pytest.mark.slow
def test_transactions_through_the_pooler_meet_other_connections(behind_the_pair: PostgresDatabase) -> None:
    backend = text("SELECT pg_backend_pid()")
    through = behind_the_pair.addresses[1]
    with connected(through) as one, connected(through) as two:
        for connection in (one, two):
            connection.execute(text("BEGIN"))
            connection.execute(backend)
        for connection in (one, two):
            connection.execute(text("COMMIT"))
        assert len({one.execute(backend).scalar_one() for _ in range(4)}) > 1, "one client, several connections"


def test_who_has_no_pgbouncer_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(NoServer, match="apt-get install pgbouncer"):
        find_pooler()
