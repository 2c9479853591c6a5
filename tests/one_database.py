"""One database for many tests: making one of its own for each costs PostgreSQL more than most of them take."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from campaigns.store import recall_tables, records, tables  # noqa: F401 - what fills the metadata
from campaigns.store.columns import metadata
from tests.conftest import _database

KINDS = ["sqlite", "postgresql"]

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


def emptied(url: str) -> None:
    """Take every row out of a PostgreSQL database, and let its numbers begin at 1 again.

    As a superuser without the triggers, which takes a tenth of what TRUNCATE takes on tables as small as these.
    """
    engine = create_engine(url)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with engine.begin() as connection:
        connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        names = [table.name for table in metadata.sorted_tables]
        if connection.execute(text("SELECT usesuper FROM pg_user WHERE usename = current_user")).scalar_one():
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for name in names:
                connection.execute(text(f"DELETE FROM {name}"))
        else:
            for name in names:
                connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
            connection.execute(text(f"TRUNCATE {', '.join(names)}"))
            for name in names:
                connection.execute(text(f"ALTER TABLE {name} ENABLE TRIGGER USER"))
        connection.execute(text("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"))
    engine.dispose()


@pytest.fixture(scope="session")
def reused_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database that `emptied` empties after each test."""
    server, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    with _database(server, f"campaigns_reused_{os.getpid()}_{next(_numbers)}", template) as url:
        yield url


def reused_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """For the body of a folder's own `database_url` fixture, with KINDS as its parameters."""
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), tmp_path / 'campaigns.db')}"
        return
    url = request.getfixturevalue("reused_postgres_url")
    yield url
    emptied(url)
