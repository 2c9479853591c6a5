"""`runs`: what happened to each occurrence, and what an operator may do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from campaigns.cli.kit.held import say_held
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import counted, json_option, moment, print_facts, print_json_list, print_table
from campaigns.cli.kit.output import show as show_result
from campaigns.cli.kit.session import CAMPAIGN, RUN, actor, opened
from campaigns.domain.errors import UsageError

SEQ_DIGITS = 7
"""Digits of the largest batch number taken; ten million fans one by one would need eight."""

BATCH_STATES = ("ready", "sending", "accepted", "saved", "rejected", "unknown", "cancelled", "split")

run_argument = click.argument("run_id", type=RUN, metavar="RUN")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit.")
batch_option = click.option(
    "--batch", "batch", multiple=True, metavar="SEQ", help="Only these batches: 3, or 3,5-7; may be given again."
)


@click.group()
def runs() -> None:
    """Look at runs, and act on them."""


@runs.command("list")
@click.option("--campaign", "campaign_id", type=CAMPAIGN, metavar="ID", help="Only runs of this campaign.")
@json_option
def list_runs(campaign_id: int | None, *, as_json: bool) -> None:
    """List the runs, the newest first."""
    from campaigns.store.views import runs as run_views

    with opened() as parts, parts.store.read() as connection:
        found = list(run_views.runs(connection, campaign_id=campaign_id))
    columns = (
        *("id", "campaign_id", "campaign", "kind", "state", "scheduled_for", "planned", "batches"),
        *("created_at", "finished_at", "reason"),
    )
    _show_list(found, columns, as_json=as_json, empty="There is no run yet; `campaigns launch` opens one.")


@runs.command()
@run_argument
@json_option
def show(run_id: int, *, as_json: bool) -> None:
    """Show one run: its books and its holds."""
    from campaigns.cli.runs.watch import run_of

    with opened() as parts, parts.store.read() as connection:
        found = run_of(parts, connection, run_id)
        if found["lane"] is not None:
            note_nobody_sends(parts, found["upstream"])
    show_result(found, as_json=as_json, people=lambda: print_facts(_for_people(found)))


@runs.command()
@run_argument
@json_option
def watch(run_id: int, *, as_json: bool) -> None:
    """Watch a run until it ends.

    Or until it cannot go on by itself. Exit codes: 7 the vendor refused, else 6 unknowns wait, else 5 some were
    rejected, else 0; 4 paused, cancelled or expired. Ctrl-C ends the watching, not the run.
    """
    from campaigns.cli.runs.watch import watch as watch_run
    from campaigns.store.runs.runs import find_run

    with opened() as parts:
        with parts.store.read() as connection:
            find_run(connection, run_id)
        code = watch_run(parts, run_id, as_json=as_json)
    click.get_current_context().exit(code)


@runs.command()
@run_argument
@click.option("--state", type=click.Choice(BATCH_STATES), help="Only batches in this state.")
@json_option
def batches(run_id: int, *, state: str | None, as_json: bool) -> None:
    """List a run's batches."""
    from campaigns.store.views import batches as batch_views

    columns = ("seq", "state", "follow", "size", "message_id", "attempts", "available_at", "error")
    with opened() as parts, parts.store.read() as connection:
        found = list(batch_views.batches(connection, run_id, state=state))
    _show_list(found, columns, as_json=as_json, empty="There is no such batch.")


@runs.command()
@run_argument
@click.option("--unsend", is_flag=True, help="Those made to take it back, instead of those that sent it.")
@json_option
def attempts(run_id: int, *, unsend: bool, as_json: bool) -> None:
    """List every request made for a run."""
    from campaigns.store.views import batches as batch_views
    from campaigns.store.views import recalls as recall_views

    columns = ("batch", "number", "started_at", "outcome", "http_status", "message_id", "credits_used", "error")
    with opened() as parts, parts.store.read() as connection:
        asked = recall_views.requests_to_unsend if unsend else batch_views.attempts
        found = list(asked(connection, run_id))
    _show_list(found, columns, as_json=as_json, empty="No request was made yet.")


@runs.command()
@run_argument
@reason_option
@json_option
def pause(run_id: int, *, reason: str, as_json: bool) -> None:
    """Hold a run.

    No new request is made; one that is in flight is settled.
    """
    from campaigns.flow.runs.pause_resume_cancel import pause_run

    _control(pause_run, run_id, reason, as_json=as_json, done="is paused")


