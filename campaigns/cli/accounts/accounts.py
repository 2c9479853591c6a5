"""`accounts`: the vendor accounts that campaigns send from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.accounts.team_release import agree_to_team_release
from campaigns.cli.kit.agree import yes_option
from campaigns.cli.kit.output import json_option, note, one_line, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.cli.kit.vendor import ask_about_key
from campaigns.domain.errors import PacerAway, VendorAway
from campaigns.inputs.times import parse_zone

if TYPE_CHECKING:
    from campaigns.store.views.accounts import AccountView
    from campaigns.wiring import Parts

COLUMNS = (
    Column("account", Kind.NAME),
    Column("name", rank=1),
    Column("hours", Kind.NAME, rank=4),
    Column("zone", Kind.NAME, rank=4),
    Column("vendor", Kind.NAME, rank=5),
    Column("team", Kind.NAME, rank=6),
    Column("waits for", rank=2),
    Column("until", Kind.TIME, rank=3),
    Column("held by"),
)

hours_option = click.option("--hours", metavar="HOURS", help="When it may send, such as 09:00-22:00 in its zone.")
zone_option = click.option("--zone", metavar="ZONE", help="Its time zone, such as Europe/Berlin.")


@click.group()
def accounts() -> None:
    """Add, list, change, remove and release vendor accounts."""


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@click.option("--name", metavar="TEXT", help="What people call it.")
@hours_option
@zone_option
@json_option
def add(account_id: str, *, name: str | None, hours: str | None, zone: str | None, as_json: bool) -> None:
    """Let campaigns send from a vendor account.

    The vendor is asked whether the key can see it. An account that was removed comes back as it was.
    """
    from campaigns.flow.accounts.accounts import add_account, refuse_bad_id

    refuse_bad_id(account_id)  # before the vendor is asked about it
    if zone is not None:
        parse_zone(zone)
    with opened() as parts:
        team = _team(parts, account_id)
        added = add_account(
            parts.store,
            account_id,
            upstream=parts.upstream_name,
            team=team,
            name=name,
            zone=zone,
            hours=hours,
            actor=actor(),
        )
    what = "is back, with everything that is recorded of it" if added.brought_back else "is added"
    show(added, as_json=as_json, people=lambda: click.echo(f"Account {account_id} {what}."))


@accounts.command("set")
@click.argument("account_id", metavar="ACCT")
@hours_option
@zone_option
@click.option("--clear", type=click.Choice(["hours"]), help="Let it send at any time again.")
@json_option
def set_account(account_id: str, *, hours: str | None, zone: str | None, clear: str | None, as_json: bool) -> None:
    """Change when an account may send.

    Its open runs follow it from their next send on.
    """
    from campaigns.flow.accounts.accounts import set_account as change

    if zone is not None:
        parse_zone(zone)
    with opened() as parts:
        changed = change(parts.store, account_id, hours=hours, zone=zone, clear_hours=clear is not None, actor=actor())
    when = f"within {changed.hours} {changed.zone} only" if changed.hours else "at any time"
    show(changed, as_json=as_json, people=lambda: click.echo(f"Account {account_id} sends {when}."))


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@click.argument("name", metavar="NAME")
@json_option
def rename(account_id: str, name: str, *, as_json: bool) -> None:
    """Change what people call an account.

    Nothing else changes. An empty name removes the name.
    """
    from campaigns.flow.accounts.accounts import set_name

    with opened() as parts:
        renamed = set_name(parts.store, account_id, name, actor=actor())
    now = "has no name now" if renamed.name is None else f"is called {one_line(renamed.name)} now"
    show(renamed, as_json=as_json, people=lambda: click.echo(f"Account {account_id} {now}."))


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@reason_option("Why, for the audit.")
@json_option
def remove(account_id: str, *, reason: str, as_json: bool) -> None:
    """Hide an account from which nothing is sent any longer.

    No row is deleted, and `accounts add` brings it back as it was. Refused while a run of it is open, an outcome is
    unknown, or a campaign is armed.
    """
    from campaigns.flow.accounts.remove import remove_account

    with opened() as parts:
        removed = remove_account(parts.store, account_id, reason=reason, actor=actor())
    back = f"Account {account_id} is removed; `campaigns accounts add {account_id}` brings it back."
    show(removed, as_json=as_json, people=lambda: click.echo(back))


@accounts.command("list")
@json_option
def list_accounts(*, as_json: bool) -> None:
    """List the accounts."""
    from campaigns.store.views import accounts as account_views

    with opened() as parts, parts.store.read() as connection:
        listed = account_views.accounts(connection)
    empty = "There is no account yet; `campaigns accounts add ACCT` adds one."
    show(listed, as_json=as_json, people=lambda: print_table(COLUMNS, map(_row, listed), empty=empty))


def _row(account: AccountView) -> list[object]:
    holds = [f"{hold.kind}: {hold.reason}" for hold in account.holds]
    place = [account.hours, account.zone, account.upstream, account.team]
    return [account.id, account.name, *place, account.waits_for, account.available_at, holds]


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@reason_option("What was corrected, for the audit.")
@yes_option
@json_option
def release(account_id: str, *, reason: str, is_agreed: bool, as_json: bool) -> None:
    """Let a refused account send again.

    Lifts the holds on it and on its team, after the cause was fixed; a stop stays. Where the whole team is on hold,
    every account of it sends again, so it asks first; off a terminal it needs --yes.
    """
    from campaigns.flow.accounts.release import release_account

    with opened() as parts:
        shown = agree_to_team_release(parts, account_id, is_agreed=is_agreed)
        released = release_account(parts.store, account_id, reason=reason, actor=actor(), shown=shown)
    show(released, as_json=as_json, people=lambda: click.echo(f"Account {account_id} is released."))


def _team(parts: Parts, account_id: str) -> str | None:
    """The team that the key belongs to; None when the vendor cannot be asked now. Raises VendorRefused."""
    try:
        team, accounts_seen = ask_about_key(parts)
    except (VendorAway, PacerAway) as away:
        note(f"{away} The account is added without having been checked.")
        return None
    seen = {account.id: account for account in accounts_seen}
    account = seen.get(account_id)
    if account is None and parts.settings.has_key:
        listed = ", ".join(sorted(seen)[:5]) or "none"
        note(f"Note: the key does not see {account_id} (it sees {listed}); sends are refused until it does.")
    if account is not None and not account.is_authenticated:
        note(f"Note: the vendor says that {account_id} needs to log in again before it can send.")
    return team
