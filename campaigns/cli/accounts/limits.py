"""`limits`: the team's budget, account gaps and cool-downs, credits."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from campaigns.cli.kit.output import duration, json_option, print_facts, print_table, show
from campaigns.cli.kit.session import closed_after, opened


@click.command()
@json_option
def limits(*, as_json: bool) -> None:
    """Show the team's budget and who must wait."""
    from campaigns.store.views.accounts import credits_balance
    from campaigns.store.views.limits import open_circuits, vendor_clock

    with opened() as parts:
        with parts.store.read() as connection:
            seen = credits_balance(connection)
            circuits = open_circuits(connection, now=parts.store.now(connection))
            clock = vendor_clock(connection, parts.upstream_name)
        with closed_after(parts.pacer()) as pacer:
            state = dataclasses.asdict(pacer.state())
    found = {
        **state,
        "account_gap_seconds": parts.limits.account_gap_seconds,
        "credits": seen and seen.credits,
        "circuits": circuits,
        "vendor_clock": clock,
    }
    show(found, as_json=as_json, people=lambda: _say(found))


def _say(found: dict[str, Any]) -> None:
    print_facts(
        {
            "budget a minute": found["limit_per_minute"],
            "of it for people": found["reserve"],
            "used now": found["used"],
            "vendor's limit": found["vendor_limit"],
            "vendor says left": found["vendor_remaining"],
            "account gap": duration(found["account_gap_seconds"]),
            "credits": found["credits"],
            "vendor's clock": clock_words(found["vendor_clock"]),
        }
    )
    waiting = [row for row in found["accounts"] if row["next_start_in_seconds"] > 0 or row["cool_down_seconds"] > 0]
    if waiting:
        click.echo()
        print_table(
            ("account", "next start in", "cool-down"),
            (
                [row["account"], duration(row["next_start_in_seconds"]), duration(row["cool_down_seconds"])]
                for row in waiting
            ),
            empty="",
        )
    if found["circuits"]:
        click.echo()
        columns = ("account", "failures", "until", "why")
        print_table(columns, ([row[column] for column in columns] for row in found["circuits"]), empty="")


def clock_words(clock: dict[str, float] | None) -> str:
    """How far the vendor's clock is off ours, for people."""
    if clock is None:
        return "not measured yet"
    low, high = clock["ahead_at_least_seconds"], clock["ahead_at_most_seconds"]
    if low <= 0 <= high:
        return f"agrees with ours within {max(-low, high):.0f} s"
    return f"{abs(low + high) / 2:.0f} s {'ahead of' if low > 0 else 'behind'} ours"
