"""`status`: an evening is understood from this screen alone, at 80 and at 120 columns, in a pipe and as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.cli.runs import status as status_module
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.upstream.outcome import Outcome, OutcomeKind
from campaigns.flow.runs.pause_resume_cancel import pause_run
from tests.cli.conftest import Shell
from tests.cli.screens import Shown, Terminal, terminal
from tests.evening import Evening, evening, signs
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
        '2. Run 3 of "Friday teaser" (acct_cleo): nobody knows whether 1 batch reached the fans (500 recipients).',
        '3. Run 2 of "Friday teaser" (acct_bea): the vendor rejected 1 batch, 500 recipients (refused).',
    ):
        assert fact in flowing
    for command in ("accounts release acct_anna --reason TEXT", "runs decide 3", "runs rerun 2 --reason TEXT"):
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
    assert "   `campaigns runs decide 3` records what became of them." in lines
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
    assert f'1. Run {run_id} of "Friday" (acct_one): the vendor rejected 1 batch' in shown.text
    assert "\u202e" not in shown.text
