"""`status`: what all accounts are doing tonight, and what needs a person."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import json_option, print_json
from campaigns.cli.kit.session import opened
from campaigns.cli.kit.streams import drawing
from campaigns.cli.runs.status_screen import Fitting, screen_lines, screen_of
from campaigns.domain.errors import DatabaseAway, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from campaigns.flow.runs.tonight import Tonight
    from campaigns.wiring import Parts

LOOK_SECONDS = 2.0
"""With --watch the screen is updated after this time."""


@click.command()
@click.option("--watch", is_flag=True, help="Keep the screen up to date until Ctrl-C.")
@json_option
def status(*, watch: bool, as_json: bool) -> None:
    """Show what all accounts are doing, and what needs a person.

    The runs that are open or ended in the last 24 hours, the next run of each armed campaign, when each run will end
    and what limits that.
    """
    if watch and as_json:
        raise UsageError("--watch draws a screen and --json prints one value; leave one of them out.")
    with opened(with_vendor=as_json) as parts:
        if watch:
            click.get_current_context().exit(_watch(parts))
        seen = look(parts)
        if as_json:
            print_json(seen)
        elif sys.stdout.isatty():
            console = _console()
            console.print(screen_of(seen, vendor_in_force(parts.settings), width=console.width))
        else:
            click.echo("\n".join(screen_lines(seen, vendor_in_force(parts.settings))))


def look(parts: Parts) -> Tonight:
    """All accounts as they are now. Raises DatabaseAway."""
    from campaigns.flow.runs.tonight import tonight

    return tonight(parts.store, parts.limits, upstream=parts.upstream_name, is_live=parts.settings.is_live)


def _watch(parts: Parts) -> int:
    """Update the screen every few seconds until Ctrl-C. While the database is away it goes on trying."""
    from rich.live import Live

    if not sys.stdout.isatty():
        raise UsageError("--watch draws on a terminal, and standard output is not one; leave it out to print once.")
    console, vendor = _console(), vendor_in_force(parts.settings)
    seen, is_away = look(parts), False
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                screen = screen_of(seen, vendor, width=console.width, is_old=is_away)
                live.update(Fitting(screen), refresh=True)
                time.sleep(LOOK_SECONDS)  # the database calls nobody when it changes
                try:
                    seen, is_away = look(parts), False
                except DatabaseAway:
                    is_away = True
    except KeyboardInterrupt:
        return INTERRUPTED


def _console() -> Console:
    from rich.console import Console

    return Console(file=drawing(sys.stdout), highlight=False)
