"""`db`: migrations."""

from __future__ import annotations

import click

from campaigns.cli.opening import settings_in_force


@click.group()
def db() -> None:
    """Migrate the database, or check it."""


@db.command()
def upgrade() -> None:
    """Apply the migrations that are missing.

    Doing it twice, or at the same time, does it once.
    """
    from campaigns.store import migrate

    migrate.upgrade(settings_in_force().database_url)
    click.echo(f"The database stands at migration {migrate.head()}, the newest.")


@db.command()
def check() -> None:
    """Exit 0 at the newest migration, 4 when not."""
    from campaigns.store import migrate

    migrate.check(settings_in_force().database_url)
    click.echo(f"The database stands at migration {migrate.head()}, the newest.")
