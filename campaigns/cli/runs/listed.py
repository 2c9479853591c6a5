"""`runs list`: one line for each run, the newest at the bottom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import json_option, note, print_json_list
from campaigns.cli.kit.session import CAMPAIGN, LARGEST_ID, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.cli.runs.runs import runs
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.states import RunState

if TYPE_CHECKING:
    from campaigns.store.views.run_lines import RunLine

__all__ = ["runs"]

SHOWN = 50
"""How many runs people see when they do not say how many."""

COLUMNS = (
    Column("run", Kind.NAME),
    Column("campaign", rank=1),
    Column("id", Kind.NAME, 4),
    Column("account", Kind.NAME, 1),
    Column("state", Kind.NAME),
    Column("done", Kind.NAME),
    Column("rejected", Kind.COUNT, 1),
    Column("unknown", Kind.COUNT),
    Column("kind", Kind.NAME, 3),
    Column("parent", Kind.NAME, 4),
    Column("scheduled for", Kind.TIME, 3),
    Column("opened", Kind.TIME, 2),
)


@runs.command("list")
@click.option("--campaign", "campaign_id", type=CAMPAIGN, metavar="ID", help="Only runs of this campaign.")
@click.option("--account", metavar="ACCOUNT", help="Only runs on this account.")
@click.option("--state", type=click.Choice([state.value for state in RunState]), help="Only runs in this state.")
@click.option("--since", metavar="TIME", help="Only runs opened since: 24h, 7d, or a time with its offset.")
@click.option(
    "--limit", type=click.IntRange(1, LARGEST_ID), metavar="N", help=f"At most the newest N; {SHOWN} unless given."
)
@click.option("--all", "every", is_flag=True, help="Every run.")
@json_option
def list_runs(
    campaign_id: int | None,
    *,
    account: str | None,
    state: str | None,
    since: str | None,
    limit: int | None,
    every: bool,
    as_json: bool,
) -> None:
    """List runs, the newest at the bottom.

    With --json all that fit, the newest first, unless --limit is given.
    """
    from campaigns.store.views.run_lines import RunFilter
    from campaigns.store.views.run_lines import runs as runs_of

    if every and limit is not None:
        raise UsageError("--all and --limit exclude each other.")
    most = limit if limit is not None or every or as_json else SHOWN
    with opened() as parts, parts.store.read() as connection:
        opened_since = None if since is None else _since(since, parts.store.now(connection))
        which = RunFilter(
            campaign_id=campaign_id,
            account=account,
            state=None if state is None else RunState(state),
            since=opened_since,
            limit=None if most is None else most + 1,  # one more tells whether there are more
        )
        lines = runs_of(connection, which)
    if as_json:
        print_json_list(lines[:most])
        return
    is_narrowed = any(each is not None for each in (campaign_id, account, state, since))
    empty = "No run is like that; without options `campaigns runs list` lists all." if is_narrowed else "No runs yet."
    print_table(COLUMNS, map(row_of, reversed(lines[:most])), empty=empty)
    if most is not None and len(lines) > most:
        note(f"These are the newest {most:,}; --all lists all of them.")


def _since(text: str, now: datetime) -> datetime:
    """The time that `--since` means: so long ago, or a time."""
    from campaigns.inputs.times import parse_duration, parse_moment

    try:
        return now - timedelta(seconds=parse_duration(text))
    except ValueError:
        if not text[:4].isdigit():
            raise UsageError(
                f"--since '{text}' is not a length or a time; write 24h, 7d, or 2026-11-27T18:00Z."
            ) from None
        return parse_moment(text, None, field="since")
    except OverflowError:
        raise UsageError(f"--since '{text}' is longer ago than there are dates.") from None


def row_of(line: RunLine) -> tuple[object, ...]:
    """The cells of a run, in the order of COLUMNS."""
    return (
        *(
            run_name(line.id),
            line.campaign,
            campaign_name(line.campaign_id),
            line.account,
            state_text(line),
            done_text(line),
        ),
        *(line.rejected, line.unknown, line.kind, None if line.parent_run_id is None else run_name(line.parent_run_id)),
        *(line.scheduled_for, line.created_at),
    )


def state_text(line: RunLine) -> str:
    """The state of a run with what pauses it, such as `sending, paused: credits`."""
    return f"{line.state}, paused: {' '.join(line.holds)}" if line.holds else line.state.value


def done_text(line: RunLine) -> str:
    """How many of a run's recipients are done; those on a whole list, nobody can count."""
    done = line.accepted + line.saved + line.rejected + line.unknown + line.cancelled
    return f"{done:,}" if line.whole_list else f"{done:,} of {line.planned:,}"
