"""Whether a worker serves a vendor, as the heartbeats show it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from campaigns.flow.lanes.tick import tick
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import WORKER, Serves, beat_heart, heartbeats, serving
from tests.clock import DrivenClock
from tests.one_database import reused_database, reused_postgresql, reused_sqlite, store  # noqa: F401 - fixtures

OURS, OTHER = "https://vendor.example/" + "a" * 60, "https://another.example"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from reused_database(request)


def serves(store: Store, upstream: str = OURS) -> Serves:  # noqa: F811 - the fixture
    with store.read() as connection:
        return serving(connection, upstream, store.now(connection)).serves


def look(store: Store, upstream: str) -> None:  # noqa: F811 - the fixture
    tick(store, upstream=upstream, settle_seconds=1, actor="worker:one")


def test_a_worker_serves_the_vendor_of_its_settings_and_no_other(store: Store, clock: DrivenClock) -> None:  # noqa: F811
    assert serves(store) is Serves.NO
    look(store, OTHER)
    assert (serves(store), serves(store, OTHER)) == (Serves.NO, Serves.YES)
    look(store, OURS)
    assert serves(store) is Serves.YES

    clock.advance(20)
    look(store, OTHER)
    assert (serves(store), serves(store, OTHER)) == (Serves.NO, Serves.YES)
    with store.read() as connection:
        assert {"beat", WORKER} <= set(heartbeats(connection)), "the previous release reads these"


def test_a_worker_of_the_previous_release_serves_a_vendor_that_is_not_known(
    store: Store,  # noqa: F811
    clock: DrivenClock,
) -> None:
    look(store, OTHER)
    clock.advance(60)
    with store.write() as connection:
        beat_heart(connection, WORKER, now=store.now(connection))
    assert serves(store) is Serves.NOT_KNOWN

    clock.advance(timedelta(minutes=1).total_seconds())
    assert serves(store) is Serves.NO
