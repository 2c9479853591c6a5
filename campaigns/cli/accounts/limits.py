"""`limits`: the team's budget, account gaps and cool-downs, credits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.session import opened
from campaigns.cli.kit.tables import Column, Fact, Kind, print_facts, print_table
from campaigns.closing import closed_after

if TYPE_CHECKING:
    from campaigns.flow.accounts.limits_now import LimitsNow
    from campaigns.store.views.limits import VendorClock

WAITING = (
    Column("account", Kind.NAME),
    Column("next start in", Kind.LENGTH),
    Column("cool-down", Kind.LENGTH),
)

CIRCUITS = (
    Column("account", Kind.NAME),
    Column("failures", Kind.COUNT),
    Column("until", Kind.TIME),
    Column("why"),
)


@click.command()
@json_option
def limits(*, as_json: bool) -> None:
    """Show the team's budget and which accounts must wait."""
    from campaigns.flow.accounts.limits_now import limits_now

    with opened() as parts, closed_after(parts.pacer()) as pacer:
        now = limits_now(parts.store, pacer, parts.limits, parts.upstream_name)
    show(now, as_json=as_json, people=lambda: _print(now))


def _print(now: LimitsNow) -> None:
    print_facts(
        [
            Fact("budget a minute", now.limit_per_minute, Kind.COUNT),
            Fact("of it for people", now.reserve, Kind.COUNT),
            Fact("used now", now.used, Kind.COUNT),
            Fact("vendor's limit", now.vendor_limit, Kind.COUNT),
            Fact("vendor reports left", now.vendor_remaining, Kind.COUNT),
            Fact("account gap", now.account_gap_seconds, Kind.LENGTH),
            Fact("credits", now.credits, Kind.COUNT),
            Fact("vendor's clock", clock_words(now.vendor_clock)),
        ]
    )
    waiting = [pace for pace in now.accounts if pace.next_start_in_seconds > 0 or pace.cool_down_seconds > 0]
    if waiting:
        click.echo()
        rows = ([pace.account, pace.next_start_in_seconds, pace.cool_down_seconds] for pace in waiting)
        print_table(WAITING, rows, empty="")
    if now.circuits:
        click.echo()
        rows = ([each.account, each.failures, each.until, each.why] for each in now.circuits)
        print_table(CIRCUITS, rows, empty="")


def clock_words(clock: VendorClock | None) -> str:
    """How far the vendor's clock is off ours, in words."""
    if clock is None:
        return "not measured yet"
    low, high = clock.ahead_at_least_seconds, clock.ahead_at_most_seconds
    if low <= 0 <= high:
        return f"agrees with ours within {max(-low, high):.0f} s"
    return f"{abs(low + high) / 2:.0f} s {'ahead of' if low > 0 else 'behind'} ours"
