"""`create` and `edit`: a campaign from options and a campaign file, or changes to one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from campaigns.as_json import plain
from campaigns.cli.kit.field_options import field_options, naming_options
from campaigns.cli.kit.help_pages.options import GroupedCommand
from campaigns.cli.kit.output import json_option, note, one_line, show
from campaigns.cli.kit.recipient_files import file_facts, read_file, say_read, text_of
from campaigns.cli.kit.session import CAMPAIGN, actor, campaign_name, opened
from campaigns.domain.errors import InputFault, InvalidInput, UsageError
from campaigns.inputs.campaign_file import CampaignFile
from campaigns.inputs.cleared import cleared_keys
from campaigns.inputs.fields import Given, gather
from campaigns.inputs.written import require_changes, require_new

if TYPE_CHECKING:
    from campaigns.domain.audience.user_sets import Reading
    from campaigns.flow.campaigns.drafts import Created, Edited
    from campaigns.wiring import Parts


@click.command(cls=GroupedCommand)
@click.argument("file", required=False, metavar="[FILE.yaml|-]")
@field_options()
@json_option
def create(file: str | None, *, as_json: bool, **options: Any) -> None:
    """Write a draft campaign.

    From options, or from a YAML file with the same names; options win. Sends nothing: `plan` shows what a
    launch would do, and `launch` does it.
    """
    given = require_new(_gather(options, file))
    with opened() as parts:
        created, reading = _create(parts, given)
    show(plain(created) | _file_json(reading), as_json=as_json, people=lambda: _say_created(created))


@click.command(cls=GroupedCommand)
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@click.argument("file", required=False, metavar="[FILE.yaml|-]")
@field_options(without="account")
@click.option("--clear", multiple=True, metavar="OPTION", help="Take a field away, such as `price` or `users`.")
@json_option
def edit(campaign_id: int, file: str | None, *, clear: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Change a campaign.

    Only the named fields change. Runs that were opened before keep what they were opened with.
    """
    given = _gather(options, file)
    require_changes(given)
    if not given.values and not clear:
        raise UsageError(f"No change to campaign {campaign_name(campaign_id)} was given; give one, as in --text TEXT.")
    cleared = cleared_keys(clear, given)
    with opened() as parts:
        edited, reading = _edit(parts, campaign_id, given, cleared)
    show(plain(edited) | _file_json(reading), as_json=as_json, people=lambda: _say_edited(edited))


def _gather(options: Mapping[str, Any], file: str | None) -> Given:
    """Everything that options and a campaign file give. Raises UsageError."""
    if file == "-" and options.get("users") == "-":
        raise InvalidInput(InputFault("standard input cannot be both the campaign file and the recipients"))
    contents = tuple(_campaign_file(place, option="--content") for place in options.get("contents") or ())
    return gather({**options, "contents": contents}, None if file is None else _campaign_file(file, option="FILE"))


def _campaign_file(place: str, *, option: str) -> CampaignFile:
    is_piped = place == "-"
    text = text_of(place, option=option)
    return CampaignFile(
        "standard input" if is_piped else f"'{place}'", text, Path() if is_piped else Path(place).parent
    )


def _create(parts: Parts, given: Given) -> tuple[Created, Reading | None]:
    from campaigns.flow.campaigns.drafts import create_campaign
    from campaigns.inputs.drafts import draft_of

    with naming_options():
        draft = draft_of(parts.store, given, batch_size=parts.settings.batch_size)
    reading, source = _audience(given)
    with naming_options():
        created = create_campaign(
            parts.store,
            replace(draft, audience=reading, audience_source=source),
            actor=actor(),
            tick_seconds=parts.settings.tick_seconds,
        )
    return created, reading


def _edit(parts: Parts, campaign_id: int, given: Given, cleared: set[str]) -> tuple[Edited, Reading | None]:
    from campaigns.flow.campaigns.drafts import edit_campaign
    from campaigns.inputs.drafts import changes_of

    with naming_options():
        changes = changes_of(parts.store, campaign_id, given, cleared)
    reading, source = _audience(given)
    with naming_options():
        edited = edit_campaign(
            parts.store,
            campaign_id,
            replace(changes, audience=reading, audience_source=source),
            actor=actor(),
            tick_seconds=parts.settings.tick_seconds,
        )
    return edited, reading


def _audience(given: Given) -> tuple[Reading | None, str]:
    """The recipients who were named one by one, and their source; None for whole lists alone."""
    from campaigns.domain.audience.user_sets import read_users

    users = given.values.get("users")
    skip_bad = given.values.get("skip_bad", False)
    if users is None:
        return None, ""
    if isinstance(users, tuple):
        name = "users in the campaign file"
        listed = read_users(io.BytesIO("\n".join(users).encode()), name=name, skip_bad=skip_bad)
        listed.form = None
        return listed, name
    place = users if users in {"-", ""} else str(given.folder / users)
    reading = read_file(place, option="--users", skip_bad=skip_bad, sheet=given.values.get("sheet"))
    return reading, "standard input" if place == "-" else Path(place).name


def _file_json(reading: Reading | None) -> dict[str, Any]:
    """What the JSON adds about the recipients that were read; people read it on standard error."""
    if reading is None:
        return {}
    say_read(reading)
    return {"file": file_facts(reading)}


def _say_created(created: Created) -> None:
    name = campaign_name(created.id)
    click.echo(
        f"Campaign {name} '{one_line(created.name)}' is written; `campaigns plan {name}` shows what a launch would do."
    )
    _say_warnings(created.warnings)


def _say_edited(edited: Edited) -> None:
    sentence = f"Campaign {campaign_name(edited.id)} '{one_line(edited.name)}' has revision {edited.revision} now."
    note_text = edited.note
    click.echo(f"{sentence} {note_text[0].upper()}{note_text[1:]}." if note_text else sentence)
    _say_warnings(edited.warnings)


def _say_warnings(warnings: list[str]) -> None:
    for warning in warnings:
        note(f"Note: {warning}")
