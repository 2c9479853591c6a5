"""`stop` and `go`: stop sending on one account, or everywhere, and let it go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from campaigns.cli.accounts.waiting_runs import people_of, run_lines
from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted, json_option, note, one_line, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.session import actor, opened
from campaigns.domain.ids import campaign_name, run_name

if TYPE_CHECKING:
    from campaigns.flow.accounts.stop import Going, Stopped
    from campaigns.flow.schedules.after_stop import AfterStop, Overdue

LISTED = 10
"""At most this many requests, runs or occurrences are listed one by one; `--json` has all of them."""

account_option = click.option("--account", "account_id", metavar="ACCT", help="This account only, not all of them.")


@click.command()
@account_option
@reason_option("Why, for the audit.")
@json_option
def stop(account_id: str | None, *, reason: str, as_json: bool) -> None:
    """Stop sending at once, everywhere or on one account.

    Nothing more is sent or handed over until `campaigns go`: by no run that is open, none opened later, and no account
    added later. It needs only the database. Searches at the vendor and recalls go on, and schedules open no run.

    Requests in flight cannot be stopped, nor can what the vendor holds; both are listed.
    """
    from campaigns.flow.accounts.stop import stop as stop_sending

    with opened() as parts:
        stopped = stop_sending(parts.store, account_id, upstream=parts.upstream_name, reason=reason, actor=actor())
    show(stopped, as_json=as_json, people=lambda: _print_stopped(stopped))


@click.command()
@account_option
@click.option("--reason", metavar="TEXT", help="Why, for the audit.")
@yes_option
@json_option
def go(account_id: str | None, *, reason: str | None, is_agreed: bool, as_json: bool) -> None:
    """Lift a stop, and that alone.

    Shows first which runs go on, and what becomes of the occurrences that came due meanwhile: those follow the
    --misfire and --grace of their campaigns. What is paused or held for another reason stays so.
    """
    from campaigns.flow.accounts.as_shown import runs_in_numbers
    from campaigns.flow.accounts.stop import go as let_go_on
    from campaigns.flow.accounts.stop import refuse_to_go
    from campaigns.flow.schedules.after_stop import go_as_shown, preview_go

    with opened() as parts:
        refuse_to_go(parts.store, account_id)
        if is_agreed:
            going = let_go_on(parts.store, account_id, reason=reason, actor=actor())
        else:
            preview = preview_go(parts.store, account_id)
            where = "everything" if account_id is None else f"account {account_id}"
            question = f"Let {where} go on, with {runs_in_numbers(preview.runs)}?"
            summary = [vendor_in_force(parts.settings), *_what_follows(preview)]
            agree(summary, question, people=people_of(preview.runs), is_agreed=False)
            going = go_as_shown(parts.store, account_id, preview, reason=reason, actor=actor())
    show(going, as_json=as_json, people=lambda: _print_going(going))


def _print_stopped(stopped: Stopped) -> None:
    from campaigns.domain.clocks import on_clocks

    where = "Everything is" if stopped.account is None else f"Account {stopped.account} is"
    again = "campaigns go" if stopped.account is None else f"campaigns go --account {stopped.account}"
    before = " since before" if stopped.was_stopped else ""
    click.echo(one_line(f"{where} stopped{before}: {stopped.reason}. Nothing is sent until `{again}`."))
    for request in stopped.in_flight[:LISTED]:
        click.echo(
            f"In flight, cannot be stopped: run {run_name(request.run_id)} batch {request.batch} on {request.account}, "
            f"{counted(request.size, 'recipient')}, since {on_clocks(request.started_at, None)}."
        )
    _print_rest(len(stopped.in_flight), "request in flight")
    for run in stopped.with_vendor[:LISTED]:
        name = run_name(run.run_id)
        click.echo(
            f"With the vendor: run {name} on {run.account}, {counted(run.batches, 'batch')}, which it sends at "
            f"{on_clocks(run.due_at, None)}. `campaigns runs cancel {name} --reason TEXT` takes it back."
        )
    _print_rest(len(stopped.with_vendor), "run with the vendor")
    for account_id in stopped.not_confirmed:
        note(
            f"Account {account_id} is locked by somebody who does not end: one more request of it may be on its way. "
            "`campaigns stop` again looks once more."
        )


def _print_rest(number: int, thing: str) -> None:
    if number > LISTED:
        click.echo(f"... {counted(number, thing)} in all; --json lists them.")


def _what_follows(preview: AfterStop) -> Iterator[str]:
    """What happens after the stop, for a person who is to agree."""
    from campaigns.domain.clocks import on_clocks

    if preview.stop is not None:
        at, by = on_clocks(preview.stop.at, None), preview.stop.actor.removeprefix("operator:")
        yield f"Stopped by {by} at {at}: {preview.stop.reason}"
    yield from run_lines(preview.runs)
    sent = [each for each in preview.occurrences if each.skipped is None]
    skipped = [each for each in preview.occurrences if each.skipped is not None]
    yield from (f"{_name(each)} is sent now." for each in sent[:LISTED])
    yield from (f"{_name(each)} is skipped: {each.skipped}." for each in skipped[:LISTED])
    if len(preview.occurrences) > len(sent[:LISTED]) + len(skipped[:LISTED]):
        yield f"Of {counted(len(preview.occurrences), 'occurrence')} that came due, {len(sent):,} are sent now."


def _name(overdue: Overdue) -> str:
    from campaigns.domain.clocks import on_clocks

    at = on_clocks(overdue.scheduled_for, overdue.zone)
    return f"Campaign {campaign_name(overdue.campaign_id)} ({overdue.campaign}) of {at}"


def _print_going(going: Going) -> None:
    where = "Everything" if going.account is None else f"Account {going.account}"
    click.echo(f"{where} goes on.")
    for each in going.still_stopped:
        if each.account is None:
            note(one_line(f"Everything is stopped still ({each.reason}); `campaigns go` lifts that."))
        else:
            also = f"`campaigns go --account {each.account}` lifts that"
            note(one_line(f"Account {each.account} is stopped still ({each.reason}); {also}."))
