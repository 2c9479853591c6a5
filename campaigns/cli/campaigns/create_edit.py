"""`create` and `edit`: a campaign from options and a campaign file, or changes to one."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.inputs.cleared import cleared_keys
from campaigns.cli.inputs.field_table import BY_OPTION
from campaigns.cli.inputs.fields import Given, field_options, gather, in_options
from campaigns.cli.inputs.when import TIME_KEYS, When, read_when
from campaigns.cli.kit.help_pages.options import GroupedCommand
from campaigns.cli.kit.output import json_option, one_line, say_warnings, show
from campaigns.cli.kit.recipient_files import file_facts, read_file, say_read
from campaigns.cli.kit.session import CAMPAIGN, actor, opened
from campaigns.domain.errors import UsageError
from campaigns.domain.sending.pacing import LARGEST_BATCH

if TYPE_CHECKING:
    from campaigns.domain.audience.user_sets import Reading
    from campaigns.domain.messages.message import Message
    from campaigns.domain.messages.text_modes import TextMode
    from campaigns.wiring import Parts

NAME_LENGTH = 40
"""So much of the text names a campaign that was given no name."""

NEEDS_ZONE = {"at", "cron", "every", "hours"}
"""What a zone is given for."""

ON_UNKNOWN = ("hold", "resend")
ROTATE = ("turn", "random")


@click.command(cls=GroupedCommand)
@click.argument("file", required=False, metavar="[FILE.yaml|-]")
@field_options()
@json_option
def create(file: str | None, *, as_json: bool, **options: Any) -> None:
    """Write a draft campaign.

    From options, or from a YAML file with the same names; options win. Sends nothing: `plan` shows what a
    launch would do, and `launch` does it.
    """
    given = _with_text(gather(options, file))
    _require(given, "account_id", "text")
    _check(given)
    message = _message({}, given, None)
    _check_contents(message, given)
    with opened() as parts:
        made = _create(parts, given, message)
    show(made, as_json=as_json, people=lambda: _say_created(made))


@click.command(cls=GroupedCommand)
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@click.argument("file", required=False, metavar="[FILE.yaml|-]")
@field_options(without="account")
@click.option("--clear", multiple=True, metavar="OPTION", help="Take a field away, such as `price` or `users`.")
@json_option
def edit(campaign_id: int, file: str | None, *, clear: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Change a campaign.

    What was launched keeps what it was launched with. Only what is named changes.
    """
    given = gather(options, file)
    _check(given, edits=True)
    if "account_id" in given.values:
        raise UsageError("A campaign stays with its account; create another one to send from another account.")
    if not given.values and not clear:
        raise UsageError(f"Nothing was asked of campaign {campaign_id}: name what to change, as in --text TEXT.")
    cleared = cleared_keys(clear, given)
    with opened() as parts:
        changed = _edit(parts, campaign_id, given, cleared)
    show(changed, as_json=as_json, people=lambda: _say_edited(changed))


def _create(parts: Parts, given: Given, message: Message) -> dict[str, Any]:
    from campaigns.flow.campaigns.drafts import Draft, create_campaign
    from campaigns.store.accounts.bindings import find_upstream

    values = given.values
    with parts.store.read() as connection:  # before a long file is read
        find_upstream(connection, values["account_id"])
    when = _when(parts, given, values["account_id"])
    reading, source = _audience(given)
    draft = Draft(
        name=values.get("name") or _name_of(values["text"]),
        account_id=values["account_id"],
        message=message,
        audience=reading,
        audience_source=source,
        batch_size=values.get("batch_size", parts.settings.batch_size),
        on_unknown=values.get("on_unknown", "hold"),
        starts_at=when.starts_at,
        zone=when.zone,
        timing=when.timing,
        contents=values.get("contents", ()),
        accept_suppressed=values.get("accept_suppressed", False),
        mark=values.get("mark"),
        as_written=values.get("as_written", False),
    )
    with _in_options():
        made = create_campaign(parts.store, draft, actor=actor())
    return made | _file_read(reading)


def _edit(parts: Parts, campaign_id: int, given: Given, cleared: set[str]) -> dict[str, Any]:
    from campaigns.flow.campaigns.drafts import Changes, edit_campaign
    from campaigns.store.campaigns.campaigns import find_campaign, find_revision

    values = given.values
    changes: dict[str, Any] = {
        key: values[key]
        for key in ("name", "batch_size", "on_unknown", "accept_suppressed", "mark", "as_written")
        if key in values
    }
    with parts.store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        current = find_revision(connection, campaign_id, campaign.revision)
    if given.times or cleared & TIME_KEYS:
        old = When(current.starts_at, current.zone, current.times)
        when = _when(parts, given, campaign.account_id, old=old, cleared=cleared)
        changes |= {"starts_at": when.starts_at, "zone": when.zone, "timing": when.timing}
        changes["drop_start"] = when.starts_at is None
    told = _told(current.message, cleared)
    source = told.get("text_mode")
    if given.message or cleared - TIME_KEYS - {"users", "contents"} or _mode(given, source) is not source:
        changes["message"] = _message(told, given, source)
    if "contents" in cleared or "contents" in values:
        changes["contents"] = values.get("contents", ())
        _check_contents(changes.get("message") or _message(told, given, source), given)
    if "users" in values:
        changes["audience"], changes["audience_source"] = _audience(given)
    elif "users" in cleared:
        changes["drop_audience"] = True
    with _in_options():
        changed = edit_campaign(parts.store, campaign_id, Changes(**changes), actor=actor())
    return changed | _file_read(changes.get("audience"))


