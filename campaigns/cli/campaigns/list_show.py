"""`list`, `show` and `archive`: the campaigns there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.inputs.field_table import BY_KEY
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import duration, json_option, print_facts, print_table
from campaigns.cli.kit.output import show as show_result
from campaigns.cli.kit.runs_table import print_runs
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.states import CampaignState

if TYPE_CHECKING:
    from campaigns.store.database.engine import Store

FEW = 3
"""So many of the next runs are shown to people beside all else; `plan` shows more."""


@click.command("list")
@json_option
def list_campaigns(*, as_json: bool) -> None:
    """List the campaigns, the newest first."""
    from campaigns.store.views.campaigns import campaigns

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
    with opened() as parts:
        found = _shown(parts.store, campaign_id)
        if found["state"] == CampaignState.SCHEDULED:
            note_nobody_sends(parts)
    show_result(found, as_json=as_json, people=lambda: _say(found))


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def archive(campaign_id: int, *, as_json: bool) -> None:
    """Put a campaign away.

    It opens no run any more, and nothing of it is deleted.
    """
    from campaigns.flow.campaigns.drafts import archive_campaign

    with opened() as parts:
        changed = archive_campaign(parts.store, campaign_id, actor=actor())
    show_result(changed, as_json=as_json, people=lambda: click.echo(f"Campaign {campaign_id} is archived."))


def _shown(store: Store, campaign_id: int) -> dict[str, Any]:
    from campaigns.domain.schedules.timing import timing_to_json
    from campaigns.flow.planning.upcoming import occurrences_ahead, schedule_told
    from campaigns.store.campaigns.campaigns import find_campaign, find_revision
    from campaigns.store.views.campaigns import campaign_of

    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        ahead = occurrences_ahead(campaign, revision, store.now(connection))
        return {
            **campaign_of(connection, campaign_id),
            **schedule_told(connection, campaign, revision),
            "timing": timing_to_json(revision.times),
            "next_runs": [moment.isoformat() for moment in ahead],
        }


def _say(found: dict[str, Any]) -> None:
    print_facts(_for_people(found), zone=found["zone"])
    print_runs(found["next_runs"][:FEW], found["zone"])


def _for_people(found: dict[str, Any]) -> dict[str, Any]:
    message = {name: value for name, value in found["message"].items() if value not in (None, [], False)}
    audience = found["audience"]
    whom = None if audience is None else f"{audience['size']:,} user IDs from {audience['source']}"
    timing = {BY_KEY[key].option: _told(key, value) for key, value in found["timing"].items() if key in BY_KEY}
    found = {**found, "timing": timing}
    return {
        name.replace("_", " "): value
        for name, value in {**found, **message, "audience": whom, "contents": len(found["contents"]) or None}.items()
        if name not in {"message", "next_runs"}
    }


def _told(key: str, value: Any) -> Any:
    return duration(value) if BY_KEY[key].kind == "duration" else value


def _table(found: list[dict[str, Any]]) -> None:
    columns = (
        *("id", "name", "account", "state", "revision", "launches", "schedule", "next_at"),
        *("occurrences", "skipped", "paused", "created_at"),
    )
    print_table(
        columns,
        ([row.get(column) for column in columns] for row in found),
        empty="There is no campaign yet; `campaigns create` writes one.",
    )
