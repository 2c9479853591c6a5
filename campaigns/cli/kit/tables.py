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

GAP = 2
"""Blanks between two columns."""

LEAST_TEXT = 12
"""A column of prose is not made narrower than this, in characters, before other columns are left out."""


class Kind(Enum):
    """What a column, or a fact, holds."""

    TEXT = auto()  # prose, which may be wrapped between words
    NAME = auto()  # an ID or a word of ours: never broken
    NUMBER = auto()  # a number that names something, such as a run: no thousands are parted in it
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
    cells = [[cell(value, column.kind) for column, value in zip(columns, row, strict=True)] for row in rows]
    if not cells:
        click.echo(empty, err=True)
    elif sys.stdout.isatty():
        _draw(columns, cells)
    else:
        _print_aligned(columns, cells)


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
        case (_, Kind.LENGTH):
            text = duration(value)
        case _:
            text = one_line(str(value))
    return text


def _draw(columns: Sequence[Column], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=drawing(sys.stdout))
    shown = _fitting(columns, cells, console.width)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for at in shown:
        column = columns[at]
        is_text = column.kind is Kind.TEXT
        table.add_column(
            column.title,
            justify="right" if column.kind in NUMERIC else "left",
            no_wrap=not is_text,
            min_width=None if is_text else _widths(columns, cells)[at],
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(Text(row[at]) for at in shown))
    console.print(table)


def _fitting(columns: Sequence[Column], cells: list[list[str]], width: int) -> list[int]:
    """The places of the columns that a terminal of this width has room for."""
    widths = _widths(columns, cells)
    shown = list(range(len(columns)))
    while sum(widths[at] + GAP for at in shown) - GAP > width:
        last = max(shown, key=lambda at: (columns[at].rank, at))
        if columns[last].rank == 0:
            break
        shown.remove(last)
    return shown


def _widths(columns: Sequence[Column], cells: list[list[str]]) -> list[int]:
    """The least width of each column: of prose a few words, of all else its longest cell."""
    longest = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return [
        max(len(column.title), min(LEAST_TEXT, long) if column.kind is Kind.TEXT else long)
        for column, long in zip(columns, longest, strict=True)
    ]


def _print_aligned(columns: Sequence[Column], cells: list[list[str]]) -> None:
    titles = [column.title for column in columns]
    widths = [max(len(row[at]) for row in [titles, *cells]) for at in range(len(columns))]
    for row in [titles, *cells]:
        padded = (
            text.rjust(width) if column.kind in NUMERIC else text.ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        )
        click.echo((" " * GAP).join(padded).rstrip())
