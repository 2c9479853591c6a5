"""A launch and the row of its key are one transaction, on each database: simultaneous, and killed anywhere."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import Request
from sqlalchemy import func, select

from campaigns.domain.access.rights import Principal
from campaigns.settings import load_settings
from campaigns.store.sending.lanes import hold_lane
from campaigns.store.tables.desk import idempotency_key
from campaigns.store.tables.runs import run
from campaigns.web.desk import Desk
from campaigns.wiring import Parts
from tests.one_database import KINDS, reused_database, reused_postgresql, reused_sqlite, store  # noqa: F401 - fixtures
from tests.web.api.killed_launches import launch_once
from tests.web.api.launching import ready, send
from tests.web.served import ADMIN, SECRET, running
from tests.world import ACCOUNT, World

MOST_POINTS = 60


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from reused_database(request)


def test_two_simultaneous_launches_open_one_run(world: World) -> None:
    world.account()
    campaign = world.campaign(users=[1, 2, 3])
    asked = threading.Semaphore(0)

    def identify(request: Request) -> Principal:
        if request.method == "POST":
            asked.release()
        return ADMIN

    desk = Desk(Parts(load_settings(), world.store), SECRET, identify)
    with (
        running(desk) as url,
        httpx.Client(base_url=url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60) as client,
        ThreadPoolExecutor(2) as both,
    ):
        headers = ready(client, campaign)
        with world.store.write() as connection:
            hold_lane(connection, ACCOUNT)
            replies = [both.submit(send, client, campaign, {}, headers) for _ in range(2)]
            for _ in range(2):
                assert asked.acquire(timeout=60)
        first, second = (reply.result() for reply in replies)
        again = send(client, campaign, {}, headers)

    assert {first.status_code, second.status_code} <= {200, 409}
    assert 200 in {first.status_code, second.status_code}
    assert again.status_code == 200
    assert all(each.json() == again.json() for each in (first, second) if each.status_code == 200)
    assert world.events().count("run_opened") == 1


def test_a_launch_that_is_killed_anywhere_leaves_its_key_with_its_run_or_neither(
    world: World, database_url: str
) -> None:
    world.account()
    ids = [world.campaign(users=[1, 2, 3]) for _ in range(MOST_POINTS)]
    command = [sys.executable, "-m", "tests.web.api.killed_launches", database_url, *map(str, ids)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    killed, status = map(int, printed.split())
    assert status == 0
    assert killed > 10

    outcomes = {left(world, campaign) for campaign in ids[:killed]}
    assert outcomes == {(0, 0), (1, 1)}
    for campaign in ids[:killed]:
        assert launch_once(world.store, campaign).answer["campaign_id"] == campaign
        assert left(world, campaign) == (1, 1)


def left(world: World, campaign: int) -> tuple[int, int]:
    """How many runs a campaign has, and how many answered keys."""
    name = f"launch of campaign {campaign}"
    with world.store.read() as connection:
        runs = connection.scalar(select(func.count()).select_from(run).where(run.c.campaign_id == campaign))
        keys = connection.scalar(
            select(func.count())
            .select_from(idempotency_key)
            .where(idempotency_key.c.value == name, idempotency_key.c.status == 200)
        )
    return int(runs or 0), int(keys or 0)
