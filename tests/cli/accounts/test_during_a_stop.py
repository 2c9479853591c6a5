"""What commands say and do while everything is stopped."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.cli.conftest import Shell, on_a_terminal, talk
from tests.evening import signs
from tests.flow.schedules import timetable
from tests.world import THROTTLED, UNKNOWN, World

REASON = ("--reason", "a wrong price")
SKIPS = "Note: this skips 1 occurrence that came due during the stop; `campaigns schedule backfill` sends them.\n"


@pytest.fixture
def overdue(shell: Shell, world: World) -> Shell:
    """Campaign c1 is due every hour; an occurrence came due during a stop of everything."""
    timetable.armed(world, grace_seconds=7200.0, misfire="all")
    shell.ok("stop", *REASON)
    world.clock.advance(3600)
    with world.store.write() as connection:  # the command's own clock is the machine's
        connection.exec_driver_sql("UPDATE campaign SET due_at = '2020-01-01 00:00:00.000000'")
    return shell


def test_a_pause_says_what_it_skips_and_the_run_says_who_stopped_it(overdue: Shell) -> None:
    paused = overdue.run("pause", "c1", "--reason", "a holiday")

    assert re.search(r"Note: this skips \d+ occurrences? that came due during the stop; ", paused.stderr)
    run_id = overdue.ok("runs", "list")[0]["id"]
    shown = overdue.run("runs", "show", str(run_id)).stdout
    assert re.search(r"^reason +stopped by \w+: a wrong price$", shown, re.MULTILINE)
    assert re.search(r"^paused by +-$", shown, re.MULTILINE)


def test_a_backfill_says_what_it_skips(overdue: Shell, world: World) -> None:
    now = world.clock.now
    period = ("--from", (now - timedelta(days=9)).isoformat(), "--to", (now - timedelta(days=8)).isoformat())

    refused = overdue.run("schedule", "backfill", "c1", *period)

    assert "that came due during the stop" in refused.stderr
    assert {row["state"] for row in overdue.ok("runs", "list")} == {"skipped"}


def test_what_is_sent_again_waits_for_go(shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.launched([1, 2])
    world.gateway.script = [UNKNOWN]
    world.serve_out()
    shell.ok("stop", *REASON)
    resend = ("runs", "decide", "r1", "--all", "--as", "resend", "--reason", "nobody has it")
    waits = "It is sent after `campaigns go`: it is stopped (a wrong price).\n"
    with monkeypatch.context() as patch:
        on_a_terminal(patch)
        assert waits in shell.run(*resend, stdin=b"n\n").stderr

    assert waits in shell.run(*resend, "--yes").stderr
    assert world.serve() == 0


def test_times_of_a_stop_name_their_zone(shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    stops: list[str] = []

    def answer() -> object:
        stops.append(shell.run("stop", *REASON).stdout)
        return THROTTLED

    world.gateway.script = [answer]  # type: ignore[list-item]
    world.serve()
    assert re.search(r"since [-0-9]{10} [:0-9]{5,8}[+-]\d\d:\d\d \w+\.$", stops[0], re.MULTILINE)

    on_a_terminal(monkeypatch)
    question = shell.run("go", stdin=b"n\n").stderr
    assert re.search(
        r"^Stopped by \w+ at [-0-9]{10} [:0-9]{5,8}[+-]\d\d:\d\d \w+: a wrong price$", question, re.MULTILINE
    )


def test_an_occurrence_that_waits_is_shown_on_the_clocks_of_its_campaign(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = shell.campaign("--cron", "* * * * *", "--zone", "Europe/Berlin", "--often")
    shell.ok("launch", "--yes", str(campaign_id))
    shell.ok("stop", *REASON)
    on_a_terminal(monkeypatch)
    _come_due(shell)

    assert " Europe/Berlin is s" in shell.run("go", stdin=b"n\n").stderr


def _come_due(shell: Shell) -> None:
    """Let the next occurrence of every campaign be one that has passed."""
    import sqlite3

    with sqlite3.connect(shell.database_url.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "UPDATE campaign SET due_at = datetime(due_at, '-2 minutes'), due_for = datetime(due_for, '-2 minutes')"
        )
    connection.close()


def test_a_run_is_not_called_paused_after_it_ended(shell: Shell, world: World) -> None:
    world.launched([1, 2])
    world.serve()
    signs(world)
    shell.ok("stop", *REASON)

    assert re.search(r"^paused by +-$", shell.run("runs", "show", "r1").stdout, re.MULTILINE)
    assert "Note" in talk(shell.run("launch", "--yes", str(shell.campaign())))
