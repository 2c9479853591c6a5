"""`list`, `show` and `archive`: the campaigns there are."""

from __future__ import annotations

from typing import Any

import click

from campaigns.cli.opening import CAMPAIGN, actor, opened
from campaigns.cli.output import json_option, print_facts, print_table
from campaigns.cli.output import show as show_result


@click.command("list")
@json_option
def list_campaigns(*, as_json: bool) -> None:
    """List the campaigns, the newest first."""
    from campaigns.store.views import campaigns

    with opened() as parts, parts.store.read() as connection:
        found = list(campaigns(connection))
    show_result(found, as_json=as_json, people=lambda: _table(found))


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def show(campaign_id: int, *, as_json: bool) -> None:
    """Show one campaign.

    What it says, to whom, and when.
    """
    from campaigns.store.views import campaign_of

    with opened() as parts, parts.store.read() as connection:
        found = campaign_of(connection, campaign_id)
    show_result(found, as_json=as_json, people=lambda: print_facts(_for_people(found)))


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def archive(campaign_id: int, *, as_json: bool) -> None:
    """Put a campaign away.

    It opens no run any more, and nothing of it is deleted.
    """
    from campaigns.flow.campaigns import archive_campaign

    with opened() as parts:
        changed = archive_campaign(parts.store, campaign_id, actor=actor())
    show_result(changed, as_json=as_json, people=lambda: click.echo(f"Campaign {campaign_id} is archived."))


def _for_people(found: dict[str, Any]) -> dict[str, Any]:
    message = {name: value for name, value in found["message"].items() if value not in (None, [], False)}
    audience = found["audience"]
    whom = None if audience is None else f"{audience['size']:,} user IDs from {audience['source']}"
    return {
        name.replace("_", " "): value
        for name, value in {**found, **message, "audience": whom, "contents": len(found["contents"]) or None}.items()
        if name != "message"
    }


def _table(found: list[dict[str, Any]]) -> None:
    columns = ("id", "name", "account", "state", "revision", "launches", "due_at", "created_at")
    print_table(
        columns,
        ([row.get(column) for column in columns] for row in found),
        empty="There is no campaign yet; `campaigns create` writes one.",
    )
