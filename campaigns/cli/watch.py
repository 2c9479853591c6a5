"""Watching a run until it ends: progress, rate, and an end time that names what binds it."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.output import duration, note, one_line, print_json
from campaigns.domain.errors import DatabaseAway

if TYPE_CHECKING:
    from campaigns.domain.pacing import Limits
    from campaigns.wiring import Parts

POLL_SECONDS = 0.5
LINE_SECONDS = 5.0
"""A pipe gets a line this often, and at every change of state."""

RATE_SECONDS = 60.0
LEAST_RATE_SECONDS = 3.0
"""No rate is shown before that much was measured."""

QUIET_SECONDS = 15.0
"""A worker or beat that gave no sign for longer is called missing."""

AWAY_SECONDS = 30.0
"""So long a database may be away before the watching gives up."""

FINAL = {"finished", "finished_with_failures", "cancelled", "skipped"}
VENDOR_HOLDS = {"key", "credits", "account", "configuration"}

OK, STOPPED, REJECTED, UNKNOWN, VENDOR = 0, 4, 5, 6, 7


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run."""

    at: float  # monotonic seconds
    run: dict[str, Any]
    quiet: dict[str, float | None] = field(default_factory=dict)  # part -> seconds since its last sign; None: never


@dataclass(slots=True)
class Rates:
    """What was settled lately, per second."""

    looks: deque[tuple[float, int, int]] = field(default_factory=deque)

    def add(self, look: Look) -> None:
        """Take one more look into account."""
        self.looks.append((look.at, settled(look.run), settled_batches(look.run)))
        while look.at - self.looks[0][0] > RATE_SECONDS:
            self.looks.popleft()

    @property
    def per_second(self) -> tuple[float, float] | None:
        """Recipients and requests per second; None until enough was measured."""
        first, last = self.looks[0], self.looks[-1]
        seconds = last[0] - first[0]
        if seconds < LEAST_RATE_SECONDS:
            return None
        return (last[1] - first[1]) / seconds, (last[2] - first[2]) / seconds


def settled(run: dict[str, Any]) -> int:
    """Recipients who are not waiting any more."""
    return int(run["accepted"] + run["rejected"] + run["unknown"] + run["cancelled"])


def settled_batches(run: dict[str, Any]) -> int:
    """Batches for which a request was made and is settled."""
    return sum(run["batches"].get(state, 0) for state in ("accepted", "rejected", "unknown"))


def batches_left(run: dict[str, Any]) -> int:
    """Batches that still wait or are in flight."""
    return sum(run["batches"].get(state, 0) for state in ("ready", "sending"))


def exit_code(run: dict[str, Any]) -> int | None:
    """How watching this run ends, or None while it goes on by itself."""
    if run["state"] in FINAL:
        if run["state"] in {"cancelled", "skipped"}:
            return STOPPED
        if run["unknown"]:
            return UNKNOWN
        return REJECTED if run["rejected"] else OK
    kinds = {hold["kind"] for hold in run["holds"]}
    if run["state"] == "cancelling" or not kinds:
        return None
    return VENDOR if kinds & VENDOR_HOLDS else STOPPED


def binding(look: Look, rates: Rates, limits: Limits) -> str:
    """When the run will end and what binds that, or why it does not go on."""
    from campaigns.domain.pacing import estimate

    if look.run["state"] in FINAL:
        return "ended"
    if look.run["holds"]:
        return f"held: {one_line(look.run['holds'][0]['reason'])}"
    for part, seconds in look.quiet.items():
        if seconds is None or seconds > QUIET_SECONDS:
            seen = "was ever seen" if seconds is None else f"seen for {duration(seconds)}"
            return f"nothing moves: no {part} {seen}; is `campaigns up` running?"
    left = batches_left(look.run)
    if not left:
        return "planning" if look.run["state"] == "due" else "settling"
    bound = estimate(left, limits)
    measured = rates.per_second
    if measured and measured[1] > 0 and left / measured[1] > 1.5 * bound.seconds:
        return f"about {duration(left / measured[1])} left at the measured pace"
    return f"about {duration(bound.seconds)} left, bound by the {bound.bound_by}"


