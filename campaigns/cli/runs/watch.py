"""Watching a run until it ends: a live bar on a terminal, a line every few seconds in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import note, one_line, print_json
from campaigns.cli.kit.streams import drawing
from campaigns.cli.runs.progress import (
    OK,
    REJECTED,
    STOPPED,
    UNKNOWN,
    VENDOR,
    Look,
    Rates,
    exit_code,
    outlook,
    recall_words,
    settled,
    words,
)
from campaigns.domain.errors import DatabaseAway

if TYPE_CHECKING:
    from campaigns.domain.sending.pacing import Limits
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
"""A pipe gets a line this often, and at every change of state."""

AWAY_SECONDS = 30.0
"""So long a database may be away before the watching gives up."""

INTERRUPTED = 130


def watch(parts: Parts, run_id: int, *, as_json: bool) -> int:
    """Show a run until it ends or cannot go on by itself; answers the exit code. Ctrl-C ends the watching only."""
    rates = Rates()
    code: int | None = None
    note_nobody_sends(parts)
    try:
        with _display(parts.limits, as_json=as_json) as shown:
            for look in looks(parts, run_id):
                rates.add(look)
                shown(look, rates)
                code = exit_code(look.run)
                if code is not None:
                    break
    except KeyboardInterrupt:
        note(f"The watching has ended; run {run_id} goes on, and `campaigns runs watch {run_id}` looks again.")
        return INTERRUPTED
    if as_json:
        print_json(look.run)
    else:
        click.echo(_end(look.run, code))
    return OK if code is None else code


def run_of(parts: Parts, connection: Any, run_id: int) -> dict[str, Any]:
    """One run as `runs show` prints it, with the time at which it will end."""
    from campaigns.store.views import runs as run_views

    found, now = run_views.run_of(connection, run_id), parts.store.now(connection)
    if found["resumes_at"] is not None and datetime.fromisoformat(found["resumes_at"]) <= now:
        found["resumes_at"] = None
    expected = outlook(found, parts.limits, now)
    if expected is None:
        return {**found, "bound_by": None}
    return {**found, "eta": expected.ends_at.isoformat(), "bound_by": expected.bound_by}


def run_of_schedule(parts: Parts, campaign_id: int, starts_at: str) -> int:
    """Wait until the occurrence that a campaign was armed for, or a later one, has its run; answers that."""
    from campaigns.store.views import runs as run_views

    note(f"Campaign {campaign_id} is armed; waiting for its time. Ctrl-C ends the waiting, not the campaign.")
    while True:
        with parts.store.read() as connection:
            found = [run for run in run_views.runs(connection, campaign_id=campaign_id) if run["kind"] == "schedule"]
        armed_for = datetime.fromisoformat(starts_at)
        since = [run for run in found if datetime.fromisoformat(run["scheduled_for"]) >= armed_for]
        if since:
            return int(min(since, key=lambda run: datetime.fromisoformat(run["scheduled_for"]))["id"])
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
        run = run_of(parts, connection, run_id)
    quiet = {part: (now - seen[part]).total_seconds() if part in seen else None for part in ("beat", "worker")}
    available_at = (run.get("lane") or {}).get("available_at")
    waits = (datetime.fromisoformat(available_at) - now).total_seconds() if available_at else 0.0
    return Look(time.monotonic(), run, quiet, waits, now)


@contextmanager
def _display(limits: Limits, *, as_json: bool) -> Iterator[Callable[[Look, Rates], None]]:
    """Where progress goes: a live bar on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield lines(limits, to_stderr=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=drawing(sys.stderr)), refresh_per_second=4) as live:
        yield lambda look, rates: live.update(drawn(look, rates, limits))


def lines(limits: Limits, *, to_stderr: bool) -> Callable[[Look, Rates], None]:
    """Say a line about a run every few seconds, and whenever its state changes."""
    last: tuple[float, str] = (float("-inf"), "")

    def shown(look: Look, rates: Rates) -> None:
        nonlocal last
        if look.at - last[0] >= LINE_SECONDS or look.run["state"] != last[1]:
            last = (look.at, look.run["state"])
            click.echo(words(look, rates, limits), err=to_stderr)
            sys.stdout.flush()  # whoever reads the pipe wants it now

    return shown


def drawn(look: Look, rates: Rates, limits: Limits) -> Any:
    """The bar of a run with the words about it, as rich draws them."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid()  # a bar ends no line by itself
    grid.add_row(ProgressBar(total=look.run["planned"] or 1, completed=settled(look.run), width=60))
    grid.add_row(Text(one_line(words(look, rates, limits))))
    return grid


def _end(run: dict[str, Any], code: int | None) -> str:
    """What the end means and what to do next."""
    number, reasons = run["id"], "; ".join(one_line(str(hold["reason"])).rstrip(".") for hold in run["holds"])
    if code == VENDOR:
        mend = f"Mend that, then `campaigns accounts release {run['account']} --reason TEXT` lets it go on."
        return f"Run {number} is held, because the vendor refused: {reasons}. {mend}"
    if code == STOPPED and run["holds"]:
        return f"Run {number} is paused: {reasons}. `campaigns runs resume {number} --reason TEXT` lets it go on."
    if code == STOPPED and run.get("expired"):
        again = f"`campaigns runs rerun {number} --cancelled --reason TEXT` reaches them."
        return f"Run {number} expired before {run['expired']:,} recipients were sent to, who are cancelled; {again}"
    if code == UNKNOWN:
        wait = f"they wait for `campaigns runs decide {number}`, and nobody of them is sent to again before."
        return f"Run {number} ended with {run['unknown']:,} unknown: {wait}"
    if code == REJECTED:
        return _failed(run)
    saved = f", {run['saved']:,} saved at the vendor for later" if run["saved"] else ""
    taken_back = recall_words(run)
    recalled = f"; {taken_back}" if taken_back else ""
    return f"Run {number} is {run['state']}: {run['accepted']:,} accepted{saved}{recalled}."


def _failed(run: dict[str, Any]) -> str:
    number = run["id"]
    if (run["recall"] or {}).get("failed"):
        again = f"`campaigns runs attempts {number} --unsend` says why, `campaigns runs recall {number}` tries again."
        return f"Run {number} was not taken back whole: {recall_words(run)}. {again}"
    again = f"`campaigns runs rerun {number} --reason TEXT` tries them again."
    return f"Run {number} ended with {run['rejected']:,} rejected; {again}"
