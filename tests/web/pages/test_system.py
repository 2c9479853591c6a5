"""The page of the system: the checks that doctor has, workers and hosts; and that it asks no vendor."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx

from campaigns.checks.database import database_checks
from campaigns.domain.access.rights import Right
from campaigns.flow.backup.hosts import join
from campaigns.settings import load_settings
from campaigns.store.backup.hosts import HostRow, every_host
from campaigns.store.database.migrations import head
from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart, heartbeats, worker_serves
from campaigns.store.views.events import events
from tests.web.pages.reading import key_of, of_one
from tests.web.served import VIEWER, served
from tests.world import World

VENDOR = load_settings().upstream_name


def test_the_parts_are_those_of_the_checks_that_doctor_has(world: World, desk: httpx.Client) -> None:
    page = desk.get("/system").text

    expected = [check.part for check in database_checks(load_settings(), world.store)]
    parts = re.findall(r"<td>([^<]*)</td>\s*<td><span class=\"state", page)
    assert parts[: len(expected)] == expected
    assert {"redis", "kept outcomes", "beat", "worker"} <= set(parts)
    assert "REDIS_URL is not set" in page
    assert "never seen" in page
    assert f"at {head()}, the newest" in page
    assert 'href="/people"' in page


def test_a_page_view_writes_nothing_and_asks_no_vendor(world: World, desk: httpx.Client) -> None:
    desk.get("/system")

    assert world.gateway.questions == []
    with world.store.read() as connection:
        assert heartbeats(connection) == {}
    assert world.events() == []


def test_workers_are_shown_with_the_vendor_that_they_serve(world: World, desk: httpx.Client) -> None:
    with world.store.write() as connection:
        beat_heart(connection, BEAT_SENDS, now=world.clock.now)
        worker_serves(connection, "https://old.example <b>", now=world.clock.now - timedelta(hours=1))
        worker_serves(connection, VENDOR, now=world.clock.now)

    page = desk.get("/system").text

    states = dict(re.findall(r"<tr><td>([^<]*)</td><td><span class=\"state state-(\w+)", page))
    assert states == {f"{VENDOR} (this desk's)": "ok", "https://old.example &lt;b&gt;": "missing"}


def test_a_host_is_forgotten_after_a_question_and_with_a_reason(world: World, desk: httpx.Client) -> None:
    join(world.store, world.fences, "tower <i>", actor="worker:one")
    (host,) = hosts(world)
    at = f"/system/hosts/{host.id}/forget"
    assert "tower &lt;i&gt;" in desk.get("/system").text

    question = desk.get(at).text
    form = {"key": key_of(question), "reason": "its disk burned"}
    statuses = [desk.post(at, data=form).status_code for _ in range(2)]

    assert "fans may be messaged twice" in question
    assert statuses == [303, 303]
    assert world.events().count("host_forgotten") == 1
    with world.store.read() as connection:
        forgotten = [each for each in events(connection) if each.kind == "host_forgotten"]
    assert [(each.actor, each.reason) for each in forgotten] == [("operator:anna", "its disk burned")]
    assert "by anna: its disk burned" in desk.get("/system").text
    assert desk.get("/system/hosts/nobody/forget").status_code == 404


def test_only_an_admin_of_every_account_forgets_a_host(world: World) -> None:
    join(world.store, world.fences, "tower", actor="worker:one")
    at = f"/system/hosts/{hosts(world)[0].id}/forget"
    for by in (VIEWER, of_one(Right.ADMIN)):
        with served(world.store, by) as desk:
            assert at not in desk.get("/system").text
            assert desk.get(at).status_code == 403
            assert desk.post(at, data={"key": "the key of one form", "reason": "x"}).status_code == 403
    assert world.events().count("host_forgotten") == 0


def test_restores_are_shown_by_number_and_never_by_their_value(world: World, desk: httpx.Client) -> None:
    page = desk.get("/system").text

    assert "The newest 20 incarnations." in page
    assert not re.search(r"<td[^>]*>[0-9a-f]{32}</td>", page)


def hosts(world: World) -> list[HostRow]:
    with world.store.read() as connection:
        return every_host(connection)
