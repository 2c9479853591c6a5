"""`who` and `why-not`: everything about one fan, and why a run did not reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import NOTHING, json_option, moment, note, one_line, show
from campaigns.cli.kit.session import CAMPAIGN, RUN, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import run_name
from campaigns.domain.states import BatchState
from campaigns.inputs.times import parse_moment

if TYPE_CHECKING:
    from campaigns.store.views.suppressions import SuppressionView
    from campaigns.store.views.who import Mention, WhyNot

COLUMNS = (
    Column("run", Kind.RUN),
    Column("campaign", rank=1),
    Column("account", Kind.NAME, rank=2),
    Column("batch", Kind.NUMBER, rank=5),
    Column("state", Kind.NAME),
    Column("reason"),
    Column("message", Kind.NAME, rank=4),
    Column("at", Kind.TIME, rank=3),
)

BATCH_WORDS = {
    BatchState.ACCEPTED: "the vendor took the message",
    BatchState.SAVED: "the vendor keeps the message for later; we did not send it",
    BatchState.REJECTED: "rejected",
    BatchState.UNKNOWN: "unknown: it may have reached them",
    BatchState.CANCELLED: "cancelled",
    BatchState.READY: "not sent yet",
    BatchState.SENDING: "a request is in flight",
}

user_argument = click.argument("user", metavar="USER")


@click.command()
@user_argument
@click.option("--account", "account_id", metavar="ACCT", help="Only runs of this account.")
@click.option("--campaign", "campaign_id", type=CAMPAIGN, metavar="ID", help="Only runs of this campaign.")
@click.option("--since", metavar="TIME", help="Only what changed at this time or later.")
@json_option
def who(user: str, *, account_id: str | None, campaign_id: int | None, since: str | None, as_json: bool) -> None:
    """Show everything about one fan.

    Who suppressed the fan, when and why; and what became of them in each run: the batch they are in, or why the plan
    left them out. Runs to whole lists are not among them: only the vendor knows who is on its lists.
    """
    from campaigns.store.views import who as who_views
    from campaigns.store.views.suppressions import suppressions_of

    number, begins = _number(user), None if since is None else parse_moment(since, None, field="since")
    with opened() as parts, parts.store.read() as connection:
        mentions = who_views.who(connection, number, account_id=account_id, campaign_id=campaign_id, since=begins)
        suppressed = suppressions_of(connection, number, account_id)
    show(mentions, as_json=as_json, people=lambda: _print_who(number, mentions, suppressed))


@click.command("why-not")
@user_argument
@click.argument("run_id", type=RUN, metavar="RUN")
@json_option
def why_not(user: str, run_id: int, *, as_json: bool) -> None:
    """Tell why a run did not reach a fan.

    Accepted, rejected with the vendor's words, unknown, cancelled, left out by the plan, or not in the audience.
    """
    from campaigns.store.views import who as who_views

    number = _number(user)
    with opened() as parts, parts.store.read() as connection:
        verdict = who_views.why_not(connection, number, run_id)
    show(verdict, as_json=as_json, people=lambda: _print_why_not(verdict))


def _number(user: str) -> int:
    from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user

    number = parse_user(user)
    if number is None:
        raise UsageError(f"'{user}' is not a valid user ID; give a whole number from 1 to {LARGEST_USER_ID}.")
    return number


def _print_who(user: int, mentions: list[Mention], suppressed: list[SuppressionView]) -> None:
    for suppression in suppressed:
        click.echo(_suppressed(suppression))
    print_table(
        COLUMNS, map(_row, mentions), empty=f"User {user} is in no batch of any run, and no plan left them out."
    )


def _row(mention: Mention) -> list[object]:
    state = mention.state if mention.follow is None else f"{mention.state}, {mention.follow}"
    where = [mention.run_id, mention.campaign, mention.account, mention.batch]
    return [*where, state, mention.reason, mention.message_id, mention.at]


def _suppressed(suppression: SuppressionView) -> str:
    place = "all accounts" if suppression.account is None else suppression.account
    since = f"since {moment(suppression.created_at)}: {suppression.reason}"
    return one_line(f"User {suppression.user_id} is suppressed on {place} by {suppression.actor} {since}")


def _print_why_not(verdict: WhyNot) -> None:
    click.echo(
        one_line(f"User {verdict.user_id} in run {run_name(verdict.run_id)} ({verdict.account}): {_why(verdict)}.")
    )
    for suppression in verdict.suppressions:
        note(_suppressed(suppression))


def _why(verdict: WhyNot) -> str:
    """Half a sentence on what became of the fan."""
    from campaigns.store.views.who import LEFT_OUT, NOT_IN_AUDIENCE, NOT_KNOWN, NOT_PLANNED

    reason = verdict.reason or NOTHING
    mention = verdict.mentions[0] if verdict.mentions else None
    if mention is not None and mention.state != LEFT_OUT:
        words = BATCH_WORDS[BatchState(mention.state)]
        words += f" ({mention.reason})" if mention.reason else ""
        words += f" as message {mention.message_id}" if mention.message_id else ""
        return f"batch {mention.batch}, {words}{', which was unsent since' if mention.follow else ''}"
    return {
        LEFT_OUT: f"left out by the plan ({reason})",
        NOT_IN_AUDIENCE: "not in its audience",
        NOT_KNOWN: "it goes to whole lists, and only the vendor knows who is on them",
        NOT_PLANNED: f"it was never planned ({verdict.reason})" if verdict.reason else "it is not planned yet",
    }[verdict.state]
