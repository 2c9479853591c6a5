"""Outcomes that the database would not take, kept and written by real workers."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import cast

import pytest
from sqlalchemy import text

from campaigns.adapters.disk.spool import FileSpool
from campaigns.store.database.engine import Store
from tests.clock import RunningClock
from tests.faults.conftest import Install
from tests.faults.full_disk import FULL
from tests.faults.installation import Installation, wait_for
from tests.faults.oracle import judge
from tests.faults.work import Work
from tests.flow.sending.outage import Outage, ShakyStore
from tests.world import World, accepted

ACCOUNTS, BATCHES = 8, 6


@pytest.mark.slow
def test_a_worker_writes_at_its_start_what_was_kept(install: Install) -> None:
    site = install(vendor={})
    site.start_broker()
    world = World(site.store, RunningClock())
    store, spool = cast("Store", ShakyStore(world.store)), FileSpool(site.folder / "home")
    run_id = world.launched([1, 2])
    Outage(world, cast("ShakyStore", store), replace(world.sender(), store=store, spool=spool)).with_answer(
        accepted("777")
    )
    assert (world.states(run_id), spool.content().waiting) == (["sending"], 1)

    site.start_worker()  # and no beat: nobody tells it to

    assert wait_for(lambda: world.states(run_id) == ["accepted"], 30), site.log("worker")[-3000:]
    assert world.batches(run_id)[0]["message_id"] == "777"
    assert wait_for(lambda: spool.content().waiting == 0, 5)


@pytest.mark.slow
def test_workers_on_a_full_disk_keep_their_outcomes_and_go_on_when_there_is_room(install: Install) -> None:
    site = install(vendor={"limit_per_minute": None, "answer_seconds": 0.3}, main="tests.faults.full_disk")
    site.start_broker()
    site.start_vendor()
    work = Work(site.store, ACCOUNTS)
    for account in work.accounts:
        work.run_for(account, batches=BATCHES)
    site.start_worker()
    site.start_beat()
    spool = FileSpool(site.folder / "home")
    assert wait_for(lambda: accepted_by_vendor(site) >= ACCOUNTS, 30), site.log("worker")[-3000:]

    (site.folder / FULL).touch()
    assert wait_for(lambda: spool.content().waiting, 30), site.log("worker")[-3000:]
    assert work.unfinished()
    (site.folder / FULL).unlink()

    assert wait_for(lambda: not work.unfinished(), 60), site.log("worker")[-3000:]
    assert spool.content().waiting == 0
    most = site.most_in_flight()
    verdict = judge(site.store, site.ledger, orders=work.orders, unfinished=[], most_in_flight=most)
    assert verdict.faults == []
    with site.store.read() as connection:
        states = connection.execute(text("SELECT state, count(*) FROM batch GROUP BY state")).all()
    assert [tuple(row) for row in states] == [("accepted", ACCOUNTS * BATCHES)], "nothing that was known is unknown"


def accepted_by_vendor(site: Installation) -> int:
    with contextlib.closing(site.record()) as record:
        return len(record.accepted())
