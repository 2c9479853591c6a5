"""`list` and `show`: the campaigns that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from campaigns.as_json import plain
from campaigns.cli.campaigns.plan import say_plan_warnings, warning_sentence
from campaigns.cli.kit.in_force import note_nobody_sends
from campaigns.cli.kit.output import duration, json_option, note, print_json
from campaigns.cli.kit.output import show as show_result
from campaigns.cli.kit.runs_table import print_runs
from campaigns.cli.kit.session import CAMPAIGN, LARGEST_ID, opened
from campaigns.cli.kit.tables import Column, Fact, Kind, print_facts, print_table
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.states import CampaignState
from campaigns.inputs.field_table import BY_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from campaigns.flow.campaigns.show import Shown
    from campaigns.store.views.campaigns import CampaignLine, CampaignView

FEW = 3
"""How many of the next runs `show` prints for people; `plan` prints more."""

NEWEST = 50
"""How many campaigns a list shows to people when they name no limit."""

NOTHING_YET = "No campaigns yet, or all are archived (--all lists those); `campaigns create` writes one."
NO_SUCH = "No campaign is like that; without options `campaigns list` lists all that are not archived."

COLUMNS = (
    Column("campaign", Kind.NAME),
    Column("name", Kind.TEXT),
    Column("account", Kind.NAME),
    Column("state", Kind.NAME),
    Column("recipients", Kind.COUNT, 1),
    Column("next run", Kind.TIME, 2),
    Column("pause", Kind.TEXT, 3),
    Column("open runs", Kind.COUNT, 3),
    Column("schedule", Kind.TEXT, 4),
    Column("launches", Kind.COUNT, 5),
    Column("occurrences", Kind.COUNT, 6),
    Column("skipped", Kind.COUNT, 7),
    Column("created", Kind.TIME, 8),
)


@click.command("list")
@click.option(
    "--state", type=click.Choice([each.value for each in CampaignState]), help="Only campaigns in this state."
)
@click.option("--account", "account_id", metavar="ACCT", help="Only campaigns of this account.")
@click.option(
    "--limit",
    type=click.IntRange(1, LARGEST_ID),
    metavar="N",
    help=f"At most this many, the newest ones; {NEWEST} unless given.",
)
@click.option("--all", "shows_all", is_flag=True, help="All campaigns, archived ones too.")
@json_option
def list_campaigns(
    *, state: str | None, account_id: str | None, limit: int | None, shows_all: bool, as_json: bool
) -> None:
    """List the campaigns, the newest at the bottom.

    Archived campaigns are left out unless asked for. With --json: all of them, the newest first.
    """
    from campaigns.store.views.campaigns import Wanted, campaigns

    shown = limit or (None if shows_all or as_json else NEWEST)
    wanted = Wanted(
        state=None if state is None else CampaignState(state),
        account_id=account_id,
        archived=shows_all or as_json,
        newest=None if shown is None else shown + 1,
    )
    with opened() as parts, parts.store.read() as connection:
        lines = campaigns(connection, wanted)
    listed = lines[:shown]
    is_narrowed, has_more = state is not None or account_id is not None, len(lines) > len(listed)
    if as_json:
        print_json(listed)
    else:
        _table(listed, has_more=has_more, is_narrowed=is_narrowed)


@click.command()
@click.argument("campaign_id", type=CAMPAIGN, metavar="ID")
@json_option
def show(campaign_id: int, *, as_json: bool) -> None:
    """Show one campaign.

    Its message, its recipients, and its times.
    """
    from campaigns.flow.campaigns.show import show_campaign

    with opened() as parts:
        shown = show_campaign(parts.store, campaign_id)
        if shown.campaign.state is CampaignState.SCHEDULED:
            note_nobody_sends(parts)
    as_data = plain(shown.campaign) | {"warnings": [warning_sentence(warning) for warning in shown.warnings]}
    show_result(as_data, as_json=as_json, people=lambda: _say(shown))


def state_of(line: CampaignLine | CampaignView) -> str:
    """The state of a campaign, and whether its schedule is paused."""
    return f"{line.state}, paused" if line.paused is not None else line.state.value


def _table(lines: list[CampaignLine], *, has_more: bool, is_narrowed: bool) -> None:
    print_table(
        COLUMNS,
        (
            (
                campaign_name(line.id),
                line.name,
                line.account,
                state_of(line),
                line.recipients,
                line.next_at,
                line.paused,
                line.open_runs,
                line.schedule,
                line.launches,
                line.occurrences,
                line.skipped,
                line.created_at,
            )
            for line in reversed(lines)
        ),
        empty=NO_SUCH if is_narrowed else NOTHING_YET,
    )
    if has_more:
        note(f"These are the newest {len(lines)}; --limit N shows more, --all shows all of them.")


def _say(shown: Shown) -> None:
    view = shown.campaign
    print_facts(_facts(view), zone=view.zone)
    print_runs(view.next_runs[:FEW], view.zone)
    say_plan_warnings(shown.warnings)


def _facts(view: CampaignView) -> Iterator[Fact]:
    audience = view.audience
    yield Fact("campaign", campaign_name(view.id), Kind.NAME)
    yield Fact("name", view.name)
    yield Fact("account", view.account, Kind.NAME)
    yield Fact("state", state_of(view), Kind.NAME)
    yield Fact("revision", view.revision, Kind.NUMBER)
    yield Fact("launches", view.launches, Kind.COUNT)
    yield Fact("schedule", view.schedule)
    yield Fact("starts at", view.starts_at, Kind.TIME)
    yield Fact("next run", view.next_at, Kind.TIME)
    yield Fact("zone", view.zone, Kind.NAME)
    if view.paused is not None:
        yield Fact("paused", view.paused)
        yield Fact("paused at", view.paused_at, Kind.TIME)
        yield Fact("paused by", view.paused_by, Kind.NAME)
    yield Fact("occurrences", view.occurrences, Kind.COUNT)
    yield Fact("skipped", view.skipped, Kind.COUNT)
    yield Fact("audience", None if audience is None else f"{audience.size:,} user IDs from {audience.source}")
    yield from _message_facts(view.message)
    yield Fact("contents", len(view.contents) or None, Kind.COUNT)
    yield Fact("batch size", view.batch_size, Kind.COUNT)
    yield Fact("on unknown", view.on_unknown, Kind.NAME)
    yield Fact("mark", view.mark)
    yield Fact("text mode", view.text_mode, Kind.NAME)
    yield Fact("as written", view.as_written)
    yield Fact("often", view.often)
    for key, value in view.timing.items():
        if key in BY_KEY:
            is_length = BY_KEY[key].kind == "duration"
            yield Fact(BY_KEY[key].name.replace("-", " "), duration(value) if is_length else value)
    yield Fact("open runs", [run_name(run_id) for run_id in view.open_runs], Kind.NAME)
    yield Fact("runs", [run_name(run_id) for run_id in view.runs], Kind.NAME)


def _message_facts(message: dict[str, Any]) -> Iterator[Fact]:
    """The fields of a message that hold something."""
    for name, value in message.items():
        if value not in (None, [], False) and name != "text_mode":
            yield Fact(name.replace("_", " "), value)
