"""`runs`: what happened to each run, and what an operator can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.held import say_held
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import counted, json_option, print_json_list
from campaigns.cli.kit.output import show as show_result
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.session import RUN, actor, opened
from campaigns.cli.kit.tables import print_facts
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import run_name

if TYPE_CHECKING:
    from campaigns.flow.handoff.cancel import Cancelled
    from campaigns.flow.runs.pause_resume_cancel import Resumed
    from campaigns.flow.runs.rerun import RerunAnswer

SEQ_DIGITS = 7
"""A batch number has at most this many digits: ten million fans in batches of one would need eight."""

BATCH_STATES = ("ready", "sending", "accepted", "saved", "rejected", "unknown", "cancelled", "split")


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    from campaigns.inputs.times import parse_duration

    try:
        return parse_duration(text)
    except ValueError as fault:
        raise UsageError(f"--timeout {fault}.") from None


run_argument = click.argument("run_id", type=RUN, metavar="RUN")
timeout_option = click.option(
    "--timeout", callback=_seconds, metavar="LENGTH", help="Wait at most this long, such as 10m; then exit with 75."
)
with_reason = reason_option("Why, for the audit.")
batch_option = click.option(
    "--batch", "batch", multiple=True, metavar="SEQ", help="Only these batches: 3, or 3,5-7; may be given again."
)


@click.group()
def runs() -> None:
    """Look at runs, and act on them."""


@runs.command()
@run_argument
@json_option
def show(run_id: int, *, as_json: bool) -> None:
    """Show one run: the states of its recipients, what pauses it, and when it will end."""
    from campaigns.cli.runs.shown import run_facts
    from campaigns.flow.runs.outlook import show_run

    with opened() as parts, parts.store.read() as connection:
        now = parts.store.now(connection)
        run = show_run(connection, run_id, limits=parts.limits, now=now)
        if run.lane is not None:
            note_nobody_sends(parts, run.upstream)
    show_result(run, as_json=as_json, people=lambda: print_facts(run_facts(run, now)))


@runs.command()
@run_argument
@timeout_option
@json_option
def watch(run_id: int, *, timeout: float | None, as_json: bool) -> None:
    """Watch a run until it ends.

    Also ends when the run cannot go on by itself. Exit codes: 7 the vendor refused, else 6 unknowns wait, else 5 some
    were rejected, else 0; 4 paused, cancelled or expired; 75 the --timeout came first. Ctrl-C and --timeout end the
    watching, not the run.
    """
    from campaigns.cli.runs.watch import watch as watch_run
    from campaigns.store.views.runs import run_of

    with opened() as parts:
        with parts.store.read() as connection:
            run_of(connection, run_id)  # a run that does not exist is refused at once
        code = watch_run(parts, run_id, timeout=timeout, as_json=as_json)
    click.get_current_context().exit(code)


@runs.command()
@run_argument
@click.option("--state", type=click.Choice(BATCH_STATES), help="Only batches in this state.")
@json_option
def batches(run_id: int, *, state: str | None, as_json: bool) -> None:
    """List a run's batches."""
    from campaigns.cli.runs.shown import print_batches
    from campaigns.domain.states import BatchState
    from campaigns.store.views import batches as batch_views

    with opened() as parts, parts.store.read() as connection:
        views = batch_views.batches(connection, run_id, state=None if state is None else BatchState(state))
    if as_json:
        print_json_list(views)
    else:
        print_batches(views)


@runs.command()
@run_argument
@click.option("--unsend", is_flag=True, help="List the requests to unsend it, instead of those that sent it.")
@json_option
def attempts(run_id: int, *, unsend: bool, as_json: bool) -> None:
    """List every request made for a run."""
    from campaigns.cli.runs.shown import print_attempts
    from campaigns.store.views.batches import attempts as attempts_of
    from campaigns.store.views.recalls import requests_to_unsend

    with opened() as parts, parts.store.read() as connection:
        requests = requests_to_unsend(connection, run_id) if unsend else attempts_of(connection, run_id)
    if as_json:
        print_json_list(requests)
    else:
        print_attempts(requests)


@runs.command()
@run_argument
@with_reason
@json_option
def pause(run_id: int, *, reason: str, as_json: bool) -> None:
    """Pause a run.

    No new request is made. A request that is in flight ends as usual.
    """
    from campaigns.flow.runs.pause_resume_cancel import pause_run

    with opened() as parts:
        paused = pause_run(parts.store, run_id, reason=reason, actor=actor())
    show_result(paused, as_json=as_json, people=lambda: click.echo(f"Run {run_name(run_id)} is paused."))


