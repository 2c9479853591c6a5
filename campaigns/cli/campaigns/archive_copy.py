"""`copy`, `archive` and `unarchive`: what becomes of whole campaigns."""

from __future__ import annotations

import click

from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.field_options import naming_options
from campaigns.cli.kit.output import json_option, moment, note, one_line, show
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.ids import campaign_name


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@click.option("--name", metavar="TEXT", help="The name of the copy.")
@json_option
def copy(campaign_id: int, *, name: str | None, as_json: bool) -> None:
    """Write a new draft with the content of a campaign.

    With its audience and its schedule too. A start or an end that has passed is left out.
    """
    from campaigns.flow.campaigns.archive import copy_campaign

    with opened() as parts, naming_options():
        created = copy_campaign(
            parts.store, campaign_id, name=name, actor=actor(), tick_seconds=parts.settings.tick_seconds
        )
    sentence = (
        f"Campaign {campaign_name(created.id)} '{one_line(created.name)}' is a copy of {campaign_name(campaign_id)}; "
        f"`campaigns edit {campaign_name(created.id)}` changes it."
    )
    show(created, as_json=as_json, people=lambda: click.echo(sentence))
    for warning in () if as_json else created.warnings:
        note(f"Note: {warning}")


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@yes_option
@json_option
def archive(campaign_id: int, *, is_agreed: bool, as_json: bool) -> None:
    """Archive a campaign.

    It opens no more runs and leaves the list. Nothing of it is deleted, and `unarchive` brings it back.
    """
    from campaigns.flow.campaigns.archive import archive_campaign, refuse_to_archive
    from campaigns.store.views.campaigns import campaign_of

    with opened() as parts:
        refuse_to_archive(parts.store, campaign_id)
        with parts.store.read() as connection:
            view = campaign_of(connection, campaign_id)
        summary = [f"Campaign {campaign_name(view.id)} '{one_line(view.name)}' of {view.account}: {view.schedule}."]
        if view.next_at is not None:
            summary.append(f"It is armed; its next run at {moment(view.next_at, view.zone)} will not come.")
        agree(
            summary,
            f"Archive campaign {campaign_name(campaign_id)}?",
            people=None,
            is_agreed=is_agreed,
        )
        moved = archive_campaign(parts.store, campaign_id, actor=actor())
    sentence = f"Campaign {campaign_name(campaign_id)} is archived."
    show(moved, as_json=as_json, people=lambda: click.echo(sentence))


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def unarchive(campaign_id: int, *, as_json: bool) -> None:
    """Bring an archived campaign back.

    As a draft or as launched; nothing of it is scheduled.
    """
    from campaigns.flow.campaigns.archive import unarchive_campaign

    with opened() as parts:
        moved = unarchive_campaign(parts.store, campaign_id, actor=actor())
    sentence = f"Campaign {campaign_name(campaign_id)} is back; it is {moved.state}, and nothing of it is scheduled."
    show(moved, as_json=as_json, people=lambda: click.echo(sentence))
