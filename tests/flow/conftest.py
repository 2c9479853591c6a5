from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.one_database import (  # noqa: F401 - fixtures
    AGAIN_ON_POSTGRESQL,
    reused_database,
    reused_postgresql,
    reused_sqlite,
    store,
)
from tests.world import World


@pytest.fixture(params=AGAIN_ON_POSTGRESQL)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty, migrated database; a module that PostgreSQL may fail alone is marked `on_both`."""
    yield from reused_database(request)


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> Iterator[World]:  # noqa: F811 - the fixture
    """A world whose books must balance at the end of every story."""
    made = World(store, clock)
    yield made
    made.prove()
