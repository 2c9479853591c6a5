from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.store.database.engine import Store
from tests.clock import DrivenClock
from tests.invariants import Vendor
from tests.one_database import database_url, reused_postgresql, reused_sqlite, store  # noqa: F401 - fixtures
from tests.world import World


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> Iterator[World]:  # noqa: F811 - the fixture
    """A world whose books must balance at the end of every story."""
    made = World(store, clock, gateway=Vendor())
    yield made
    made.prove()
