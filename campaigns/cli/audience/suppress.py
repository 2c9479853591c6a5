"""`suppress`: users who must not be sent to."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from campaigns.as_json import plain
from campaigns.cli.kit.output import counted, json_option, note, print_json_list, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.recipient_files import file_facts, read_file, say_read
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.errors import UsageError

if TYPE_CHECKING:
    from pyroaring import BitMap64

SHOWN = 1000
"""Rows of a table; `--json` prints all of them."""

COLUMNS = (
    Column("user", Kind.NAME),
    Column("account", Kind.NAME),
    Column("reason"),
    Column("by", Kind.NAME, rank=1),
    Column("since", Kind.TIME, rank=2),
)

users_argument = click.argument("users", nargs=-1, required=True, metavar="USER...")
account_option = click.option("--account", "account_id", metavar="ACCT", help="For this account only, not for all.")
why_option = reason_option("Why, for the audit.")


@click.group()
def suppress() -> None:
    """Keep users who must not be sent to."""


@suppress.command()
@users_argument
@account_option
@why_option
@json_option
def add(users: tuple[str, ...], *, account_id: str | None, reason: str, as_json: bool) -> None:
    """Suppress users.

    They are also taken out of batches that were not sent yet.
    """
    _suppress(_users(users), account_id, reason, as_json=as_json)


@suppress.command("import")
@click.argument("file", metavar="FILE|-")
@click.option("--skip-bad", is_flag=True, help="Leave bad lines out.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook that has several.")
@account_option
@why_option
@json_option
def import_file(
    file: str, *, skip_bad: bool, sheet: str | None, account_id: str | None, reason: str, as_json: bool
) -> None:
    """Suppress everybody in a file.

    CSV or an .xlsx workbook with a user_id column, JSON Lines, or IDs one a line.
    """
    reading = read_file(file, option="FILE", skip_bad=skip_bad, sheet=sheet)
    say_read(reading)
    _suppress(reading.users, account_id, reason, as_json=as_json, file=file_facts(reading))


@suppress.command()
@users_argument
@account_option
@why_option
@json_option
def remove(users: tuple[str, ...], *, account_id: str | None, reason: str, as_json: bool) -> None:
    """Let users be sent to again.

    From the next plan on.
    """
    from campaigns.flow.audience.suppress import unsuppress

    with opened() as parts:
        changed = unsuppress(parts.store, _users(users), account_id=account_id, reason=reason, actor=actor())
    show(
        changed,
        as_json=as_json,
        people=lambda: click.echo(
            f"{counted(changed.removed, 'user')} may be sent to again; {changed.absent:,} were not suppressed."
        ),
    )


@suppress.command("list")
@account_option
@json_option
def list_suppressed(*, account_id: str | None, as_json: bool) -> None:
    """List the suppressed users."""
    from campaigns.store.views import suppressions as suppression_views

    with opened() as parts, parts.store.read() as connection:
        listed = suppression_views.suppressions(connection, account_id=account_id)
        if as_json:
            print_json_list(listed)
            return
        rows = [
            [each.user_id, each.account or "all", each.reason, each.actor, each.created_at]
            for each in islice(listed, SHOWN + 1)
        ]
    print_table(COLUMNS, rows[:SHOWN], empty="Nobody is suppressed.")
    if len(rows) > SHOWN:
        note(f"These are the first {SHOWN:,}; --json lists all.")


def _suppress(
    users: BitMap64, account_id: str | None, reason: str, *, as_json: bool, file: dict[str, Any] | None = None
) -> None:
    from campaigns.flow.audience.suppress import suppress as suppress_users

    with opened() as parts:
        changed = suppress_users(parts.store, users, account_id=account_id, reason=reason, actor=actor())
    show(
        changed if file is None else plain(changed) | {"file": file},
        as_json=as_json,
        people=lambda: click.echo(f"Suppressed {counted(changed.added, 'user')}{_already(changed.already)}."),
    )


def _users(texts: tuple[str, ...]) -> BitMap64:
    from pyroaring import BitMap64

    from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user

    bad = [text for text in texts if parse_user(text) is None]
    if bad:
        listed = ", ".join(f"'{text}'" for text in bad[:5])
        what = "is not a valid user ID" if len(bad) == 1 else "are not valid user IDs"
        raise UsageError(f"{listed} {what} (a whole number from 1 to {LARGEST_USER_ID}). Nothing was changed.")
    return BitMap64([int(text) for text in texts])


def _already(number: int) -> str:
    if not number:
        return ""
    return f"; {number:,} {'was' if number == 1 else 'were'} suppressed before"
