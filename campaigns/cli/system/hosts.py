"""`hosts`: the hosts that workers have run on, and which of them will not come back."""

from __future__ import annotations

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table

COLUMNS = (
    Column("host", Kind.NAME),
    Column("name", Kind.NAME, rank=1),
    Column("first seen", Kind.TIME, rank=3),
    Column("last seen", Kind.TIME),
    Column("forgotten", rank=2),
)


@click.group()
def hosts() -> None:
    """List the hosts that workers have run on, and forget those that are gone."""


@hosts.command("list")
@json_option
def list_hosts(*, as_json: bool) -> None:
    """List every host that was ever seen.

    A host is its CAMPAIGNS_HOME. `campaigns doctor` names those for which lanes wait.
    """
    from campaigns.store.backup.hosts import every_host

    with opened() as parts, parts.store.read() as connection:
        rows = every_host(connection)
    cells = ([each.id, each.name, each.first_seen_at, each.last_seen_at, each.forget_reason] for each in rows)
    show(rows, as_json=as_json, people=lambda: print_table(COLUMNS, cells, empty="No worker has run yet."))


@hosts.command()
@click.argument("host", metavar="HOST")
@reason_option("Why it will not come back, for the audit.")
@json_option
def forget(host: str, *, reason: str, as_json: bool) -> None:
    """Stop waiting for a host.

    For a host whose home is lost. HOST is its ID, at least its first 8 characters, or its name. What it alone
    remembered is lost then: if Redis and the database are put back at the same time, a restore can go unrecognised. A
    host that comes back is known again.
    """
    from campaigns.flow.backup.hosts import forget as forget_host

    with opened() as parts:
        forgotten = forget_host(parts.store, host, reason=reason, actor=actor())
    sentence = f"Host {forgotten.name} ({forgotten.id}) is forgotten."
    show(forgotten, as_json=as_json, people=lambda: click.echo(sentence))
