"""What commands print, for programs and for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from campaigns.as_json import to_json
from campaigns.cli.kit.output import counted, duration, print_json_list
from campaigns.cli.kit.recipient_files import progress_words, reason
from campaigns.cli.kit.tables import cell


def test_json_holds_times_with_an_offset_and_money_as_numbers() -> None:
    value = {"at": datetime(2026, 1, 2, 3, tzinfo=UTC), "price": Decimal("9.90"), "whole": Decimal(5), "ids": {7}}
    assert json.loads(to_json(value)) == {"at": "2026-01-02T03:00:00+00:00", "price": 9.9, "whole": 5, "ids": [7]}


@pytest.mark.parametrize("values", [[], [1], [{"a": "ü\n"}, {"b": None}]])
def test_a_streamed_list_is_one_json_value(values: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    print_json_list(iter(values))
    assert json.loads(capsys.readouterr().out) == values


def test_a_text_cannot_move_the_cursor() -> None:
    assert cell("a\x1b[2Jb\nc\x07\u202e") == "a [2Jb c  "


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.4, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_lengths_of_time_for_people(seconds: float, said: str) -> None:
    assert duration(seconds) == said


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