def words(look: Look, rates: Rates, limits: Limits) -> str:
    """One line about the run."""
    run = look.run
    of = "" if run["whole_list"] else f" of {run['planned']:,}"
    line = f"run {run['id']} {run['state']}: {run['accepted']:,}{of} accepted"
    line += "".join(f", {run[name]:,} {name}" for name in ("rejected", "unknown", "cancelled") if run[name])
    line += f", {run['waiting']:,} waiting"
    measured = rates.per_second
    if measured is not None and run["state"] not in FINAL:
        line += f"; {measured[0]:,.0f} recipients/s, {measured[1] * 60:,.0f} requests/min"
    return f"{line}; {binding(look, rates, limits)}"


def watch(parts: Parts, run_id: int, *, as_json: bool) -> int:
    """Show a run until it ends or cannot go on by itself; answers the exit code. Ctrl-C ends the watching only."""
    rates = Rates()
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
        return 130
    if as_json:
        print_json(look.run)
    else:
        _say_end(look.run, code)
    return code if code is not None else OK


def looks(parts: Parts, run_id: int) -> Iterator[Look]:
    """A look at the run every half second, for ever. Raises DatabaseAway when that lasts."""
    seen_at = time.monotonic()
    while True:
        try:
            yield look_at(parts, run_id)
            seen_at = time.monotonic()
        except DatabaseAway:
            if time.monotonic() - seen_at > AWAY_SECONDS:
                raise
        time.sleep(POLL_SECONDS)


def look_at(parts: Parts, run_id: int) -> Look:
    """The run as it stands, and when worker and beat were last seen."""
    from campaigns.store.facts import heartbeats
    from campaigns.store.views import run

    with parts.store.read() as connection:
        now = parts.store.now(connection)
        seen = heartbeats(connection)
        quiet = {part: (now - seen[part]).total_seconds() if part in seen else None for part in ("beat", "worker")}
        return Look(time.monotonic(), run(connection, run_id), quiet)


def run_of_schedule(parts: Parts, campaign_id: int) -> int:
    """Wait until an armed campaign's run is opened; answers its ID."""
    from campaigns.store.views import runs

    note(f"Campaign {campaign_id} is armed; waiting for its time. Ctrl-C ends the waiting, not the campaign.")
    while True:
        with parts.store.read() as connection:
            found = [run for run in runs(connection, campaign_id=campaign_id) if run["kind"] == "schedule"]
        if found:
            return max(int(run["id"]) for run in found)
        time.sleep(POLL_SECONDS)


@contextmanager
def _display(limits: Limits, *, as_json: bool) -> Iterator[Callable[[Look, Rates], None]]:
    """Where progress goes: a live bar on a terminal, else a line every few seconds."""
    if not sys.stderr.isatty():
        yield _lines(limits, to_stderr=as_json)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4) as live:
        yield lambda look, rates: live.update(_drawn(look, rates, limits))


def _lines(limits: Limits, *, to_stderr: bool) -> Callable[[Look, Rates], None]:
    last: tuple[float, str] = (float("-inf"), "")

    def shown(look: Look, rates: Rates) -> None:
        nonlocal last
        if look.at - last[0] >= LINE_SECONDS or look.run["state"] != last[1]:
            last = (look.at, look.run["state"])
            click.echo(words(look, rates, limits), err=to_stderr)

    return shown


def _drawn(look: Look, rates: Rates, limits: Limits) -> Any:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    total = look.run["planned"] or 1
    return Group(ProgressBar(total=total, completed=settled(look.run), width=60), Text(words(look, rates, limits)))


def _say_end(run: dict[str, Any], code: int | None) -> None:
    number = run["id"]
    if code == VENDOR:
        click.echo(
            f"Run {number} is held because the vendor refused: {_reasons(run)}. Correct that, then "
            f"`campaigns accounts release` lets it go on."
        )
    elif code == STOPPED and run["holds"]:
        click.echo(f"Run {number} is paused: {_reasons(run)}. `campaigns runs resume {number}` lets it go on.")
    elif code == UNKNOWN:
        click.echo(
            f"Run {number} ended with {run['unknown']:,} unknown: they wait for `campaigns runs decide {number}`."
        )
    elif code == REJECTED:
        click.echo(
            f"Run {number} ended with {run['rejected']:,} rejected; `campaigns runs rerun {number}` tries them again."
        )
    else:
        click.echo(f"Run {number} is {run['state']}: {run['accepted']:,} accepted.")


def _reasons(run: dict[str, Any]) -> str:
    return "; ".join(one_line(str(hold["reason"])).rstrip(".") for hold in run["holds"])
