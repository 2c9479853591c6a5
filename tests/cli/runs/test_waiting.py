"""What an operator is told of hours, spread and expiry."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.cli.conftest import Shell
from tests.world import World


def closed_now(world: World) -> str:
    """Hours that open in two hours, wherever the test's day begins."""
    opens = world.clock.now + timedelta(hours=2)
    return f"{opens:%H:%M}-{opens + timedelta(minutes=30):%H:%M}"


@pytest.mark.parametrize("of", ["campaign", "account"])
def test_a_run_outside_its_hours_says_until_when_and_goes_on_with_the_accounts_new_ones(
    shell: Shell, world: World, of: str
) -> None:
    shell.ok("accounts", "add", "acct_one", "--zone", "UTC")
    campaign = shell.campaign(*(["--hours", closed_now(world)] if of == "campaign" else []))
    if of == "account":
        shell.ok("accounts", "set", "acct_one", "--hours", closed_now(world))
    shell.ok("launch", "--yes", str(campaign))

    assert world.serve() == 0

    run = shell.ok("runs", "show", "1")
    opens = datetime.fromisoformat(run["resumes_at"])
    assert timedelta(hours=1, minutes=58) < opens - world.clock.now <= timedelta(hours=2)
    assert run["bound_by"] == "sending hours"
    assert datetime.fromisoformat(run["eta"]) >= opens
    assert "outside its sending hours until" in shell.run("runs", "show", "1").stdout
    shell.ok("accounts", "set", "acct_one", "--clear", "hours")
    assert shell.ok("runs", "show", "1")["resumes_at"] is None
    assert world.serve() == (0 if of == "campaign" else 1)


def test_the_options_of_a_campaign_reach_its_run(shell: Shell, world: World) -> None:
    campaign = shell.campaign(
        "--batch-size", "1", "--over", "1h", "--expires", "2h", "--zone", "UTC", "--hours", "00:00-24:00"
    )
    shell.ok("launch", "--yes", str(campaign))
    run = shell.ok("runs", "show", "1")

    first, last = (datetime.fromisoformat(run[key]) for key in ("next_batch_at", "last_batch_at"))
    assert last - first == timedelta(minutes=48)
    assert datetime.fromisoformat(run["expires_at"]) == first + timedelta(hours=2)
    assert (run["bound_by"], run["sending_hours"]) == ("spread", [])


def test_hours_that_are_none_are_one_sentence(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    assert "are not valid hours" in shell.refusal(
        "accounts", "set", "acct_one", "--hours", "9-5", "--zone", "UTC", code=2
    )
    assert "give its zone too" in shell.refusal("accounts", "set", "acct_one", "--hours", "09:00-17:00", code=2)
    assert "not known here" in shell.refusal("accounts", "set", "acct_two", "--clear", "hours", code=3)
