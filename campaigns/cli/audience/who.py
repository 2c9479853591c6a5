"""`who` and `why-not`: everything about one fan, and why a run did not reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import json_option, moment, note, one_line, show
from campaigns.cli.kit.session import CAMPAIGN, RUN, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import run_name
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
    from campaigns.flow.audience.why_not_words import why_not_words

    where = f"User {verdict.user_id} in run {run_name(verdict.run_id)} ({verdict.account})"
    click.echo(one_line(f"{where}: {why_not_words(verdict)}."))
    for suppression in verdict.suppressions:
        note(_suppressed(suppression))
