from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.store.engine import Store
from tests.clock import DrivenClock
from tests.invariants import Vendor
from tests.one_database import KINDS, reused_database, reused_postgres_url  # noqa: F401 - a fixture
from tests.world import World


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database, once of each kind."""
    yield from reused_database(request, tmp_path)


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> Iterator[World]:
    """A world whose books must balance at the end of every story."""
    made = World(store, clock, gateway=Vendor())
    yield made
    made.prove()
