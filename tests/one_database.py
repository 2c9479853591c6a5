"""One database for many tests: making one of its own for each costs PostgreSQL more than most of them take."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import begin_incarnation
from campaigns.store.database.engine import Store, open_store
from campaigns.store.tables import every_table  # noqa: F401 - fills the metadata
from campaigns.store.tables.columns import metadata
from tests.clock import DrivenClock
from tests.conftest import _database

KINDS = ["sqlite", "postgresql"]

AGAIN_ON_POSTGRESQL = ["sqlite", pytest.param("postgresql", marks=pytest.mark.again)]
"""For rules whose SQL is the same on both: the default run plays them on SQLite, `-m again` on PostgreSQL."""

on_both = pytest.mark.parametrize("database_url", KINDS, indirect=True)
"""For a test or a module in such a folder that PostgreSQL may fail alone: locks, types, JSON, numbers, plans."""

_numbers = itertools.count(1)


def one_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """For the body of a module's own `database_url` fixture, with KINDS as its parameters."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "campaigns.db"
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), path)}"
        return
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    with _database(server, f"campaigns_shared_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url


def emptied(writer: Engine) -> None:
    """Take every row out of a PostgreSQL database, and let its numbers begin at 1 again.

    As a superuser without the triggers, which takes a tenth of what TRUNCATE takes on tables as small as these.
    Connections that are in the middle of something are ended; those that wait in a pool are good for the next test.
    """
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    names = [table.name for table in metadata.sorted_tables]
    with writer.begin() as connection:
        if connection.execute(text("SELECT usesuper FROM pg_user WHERE usename = current_user")).scalar_one():
            emptying = ["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {name}" for name in names)]
        else:
            emptying = [f"ALTER TABLE {name} DISABLE TRIGGER USER" for name in names]
            emptying += [f"TRUNCATE {', '.join(names)}"]
            emptying += [f"ALTER TABLE {name} ENABLE TRIGGER USER" for name in names]
        ended = f"{others} AND pid <> pg_backend_pid() AND state <> 'idle'"
        numbers = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
        connection.exec_driver_sql("; ".join([ended, *emptying, numbers]))  # one way there and back
        begin_incarnation(Act(connection, datetime.now(UTC), "test"), reason="emptied")


class ReusedStores:
    """Migrated databases of one kind, each made when it is first asked for, with what SQLAlchemy has compiled for it.

    Compiling anew what every test asks takes longer than most tests.
    """

    def __init__(self, left: ExitStack, make: Callable[[], str]) -> None:
        self._left = left
        self._make = make
        self._stores: dict[str, Store] = {}

    def of(self, purpose: str = "all") -> Store:
        """The one for a purpose; tests that break more than rows name one of their own."""
        if purpose not in self._stores:
            self._stores[purpose] = store = open_store(self._make())
            self._left.callback(store.close)
        return self._stores[purpose]

    def at(self, url: str) -> Store | None:
        """The one at that address, if there is any."""
        return next((store for store in self._stores.values() if url_of(store) == url), None)


def url_of(store: Store) -> str:
    """Its address, as `open_store` takes it."""
    return store.writer.url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def reused_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReusedStores]:
    """Files."""
    with ExitStack() as left:
        yield ReusedStores(left, lambda: f"sqlite:///{tmp_path_factory.mktemp('reused') / 'campaigns.db'}")


@pytest.fixture(scope="session")
def reused_postgresql(postgres_url: str, postgres_template: str) -> Iterator[ReusedStores]:
    """Databases of the server that all tests use."""
    with ExitStack() as left:

        def make() -> str:
            name = f"campaigns_reused_{os.getpid()}_{next(_numbers)}"
            return left.enter_context(_database(postgres_url, name, postgres_template))

        yield ReusedStores(left, make)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty, migrated database, once of each kind."""
    yield from reused_database(request)


def reused_database(request: pytest.FixtureRequest, purpose: str = "all") -> Iterator[str]:
    """For the body of a `database_url` fixture with KINDS: nobody else uses it for that purpose meanwhile."""
    stores: ReusedStores = request.getfixturevalue(f"reused_{request.param}")
    yield from emptied_after(stores.of(purpose), request)


def emptied_after(store: Store, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a reused database, which is empty again afterwards."""
    if store.writer.dialect.name == "sqlite":
        path = Path(str(store.writer.url.database))
        for file in path.parent.iterdir():
            file.unlink()
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield url_of(store)
        store.close()
        return
    yield url_of(store)
    emptied(store.writer)


@pytest.fixture
def store(request: pytest.FixtureRequest, database_url: str, clock: DrivenClock) -> Iterator[Store]:
    """A store on the driven clock; on the database that is reused, unless a module has another."""
    stores: ReusedStores = request.getfixturevalue(f"reused_{make_url(database_url).get_backend_name()}")
    reused = stores.at(database_url)
    if reused is not None:
        yield replace(reused, clock=clock)
        return
    opened = open_store(database_url, clock=clock)
    yield opened
    opened.close()
