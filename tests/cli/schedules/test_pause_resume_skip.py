"""`pause`, `resume`, `schedule skip-next` and `schedule backfill`, and how lists tell of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.flow.schedules.pause_resume_skip import skip_next
from tests.cli.conftest import Shell
from tests.world import World

FRIDAYS = ("--cron", "0 18 * * FRI", "--zone", "Europe/Berlin")
WORDS = "every Friday at 18:00 Europe/Berlin"
A_MONTH = timedelta(days=28)


@pytest.fixture
def armed(shell: Shell) -> Shell:
    """Campaign 1, armed for Fridays."""
    campaign_id = str(shell.campaign(*FRIDAYS))
    assert shell.run("launch", "--yes", campaign_id).stdout.startswith(
        f"Campaign c1 is armed: {WORDS}. Its next occurrence is at"
    )
    return shell


def test_a_pause_and_its_reason_are_listed_until_the_schedule_is_resumed(armed: Shell) -> None:
    assert "what comes due is skipped until" in armed.run("pause", "1", "--reason", "a holiday").stdout
    (row,) = armed.ok("list")
    assert (row["schedule"], row["paused"], row["occurrences"], row["skipped"]) == (WORDS, "a holiday", 0, 0)
    assert row["next_at"] == armed.ok("show", "1")["next_at"]
    assert "a holiday" in armed.run("list").stdout
    assert "a holiday" in armed.run("show", "1").stdout

    assert "its next occurrence is at" in armed.run("resume", "1", "--reason", "back").stdout
    assert armed.ok("show", "1")["paused"] is None


def test_a_skipped_occurrence_is_listed_with_the_reason(armed: Shell) -> None:
    before = armed.ok("show", "1")["next_at"]

    told = armed.run("schedule", "skip-next", "1", "--reason", "a fair").stdout

    assert told.startswith("The occurrence of campaign 1 at ")
    (row,) = armed.ok("runs", "list")
    assert (row["state"], row["scheduled_for"]) == ("skipped", before)
    assert row["reason"] == "an operator skipped it ahead of its time: a fair"
    assert armed.ok("list")[0]["skipped"] == 1
    assert "a fair" in armed.run("runs", "show", str(row["id"])).stdout


def test_a_backfill_is_looked_at_and_then_done(armed: Shell, world: World) -> None:
    now = datetime.now(UTC)
    period = ("--from", (now - A_MONTH).isoformat(), "--to", now.isoformat())

    tried = armed.run("schedule", "backfill", "1", *period, "--dry-run")
    assert tried.stdout.count("missing") == 4
    assert "4 runs would be opened" in tried.stderr
    assert armed.ok("runs", "list") == []
    done = armed.run("schedule", "backfill", "1", *period, "--reason", "new here")
    again = armed.run("schedule", "backfill", "1", *period)

    assert "4 runs opened" in done.stderr
    assert "nothing to backfill" in again.stderr
    assert {row["state"] for row in armed.ok("runs", "list")} == {"due"}


def test_what_cannot_be_done_is_said_in_one_sentence(armed: Shell) -> None:
    draft = str(armed.campaign())
    assert "nothing of it is scheduled" in armed.refusal("pause", draft, "--reason", "x", code=4)
    assert "nothing to resume" in armed.refusal("resume", "1", "--reason", "x", code=4)
    assert "no campaign 9" in armed.refusal("schedule", "skip-next", "9", code=3)
    times = ("--from", "2026-01-01 00:00", "--to", "2200-01-01 00:00")
    assert "in which zone" in armed.refusal("schedule", "backfill", "1", *times, code=2)
    assert "is to come" in armed.refusal("schedule", "backfill", "1", *times, "--zone", "UTC", code=2)


def test_a_launch_that_waits_watches_the_run_it_was_armed_for(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of an earlier time; that it is skipped ends the watching."""
    campaign_id = shell.campaign("--cron", "*/10 * * * *", "--zone", "UTC")
    now = datetime.now(UTC)
    shell.ok("launch", "--yes", str(campaign_id))
    hour = ("--from", (now - timedelta(hours=1)).isoformat(), "--to", now.isoformat())
    earlier = shell.ok("schedule", "backfill", str(campaign_id), *hour)["runs"]
    shell.ok("edit", str(campaign_id), "--at", (now + timedelta(hours=1)).isoformat())
    shell.ok("edit", str(campaign_id), "--clear", "at")
    shell.ok("edit", str(campaign_id), "--cron", "0 0 * * *", "--zone", "UTC")
    monkeypatch.setattr(
        "campaigns.cli.runs.watch.time.sleep",
        lambda _: skip_next(world.store, campaign_id, reason="a fair", actor="operator:ben"),
    )

    watched = shell.run("launch", "--yes", str(campaign_id), "--wait", "--json")

    assert len(earlier) >= 6
    assert watched.exit_code == 4
    run = json.loads(watched.stdout)
    assert (run["state"], run["reason"]) == ("skipped", "an operator skipped it ahead of its time: a fair")