@runs.command()
@run_argument
@reason_option
@json_option
def resume(run_id: int, *, reason: str, as_json: bool) -> None:
    """Let a paused run go on.

    Closes the operator's hold; others, such as the vendor's refusal, stay.
    """
    from campaigns.flow.runs.pause_resume_cancel import resume_run

    _control(resume_run, run_id, reason, as_json=as_json, done="goes on")


@runs.command()
@run_argument
@reason_option
@json_option
def cancel(run_id: int, *, reason: str, as_json: bool) -> None:
    """Cancel what has not left yet.

    A request in flight is settled first. What was handed over to the vendor is taken back before its time.
    """
    from campaigns.flow.handoff.cancel import cancel as cancel_run

    _control(cancel_run, run_id, reason, as_json=as_json, done="is {state}")


@runs.command()
@run_argument
@click.option("--rejected", is_flag=True, help="Those whom the vendor refused (this alone when nothing is chosen).")
@click.option("--cancelled", is_flag=True, help="Those who were cancelled.")
@batch_option
@click.option("--current", is_flag=True, help="With the campaign's present content instead of the run's.")
@reason_option
@click.option("--dry-run", is_flag=True, help="Say who it would be; open nothing.")
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
    """Send again to those provably not reached.

    Opens a child run. Nobody who is accepted, unknown or waiting anywhere in the lineage is in it, nor who is
    suppressed today.
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
            reason=given_reason(reason),
            dry_run=dry_run,
            upstream=parts.upstream_name,
            actor=actor(),
        )
    show_result(made, as_json=as_json, people=lambda: _say_rerun(made, dry_run=dry_run))


def _control(verb: Callable[..., dict[str, Any]], run_id: int, reason: str, *, as_json: bool, done: str) -> None:
    with opened() as parts:
        changed = verb(parts.store, run_id, reason=given_reason(reason), actor=actor())
    back = changed.get("recalling")
    words = f" A worker takes {counted(back, 'batch')} back." if back else ""
    show_result(changed, as_json=as_json, people=lambda: click.echo(f"Run {run_id} {done.format(**changed)}.{words}"))


def batch_numbers(given: tuple[str, ...]) -> list[int] | None:
    """Batch numbers from `3`, `3,5` and `5-7`; None when none was given."""
    numbers: set[int] = set()
    for part in ",".join(given).split(",") if given else []:
        first, dash, last = part.strip().partition("-")
        ends = [first, last if dash else first]
        if not all(end.isascii() and end.isdigit() and len(end) <= SEQ_DIGITS for end in ends):
            raise UsageError(f"--batch '{part}' is no batch number; write 3, or 3,5-7, as `runs batches` numbers them.")
        if int(ends[0]) > int(ends[1]):
            raise UsageError(f"--batch '{part}' names no batch: write the smaller number first, as 5-7.")
        numbers.update(range(int(ends[0]), int(ends[1]) + 1))
    return sorted(numbers) if given else None


def given_reason(text: str) -> str:
    """A reason that says something. Raises UsageError."""
    if not text.strip():
        raise UsageError("--reason is empty; say why, the audit keeps it.")
    return text.strip()


def _show_list(found: list[dict[str, Any]], columns: tuple[str, ...], *, as_json: bool, empty: str) -> None:
    if as_json:
        print_json_list(found)
    else:
        print_table(columns, ([row.get(column) for column in columns] for row in found), empty=empty)


def _for_people(run: dict[str, Any]) -> dict[str, Any]:
    from campaigns.cli.runs.progress import recall_words, waits_words

    holds = [f"{hold['kind']}: {hold['reason']}" for hold in run["holds"]]
    lane = run["lane"] or {}
    waits = f"{lane['waits_for']}, until {moment(lane['available_at'])}" if lane.get("waits_for") else None
    hours = [f"{window['hours']} {window['zone']}" for window in run["sending_hours"]]
    shown = {**run, "holds": holds, "lane": waits, "sending_hours": hours, "recall": recall_words(run)}
    if run["resumes_at"]:
        shown["waits"] = waits_words(run)
    return {name.replace("_", " "): value for name, value in shown.items()}


def _say_rerun(made: dict[str, Any], *, dry_run: bool) -> None:
    what = f"{counted(made['recipients'], 'recipient')} in {counted(made['batches'], 'batch')}"
    would = f"A rerun of run {made['parent_run_id']} would send to {what}; nothing was opened."
    click.echo(would if dry_run else f"Run {made['run_id']} is opened over {what} of run {made['parent_run_id']}.")
    say_held(made)
