"""What the vendor holds, on the command line: runs that it sends later, and messages that it only keeps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.flow.planning.plan import plan_run
from campaigns.flow.schedules.due import open_due_runs
from tests.cli.conftest import Shell
from tests.world import World


def handed_over(shell: Shell, world: World) -> tuple[str, str]:
    """A campaign and its run, which the vendor is to send in two hours."""
    at = (world.clock.now + timedelta(hours=2)).replace(microsecond=0)
    campaign_id = str(shell.campaign("--at", at.isoformat(), "--handoff", users="1\n"))
    shell.ok("launch", "--yes", campaign_id)
    (run_id,) = open_due_runs(world.store, actor="worker:beat")
    plan_run(world.store, run_id, actor="worker:beat")
    world.serve()
    assert world.gateway.received[0]["scheduledDate"] == at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    world.gateway.contents["acct_one-1"] = ItemContent("acct_one-1", "Hi", True, 0, at)
    return campaign_id, str(run_id)


def test_the_plan_of_what_is_handed_over_says_who_holds_the_clock(shell: Shell) -> None:
    campaign_id = str(shell.campaign("--cron", "0 18 * * *", "--zone", "Europe/Berlin", "--handoff"))
    assert shell.ok("plan", campaign_id)["clock"] == "vendor"
    assert "the vendor sends at the time" in shell.run("plan", campaign_id).stderr


def test_what_is_handed_over_is_edited_put_away_or_paused_only_after_it_is_taken_back(
    shell: Shell, world: World
) -> None:
    campaign_id, run_id = handed_over(shell, world)
    shown = shell.ok("runs", "show", run_id)
    assert (shown["state"], shown["accepted"]) == ("finished", 1)
    assert shown["scheduled_date"] == shown["scheduled_for"]
    for words in (("edit", campaign_id, "--text", "Better"), ("archive", campaign_id, "--yes")):
        assert f"`campaigns runs recall r{run_id} --reason TEXT`" in shell.refusal(*words, code=4)

    cancelled = shell.run("runs", "cancel", run_id, "--reason", "wrong price")
    assert cancelled.stdout == f"Run r{run_id} is finished: 0 batches cancelled. A worker unsends 1 batch of it.\n"
    world.serve()

    assert world.gateway.deleted == ["acct_one-1"]
    shown = shell.ok("runs", "show", run_id)
    assert (shown["accepted"], shown["cancelled"]) == (0, 1)
    shell.ok("edit", campaign_id, "--text", "Better")
    assert "being recalled" not in shell.refusal("runs", "cancel", run_id, "--reason", "again", code=4)


def test_a_pause_names_the_runs_that_it_takes_back(shell: Shell, world: World) -> None:
    at = world.clock.now + timedelta(hours=2)
    daily = str(shell.campaign("--cron", f"{at.minute} {at.hour} * * *", "--zone", "UTC", "--handoff", users="1\n"))
    shell.ok("launch", "--yes", daily)
    (run_id,) = open_due_runs(world.store, actor="worker:beat")
    plan_run(world.store, run_id, actor="worker:beat")
    world.serve()

    paused = shell.run("pause", daily, "--reason", "a mourning")

    assert f"Handed over and recalled now: run r{run_id}." in paused.stdout
    shell.ok("resume", daily, "--reason", "over")
    assert shell.ok("pause", daily, "--reason", "again")["recalling"] == [], "it is being taken back already"


@pytest.mark.parametrize("flag", ["--over=2h", "--expires=6h", "--overlap=unsend"])
def test_what_the_vendor_cannot_keep_is_refused_beside_handoff(shell: Shell, flag: str) -> None:
    shell.ok("accounts", "add", "acct_one")
    base = ("create", "--account", "acct_one", "--text", "a", "--users", "-", "--cron", "0 18 * * *", "--zone", "UTC")
    said = shell.refusal(*base, "--handoff", flag, code=2, stdin=b"1")
    assert "cannot be kept when the vendor sends the run at its time" in said


def test_what_is_saved_for_later_ends_as_saved_and_that_is_no_failure(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign("--save-for-later")))
    world.serve()
    shown = shell.ok("runs", "show", "1")
    assert (shown["state"], shown["accepted"], shown["saved"]) == ("finished", 0, 5)
    assert {row["state"] for row in shell.ok("runs", "batches", "1", "--state", "saved")} == {"saved"}
    watched = shell.run("runs", "watch", "1")
    assert watched.exit_code == 0
    assert "0 accepted, 5 saved at the vendor for later" in watched.stdout + watched.stderr
