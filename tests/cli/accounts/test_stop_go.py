"""`stop` and `go`, and how accounts are listed, renamed and removed, as an operator sees it."""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest

from campaigns.cli.accounts import stop_go
from campaigns.cli.kit.ways_on import way_on
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldScope, Outcome
from campaigns.store.health.heartbeats import beat_heart, worker_serves
from tests.cli.conftest import Shell, talk
from tests.flow.schedules import timetable
from tests.world import ACCOUNT, LOGGED_OUT, THROTTLED, World


def test_stop_needs_no_server_and_says_how_it_is_lifted(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))

    stopped = shell.run("stop", "--reason", "a wrong price")

    assert stopped.exit_code == 0
    assert stopped.stdout == "Everything is stopped: a wrong price. Nothing is sent until `campaigns go`.\n"
    assert world.serve() == 0
    note = "Note: everything is stopped (a wrong price); `campaigns go` lets it go on.\n"
    assert note in shell.run("launch", "--yes", str(shell.campaign())).stderr
    again = shell.run("stop", "--reason", "another").stdout
    assert again == "Everything is stopped since before: a wrong price. Nothing is sent until `campaigns go`.\n"


def test_what_is_in_flight_is_said(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    said: list[str] = []

    def answer() -> Outcome:
        said.append(shell.run("stop", "--reason", "fire").stdout)
        return THROTTLED

    world.gateway.script = [answer]
    world.serve()

    assert "In flight, cannot be stopped: run r1 batch 1 on acct_one, 2 recipients, since " in said[0]


def test_go_shows_what_follows_and_is_not_done_unasked(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("stop", "--reason", "a wrong price")
    shell.ok("stop", "--account", "acct_one", "--reason", "itself")

    refusal = shell.refusal("go", code=2)
    assert refusal == (
        "Let everything go on, with no run? Nobody can be asked here, and nothing was done. Pass --yes to agree."
    ), "the run is stopped by itself, too"
    assert world.serve() == 0

    went = shell.run("go", "--yes", "--reason", "corrected")
    assert went.stdout == "Everything goes on.\n"
    assert "Account acct_one is stopped still (itself); `campaigns go --account acct_one` lifts that.\n" in talk(went)
    assert "`campaigns go --account acct_one` lets it go on." in shell.refusal("go", "--yes", code=4)
    shell.ok("go", "--account", "acct_one", "--yes")
    assert world.serve() == 1
    assert "nothing can be let go on" in shell.refusal("go", "--yes", code=4)


def test_on_a_terminal_the_question_shows_what_goes_on(
    shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("stop", "--reason", "a wrong price")
    _is_terminal(monkeypatch, "agree")

    asked = shell.run("go", stdin=b"n\n")
    assert "Run r1 (Hi) on acct_one goes on: 5 recipients left.\n" in asked.stderr
    assert "Let everything go on, with 1 run to 5 recipients? [y/N]" in asked.stderr
    assert (asked.exit_code, world.serve()) == (130, 0)
    assert shell.run("go", stdin=b"y\n").exit_code == 0
    assert world.serve() == 1


def test_what_nobody_was_shown_does_not_go_on(shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("stop", "--reason", "a wrong price")
    campaign_id = str(shell.campaign())
    monkeypatch.setattr(stop_go, "agree", lambda *_, **__: shell.ok("launch", "--yes", campaign_id))

    sentence = shell.refusal("go", code=4)

    assert 'Shown: 1 run to 5 recipients after the stop "a wrong price".' in sentence
    assert 'Now: 2 runs to 10 recipients after the stop "a wrong price".' in sentence
    assert world.serve() == 0
    monkeypatch.setattr(stop_go, "agree", lambda *_, **__: [shell.ok("go", "--yes"), shell.ok("stop", "--reason", "x")])
    assert 'after the stop "x"' in shell.refusal("go", code=4), "another stop than the one that was shown"
    assert world.serve() == 0


def test_a_run_that_is_paused_as_well_does_not_go_on_and_one_without_a_plan_has_no_number(
    shell: Shell, world: World
) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("runs", "pause", "1", "--reason", "a typo")
    timetable.armed(world)
    world.clock.advance(3600)
    timetable.look(world)
    shell.ok("stop", "--reason", "fire")

    assert "with 1 run to recipients who are not counted yet?" in shell.refusal("go", code=2)


def test_on_a_terminal_a_missing_reason_is_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--reason is missing." in shell.refusal("stop", code=2)
    _is_terminal(monkeypatch, "reasons")

    stopped = shell.run("stop", stdin=b"a wrong price\n")
    assert "Reason, for the audit: " in stopped.stderr
    assert stopped.stdout.startswith("Everything is stopped: a wrong price.")
    assert shell.run("stop", stdin=b" \n").exit_code == 2


def _is_terminal(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(f"campaigns.cli.kit.{module}.sys", SimpleNamespace(stdin=terminal, stderr=terminal))


def test_an_account_that_waits_is_listed_with_its_time(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    world.gateway.script = [THROTTLED]
    world.serve()

    listed = shell.run("accounts", "list")
    assert listed.exit_code == 0, listed.stderr
    (row,) = json.loads(shell.run("accounts", "list", "--json").stdout)
    assert row["waits_for"] == "cool-down"
    assert row["available_at"][:10] in listed.stdout


def test_a_refusal_of_the_vendor_that_holds_open_runs_is_a_fault_and_a_stop_a_note(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    shell.ok("stop", "--reason", "fire")
    assert _holds(shell) == [
        ("note", "every account of sandbox: stop: fire", "`campaigns go` lets everything send again.", 0)
    ]
    shell.ok("go", "--yes")
    world.gateway.script = [LOGGED_OUT]
    world.serve()

    fix = way_on(HoldKind.ACCOUNT, HoldScope.ACCOUNT, account_id=ACCOUNT)
    assert _holds(shell) == [("fault", "account acct_one: account: the account is logged out", fix, 7)]
    shell.ok("runs", "cancel", "1", "--reason", "over")
    assert [state for state, *_ in _holds(shell)] == ["note"], "no open run is stopped by it"


def _holds(shell: Shell) -> list[tuple[str, str, str, int]]:
    checks = json.loads(shell.run("doctor", "--json").stdout)
    return [(each["state"], each["found"], each["fix"], each["exit_code"]) for each in checks if each["part"] == "hold"]


def test_doctor_launch_and_show_say_that_no_worker_for_the_vendor_runs(shell: Shell, world: World) -> None:
    note = "Note: no worker for sandbox is running; start `campaigns up`, or `campaigns worker`.\n"
    campaign_id = str(shell.campaign())
    _beats(world, "https://another.example")
    launched = shell.run("launch", "--yes", campaign_id)
    assert note in launched.stderr
    assert note in shell.run("runs", "show", "1").stderr
    assert _vendor_check(shell) == ("fault", "no worker for sandbox is running")

    _beats(world, "sandbox")
    assert note not in shell.run("runs", "show", "1").stderr
    assert _vendor_check(shell) == ("ok", "sandbox")


def test_a_worker_of_the_previous_release_is_not_called_missing(shell: Shell, world: World) -> None:
    campaign_id = str(shell.campaign())
    with world.store.write() as connection:
        for part in ("beat", "worker"):
            beat_heart(connection, part, now=world.store.now(connection))
    assert "no worker" not in shell.run("launch", "--yes", campaign_id).stderr
    assert _vendor_check(shell)[0] == "note"


def _beats(world: World, upstream: str) -> None:
    with world.store.write() as connection:
        now = world.store.now(connection)
        beat_heart(connection, "beat", now=now - timedelta(seconds=1))
        worker_serves(connection, upstream, now=now)


def _vendor_check(shell: Shell) -> tuple[str, str]:
    checks = json.loads(shell.run("doctor", "--json").stdout)
    (check,) = (each for each in checks if each["part"] == "worker's vendor")
    return check["state"], check["found"]


def test_a_removed_account_is_not_listed_and_says_how_it_comes_back(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_two", "--name", "Bea")
    assert (
        shell.run("accounts", "rename", "acct_two", "Bea (new)").stdout == "Account acct_two is called Bea (new) now.\n"
    )
    removed = shell.run("accounts", "remove", "acct_two", "--reason", "sold")
    assert removed.stdout == "Account acct_two is removed; `campaigns accounts add acct_two` brings it back.\n"
    assert shell.ok("accounts", "list") == []
    assert "`campaigns accounts add acct_two` adds it." in shell.refusal("accounts", "rename", "acct_two", "B", code=4)
    assert shell.ok("accounts", "add", "acct_two")["name"] == "Bea (new)"
