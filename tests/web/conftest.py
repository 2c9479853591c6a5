"""The desk over the store of a test: on SQLite, and where a module says so on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.web.served import served
from tests.world import World


@pytest.fixture
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    """An empty, migrated SQLite database; what only PostgreSQL can fail is tested where its SQL is."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'campaigns.db')}"


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> World:
    return World(store, clock)


@pytest.fixture
def desk(store: Store) -> Iterator[httpx.Client]:
    """A client of the desk at which everybody is an admin."""
    with served(store) as client:
        yield client
