from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.store.engine import Store
from tests.clock import DrivenClock
from tests.invariants import Vendor
from tests.world import World


@pytest.fixture
def world(store: Store, clock: DrivenClock) -> Iterator[World]:
    """A world whose books must balance at the end of every story."""
    made = World(store, clock, gateway=Vendor())
    yield made
    made.prove()
