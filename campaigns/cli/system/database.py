"""`db`: migrations."""

from __future__ import annotations

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.session import refuse_missing_file, settings_in_force


@click.group()
def db() -> None:
    """Migrate the database, or check it."""


@db.command()
@json_option
def upgrade(*, as_json: bool) -> None:
    """Apply the migrations that are missing.

    It is safe to run it twice, or on several hosts at once.
    """
    from campaigns.store.database import migrations
    from campaigns.store.database.server_facts import refuse_no_database

    database_url = settings_in_force().database_url
    refuse_no_database(database_url)
    migrations.upgrade(database_url)
    _say_head(migrations.head(), as_json=as_json)


@db.command()
@json_option
def check(*, as_json: bool) -> None:
    """Exit 0 at the newest migration, else 4."""
    from campaigns.store.database import migrations

    database_url = settings_in_force().database_url
    refuse_missing_file(database_url)
    migrations.check(database_url)
    _say_head(migrations.head(), as_json=as_json)


def _say_head(revision: str, *, as_json: bool) -> None:
    sentence = f"The database is at migration {revision}, the newest."
    show({"revision": revision}, as_json=as_json, people=lambda: click.echo(sentence))
