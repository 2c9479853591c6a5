"""Two hosts with a home each, as real processes: Redis lost costs nobody a word, and a restore closes every lane."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial

import pytest
from sqlalchemy import text

from tests.faults.conftest import Install
from tests.faults.installation import Installation, wait_for
from tests.faults.oracle import read_ledger
from tests.faults.work import Work

ACCOUNTS = 3
VENDOR = {"limit_per_minute": None, "answer_seconds": 0.1}


def begun(install: Install) -> tuple[Installation, Work]:
    site = install("sqlite", vendor=VENDOR, homes=2)
    site.start_broker()
    site.start_vendor()
    work = Work(site.store, ACCOUNTS)
    for home in (0, 1):
        site.start_worker(home=home)
    site.start_beat()
    assert wait_for(lambda: asked(site, "SELECT count(*) FROM host") == [2], 60), site.log("worker")[-3000:]
    return site, work


def asked(site: Installation, statement: str) -> list[object]:
    with site.store.read() as connection:
        return list(connection.scalars(text(statement)))


def redis_loses_its_state(site: Installation) -> None:
    for broker in site.alive("broker"):
        broker.kill()
    site.start_broker()


def times_accepted(site: Installation) -> Counter[int]:
    return Counter(user for item in read_ledger(site.ledger) for user in item.users)


@pytest.mark.slow
def test_a_redis_that_lost_its_state_needs_nobody_when_both_homes_are_whole(install: Install) -> None:
    site, work = begun(install)
    for account in work.accounts:
        work.run_for(account, batches=20)
    assert wait_for(lambda: len(list(read_ledger(site.ledger))) > ACCOUNTS, 60), site.log("worker")[-3000:]

    redis_loses_its_state(site)

    assert wait_for(lambda: not work.unfinished(), 90), site.log("worker")[-3000:]
    assert asked(site, "SELECT kind FROM hold") == []
    assert set(times_accepted(site).values()) == {1}


@pytest.mark.slow
def test_redis_lost_and_the_database_restored_send_nothing_whichever_host_is_back_first(install: Install) -> None:
    site, work = begun(install)
    for account in work.accounts:
        work.run_for(account, batches=3)
    assert wait_for(lambda: not work.unfinished(), 60), site.log("worker")[-3000:]
    for program in site.alive("beat"):
        program.stop()
    for account in work.accounts:
        work.run_for(account, batches=5)
    database, backup = site.folder / "campaigns.db", site.folder / "backup.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)  # nothing wakes a lane meanwhile
    site.start_beat()
    assert wait_for(lambda: not work.unfinished(), 60), site.log("worker")[-3000:]
    sent = times_accepted(site)
    for name in ("beat", "worker"):
        for program in site.alive(name):
            program.stop()
    site.store.close()
    for file in site.folder.glob("campaigns.db*"):
        file.unlink()
    shutil.copy(backup, database)
    redis_loses_its_state(site)

    site.start_beat()
    site.start_worker(home=1)
    closed = partial(asked, site, "SELECT account_id FROM hold WHERE kind = 'restored' AND scope = 'account'")
    waits = partial(asked, site, "SELECT account_id FROM lane WHERE waits_for LIKE '%to compare its fences'")
    # What this host saw at its ticks may be enough; else its lanes wait for the other one.
    assert wait_for(lambda: {*closed(), *waits()} == set(work.accounts), 60), site.log("worker")[-3000:]
    site.start_worker(home=0)

    assert wait_for(lambda: sorted(map(str, closed())) == work.accounts, 60), site.log("worker")[-3000:]
    assert wait_for(lambda: not work.unfinished(), 60), site.log("worker")[-3000:]
    assert times_accepted(site) == sent
    assert set(sent.values()) == {1}
