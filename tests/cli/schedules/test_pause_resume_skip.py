"""`pause`, `resume` and `schedule skip-next`, and how lists show them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.domain.clocks import on_clocks
from campaigns.flow.schedules.pause_resume_skip import skip_next
from tests.cli.conftest import Shell
from tests.world import World

FRIDAYS = ("--cron", "0 18 * * FRI", "--zone", "Europe/Berlin")
WORDS = "every Friday at 18:00 Europe/Berlin"
A_WEEK = timedelta(days=7)
NEXT = ("schedule", "skip-next", "1")
BACKFILL = ("schedule", "backfill", "1", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z")


@pytest.fixture
def armed(shell: Shell) -> Shell:
    """Campaign c1, armed for Fridays."""
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

    assert told.startswith("The occurrence of campaign c1 at ")
    (row,) = armed.ok("runs", "list")
    assert (row["state"], row["scheduled_for"]) == ("skipped", before)
    assert row["reason"] == "an operator skipped it ahead of its time: a fair"
    assert armed.ok("list")[0]["skipped"] == 1
    assert "a fair" in armed.run("runs", "show", str(row["id"])).stdout


def test_skipping_twice_skips_the_one_after_and_says_what_was_skipped_before(armed: Shell) -> None:
    first = datetime.fromisoformat(armed.ok("show", "1")["next_at"])
    armed.ok("schedule", "skip-next", "1")

    again = armed.run("schedule", "skip-next", "1")

    first_on_clocks, second, third = (on_clocks(first + n * A_WEEK, "Europe/Berlin") for n in range(3))
    assert again.stdout == f"The occurrence of campaign c1 at {second} is skipped; the next one is at {third}.\n"
    assert f"Note: skipped before, and still to come: {first_on_clocks}.\n" in again.stderr
    assert armed.ok("show", "1")["next_at"] == (first + 2 * A_WEEK).isoformat()


def test_a_pause_names_how_to_pause_the_run_that_goes_on(armed: Shell) -> None:
    run_id = armed.ok("launch", "--yes", "1", "--now")["run_id"]

    paused = armed.run("pause", "1", "--reason", "a holiday")

    way = f"`campaigns runs pause r{run_id} --reason TEXT` pauses it."
    assert f"Run r{run_id} has not ended and goes on. {way}\n" in paused.stderr


def test_what_has_no_schedule_is_not_launched_by_following_a_hint(shell: Shell, world: World) -> None:
    """A launch of it would send a second time."""
    campaign_id = str(shell.campaign())
    draft = shell.refusal("pause", campaign_id, "--reason", "x", code=4)
    run_id = shell.ok("launch", "--yes", campaign_id)["run_id"]

    sending = shell.refusal("pause", campaign_id, "--reason", "x", code=4)
    assert f"its run r{run_id} has not ended. `campaigns runs pause r{run_id} --reason TEXT` pauses it." in sending
    world.serve()
    over = [shell.refusal(*words, code=4) for words in (("pause", campaign_id, "--reason", "x"), NEXT, BACKFILL)]

    for sentence in (draft, sending, *over):
        assert "launch" not in sentence.replace("is launched", "")
    hints = re.findall(r"`campaigns ([^`]*)`", " ".join([draft, *over]))
    assert set(hints) == {"show c1"}
    for hint in hints:
        shell.ok(*hint.split())
    world.serve()
    assert len(world.gateway.received) == 1


def test_what_cannot_be_done_is_said_in_one_sentence(armed: Shell) -> None:
    draft = str(armed.campaign())
    assert "nothing of it is scheduled" in armed.refusal("pause", draft, "--reason", "x", code=4)
    assert "nothing to resume" in armed.refusal("resume", "1", "--reason", "x", code=4)
    assert "no campaign c9" in armed.refusal("schedule", "skip-next", "9", code=3)
    times = ("--from", "2026-01-01 00:00", "--to", "2200-01-01 00:00")
    assert "in which zone" in armed.refusal("schedule", "backfill", "1", *times, code=2)
    assert "is in the future" in armed.refusal("schedule", "backfill", "1", *times, "--zone", "UTC", code=2)


def test_a_launch_that_waits_watches_the_run_it_was_armed_for(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of an earlier time; that it is skipped ends the watching."""
    campaign_id = shell.campaign("--cron", "*/10 * * * *", "--zone", "UTC", "--often")
    now = datetime.now(UTC)
    shell.ok("launch", "--yes", str(campaign_id))
    hour = ("--from", (now - timedelta(hours=1)).isoformat(), "--to", now.isoformat())
    earlier = shell.ok("schedule", "backfill", str(campaign_id), *hour, "--yes", "--before-created")["runs"]
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


def test_a_pause_with_its_runs_pauses_the_schedule_and_every_open_run_at_once(armed: Shell, world: World) -> None:
    for _ in range(2):
        armed.ok(
            "launch", "1", "--now", "--yes", *(("--again", "--reason", "more") if armed.ok("runs", "list") else ())
        )
    armed.ok("runs", "pause", "2", "--reason", "mine")

    paused = armed.ok("pause", "c1", "--runs", "--reason", "a wrong price")

    assert (paused["paused"], paused["paused_runs"], paused["open_runs"]) == (True, [1], [])
    assert [hold["kind"] for hold in armed.ok("runs", "show", "1")["holds"]] == ["operator"]
    assert world.serve() == 0
    assert world.events().count("hold_opened") == 2
    again = armed.run("pause", "c1", "--runs", "--reason", "again")
    assert (again.exit_code, again.stdout.count("Paused")) == (0, 0)


def test_a_campaign_that_has_only_a_run_is_paused_with_its_run(shell: Shell, world: World) -> None:
    campaign = str(shell.campaign())
    shell.ok("launch", "--yes", campaign)

    assert "`campaigns runs pause r1" in shell.refusal("pause", campaign, "--reason", "x", code=4)
    paused = shell.run("pause", campaign, "--runs", "--reason", "a wrong price")

    assert paused.stdout == "Paused: run r1; `campaigns runs resume RUN` lets one go on.\n"
    assert world.serve() == 0
    other = str(shell.campaign())
    assert "nothing of it is scheduled" in shell.refusal("pause", other, "--runs", "--reason", "x", code=4)