def _when(
    parts: Parts, given: Given, account_id: str, *, old: When | None = None, cleared: Collection[str] = ()
) -> When:
    from campaigns.store.accounts.bindings import zone_of_account

    with parts.store.read() as connection:
        now, account_zone = parts.store.now(connection), zone_of_account(connection, account_id)
    tick_seconds = parts.settings.tick_seconds
    return read_when(given, now=now, tick_seconds=tick_seconds, account_zone=account_zone, old=old, cleared=cleared)


def _told(stored: dict[str, Any], cleared: set[str]) -> dict[str, Any]:
    """What a stored message was told, by field, less what is taken away."""
    from campaigns.domain.messages.message import from_json

    message = from_json(stored)
    return {
        each.name: getattr(message, each.name)
        for each in dataclass_fields(message)
        if each.name not in cleared and getattr(message, each.name) not in (None, ())
    }


def _mode(given: Given, source: TextMode | None) -> TextMode | None:
    """What the text is, after what was told; `source`: what it was before."""
    from campaigns.domain.messages.text_modes import mode_after_edit

    names_text = "text" in given.values or any("text" in content for content in given.values.get("contents", ()))
    return mode_after_edit(source, is_html=given.values.get("html"), names_text=names_text)


def _message(told: dict[str, Any], given: Given, source: TextMode | None) -> Message:
    from campaigns.domain.messages.message import make_message

    with _in_options():
        return make_message({**told, **given.message, "text_mode": _mode(given, source)})


@contextmanager
def _in_options() -> Iterator[None]:
    """Name fields in refusals as people typed them."""
    try:
        yield
    except UsageError as fault:
        raise UsageError(in_options(str(fault))) from None


def _with_text(given: Given) -> Given:
    """A campaign whose contents all bring their text needs none of its own: the first one's stands for it."""
    contents = given.values.get("contents", ())
    if "text" in given.values or not contents or not all("text" in content for content in contents):
        return given
    return replace(given, values={**given.values, "text": contents[0]["text"]})


def _check_contents(message: Message, given: Given) -> None:
    from campaigns.domain.messages.contents import contents_faults

    faults = contents_faults(message, given.values.get("contents", ()), recurs=False)
    if faults:
        raise UsageError(in_options(f"{'; '.join(faults)}. Nothing was stored."))


def _audience(given: Given) -> tuple[Reading | None, str]:
    """Who was named one by one, and where; None when only whole lists were."""
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


def _file_read(reading: Reading | None) -> dict[str, dict[str, Any]]:
    """What an answer adds about the recipients that were read, which is said to people here."""
    if reading is None:
        return {}
    say_read(reading)
    return {"file": file_facts(reading)}


def _require(given: Given, *keys: str) -> None:
    missing = [option for option, each in BY_OPTION.items() if each.key in keys and not given.values.get(each.key)]
    if missing:
        wanted = " and ".join(f"--{option}" for option in missing)
        raise UsageError(f"A campaign needs {wanted}; give it as an option or in the campaign file.")


def _check(given: Given, *, edits: bool = False) -> None:
    """What the options themselves must keep to; everything about the message is the message's own business."""
    values, faults = given.values, []
    if values.get("on_unknown", "hold") not in ON_UNKNOWN:
        faults.append(f"--on-unknown is '{values['on_unknown']}', neither hold nor resend")
    if values.get("rotate", "turn") not in ROTATE:
        faults.append(f"--rotate is '{values['rotate']}', neither turn nor random")
    if values.get("batch_size", 1) < 1:
        faults.append("--batch-size is 0, but a request needs at least one user ID")
    if values.get("batch_size", 1) > LARGEST_BATCH:
        faults.append(f"--batch-size is above {LARGEST_BATCH:,}, the most user IDs of one request")
    if "zone" in values and not values.keys() & NEEDS_ZONE and not edits:
        faults.append("--zone says whose clocks --at, --cron, --every and --hours follow, but none is given")
    if values.get("skip_bad") and "users" not in values:
        faults.append("--skip-bad is about the lines of --users, but there is no --users")
    if "sheet" in values and not isinstance(values.get("users"), str):
        faults.append("--sheet is about the workbook of --users, but there is none")
    if "name" in values and not values["name"].strip():
        faults.append("--name is empty")
    if faults:
        raise UsageError(f"{'; '.join(faults)}. Nothing was stored.")


def _name_of(text: str) -> str:
    words = one_line(" ".join(text.split()))
    return words if len(words) <= NAME_LENGTH else words[: NAME_LENGTH - 1].rstrip() + "…"


def _say_created(made: dict[str, Any]) -> None:
    click.echo(
        f"Campaign {made['id']} '{one_line(made['name'])}' is written; `campaigns plan {made['id']}` shows what "
        "a launch would do."
    )
    say_warnings(made)


def _say_edited(changed: dict[str, Any]) -> None:
    words = f"Campaign {changed['id']} '{one_line(changed['name'])}' stands at revision {changed['revision']}."
    note = changed.get("note")
    click.echo(f"{words} {note[0].upper()}{note[1:]}." if note else words)
    say_warnings(changed)
