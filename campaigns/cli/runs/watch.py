"""Watching a run until it ends: a live bar on a terminal, a line every few seconds in a pipe."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from campaigns.as_json import plain
from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import counted, note, one_line, print_json
from campaigns.cli.kit.remedies import in_words
from campaigns.cli.kit.streams import drawing
from campaigns.cli.kit.ways_on import ways_on
from campaigns.cli.runs.progress import EXIT_CODES, Look, Rates, progress_line, recall_text, wait_text
from campaigns.domain.errors import DatabaseAway
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.runs.outlook import End, ShownRun, end_of, has_ended, recipients_done, show_run

if TYPE_CHECKING:
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
"""A pipe gets a line this often, and at every change of state."""

AWAY_SECONDS = 30.0
"""For how long the database may be away before the watching ends."""

TIMED_OUT = 75


def watch(
    parts: Parts,
    run_id: int,
    *,
    timeout: float | None = None,
    as_json: bool,
    launched: Mapping[str, Any] | None = None,
) -> int:
    """Show a run until it ends or cannot go on by itself; returns the exit code. Ctrl-C ends the watching only.

    `timeout`: seconds after which the watching ends, too; the run goes on. `launched`: the JSON of the launch that it
    began with, printed beside the run.
    """
    rates, stops_at = Rates(), _stops_at(timeout)
    end: End | None = None
    note_nobody_sends(parts)
    try:
        with _display(as_json=as_json) as display:
            for look in looks(parts, run_id):
                rates.add(look)
                display(look, rates)
                end = end_of(look.run)
                if end is not None or look.at >= stops_at:
                    break
    except KeyboardInterrupt:
        note(
            f"The watching has ended; run {run_name(run_id)} goes on, and `campaigns runs watch {run_name(run_id)}` "
            "looks again."
        )
        return INTERRUPTED
    if as_json:
        print_json(look.run if launched is None else {**launched, **plain(look.run), "run_id": run_id})
    elif end is not None:
        click.echo(end_text(look.run, end, look.now))
    if end is None:
        note(
            f"The time is over; run {run_name(run_id)} goes on, and `campaigns runs watch {run_name(run_id)}` looks "
            "again."
        )
        return TIMED_OUT
    return EXIT_CODES[end]


def wait_for_launch(
    parts: Parts,
    campaign_id: int,
    run_id: int | None,
    *,
    starts_at: datetime | None,
    timeout: float | None,
    as_json: bool,
    launched: Mapping[str, Any],
) -> int:
    """Watch what a launch has opened, or will open at its time, until it ends; returns the exit code.

    Without a run the campaign was armed: the wait begins with its occurrence at `starts_at`, or a later one.
    """
    began = time.monotonic()
    if run_id is None:
        assert starts_at is not None
        run_id = _run_of_schedule(parts, campaign_id, starts_at, _stops_at(timeout))
    if run_id is None:
        note(f"The time is over; campaign {campaign_name(campaign_id)} stays armed.")
        return TIMED_OUT
    left = None if timeout is None else max(0.0, timeout - (time.monotonic() - began))
    return watch(parts, run_id, timeout=left, as_json=as_json, launched=launched)


def _stops_at(timeout: float | None) -> float:
    return math.inf if timeout is None else time.monotonic() + timeout


def _run_of_schedule(parts: Parts, campaign_id: int, starts_at: datetime, stops_at: float) -> int | None:
    """Wait until the occurrence that a campaign was armed for, or a later one, has its run; returns that run's ID."""
    from campaigns.store.views.run_lines import occurrences_of

    note(
        f"Campaign {campaign_name(campaign_id)} is armed; waiting for its time. Ctrl-C ends the waiting, not the "
        "campaign."
    )
    while True:
        with parts.store.read() as connection:
            occurrences = occurrences_of(connection, campaign_id)
        run_id = next((run_id for occurs_at, run_id in occurrences if occurs_at >= starts_at), None)
        if run_id is not None or time.monotonic() >= stops_at:
            return run_id
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


def end_text(run: ShownRun, end: End, now: datetime) -> str:
    """What the end means, the counts of its recipients by state, and what to do next."""
    parts = [f"Run {run_name(run.id)} {_end_fact(run, end)}: {counts_text(run)}"]
    more = (recall_text(run), wait_text(run, now) if has_ended(run) else None)
    parts += [text for text in more if text is not None]
    return " ".join([f"{'; '.join(parts)}.", *_next_steps(run, end)])


def counts_text(run: ShownRun) -> str:
    """The counts of a run's recipients by state, with those whom it left out."""
    counts = (
        *((run.saved, "saved at the vendor for later"), (run.rejected, "rejected"), (run.unknown, "unknown")),
        *((run.cancelled, "cancelled"), (run.waiting, "waiting"), (sum(run.excluded.values()), "left out")),
    )
    return ", ".join([f"{run.accepted:,} accepted", *(f"{count:,} {name}" for count, name in counts if count)])


def _end_fact(run: ShownRun, end: End) -> str:
    reasons = "; ".join(dict.fromkeys(one_line(hold.reason).rstrip(".") for hold in run.holds))
    if end is End.REFUSED:
        return f"is paused, because the vendor refused ({reasons})"
    if end is End.STOPPED and not has_ended(run):
        return f"is paused ({reasons})"
    if run.expired:
        return f"expired before {counted(run.expired, 'recipient')} were sent to"
    if run.recall is not None and run.recall.failed:
        return "was not unsent completely"
    return f"is {run.state.value.replace('_', ' ')}"


def _next_steps(run: ShownRun, end: End) -> list[str]:
    """What to do next, as commands."""
    number, remedies = run.id, []
    if end is End.REFUSED or not has_ended(run):
        return ways_on(run)
    if run.expired and not run.whole_list:
        remedies.append(Remedy(Do.RERUN_EXPIRED, run=number))
    elif end is End.UNKNOWN:
        remedies.append(Remedy(Do.DECIDE, run=number))
    elif run.recall is not None and run.recall.failed:
        remedies += [Remedy(Do.SHOW_UNSENDS, run=number), Remedy(Do.RECALL_AGAIN, run=number)]
    elif end is End.REJECTED:
        remedies.append(Remedy(Do.SHOW_ATTEMPTS if run.whole_list else Do.RERUN, run=number))
    return in_words(remedies)
