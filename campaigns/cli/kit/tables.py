"""Tables and facts for people. What a column holds is declared, never guessed; no ID, number or time is ever broken."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

import click

from campaigns.cli.kit.output import NOTHING, duration, moment, one_line
from campaigns.cli.kit.streams import drawing
from campaigns.domain.ids import run_name

GAP = 2
"""Blanks between two columns."""

LEAST_TEXT = 12
"""A column of prose is not made narrower than this, in characters, before other columns are left out."""

LONGEST_WORD = 24
"""A word in prose is broken when it is longer than this, in characters; a user ID or an account never is."""


class Kind(Enum):
    """What a column, or a fact, holds."""

    TEXT = auto()  # prose, which may be wrapped between words
    NAME = auto()  # an ID or a word of ours: never broken
    NUMBER = auto()  # a number that names something, such as a batch: no thousands are parted in it
    RUN = auto()  # the number of a run, shown as `r12`
    COUNT = auto()  # a number that counts
    TIME = auto()  # a datetime
    LENGTH = auto()  # seconds


NUMERIC = frozenset({Kind.NUMBER, Kind.COUNT, Kind.LENGTH})


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Where a terminal is too narrow for all, those of the highest rank are left out first; 0 never is."""

    title: str
    kind: Kind = Kind.TEXT
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """One line under a thing: a name, a value, and what the value is."""

    name: str
    value: Any
    kind: Kind = Kind.TEXT


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table on standard output, as wide as the terminal; in a pipe every column, unwrapped. `empty`: for no row."""
    listed = list(rows)
    if not listed:
        click.echo(empty, err=True)
    elif sys.stdout.isatty():
        from rich.console import Console

        console = Console(file=drawing(sys.stdout), highlight=False)
        console.print(drawn_table(columns, listed, width=console.width))
    else:
        for line in table_lines(columns, listed):
            click.echo(line)


def print_facts(facts: Iterable[Fact], *, zone: str | None = None) -> None:
    """Names and values, one a line, the values aligned; times on the zone's clocks, else on this machine's."""
    listed = list(facts)
    width = max((len(fact.name) for fact in listed), default=0) + GAP
    for fact in listed:
        click.echo(f"{fact.name:<{width}}{cell(fact.value, fact.kind, zone)}")


def cell(value: Any, kind: Kind = Kind.TEXT, zone: str | None = None) -> str:
    """One value for people, on one line and without control characters."""
    match value:
        case list() | tuple() | set() | frozenset():
            return ", ".join(cell(part, kind, zone) for part in value) or NOTHING
        case dict():
            return (
                ", ".join(f"{one_line(str(name))} {cell(part, kind, zone)}" for name, part in value.items()) or NOTHING
            )
        case _:
            return _one(value, kind, zone)


def _one(value: Any, kind: Kind, zone: str | None) -> str:
    match value, kind:
        case (None | "", _):
            text = NOTHING
        case (bool(), _):
            text = "yes" if value else "no"
        case (datetime(), _):
            text = moment(value, zone)
        case (_, Kind.COUNT):
            text = f"{value:,}"
        case (_, Kind.RUN):
            text = run_name(value)
        case (_, Kind.LENGTH):
            text = duration(value)
        case _:
            text = one_line(str(value))
    return text


def drawn_table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, width: int) -> Any:
    """The table as rich draws it on a terminal of this width.

    Where even the columns of rank 0 do not fit side by side, each row is written as facts below one another.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    cells = _cells(columns, rows)
    least = _least_widths(columns, cells)
    shown = _fitting(columns, least, width)
    if shown is None:
        return Text("\n".join(_as_facts(columns, cells)))
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for at in shown:
        column = columns[at]
        table.add_column(
            column.title,
            justify="right" if column.kind in NUMERIC else "left",
            min_width=least[at],  # a value that is not prose is never wider than this
            no_wrap=columns[at].kind is not Kind.TEXT,  # only prose gives room back; else the last column is cut off
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(Text(row[at]) for at in shown))
    return table


def table_lines(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> list[str]:
    """The table as plain text with every column, for a pipe."""
    titles, cells = [column.title for column in columns], _cells(columns, rows)
    widths = [max(len(row[at]) for row in [titles, *cells]) for at in range(len(columns))]
    return [
        (" " * GAP)
        .join(
            text.rjust(width) if column.kind in NUMERIC else text.ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        )
        .rstrip()
        for row in [titles, *cells]
    ]


def _cells(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    return [[cell(value, column.kind) for column, value in zip(columns, row, strict=True)] for row in rows]


def _fitting(columns: Sequence[Column], least: Sequence[int], width: int) -> list[int] | None:
    """The places of the columns that fit a terminal of this width; None when those of rank 0 alone do not."""
    shown = list(range(len(columns)))
    while sum(least[at] + GAP for at in shown) - GAP > width:
        last = max(shown, key=lambda at: (columns[at].rank, at))
        if columns[last].rank == 0:
            return None
        shown.remove(last)
    return shown


def _least_widths(columns: Sequence[Column], cells: list[list[str]]) -> list[int]:
    """The least width of each column: of prose its longest word, within bounds; of all else its longest cell."""
    from rich.cells import cell_len

    widths = []
    for at, column in enumerate(columns):
        texts = [row[at] for row in cells]
        if column.kind is Kind.TEXT:
            longest_word = max(cell_len(word) for text in [*texts, ""] for word in text.split() or [""])
            least = min(max(longest_word, min(LEAST_TEXT, max(map(cell_len, texts), default=0))), LONGEST_WORD)
        else:
            least = max(map(cell_len, texts), default=0)
        widths.append(max(cell_len(column.title), least))
    return widths


def _as_facts(columns: Sequence[Column], cells: list[list[str]]) -> list[str]:
    width = max(len(column.title) for column in columns) + GAP
    lines: list[str] = []
    for row in cells:
        lines += [f"{column.title:<{width}}{text}" for column, text in zip(columns, row, strict=True)]
        lines.append("")
    return lines[:-1]
