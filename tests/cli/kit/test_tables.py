"""Tables on a terminal: no ID, number or time is broken; columns are left out by rank; prose wraps between words."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from campaigns.cli.kit.tables import Column, Fact, Kind, drawn_table, print_facts, print_table, table_lines

COLUMNS = (
    Column("id", Kind.NUMBER),
    Column("account", Kind.NAME),
    Column("state", Kind.NAME),
    Column("planned", Kind.COUNT),
    Column("starts", Kind.TIME, 1),
    Column("lasts", Kind.LENGTH, 2),
    Column("reason", Kind.TEXT),
)
ROW = [
    12345678,
    "acct_0123456789abcdef",
    "finished_with_failures",
    100_000_000,
    datetime(2026, 11, 28, 21, 4, 12, tzinfo=UTC),
    90061,
    "the vendor refuses user 1234567890123456789 because nobody has that number",
]
REASON = str(ROW[-1]).split()


def drawn(columns: tuple[Column, ...], rows: list[list[object]], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(drawn_table(columns, rows, width=width))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(cell_len, lines)) <= width
    return [line.rstrip() for line in lines]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (160, "id account state planned starts lasts reason"),
        (120, "id account state planned starts reason"),
        (100, "id account state planned reason"),
    ],
)
def test_columns_are_left_out_by_rank_and_no_value_is_broken(width: int, titles: str) -> None:
    lines = drawn(COLUMNS, [ROW], width)

    assert lines[0].split() == titles.split()
    first = lines[2]
    assert all(value in first for value in ("12345678", "acct_0123456789abcdef", "finished_with_failures"))
    assert "100,000,000" in first
    words = [word for line in lines[2:] for word in line.split()]
    assert [word for word in words if word in REASON] == REASON


@pytest.mark.parametrize("width", [40, 80])
def test_where_not_even_the_needed_columns_fit_each_value_has_its_own_line(width: int) -> None:
    text = " ".join(drawn(COLUMNS, [ROW], width))

    assert all(value in text.split() for value in ("12345678", "acct_0123456789abcdef", "100,000,000"))


@given(
    number=st.integers(0, 10**19),
    name=st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FFFF, categories=["L", "N"]), min_size=1, max_size=20
    ),
    prose=st.lists(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True), max_size=12),
    width=st.integers(60, 140),
)
def test_of_any_row_each_word_is_whole(number: int, name: str, prose: list[str], width: int) -> None:
    columns = (Column("n", Kind.NUMBER), Column("name", Kind.NAME), Column("why", Kind.TEXT, 1))
    words = " ".join(drawn(columns, [[number, name, " ".join(prose)]], width)).split()

    assert str(number) in words
    assert name in words
    assert [word for word in prose if word not in words] == []


@pytest.mark.parametrize("name", ["acct_" + "x" * 45, "\u6c49\u5b57" * 12])
def test_long_prose_beside_a_long_name_takes_no_room_from_it(name: str) -> None:
    columns = (Column("name", Kind.NAME), Column("id", Kind.NUMBER), Column("why", Kind.TEXT))
    lines = drawn(columns, [[name, 7, "because the vendor said so " * 20]], 76)

    assert lines[2].split()[:2] == [name, "7"]


def test_in_a_pipe_every_column_stands_unwrapped() -> None:
    assert table_lines(COLUMNS[:4], [ROW[:4], [1, "a", "due", 5]]) == [
        "      id  account                state                       planned",
        "12345678  acct_0123456789abcdef  finished_with_failures  100,000,000",
        "       1  a                      due                               5",
    ]


def test_a_table_without_rows_says_so_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [], empty="There is none.")
    assert capsys.readouterr() == ("", "There is none.\n")


def test_facts_are_aligned_and_of_their_kind(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 11, 25, 2, 47, tzinfo=UTC)
    facts = [
        Fact("run", 1200, Kind.NUMBER),
        Fact("planned", 1200, Kind.COUNT),
        Fact("starts", at, Kind.TIME),
        Fact("took", 61, Kind.LENGTH),
        Fact("reason", None),
    ]
    print_facts(facts, zone="Europe/Berlin")
    assert capsys.readouterr().out.splitlines() == [
        "run      1200",
        "planned  1,200",
        "starts   2026-11-25 03:47:00+01:00",
        "took     1 min 1 s",
        "reason   -",
    ]


def test_on_a_terminal_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "100")
    print_table(COLUMNS, [ROW], empty="")
    title = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()[0]
    assert title.split() == ["id", "account", "state", "planned", "reason"]
