"""`accounts`: the vendor accounts that campaigns send from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.output import json_option, note, print_table, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.vendor import ask_about_key
from campaigns.domain.errors import PacerAway, UsageError, VendorAway
from campaigns.inputs.times import parse_zone

if TYPE_CHECKING:
    from campaigns.wiring import Parts


hours_option = click.option("--hours", metavar="HOURS", help="When it may send, such as 09:00-22:00 in its zone.")
zone_option = click.option("--zone", metavar="ZONE", help="Its time zone, such as Europe/Berlin.")


@click.group()
def accounts() -> None:
    """Add, list, set and release vendor accounts."""


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@click.option("--name", metavar="TEXT", help="What people call it.")
@hours_option
@zone_option
@json_option
def add(account_id: str, *, name: str | None, hours: str | None, zone: str | None, as_json: bool) -> None:
    """Let campaigns send from a vendor account.

    The vendor is asked whether the key can see it.
    """
    from campaigns.flow.accounts.accounts import ACCOUNT_ID, add_account

    if not ACCOUNT_ID.fullmatch(account_id):  # before the vendor is asked about it
        raise UsageError(f"'{account_id}' is no account ID; the vendor's begin with acct_, as in acct_abc123.")
    if zone is not None:
        parse_zone(zone)
    with opened() as parts:
        team = _team(parts, account_id)
        made = add_account(
            parts.store,
            account_id,
            upstream=parts.upstream_name,
            team=team,
            name=name,
            zone=zone,
            hours=hours,
            actor=actor(),
        )
    show(made, as_json=as_json, people=lambda: click.echo(f"Account {account_id} is added."))


@accounts.command("set")
@click.argument("account_id", metavar="ACCT")
@hours_option
@zone_option
@click.option("--clear", type=click.Choice(["hours"]), help="Let it send at any time again.")
@json_option
def set_account(account_id: str, *, hours: str | None, zone: str | None, clear: str | None, as_json: bool) -> None:
    """Change when an account may send.

    Its open runs go by it from their next send on.
    """
    from campaigns.flow.accounts.accounts import set_account as change

    if zone is not None:
        parse_zone(zone)
    with opened() as parts:
        changed = change(parts.store, account_id, hours=hours, zone=zone, clear_hours=clear is not None, actor=actor())
    when = f"within {changed['hours']} {changed['zone']} only" if changed["hours"] else "at any time"
    show(changed, as_json=as_json, people=lambda: click.echo(f"Account {account_id} sends {when}."))


@accounts.command("list")
@json_option
def list_accounts(*, as_json: bool) -> None:
    """List the accounts."""
    from campaigns.store.views import accounts as account_views

    with opened() as parts, parts.store.read() as connection:
        found = list(account_views.accounts(connection))
    columns = ("id", "name", "zone", "hours", "upstream", "team", "waits_for", "holds")
    show(
        found,
        as_json=as_json,
        people=lambda: print_table(
            columns,
            ([_cell(row.get(column)) for column in columns] for row in found),
            empty="There is no account yet; `campaigns accounts add ACCT` adds one.",
        ),
    )


@accounts.command()
@click.argument("account_id", metavar="ACCT")
@click.option("--reason", required=True, metavar="TEXT", help="What was corrected, for the audit.")
@json_option
def release(account_id: str, *, reason: str, as_json: bool) -> None:
    """Let a refused account go on.

    Closes what holds it, and its team, once the vendor's refusal was dealt with.
    """
    from campaigns.flow.accounts.accounts import release_account

    if not reason.strip():
        raise UsageError("--reason is empty; say what was corrected, the audit keeps it.")
    with opened() as parts:
        released: dict[str, Any] = release_account(parts.store, account_id, reason=reason.strip(), actor=actor())
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


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return [f"{hold['kind']}: {hold['reason']}" if isinstance(hold, dict) else hold for hold in value]
    return value
