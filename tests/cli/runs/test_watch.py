"""How watching ends: with where all recipients are, what to do next, and an exit code; or because the time is over."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.cli.runs.watch import end_text
from campaigns.flow.runs.outlook import end_of
from tests.cli.conftest import Shell
from tests.flow.runs.shown_runs import NOW, a_run, held, held_account
from tests.world import World

DONE: dict[str, Any] = {"state": "finished", "waiting": 0, "batches": {}, "accepted": 90}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (DONE, "Run r7 is finished: 90 accepted."),
        (
            {**DONE, "state": "cancelled", "rejected": 2, "unknown": 3, "cancelled": 4, "excluded": {"suppressed": 1}},
            "Run r7 is cancelled: 90 accepted, 2 rejected, 3 unknown, 4 cancelled, 1 left out.",
        ),
        (
            {**DONE, "state": "finished_with_failures", "rejected": 2, "cancelled": 4},
            (
                "Run r7 is finished with failures: 90 accepted, 2 rejected, 4 cancelled. "
                "`campaigns runs rerun r7 --reason TEXT` sends again to those who were not reached."
            ),
        ),
        (
            {**DONE, "state": "finished_with_failures", "rejected": 1, "whole_list": True},
            (
                "Run r7 is finished with failures: 90 accepted, 1 rejected. "
                "`campaigns runs attempts r7` lists its requests."
            ),
        ),
        (
            {**DONE, "expired": 4, "cancelled": 4},
            (
                "Run r7 expired before 4 recipients were sent to: 90 accepted, 4 cancelled. "
                "`campaigns runs rerun r7 --cancelled --reason TEXT` sends to those who were cancelled."
            ),
        ),
        (
            {"holds": [held("operator", "lunch")], "accepted": 10, "waiting": 990, "excluded": {"suppressed": 5}},
            (
                "Run r7 is paused (lunch): 10 accepted, 990 waiting, 5 left out. "
                "`campaigns runs resume r7 --reason TEXT` lets it go on."
            ),
        ),
        (
            {"holds": [held_account("restored", "put back")]},
            (
                "Run r7 is paused (put back): 0 accepted, 1,000 waiting. "
                "Make the suppressions again that are lost, and compare with the vendor what may have been sent "
                "(docs/operating.md, Backups). `campaigns accounts release acct_one --reason TEXT` lets it go on."
            ),
        ),
        (
            {"holds": [held_account("stop", "wrong picture")]},
            (
                "Run r7 is paused (wrong picture): 0 accepted, 1,000 waiting. "
                "`campaigns go --account acct_one` lets it go on."
            ),
        ),
        (
            {"holds": [held_account("key", "401 no such key")]},
            (
                "Run r7 is paused, because the vendor refused (401 no such key): 0 accepted, 1,000 waiting. "
                "Set a valid key and restart the workers. "
                "`campaigns accounts release acct_one --reason TEXT` lets it go on."
            ),
        ),
    ],
)
def test_every_end_names_all_recipients_and_the_way_on(facts: dict[str, Any], sentence: str) -> None:
    run = a_run(**facts)
    end = end_of(run)
    assert end is not None
    assert end_text(run, end, NOW) == sentence


@pytest.mark.parametrize("words", [("launch", "--yes", "1", "--wait"), ("runs", "watch", "1")])
def test_a_timeout_ends_the_watching_and_not_the_run(shell: Shell, world: World, words: tuple[str, ...]) -> None:
    shell.campaign()
    if words[0] == "runs":
        shell.ok("launch", "--yes", "1")

    watched = shell.run(*words, "--timeout", "0s")

    assert watched.exit_code == 75
    assert "The time is over; run r1 goes on, and `campaigns runs watch r1` looks again." in watched.stderr
    world.serve()
    assert shell.ok("runs", "show", "1")["state"] == "finished"


def test_an_armed_campaign_stays_armed_when_the_time_is_over(shell: Shell) -> None:
    campaign_id = shell.campaign("--cron", "0 18 * * *", "--zone", "UTC")
    watched = shell.run("launch", "--yes", str(campaign_id), "--wait", "--timeout", "0s")
    assert watched.exit_code == 75
    assert f"campaign c{campaign_id} stays armed" in watched.stderr
    assert shell.ok("show", str(campaign_id))["state"] == "scheduled"


def test_what_launch_wait_prints_for_programs_names_the_run(shell: Shell) -> None:
    shell.campaign()
    result = shell.run("launch", "--yes", "1", "--wait", "--timeout", "0s", "--json")
    assert '"run_id": 1' in result.stdout


def test_a_timeout_without_a_wait_or_a_length_is_refused(shell: Shell) -> None:
    shell.campaign()
    assert "--timeout belongs to --wait" in shell.refusal("launch", "--yes", "1", "--timeout", "5m", code=2)
    assert "is 'soon', not a length of time" in shell.refusal("runs", "watch", "1", "--timeout", "soon", code=2)
