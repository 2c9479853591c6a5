"""Schedules in the API: those of all accounts, a calendar, and what is done to one."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.schedules.timing import Timing
from campaigns.flow.campaigns.launch import launch
from tests.web.served import served
from tests.world import ACCOUNT, ANNA, UPSTREAM, World

SCHEDULES = "/api/v1/schedules"
DAILY = Timing(cron="0 18 * * *", zone="Europe/Berlin", max_runs=40)


@pytest.fixture
def armed(world: World) -> int:
    """Armed on Monday the 2nd of March 2026 at noon, for each day at 18:00 in Berlin."""
    world.account()
    campaign = world.campaign(timing=DAILY, zone="Europe/Berlin", name="Daily")
    launch(world.store, campaign, upstream=UPSTREAM, actor=ANNA)
    return campaign


def times(entries: list[dict[str, str]]) -> list[str]:
    return [each["at"][:16] for each in entries]


def test_schedules_of_all_accounts_show_their_next_runs(armed: int, world: World, desk: httpx.Client) -> None:
    world.account("acct_two")
    other = world.campaign(timing=DAILY, zone="Europe/Berlin", account_id="acct_two")
    launch(world.store, other, upstream=UPSTREAM, actor=ANNA)
    world.campaign(timing=DAILY, zone="Europe/Berlin")

    listed = desk.get(SCHEDULES).json()["items"]
    first = desk.get(SCHEDULES, params={"limit": 1}).json()
    rest = desk.get(SCHEDULES, params={"limit": 1, "cursor": first["cursor"]}).json()

    assert [each["campaign"]["id"] for each in listed] == [other, armed]
    assert listed[1]["next_runs"][0] == "2026-03-02T17:00:00+00:00"
    assert [each["campaign"]["id"] for each in first["items"] + rest["items"]] == [other, armed]
    only = Principal("olga", frozenset({Right.VIEWER}), accounts=frozenset({ACCOUNT}))
    with served(world.store, only) as hers:
        assert [each["campaign"]["id"] for each in hers.get(SCHEDULES).json()["items"]] == [armed]


def test_a_calendar_shows_what_was_and_what_is_to_come(armed: int, world: World, desk: httpx.Client) -> None:
    skipped = desk.post(f"/api/v1/campaigns/{armed}/skip-next", json={"reason": "a holiday"})
    shown = desk.get(f"{SCHEDULES}/calendar", params={"from": "2026-03-02T00:00Z", "to": "2026-03-05T00:00Z"}).json()
    long = desk.get(f"{SCHEDULES}/calendar", params={"from": "2026-03-01T00:00Z", "to": "2027-03-01T00:00Z"})
    naive = desk.get(f"{SCHEDULES}/calendar", params={"from": "2026-03-02 00:00", "to": "2026-03-05T00:00Z"})

    assert skipped.json()["skipped"] == "2026-03-02T17:00:00+00:00"
    assert times(shown["entries"]) == ["2026-03-02T17:00", "2026-03-03T17:00", "2026-03-04T17:00"]
    assert [(each["state"], each["run_id"]) for each in shown["entries"]] == [
        ("skipped", 1),
        (None, None),
        (None, None),
    ]
    assert (shown["from"][:10], shown["is_complete"]) == ("2026-03-02", True)
    assert (long.status_code, "at most 62 days" in long.json()["detail"]) == (400, True)
    assert naive.json()["errors"][0]["pointer"] == "/from"
    assert world.events().count("run_skipped") == 1


def test_only_the_occurrence_that_was_looked_at_is_skipped(armed: int, desk: httpx.Client) -> None:
    body = {"occurrence": "2026-03-02T18:00:00+01:00"}
    first, second = (desk.post(f"/api/v1/campaigns/{armed}/skip-next", json=body) for _ in range(2))

    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "outdated")


def test_a_schedule_is_paused_and_goes_on(armed: int, desk: httpx.Client) -> None:
    address = f"/api/v1/campaigns/{armed}"
    paused = desk.post(f"{address}/pause", json={"reason": "a holiday"})
    entry = desk.get(f"{SCHEDULES}/calendar", params={"from": "2026-03-02T12:00Z", "to": "2026-03-03T00:00Z"}).json()
    blank = desk.post(f"{address}/resume", json={"reason": " \n"})
    nul = desk.post(f"{address}/resume", json={"reason": "a\0b"})
    resumed = desk.post(f"{address}/resume", json={"reason": "back"})

    assert (paused.json()["paused"], entry["entries"][0]["paused"]) == (True, True)
    assert [each.status_code for each in (blank, nul)] == [400, 400]
    assert (resumed.status_code, resumed.json()["paused"]) == (200, False)


def test_a_schedule_is_explained(desk: httpx.Client) -> None:
    asked: dict[str, str | int] = {
        "expression": "30 2 * * *",
        "zone": "Europe/Berlin",
        "from": "2026-03-28T00:00Z",
        "count": 2,
    }
    shown = desk.get(f"{SCHEDULES}/explain", params=asked).json()
    wrong = desk.get(f"{SCHEDULES}/explain", params={**asked, "zone": "Europe/Berlni"})

    assert shown["next"] == ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00"]
    assert shown["notes"]
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/zone")


def test_a_backfill_is_shown_first_and_opens_what_was_shown(armed: int, world: World, desk: httpx.Client) -> None:
    address = f"/api/v1/campaigns/{armed}"
    desk.post(f"{address}/skip-next", json={})
    world.clock.advance(timedelta(hours=12).total_seconds())
    period = {"from": "2026-03-02T12:00Z", "to": "2026-03-02T20:00Z"}

    shown = desk.get(f"{address}/backfill", params=period).json()
    without = desk.post(f"{address}/backfill", json=period)
    key = {"Idempotency-Key": "one key of a backfill"}
    other = desk.post(f"{address}/backfill", json={**period, "runs": 2}, headers=key)
    opened, again = (desk.post(f"{address}/backfill", json={**period, "runs": 1}, headers=key) for _ in range(2))

    assert (len(shown["runs"]), shown["dry_run"], shown["from"][:10]) == (1, True, "2026-03-02")
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    assert (other.status_code, other.json()["code"]) == (409, "changed")
    assert (opened.status_code, opened.json()["dry_run"], again.json()) == (200, False, opened.json())
    assert world.events().count("run_backfilled") == 1
