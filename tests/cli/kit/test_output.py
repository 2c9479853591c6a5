"""What commands print, for programs and for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from campaigns.as_json import to_json
from campaigns.cli.kit.output import cell, counted, duration, named_cell, print_json_list, print_table
from campaigns.cli.kit.recipient_files import progress_words, reason


def test_json_holds_times_with_an_offset_and_money_as_numbers() -> None:
    value = {"at": datetime(2026, 1, 2, 3, tzinfo=UTC), "price": Decimal("9.90"), "whole": Decimal(5), "ids": {7}}
    assert json.loads(to_json(value)) == {"at": "2026-01-02T03:00:00+00:00", "price": 9.9, "whole": 5, "ids": [7]}


@pytest.mark.parametrize("values", [[], [1], [{"a": "ü\n"}, {"b": None}]])
def test_a_streamed_list_is_one_json_value(values: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    print_json_list(iter(values))
    assert json.loads(capsys.readouterr().out) == values


def test_a_table_in_a_pipe_is_plain_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id", "name", "planned"), [[1, "Friday", 20000], [1200, None, 5]], empty="")
    assert capsys.readouterr().out == "  id  name    planned\n   1  Friday   20,000\n1200  -             5\n"


def test_an_empty_table_prints_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("id",), [], empty="There is none.")
    assert capsys.readouterr() == ("", "There is none.\n")


def test_a_text_cannot_move_the_cursor() -> None:
    assert cell("a\x1b[2Jb\nc\x07\u202e") == "a [2Jb c  "


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.4, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_lengths_of_time_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_numbers_that_name_things_have_no_thousands() -> None:
    assert named_cell("run_id", 1200) == "1200"
    assert named_cell("open runs", [1200, 1201]) == "1200, 1201"
    assert named_cell("planned", 1200) == "1,200"
    assert named_cell("scheduled date", "2026-11-25T02:47:00+00:00", "Europe/Berlin") == "2026-11-25 03:47:00+01:00"


def test_counting_in_words() -> None:
    assert [counted(1, "batch"), counted(2, "batch"), counted(1200, "user ID")] == [
        "1 batch",
        "2 batches",
        "1,200 user IDs",
    ]


def test_reading_progress_says_how_much_how_fast_and_how_long() -> None:
    assert progress_words("'fans.csv'", 12_000_000, 48_000_000, 2.0) == (
        "Reading 'fans.csv': 12.0 of 48.0 MB (25 %), 6.0 MB/s, 6 s left"
    )
    assert progress_words("standard input", 12_000_000, None, 2.0) == "Reading standard input: 12.0 MB, 6.0 MB/s"


@pytest.mark.parametrize("place", ["nowhere", "/", "\0"])
def test_why_a_file_cannot_be_opened(place: str) -> None:
    try:
        Path(place).open("rb")  # noqa: SIM115
    except (OSError, ValueError) as refused:
        why = reason(refused)
    assert why in {"there is no such file", "it is a folder", "embedded null byte"}
    assert reason(PermissionError()) == "you may not read it"