@runs.command()
@run_argument
@with_reason
@json_option
def resume(run_id: int, *, reason: str, as_json: bool) -> None:
    """Let a paused run go on.

    Ends the operator's pause. Other pauses stay, such as one because the vendor refused.
    """
    from campaigns.flow.runs.pause_resume_cancel import resume_run

    with opened() as parts:
        resumed = resume_run(parts.store, run_id, reason=reason, actor=actor())
    show_result(resumed, as_json=as_json, people=lambda: click.echo(_resumed_text(resumed)))


@runs.command()
@run_argument
@with_reason
@json_option
def cancel(run_id: int, *, reason: str, as_json: bool) -> None:
    """Cancel what was not sent yet.

    A request that is in flight ends as usual. What was handed over to the vendor is unsent before its time.
    """
    from campaigns.flow.handoff.cancel import cancel_run

    with opened() as parts:
        cancelled = cancel_run(parts.store, run_id, reason=reason, actor=actor())
    show_result(cancelled, as_json=as_json, people=lambda: click.echo(_cancelled_text(cancelled)))


@runs.command()
@run_argument
@click.option("--rejected", is_flag=True, help="Those whom the vendor rejected (the default).")
@click.option("--cancelled", is_flag=True, help="Those who were cancelled.")
@batch_option
@click.option("--current", is_flag=True, help="Send the campaign's newest content instead of the run's.")
@with_reason
@click.option("--dry-run", is_flag=True, help="Show how many it would send to; open nothing.")
@json_option
def rerun(
    run_id: int,
    *,
    rejected: bool,
    cancelled: bool,
    batch: tuple[str, ...],
    current: bool,
    reason: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send again to those who were provably not reached.

    Opens a child run. It leaves out everybody who is accepted, unknown or waiting in the run or in one of its reruns,
    and everybody who is suppressed today.
    """
    from campaigns.domain.states import BatchState
    from campaigns.flow.runs.rerun import rerun as rerun_run

    flags = ((BatchState.REJECTED, rejected), (BatchState.CANCELLED, cancelled))
    chosen = {state for state, is_chosen in flags if is_chosen}
    with opened() as parts:
        made = rerun_run(
            parts.store,
            run_id,
            states=frozenset(chosen or {BatchState.REJECTED}),
            seqs=batch_numbers(batch),
            current=current,
            reason=reason,
            dry_run=dry_run,
            upstream=parts.upstream_name,
            actor=actor(),
        )
    show_result(made, as_json=as_json, people=lambda: _print_rerun(made, dry_run=dry_run))


def _resumed_text(resumed: Resumed) -> str:
    if not resumed.paused:
        return f"Run {run_name(resumed.run_id)} goes on."
    kinds = ", ".join(resumed.still_held_by)
    return (
        f"One pause of run {run_name(resumed.run_id)} ({resumed.closed}) has ended; it is still paused: {kinds}. "
        f"`campaigns runs show {run_name(resumed.run_id)}` names what lets it go on."
    )


def _cancelled_text(cancelled: Cancelled) -> str:
    back = cancelled.recalling
    recall = f" A worker unsends {counted(back, 'batch')} of it." if back else ""
    batches = counted(cancelled.cancelled_batches, "batch")
    return f"Run {run_name(cancelled.run_id)} is {cancelled.state}: {batches} cancelled.{recall}"


def batch_numbers(given: tuple[str, ...]) -> list[int] | None:
    """Batch numbers from `3`, `3,5` and `5-7`; None when none was given."""
    numbers: set[int] = set()
    for part in ",".join(given).split(",") if given else []:
        first, dash, last = part.strip().partition("-")
        ends = [first, last if dash else first]
        if not all(end.isascii() and end.isdigit() and len(end) <= SEQ_DIGITS for end in ends):
            raise UsageError(
                f"--batch '{part}' is not a batch number; write 3, or 3,5-7, as `runs batches` numbers them."
            )
        if int(ends[0]) > int(ends[1]):
            raise UsageError(f"--batch '{part}' names no batch: write the smaller number first, as 5-7.")
        numbers.update(range(int(ends[0]), int(ends[1]) + 1))
    return sorted(numbers) if given else None


def _print_rerun(made: RerunAnswer, *, dry_run: bool) -> None:
    who = f"{counted(made.recipients, 'recipient')} in {counted(made.batches, 'batch')}"
    would = f"A rerun of run {run_name(made.parent_run_id)} would send to {who}; nothing was opened."
    click.echo(
        would if dry_run else f"Run {run_name(made.run_id)} is opened over {who} of run {run_name(made.parent_run_id)}."
    )
    say_held(made.run_id, made.held)
