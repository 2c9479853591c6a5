"""Real workers are replaced, lose their broker, lose their database: nothing is unknown that need not be."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from campaigns.adapters.disk.spool import FileSpool
from tests.faults.conftest import Install
from tests.faults.installation import Installation, Program, database_server, wait_for
from tests.faults.oracle import judge, read_ledger
from tests.faults.recovery import lanes_of
from tests.faults.work import Work

ACCOUNTS = 4
VENDOR = {"limit_per_minute": None, "answer_seconds": 0.3}

BACK_WITHIN_SECONDS = 20.0
"""Claimed are 15 s, and 9 to 13 were measured; a busy machine gets five more. Without its settings: never."""

AWAY_SECONDS = 3.0
IN_FLIGHT_SECONDS = 1.0
"""After this a request that had left before a cut has reached the vendor."""


@pytest.mark.slow
def test_replaced_workers_end_each_lane_after_its_request_and_leave_nothing_unknown(install: Install) -> None:
    site, work = begun(install, batches=16)
    for _ in range(2):
        (worker,) = site.alive("worker")
        assert wait_for(partial(_all_in_flight, site, worker), 30), site.log("worker")[-3000:]
        begun_before = counted(site, "SELECT count(*) FROM attempt")
        worker.signal(signal.SIGTERM)

        assert worker.process.wait(30) == 0

        assert counted(site, "SELECT count(*) FROM attempt") <= begun_before + ACCOUNTS, "it began another request"
        assert counted(site, "SELECT count(*) FROM lane WHERE owner IS NOT NULL") == 0, "a lane was not given back"
        assert states(site) == {"accepted", "ready"}
        site.start_worker()
    all_end_accepted(site, work)


@pytest.mark.slow
def test_a_broker_whose_connections_went_silent_is_noticed_and_used_again(install: Install) -> None:
    site, work = begun(install, batches=2)
    assert wait_for(lambda: not work.unfinished(), 30), site.log("worker")[-3000:]
    site.proxies["broker"].half_open()
    for account in work.accounts:
        work.run_for(account, batches=2)

    assert wait_for(lambda: not work.unfinished(), BACK_WITHIN_SECONDS), site.log("worker")[-3000:]
    all_end_accepted(site, work)


@pytest.fixture
def server() -> Iterator[str]:
    """A PostgreSQL that outlives the installation."""
    with database_server("postgresql") as url:
        yield url


@pytest.mark.slow
def test_while_postgresql_is_away_nothing_is_sent_and_every_answer_is_kept(server: str, install: Install) -> None:
    site, work = begun(install, server, batches=8)
    assert wait_for(lambda: len(list(read_ledger(site.ledger))) >= ACCOUNTS, 30), site.log("worker")[-3000:]
    cut_at = time.time()
    site.proxies["database"].set_mode("cut")
    assert wait_for(lambda: _spool(site).content().waiting == ACCOUNTS, 30), site.log("worker")[-3000:]
    assert wait_for(lambda: time.time() > cut_at + AWAY_SECONDS, 30)
    back_at = time.time()
    site.proxies["database"].set_mode("pass")

    all_end_accepted(site, work)
    assert _spool(site).content().waiting == 0
    assert [item for item in read_ledger(site.ledger) if cut_at + IN_FLIGHT_SECONDS < item.at < back_at] == []


def begun(install: Install, database: str = "sqlite", *, batches: int) -> tuple[Installation, Work]:
    """An installation that sends: one worker, two beats, a vendor that takes its time."""
    site = install(database, vendor=VENDOR)
    site.start_broker()
    site.start_vendor()
    work = Work(site.store, ACCOUNTS)
    for account in work.accounts:
        work.run_for(account, batches=batches)
    site.start_worker()
    site.start_beat()
    site.start_beat()
    return site, work


def all_end_accepted(site: Installation, work: Work) -> None:
    """Everything comes to its end by itself, each batch by one request, and the vendor's ledger agrees."""
    assert wait_for(lambda: not work.unfinished(), 60), site.log("worker")[-3000:]
    most = site.most_in_flight()
    verdict = judge(site.store, site.ledger, orders=work.orders, unfinished=[], most_in_flight=most)
    assert verdict.faults == []
    assert states(site) == {"accepted"}
    assert verdict.accepted == counted(site, "SELECT count(*) FROM batch")


def counted(site: Installation, statement: str) -> int:
    with site.store.read() as connection:
        return int(connection.execute(text(statement)).scalar_one())


def states(site: Installation) -> set[str]:
    with site.store.read() as connection:
        return set(connection.scalars(text("SELECT DISTINCT state FROM batch")))


def _all_in_flight(site: Installation, worker: Program) -> bool:
    lanes = lanes_of(site.store, worker.pid, worker.started_at).values()
    return len(lanes) == ACCOUNTS and None not in lanes


def _spool(site: Installation) -> FileSpool:
    return FileSpool(Path(site.environment["CAMPAIGNS_HOME"]))
