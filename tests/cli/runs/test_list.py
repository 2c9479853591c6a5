"""`runs list`: counts, pauses, filters, and the newest at the bottom."""

from __future__ import annotations

import io
import sys

import click
import pytest

from campaigns.cli.kit import tables
from campaigns.cli.runs import listed
from campaigns.domain.states import HoldKind, RunKind, RunState
from campaigns.store.views.run_lines import RunLine
from tests.cli.conftest import Shell
from tests.flow.runs.shown_runs import NOW
from tests.world import NO_CREDITS, UNKNOWN, World, accepted


@pytest.fixture
def three_runs(shell: Shell, world: World) -> Shell:
    """Run r1 has an unknown batch, run r2 is a rerun of nobody yet: it is launched and paused, run r3 waits."""
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    world.gateway.script = [accepted("1"), UNKNOWN]
    world.serve_out()
    shell.ok("launch", "--yes", "1", "--again", "--reason", "x")
    shell.ok("runs", "pause", "2", "--reason", "lunch")
    shell.ok("launch", "--yes", str(shell.campaign()))
    return shell


def lines(shell: Shell, *words: str) -> list[list[str]]:
    """The table without its titles, in the columns that are two blanks apart."""
    _, *rows = shell.run("runs", "list", *words).stdout.splitlines()
    return [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]


def test_the_newest_is_at_the_bottom_with_counts_and_what_pauses_it(three_runs: Shell) -> None:
    first, second, third = lines(three_runs)
    assert first[0] == "r1"
    assert {"finished_with_failures", "5 of 5"} <= set(first)
    assert first[first.index("5 of 5") + 1 :][:2] == ["0", "2"], "rejected and unknown"
    assert second[0] == "r2"
    assert "planned, paused: operator" in second
    assert third[0] == "r3"
    assert [line["id"] for line in three_runs.ok("runs", "list")] == [3, 2, 1]


def test_a_team_that_is_paused_pauses_its_runs(three_runs: Shell, world: World) -> None:
    world.gateway.script = [NO_CREDITS]
    world.serve()
    holds = {line["id"]: line["holds"] for line in three_runs.ok("runs", "list")}
    assert holds == {1: [], 2: ["operator", "credits"], 3: ["credits"]}


FILTERS: dict[tuple[str, ...], list[int]] = {
    ("--state", "planned"): [3, 2],
    ("--state", "due"): [],
    ("--campaign", "2"): [3],
    ("--account", "acct_one"): [3, 2, 1],
    ("--since", "1d"): [3, 2, 1],
    ("--since", "2100-01-01T00:00:00+00:00"): [],
    ("--limit", "2"): [3, 2],
    ("--all",): [3, 2, 1],
}


def test_filters(three_runs: Shell) -> None:
    found = {words: [line["id"] for line in three_runs.ok("runs", "list", *words)] for words in FILTERS}
    assert found == FILTERS


def test_what_no_list_can_be_made_of_is_refused(three_runs: Shell) -> None:
    assert "acct_none" in three_runs.refusal("runs", "list", "--account", "acct_none", code=3)
    assert "exclude each other" in three_runs.refusal("runs", "list", "--all", "--limit", "3", code=2)
    three_runs.refusal("runs", "list", "--since", "soon", code=2)
    three_runs.refusal("runs", "list", "--since", "99999999999d", code=2)


def test_people_see_the_newest_and_are_told_of_the_others(three_runs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listed, "SHOWN", 2)
    assert [row[0] for row in lines(three_runs)] == ["r2", "r3"]
    assert "the newest 2; --all lists all of them" in three_runs.run("runs", "list").stderr
    assert [row[0] for row in lines(three_runs, "--all")] == ["r1", "r2", "r3"]
    assert len(three_runs.ok("runs", "list")) == 3


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


LONG = RunLine(
    id=123_456,
    campaign_id=98_765,
    campaign="Everybody who has not seen the new set of November yet",
    account="acct_0123456789abcdef",
    kind=RunKind.SCHEDULE,
    state=RunState.SENDING,
    scheduled_for=NOW,
    reason=None,
    planned=9_999_999,
    batches=20_000,
    created_at=NOW,
    finished_at=None,
    parent_run_id=123_455,
    whole_list=False,
    accepted=8_888_888,
    saved=0,
    rejected=123_456,
    unknown=65_432,
    cancelled=0,
    holds=[HoldKind.CONFIGURATION],
)


@pytest.mark.parametrize("width", [80, 120])
def test_no_number_id_or_time_is_broken_on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))

    tables.print_table(listed.COLUMNS, [listed.row_of(LONG)], empty="")

    drawn = click.unstyle(terminal.getvalue())
    assert max(map(len, drawn.splitlines())) <= width
    for cell in ("r123456", "sending, paused: configuration", "9,077,776 of 9,999,999", "65,432"):
        assert cell in drawn
    assert ("acct_0123456789abcdef" in drawn) == (width == 120)
