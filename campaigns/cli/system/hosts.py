"""`hosts`: the hosts that workers have run on, and which of them will not come back."""

from __future__ import annotations

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.errors import UsageError

COLUMNS = (
    Column("id", Kind.NAME),
    Column("name", Kind.NAME),
    Column("first seen", Kind.TIME, rank=1),
    Column("last seen", Kind.TIME),
    Column("forgotten"),
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
    show(
        rows,
        as_json=as_json,
        people=lambda: print_table(
            COLUMNS,
            ([host.id, host.name, host.first_seen_at, host.last_seen_at, host.forget_reason] for host in rows),
            empty="No worker has run yet.",
        ),
    )


@hosts.command()
@click.argument("host", metavar="HOST")
@click.option("--reason", required=True, metavar="TEXT", help="Why it will not come back, for the audit.")
@json_option
def forget(host: str, *, reason: str, as_json: bool) -> None:
    """Stop waiting for a host.

    For a host whose home is lost. HOST is its ID, at least 8 characters of its beginning, or its name. What it alone
    remembered is lost then: were Redis and the database put back at the same time, a restore can go unrecognised. One
    that comes back is known again.
    """
    from campaigns.flow.backup.hosts import forget as forget_host

    if not reason.strip():
        raise UsageError("--reason is empty; say why the host will not come back, the audit keeps it.")
    with opened() as parts:
        forgotten = forget_host(parts.store, host, reason=reason.strip(), actor=actor())
    sentence = f"Host {forgotten.name} ({forgotten.id}) is forgotten."
    show(forgotten, as_json=as_json, people=lambda: click.echo(sentence))
