"""Schedules and the calendar: on their own clocks, of the accounts that one sees, bounded, with acts that come back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.launch import launch
from campaigns.flow.schedules.due import open_due_runs
from campaigns.flow.schedules.pause_resume_skip import pause_schedule
from campaigns.web.pages.schedules import calendar, listed
from tests.web.served import VIEWER, served
from tests.world import ACCOUNT, ANNA, UPSTREAM, World


def test_each_schedule_is_shown_on_its_own_clock_with_now_and_how_far_away(world: World, desk: httpx.Client) -> None:
    world.account()
    berlin, tokyo = _armed(world, "48 13 * * *", "Europe/Berlin"), _armed(world, "0 21 * * 5", "Asia/Tokyo")
    world.clock.now = datetime(2026, 3, 2, 12, 36, tzinfo=UTC)
    pause_schedule(world.store, tokyo, reason="<b>fair</b>", actor=ANNA)
    page = desk.get("/schedules").text

    first, second = re.findall(r"<tr>\s+<td>(.*?)</tr>", page, re.DOTALL)
    assert f"c{berlin}" in first
    assert _cells(first)[3:6] == ["13:48 in Berlin", "in 12 min", "13:36 in Berlin"]
    assert _cells(second)[3:6] == ["Fri 06 Mar, 21:00 in Tokyo", "in 3 d 23 h", "21:36 in Tokyo"]
    assert "by anna since" in second
    assert "&lt;b&gt;fair&lt;/b&gt;" in second
    assert [f"c{berlin}" in desk.get(f"/schedules?state={state}").text for state in ("armed", "paused")] == [
        True,
        False,
    ]
    assert f'href="/campaigns/{berlin}/pause?back=%2Fschedules"' in first
    assert f'href="/campaigns/{tokyo}/resume?back=%2Fschedules"' in second


def test_hidden_accounts_are_in_no_list_and_a_viewer_has_no_acts(world: World) -> None:
    world.account()
    world.account("acct_hidden")
    seen = _armed(world, "0 9 * * *", "UTC")
    hidden = _armed(world, "0 8 * * *", "UTC", account_id="acct_hidden", name="Hidden")
    only = Principal("olga", frozenset({Right.VIEWER}), accounts=frozenset({ACCOUNT}))
    with served(world.store, only) as desk:
        for address in ("/schedules", "/schedules/calendar", "/schedules?account=acct_hidden"):
            page = desk.get(address).text
            assert "Hidden" not in page
            assert f"/campaigns/{hidden}" not in page
        assert f"/campaigns/{seen}" in desk.get("/schedules").text
    with served(world.store, VIEWER) as desk:
        assert "/pause" not in desk.get("/schedules").text
        assert "/skip-next" not in desk.get("/schedules/calendar").text


def test_the_calendar_has_what_was_and_what_comes_on_the_day_of_its_own_clock(world: World, desk: httpx.Client) -> None:
    world.account()
    campaign_id = _armed(world, "30 23 * * 1", "America/New_York")  # Tuesday, by UTC
    world.clock.now = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
    assert open_due_runs(world.store, actor="beat") != []
    page = desk.get("/schedules/calendar?month=2026-03").text
    days = dict(re.findall(r'<h3 id="d([^"]+)">.*?</h3>\s*<ul>(.*?)</ul>', page, re.DOTALL))

    assert list(days) == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23", "2026-03-30"]
    assert "23:30 r" in days["2026-03-09"]
    assert f"23:30 c{campaign_id}" in days["2026-03-16"]
    assert "/skip-next?back=%2Fschedules%2Fcalendar%3Fmonth%3D2026-03" in days["2026-03-16"]
    assert "/launch?now=1&amp;back=" in days["2026-03-16"]
    assert "/skip-next" not in days["2026-03-23"]
    by_utc = desk.get("/schedules/calendar?month=2026-03", headers={"Cookie": "zone=UTC"}).text
    assert 'id="d2026-03-17"' in by_utc
    assert "All times are on the clocks of UTC." in by_utc
    assert 'href="/schedules/calendar?month=2026-04&amp;account="' in page


def test_a_busy_day_is_cut_in_the_grid_and_whole_in_the_list(world: World, desk: httpx.Client) -> None:
    world.account()
    _armed(world, "0 * * * *", "UTC")
    page = desk.get("/schedules/calendar?month=2026-04").text
    day = re.search(r'<h3 id="d2026-04-05">.*?</h3>\s*<ul>(.*?)</ul>', page, re.DOTALL)
    assert day is not None
    assert len(re.findall("<li>", day[1])) == 24
    assert f"{24 - calendar.IN_A_CELL} more" in page


def test_the_calendar_and_the_list_say_their_bounds(world: World, desk: httpx.Client) -> None:
    world.account()
    for _ in range(2):
        _armed(world, "* * * * *", "UTC")
    page = desk.get("/schedules/calendar?month=2026-04").text
    assert "Only 1,000 runs are shown" in page
    assert "All armed schedules" in desk.get("/schedules").text
    assert desk.get("/schedules/calendar?month=nonsense").status_code == 200
    assert listed.MOST == 200


def _armed(world: World, cron: str, zone: str, **changes: Any) -> int:
    campaign_id = world.campaign(timing=Timing(cron=cron, zone=zone), zone=zone, **changes)
    launch(world.store, campaign_id, upstream=UPSTREAM, actor=ANNA)
    return campaign_id


def _cells(row: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"(?:<td>)?(.*?)</td>", row, re.DOTALL)]
