"""What commands print: JSON for programs, aligned tables for people, and one form of numbers and times."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from campaigns.as_json import to_json
from campaigns.cli.kit.streams import drawing

NOTHING = "-"
"""How a table shows that there is no value."""

TIMES = {"at", "for", "date", "eta", "starts", "ends"}
"""Last words of names that hold a time."""

NUMBERS_THAT_NAME = {"id", "run", "runs", "seq", "batch", "number", "revision", "http_status", "status"}
"""Last words of names whose numbers name something: they have no thousands separators."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value on standard output.")


def print_json(value: Any) -> None:
    """One JSON value on standard output; indented for a terminal, on one line for a program."""
    click.echo(to_json(value, indent=2 if sys.stdout.isatty() else None))


def print_json_list(values: Iterable[Any]) -> None:
    """One JSON list on standard output, written as its items come, so that millions of them need no memory."""
    click.echo("[", nl=False)
    for number, value in enumerate(values):
        click.echo((",\n" if number else "") + to_json(value), nl=False)
    click.echo("]")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """A table: drawn by rich on a terminal, plain aligned text in a pipe; `empty` is the sentence for no row.

    Columns whose values are all numbers are aligned to the right.
    """
    listed = [list(row) for row in rows]
    if not listed:
        click.echo(empty, err=True)
        return
    to_the_right = [all(isinstance(row[at], int | float | None) for row in listed) for at in range(len(columns))]
    cells = [[named_cell(name, value) for name, value in zip(columns, row, strict=True)] for row in listed]
    if sys.stdout.isatty():
        _drawn(columns, cells, to_the_right)
    else:
        _aligned(columns, cells, to_the_right)


def _drawn(columns: Sequence[str], cells: list[list[str]], to_the_right: list[bool]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name, right in zip(columns, to_the_right, strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    Console(file=drawing(sys.stdout)).print(table)


def _aligned(columns: Sequence[str], cells: list[list[str]], to_the_right: list[bool]) -> None:
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [list(columns), *cells]:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, to_the_right, strict=True)
        )
        click.echo("  ".join(padded).rstrip())


def print_facts(facts: Mapping[str, Any], *, zone: str | None = None) -> None:
    """Names and values, one a line, the values aligned; times on the zone's clocks, else on this machine's."""
    width = max(len(name) for name in facts) + 2
    for name, value in facts.items():
        click.echo(f"{name:<{width}}{named_cell(name, value, zone)}")


def named_cell(name: str, value: Any, zone: str | None = None) -> str:
    """One value for people, by what its name says it is: a time, a number that names something, or a plain value."""
    word = name.replace(" ", "_").rpartition("_")[2]
    if word in TIMES and isinstance(value, str):
        return moment(value, zone)
    if word in NUMBERS_THAT_NAME and isinstance(value, int | list):
        return ", ".join(str(number) for number in value) or NOTHING if isinstance(value, list) else str(value)
    return cell(value)


def cell(value: Any) -> str:
    """One value for people, on one line and without control characters."""
    match value:
        case None | "" | [] | ():
            text = NOTHING
        case bool():
            text = "yes" if value else "no"
        case int():
            text = f"{value:,}"
        case datetime():
            text = moment(value)
        case dict():
            text = ", ".join(f"{name} {cell(part)}" for name, part in value.items()) or NOTHING
        case list() | tuple():
            text = ", ".join(cell(part) for part in value)
        case _:
            text = one_line(str(value))
    return text


def one_line(text: str) -> str:
    """The text without anything that could move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)


def moment(value: datetime | str | None, zone: str | None = None) -> str:
    """A time for display, with its offset: on the zone's clocks, else on this machine's."""
    if value is None:
        return NOTHING
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if zone is not None:
        from campaigns.domain.clocks import zone_of

        time = time.astimezone(zone_of(zone))
    else:
        time = time.astimezone()
    return time.isoformat(sep=" ", timespec="seconds")


def duration(seconds: float) -> str:
    """A length of time for display, in its two largest units: `3 min 20 s`."""
    whole = max(0, round(seconds))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def show(value: Any, *, as_json: bool, people: Callable[[], None]) -> None:
    """Print a result: as JSON when asked, else by `people`."""
    if as_json:
        print_json(value)
    else:
        people()


def counted(number: int, thing: str) -> str:
    """`1 batch`, `2 batches`."""
    ending = "" if number == 1 else "es" if thing.endswith(("ch", "s")) else "s"
    return f"{number:,} {thing}{ending}"


def say_warnings(result: Mapping[str, Any]) -> None:
    """Write each warning of a result on standard error."""
    for warning in result["warnings"]:
        note(f"Note: {warning}")


def note(sentence: str) -> None:
    """Write a sentence on standard error, where it never mixes with data."""
    click.echo(sentence, err=True)
