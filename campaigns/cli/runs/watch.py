"""Watching a run until it ends: a live bar on a terminal, a line every few seconds in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.output import note, one_line, print_json
from campaigns.cli.kit.streams import drawing
from campaigns.cli.runs.progress import EXIT_CODES, Look, Rates, progress_line, recall_text
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.states import RunKind
from campaigns.flow.runs.outlook import End, ShownRun, end_of, recipients_done, show_run

if TYPE_CHECKING:
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
"""A pipe gets a line this often, and at every change of state."""

AWAY_SECONDS = 30.0
"""For how long the database may be away before the watching ends."""

INTERRUPTED = 130


def watch(parts: Parts, run_id: int, *, as_json: bool) -> int:
    """Show a run until it ends or cannot go on by itself; returns the exit code. Ctrl-C ends the watching only."""
    rates = Rates()
    end: End | None = None
    try:
        with _display(as_json=as_json) as display:
            for look in looks(parts, run_id):
                rates.add(look)
                display(look, rates)
                end = end_of(look.run)
                if end is not None:
                    break
    except KeyboardInterrupt:
        note(f"The watching has ended; run {run_id} goes on, and `campaigns runs watch {run_id}` looks again.")
        return INTERRUPTED
    if as_json:
        print_json(look.run)
    else:
        click.echo(_end(look.run, end))
    return EXIT_CODES[End.SUCCESS if end is None else end]


def run_of_schedule(parts: Parts, campaign_id: int, starts_at: str) -> int:
    """Wait until the occurrence that a campaign was armed for, or a later one, has its run; returns that run's ID."""
    from campaigns.store.views import runs as run_views

    note(f"Campaign {campaign_id} is armed; waiting for its time. Ctrl-C ends the waiting, not the campaign.")
    while True:
        with parts.store.read() as connection:
            runs = run_views.runs(connection, campaign_id=campaign_id)
        armed_for = datetime.fromisoformat(starts_at)
        times = [
            (run.scheduled_for, run.id)
            for run in runs
            if run.kind is RunKind.SCHEDULE and run.scheduled_for is not None
        ]
        since = [run_id for time, run_id in sorted(times) if time >= armed_for]
        if since:
            return since[0]
        time.sleep(POLL_SECONDS)  # the database calls nobody when it changes


def looks(parts: Parts, run_id: int) -> Iterator[Look]:
    """A look at the run every half second, for ever. Raises DatabaseAway when that lasts."""
    seen_at = time.monotonic()
    while True:
        try:
            look = _look(parts, run_id)
        except DatabaseAway:
            if time.monotonic() - seen_at > AWAY_SECONDS:
                raise
        else:
            seen_at = look.at
            yield look
        time.sleep(POLL_SECONDS)  # the database calls nobody when it changes


def _look(parts: Parts, run_id: int) -> Look:
    from campaigns.store.health.heartbeats import heartbeats

    with parts.store.read() as connection:
        now, seen = parts.store.now(connection), heartbeats(connection)
        run = show_run(connection, run_id, limits=parts.limits, now=now)
    quiet = {part: (now - seen[part]).total_seconds() if part in seen else None for part in ("beat", "worker")}
    return Look(time.monotonic(), run, now, quiet)


@contextmanager
def _display(*, as_json: bool) -> Iterator[Callable[[Look, Rates], None]]:
    """Where progress goes: a live bar on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield lines(to_stderr=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=drawing(sys.stderr)), refresh_per_second=4) as live:
        yield lambda look, rates: live.update(drawn(look, rates))


def lines(*, to_stderr: bool) -> Callable[[Look, Rates], None]:
    """Say a line about a run every few seconds, and whenever its state changes."""
    last: tuple[float, str] = (float("-inf"), "")

    def display(look: Look, rates: Rates) -> None:
        nonlocal last
        if look.at - last[0] >= LINE_SECONDS or look.run.state != last[1]:
            last = (look.at, look.run.state)
            click.echo(progress_line(look, rates), err=to_stderr)
            sys.stdout.flush()  # whoever reads the pipe wants it now

    return display


def drawn(look: Look, rates: Rates) -> Any:
    """The bar of a run with the words about it, as rich draws them."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid()  # a bar ends no line by itself
    grid.add_row(ProgressBar(total=look.run.planned or 1, completed=recipients_done(look.run), width=60))
    grid.add_row(Text(one_line(progress_line(look, rates))))
    return grid


def _end(run: ShownRun, end: End | None) -> str:
    """What the end means and what to do next."""
    number, reasons = run.id, "; ".join(one_line(hold.reason).rstrip(".") for hold in run.holds)
    if end is End.REFUSED:
        fix = f"Fix that, then `campaigns accounts release {run.account} --reason TEXT` lets it go on."
        return f"Run {number} is held, because the vendor refused: {reasons}. {fix}"
    if end is End.STOPPED and run.holds:
        return f"Run {number} is paused: {reasons}. `campaigns runs resume {number} --reason TEXT` lets it go on."
    if end is End.STOPPED and run.expired:
        again = f"`campaigns runs rerun {number} --cancelled --reason TEXT` reaches them."
        return f"Run {number} expired before {run.expired:,} recipients were sent to, who are cancelled; {again}"
    if end is End.UNKNOWN:
        wait = f"they wait for `campaigns runs decide {number}`, and nobody of them is sent to again before."
        return f"Run {number} ended with {run.unknown:,} unknown: {wait}"
    if end is End.REJECTED:
        return _failed(run)
    saved = f", {run.saved:,} saved at the vendor for later" if run.saved else ""
    recall = recall_text(run)
    recalled = f"; {recall}" if recall else ""
    return f"Run {number} is {run.state}: {run.accepted:,} accepted{saved}{recalled}."


def _failed(run: ShownRun) -> str:
    number = run.id
    if run.recall is not None and run.recall.failed:
        again = f"`campaigns runs attempts {number} --unsend` says why, `campaigns runs recall {number}` tries again."
        return f"Run {number} was not taken back whole: {recall_text(run)}. {again}"
    again = f"`campaigns runs rerun {number} --reason TEXT` tries them again."
    return f"Run {number} ended with {run.rejected:,} rejected; {again}"
