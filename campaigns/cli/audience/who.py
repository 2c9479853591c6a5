"""`who`: everything about one fan."""

from __future__ import annotations

import click

from campaigns.cli.kit.output import json_option, print_table, show
from campaigns.cli.kit.session import opened
from campaigns.domain.errors import UsageError


@click.command()
@click.argument("user", metavar="USER")
@json_option
def who(user: str, *, as_json: bool) -> None:
    """Show everything about one fan.

    In which batches of which runs the fan is, and what became of them. Batches that went to whole lists are not
    among them: only the vendor knows who is on its lists.
    """
    from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user
    from campaigns.store.views import who as who_views

    number = parse_user(user)
    if number is None:
        raise UsageError(f"'{user}' is no user ID; it is a whole number from 1 to {LARGEST_USER_ID}.")
    with opened() as parts, parts.store.read() as connection:
        found = list(who_views.who(connection, number))
    columns = ("run_id", "campaign", "batch", "state", "follow", "message_id", "at")
    show(
        found,
        as_json=as_json,
        people=lambda: print_table(
            columns,
            ([row.get(column) for column in columns] for row in found),
            empty=f"User {number} is in no batch of any run.",
        ),
    )
