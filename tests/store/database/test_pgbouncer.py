"""Behind PgBouncer in transaction mode many of our connections are one of the server's, a transaction at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import make_url, text

from campaigns.flow.lanes.tick import tick
from campaigns.store.database.engine import Store, open_store
from tests.clock import DrivenClock
from tests.world import UPSTREAM, World

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

USES = 8
"""More than psycopg's own five, after which it prepares a statement on the server."""


@pytest.fixture
def pooled_url(database_url: str, pgbouncer_url: str) -> str:
    """The test's database by way of PgBouncer."""
    pooled = make_url(pgbouncer_url).set(database=make_url(database_url).database)
    return pooled.render_as_string(hide_password=False)


@pytest.fixture
def pooled(pooled_url: str, clock: DrivenClock) -> Iterator[Store]:
    with closing(open_store(pooled_url, clock=clock)) as store:
        yield store


def test_each_client_of_a_shared_connection_gets_its_own_rows(pooled_url: str) -> None:
    assert _rows_of_two_clients(pooled_url, prepare_threshold=None) == [("one", "two")] * USES


def test_a_build_that_prepares_statements_is_caught(pooled_url: str) -> None:
    """The second client's statement has the name of the first one's, and PgBouncer knows nothing of either."""
    assert _rows_of_two_clients(pooled_url, prepare_threshold=1) != [("one", "two")] * USES


def test_the_time_outs_hold_for_a_transaction_and_for_nobody_else(pooled: Store) -> None:
    names = ("lock_timeout", "idle_in_transaction_session_timeout")
    with pooled.write() as connection:
        within = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]
    with pooled.read() as connection:
        after = [connection.execute(text(f"SHOW {name}")).scalar_one() for name in names]

    assert within == ["10s", "30s"]
    assert after == ["0", "0"]


def test_several_accounts_are_served_at_once(pooled: Store, clock: DrivenClock) -> None:
    world = World(pooled, clock)
    accounts = [world.account(f"acct_{name}") for name in ("a", "b", "c")]
    run_ids = [world.launch(world.campaign(range(1, 9), account_id=account)) for account in accounts]

    assert sorted(tick(pooled, upstream=UPSTREAM, settle_seconds=1, actor="worker:beat").lanes) == accounts
    with ThreadPoolExecutor(len(accounts)) as threads:
        served = list(threads.map(world.serve, accounts))

    assert served == [4, 4, 4]
    assert [world.run(run_id)["state"] for run_id in run_ids] == ["finished"] * 3
    world.prove()


def _rows_of_two_clients(url: str, *, prepare_threshold: int | None) -> list[tuple[str, str]]:
    """What two clients get who ask one thing each, in turn; what they are told when they get no row."""
    with (
        closing(open_store(url, prepare_threshold=prepare_threshold)) as one,
        closing(open_store(url, prepare_threshold=prepare_threshold)) as two,
    ):
        return [(_ask(one, "one"), _ask(two, "two")) for _ in range(USES)]


def _ask(store: Store, word: str) -> str:
    try:
        with store.write() as connection:  # a rollback, as after a read, makes psycopg forget what it prepared
            return str(connection.execute(text(f"SELECT '{word}'")).scalar_one())
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is no row
        return type(fault).__name__
