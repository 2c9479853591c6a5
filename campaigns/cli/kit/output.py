"""What commands print: JSON for programs, aligned tables for people, and one form of numbers and times."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import click

from campaigns.as_json import to_json
from campaigns.domain import words

counted, duration = words.counted, words.duration

NOTHING = "-"
"""How a table shows that there is no value."""

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


def show(value: Any, *, as_json: bool, people: Callable[[], None]) -> None:
    """Print a result: as JSON when asked, else by `people`."""
    if as_json:
        print_json(value)
    else:
        people()


def note(sentence: str) -> None:
    """Write a sentence on standard error, where it never mixes with data."""
    click.echo(sentence, err=True)
