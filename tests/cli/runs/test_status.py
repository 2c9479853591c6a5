"""`status`: an evening is understood from this screen alone, at 80 and at 120 columns, in a pipe and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rich.live import Live

from campaigns.cli.runs import status as status_module
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from tests.cli.conftest import Shell
from tests.cli.screens import Shown, Terminal, terminal
from tests.evening import Evening, evening, signs
from tests.flow.handoff import handed_over
from tests.flow.schedules import timetable
from tests.world import ANNA, World

__all__ = ["terminal"]


@pytest.fixture
def played(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evening]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield evening(world)
    time.tzset()


def row(shown: Shown, *cells: str) -> list[str]:
    """The one line of the screen with these whole words, by its words."""
    lines = [line.split() for line in shown.lines if set(cells) <= set(line.split())]
    assert len(lines) == 1, (cells, shown.text)
    return lines[0]


@pytest.mark.parametrize("columns", [80, 120])
def test_an_evening_of_ten_accounts(terminal: Terminal, played: Evening, columns: int) -> None:
    shown = terminal("status", columns=columns)

    assert shown.code == 0
    assert shown.lines[0] == "No vendor key is set: everything goes to the local sandbox."
    assert "beat seen 0 s ago, worker seen 0 s ago" in shown.lines[1]
    assert shown.lines[3] == "What needs a person (3):"
    flowing = " ".join(shown.text.split())
    for fact in (
        "1. Every account is paused, and 2 runs wait: the vendor refuses the key (the key is not valid (HTTP 401)).",
        '2. Run r3 of "Friday teaser" (acct_cleo): nobody knows whether 1 batch reached the fans (500 recipients).',
        '3. Run r2 of "Friday teaser" (acct_bea): the vendor rejected 1 batch, 500 recipients (refused).',
    ):
        assert fact in flowing
    for command in ("accounts release acct_anna --reason TEXT", "runs decide r3", "runs rerun r2 --reason TEXT"):
        assert sum(f"`campaigns {command}`" in line for line in shown.lines) == 1, command
    assert {"paused:", "key", "1,000/120,000"} <= set(row(shown, "acct_dora", "r4"))
    assert {"1,500/1,500"} <= set(row(shown, "acct_anna", "r1"))
    assert row(shown, "acct_bea", "r2").count("500") == 1
    assert "21:00" in row(shown, "acct_fay", f"c{played.armed}")
    assert "Nothing to send: acct_gia, acct_hope, acct_ida, acct_june." in shown.text
    assert ("Season" in row(shown, "acct_dora", "r4")) == (columns == 120)


def test_in_a_pipe_the_same_facts_stand_on_whole_lines(shell: Shell, played: Evening) -> None:
    result = shell.run("status")

    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "No vendor key is set: everything goes to the local sandbox."
    assert "   `campaigns runs decide r3` records what became of them." in lines
    assert [line for line in lines if line.startswith("acct_dora  r4   Season opener  paused: key  1,000/120,000")]


def test_as_json_it_is_one_value_with_machine_words(shell: Shell, played: Evening) -> None:
    shown = shell.ok("status")

    assert [(need["matter"], need["run_id"]) for need in shown["needs"]] == [
        ("paused", None),
        ("unknown", played.unknown),
        ("rejected", played.rejected),
    ]
    assert shown["needs"][1]["remedies"][1] == {
        "do": "runs.decide",
        "campaign": None,
        "run": played.unknown,
        "account": None,
        "value": None,
    }
    dora = next(each for each in shown["runs"] if each["id"] == played.paused)
    assert (dora["done"], dora["planned"], dora["paused"]["kind"]) == (1000, 120_000, "key")
    assert (shown["is_live"], shown["upstream"]) == (False, "sandbox")


def test_an_installation_without_anything_says_that_nothing_runs(shell: Shell, terminal: Terminal) -> None:
    shown = terminal("status", columns=80)

    assert "1. Nothing is sent, because no beat and no worker for sandbox is running." in shown.lines
    assert "No run is open." in shown.lines


def test_of_very_many_needs_the_first_are_shown_and_the_rest_is_counted(world: World, shell: Shell) -> None:
    world.account()
    signs(world)
    for _ in range(32):
        pause_run(world.store, world.launch(world.campaign()), reason="wait", actor=ANNA)

    lines = shell.run("status").stdout.splitlines()

    assert "What needs a person (32):" in lines
    assert "and 2 more; `campaigns status --json` lists all." in lines
    assert len(shell.ok("status")["needs"]) == 32


def test_when_all_is_well_it_says_so(world: World, terminal: Terminal) -> None:
    world.account()
    signs(world)

    assert "Nothing needs a person." in terminal("status", columns=80).lines


def test_watching_reads_anew_and_ends_by_ctrl_c(
    world: World, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs(world)
    looks = []

    def sleep(_seconds: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            world.account("acct_new")
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_module, "time", SimpleNamespace(sleep=sleep))
    drawn: list[Any] = []

    def screen_of(seen: Any, *_: Any, **__: Any) -> str:
        drawn.append(seen.idle_accounts)
        return ""

    monkeypatch.setattr(status_module, "screen_of", screen_of)

    assert terminal("status", "--watch", columns=80).code == 130
    assert drawn == [[], ["acct_new"]]


def test_in_a_low_window_watching_shows_what_fits_and_says_how_much_is_left_out(
    terminal: Terminal, played: Evening, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(status_module, "time", SimpleNamespace(sleep=lambda _seconds: interrupt()))
    real = Live.update

    def update(live: Live, screen: Any, **how: Any) -> None:
        drawn.append(live.console.render_lines(screen, live.console.options))
        real(live, screen, **how)

    monkeypatch.setattr(Live, "update", update)

    assert terminal("status", "--watch", columns=80, rows=12).code == 130

    lines = ["".join(segment.text for segment in line).rstrip() for line in drawn[0]]
    whole = terminal("status", columns=80).lines
    assert len(lines) == 12
    assert lines[3:5] == whole[3:5]
    assert lines[3] == "What needs a person (3):"
    last = max(number for number, line in enumerate(whole) if line)
    assert lines[11] == f"{last + 1 - 11} lines left out: a higher window shows more."


def interrupt() -> None:
    raise KeyboardInterrupt


def test_no_state_is_broken_at_80_columns(world: World, terminal: Terminal) -> None:
    world.account()
    for name in ("acct_with_a_longer_name", "acct_another_longer_name"):
        world.account(name)
    closed = f"{(world.clock.now + timedelta(hours=3)):%H}:00-{(world.clock.now + timedelta(hours=4)):%H}:00"
    hours = Timing(hours=closed, zone="UTC")
    world.launch(world.campaign(range(1, 90_000), account_id="acct_with_a_longer_name", timing=hours))
    world.serve("acct_with_a_longer_name")
    paused = world.launch(world.campaign(range(1, 90_000), account_id="acct_another_longer_name"))
    with world.store.write() as connection:
        held = Held(run_id=paused)
        place_hold(Act(connection, world.clock.now, ANNA), held, HoldKind.CONFIGURATION, reason="HTTP 403")
    signs(world)

    lines = terminal("status", columns=80).lines

    assert [line for line in lines if "acct_with_a_longer_name" in line and "waits until" in line]
    assert [line for line in lines if "acct_another_longer_name" in line and "paused: configuration" in line]


def test_what_a_stop_or_a_pause_keeps_from_starting_is_not_listed_as_next(shell: Shell, world: World) -> None:
    first, second = timetable.armed(world), timetable.armed(world)
    signs(world)
    shell.ok("pause", str(second), "--reason", "a holiday")
    assert "Next (1):" in shell.run("status").stdout
    shell.ok("stop", "--reason", "fire")

    text = shell.run("status").stdout

    assert "Next (" not in text
    assert "Due, but not starting (2):" in text
    lines = [line.split("  ") for line in text.splitlines()]
    assert [line[-1].strip() for line in lines if f"c{first}" in line] == ["waits for `campaigns go`"]
    assert [line[-1].strip() for line in lines if f"c{second}" in line] == ["skipped: paused (a holiday)"]


def test_a_run_that_was_handed_over_says_when_the_vendor_sends_it(shell: Shell, world: World) -> None:
    sent_at = (world.clock.now + timedelta(hours=6)).replace(minute=0, second=0, microsecond=0)
    at = Timing(cron=f"0 {sent_at.hour} * * *", zone="UTC", handoff=True)
    handed_over.armed(world, at)
    (run_id,) = handed_over.opened(world)
    world.serve()

    lines = shell.run("status").stdout.splitlines()

    title = lines.index("The vendor holds (1):")
    assert f"r{run_id}" in lines[title + 2]
    assert lines[title + 2].endswith(f"{sent_at.astimezone():%H:%M}")
    assert not [line for line in lines if line.startswith("Ended")]


def test_watching_outlives_a_database_that_is_away(
    world: World, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    signs(world)
    real, turns = status_module.look, iter(["seen", "away", "back"])
    old: list[bool] = []

    def look(parts: Any) -> Any:
        if next(turns) == "away":
            raise DatabaseAway("it is away")
        return real(parts)

    def screen_of(*_: Any, is_old: bool, **__: Any) -> str:
        old.append(is_old)
        return ""

    def sleep(_seconds: float) -> None:
        if len(old) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status_module, "look", look)
    monkeypatch.setattr(status_module, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(status_module, "screen_of", screen_of)

    assert terminal("status", "--watch", columns=80).code == 130
    assert old == [False, True, False]


def test_watching_needs_a_terminal_and_prints_no_json(shell: Shell) -> None:
    assert "--watch draws on a terminal" in shell.refusal("status", "--watch", code=2)
    assert "leave one of them out" in shell.refusal("status", "--watch", "--json", code=2)


def test_words_of_the_vendor_move_no_cursor(world: World, terminal: Terminal) -> None:
    refused = Outcome(OutcomeKind.REJECTED, error="no \x1b[1;1Hway \u202e", http_status=422)
    run_id = world.launched([1, 2])
    world.gateway.script = [refused]
    world.serve_out()
    signs(world)

    shown = terminal("status", columns=120)

    assert shown.lines[0] == "No vendor key is set: everything goes to the local sandbox."
    assert f'1. Run r{run_id} of "Friday" (acct_one): the vendor rejected 1 batch' in shown.text
    assert "\u202e" not in shown.text
