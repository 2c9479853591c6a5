"""`schedule explain`: what an expression means and does, before anything is armed."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

EXPLAIN = ("schedule", "explain")
BERLIN = ("--zone", "Europe/Berlin")


def test_an_expression_is_said_in_words_with_its_next_runs(empty_shell: Shell) -> None:
    told = empty_shell.ok(*EXPLAIN, "30 2 * * *", *BERLIN, "--from", "2026-10-24 00:00", "--count", "3")
    assert told == {
        "words": "every day at 02:30 Europe/Berlin",
        "next": ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        "notes": ["2026-10-25: clocks go back 1 h at 03:00; 02:00 to 03:00 comes twice and runs the first time"],
    }


def test_people_see_a_table_with_the_days_on_which_clocks_change(empty_shell: Shell) -> None:
    result = empty_shell.run(*EXPLAIN, "30 2 * * *", *BERLIN, "--from", "2026-03-28T00:00:00+01:00", "--count", "3")
    assert result.stdout.splitlines() == [
        "Every day at 02:30 Europe/Berlin.",
        "",
        "day       next run, Europe/Berlin  clocks",
        "Saturday  2026-03-28 02:30+01:00   -",
        "Sunday    2026-03-29 03:00+02:00   clocks go forward 1 h at 02:00",
        "Monday    2026-03-30 02:30+02:00   -",
    ]
    assert "what falls from 02:00 to 03:00 runs at 03:00" in result.stderr


def test_ten_runs_from_now_on_are_shown_unless_asked_otherwise(empty_shell: Shell) -> None:
    assert len(empty_shell.ok(*EXPLAIN, "* * * * *", *BERLIN)["next"]) == 10


def test_the_time_to_start_from_is_shown_itself(empty_shell: Shell) -> None:
    told = empty_shell.ok(*EXPLAIN, "@daily", "--zone", "UTC", "--from", "2026-03-28 00:00", "--count", "1")
    assert told["next"] == ["2026-03-28T00:00:00+00:00"]


def test_what_may_surprise_is_noted(empty_shell: Shell) -> None:
    told = empty_shell.ok(*EXPLAIN, "*/90 * 31 * *", "--zone", "EST", "--from", "2026-01-01 00:00")
    assert [note.split()[0] for note in told["notes"]] == ["*/90", "February,", "EST"]


def test_a_plan_notes_the_same(shell: Shell) -> None:
    campaign = str(shell.campaign("--cron", "*/25 9 * * *", "--zone", "MST", "--often"))
    warnings = shell.ok("plan", campaign)["warnings"]
    assert [note.split()[0] for note in warnings] == ["*/25", "MST"]


@pytest.mark.parametrize("step", ["every 2 weeks", "2 weeks"])
def test_a_step_needs_where_it_starts(empty_shell: Shell, step: str) -> None:
    told = empty_shell.ok(*EXPLAIN, step, *BERLIN, "--starting", "2026-12-04 18:00", "--from", "2026-12-10 00:00")
    assert told["words"] == "every 2 weeks on Friday at 18:00 Europe/Berlin, from 4 December 2026"
    assert told["next"][0] == "2026-12-18T18:00:00+01:00"
    assert "every needs starting" in empty_shell.refusal(*EXPLAIN, step, *BERLIN, code=2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("0 0 31 2 *", *BERLIN), "never comes: no month it names has a day 31."),
        (("0 0 0 * * *", *BERLIN), "has a sixth field, but a schedule has no seconds"),
        (("0 25 * * *", *BERLIN), "the hour is '25', but may hold 0 to 23"),
        (("@reboot", *BERLIN), "'@reboot' is not a known word"),
        (("0 9 * * *", "--zone", "Berlin"), "did you mean Europe/Berlin?"),
        (("0 9 * * *", "--zone", "CEST"), "'CEST' is not a known time zone; did you mean Europe/Berlin?"),
        (("0 9 * * *", "--zone", "UTC+2"), "Etc/GMT-2 keeps that offset all year"),
        (("0 9 ? * *", *BERLIN), "write * in place of ?"),
        (("every 1 month", *BERLIN), "'0 18 L * *' (on the last day)"),
        (("2 months", *BERLIN), "for months use cron"),
        (("0 9 * * *",), "--zone is missing."),
        (("0 9 * * *", *BERLIN, "--from", "2026-03-29 02:30"), "--from '2026-03-29 02:30' does not exist"),
        (("0 9 * * *", *BERLIN, "--starting", "2026-03-28 02:30"), "there is no every"),
        (("0 9 * * *", *BERLIN, "--count", "0"), "0 is not in the range"),
        (("week", *BERLIN, "--starting", "2026-10-25T02:30:00+01:00"), "is the second 02:30 of that day"),
    ],
)
def test_what_cannot_be_explained(empty_shell: Shell, words: tuple[str, ...], said: str) -> None:
    assert said in empty_shell.refusal(*EXPLAIN, *words, code=2)
