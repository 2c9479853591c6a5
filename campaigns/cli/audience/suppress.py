"""`suppress`: users who must not be sent to."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from campaigns.cli.kit.output import counted, json_option, note, print_json_list, print_table, show
from campaigns.cli.kit.recipient_files import file_facts, read_file, say_read
from campaigns.cli.kit.session import actor, opened
from campaigns.domain.errors import UsageError

if TYPE_CHECKING:
    from pyroaring import BitMap64

SHOWN = 1000
"""Rows of a table for people; `--json` gives all of them."""

users_argument = click.argument("users", nargs=-1, required=True, metavar="USER...")
account_option = click.option("--account", "account_id", metavar="ACCT", help="For this account only, not for all.")
reason_option = click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit.")


@click.group()
def suppress() -> None:
    """Keep users who must not be sent to."""


@suppress.command()
@users_argument
@account_option
@reason_option
@json_option
def add(users: tuple[str, ...], *, account_id: str | None, reason: str, as_json: bool) -> None:
    """Suppress users.

    Batches that have not left yet lose them, too.
    """
    _suppress(_users(users), account_id, reason, as_json=as_json)


@suppress.command("import")
@click.argument("file", metavar="FILE|-")
@click.option("--skip-bad", is_flag=True, help="Leave bad lines out.")
@click.option("--sheet", metavar="NAME", help="The sheet of a workbook that has several.")
@account_option
@reason_option
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
@reason_option
@json_option
def remove(users: tuple[str, ...], *, account_id: str | None, reason: str, as_json: bool) -> None:
    """Let users be sent to again.

    From the next plan on.
    """
    from campaigns.flow.audience.suppress import unsuppress

    with opened() as parts:
        changed = unsuppress(parts.store, _users(users), account_id=account_id, reason=_reason(reason), actor=actor())
    show(
        changed,
        as_json=as_json,
        people=lambda: click.echo(
            f"{counted(changed['removed'], 'user')} may be sent to again; {changed['absent']:,} were not suppressed."
        ),
    )


@suppress.command("list")
@account_option
@json_option
def list_suppressed(*, account_id: str | None, as_json: bool) -> None:
    """List the suppressed users."""
    from campaigns.store.accounts import bindings
    from campaigns.store.views import suppressions as suppression_views

    columns = ("user_id", "account", "reason", "actor", "created_at")
    with opened() as parts, parts.store.read() as connection:
        if account_id is not None:
            bindings.require_account(connection, account_id)
        found = suppression_views.suppressions(connection, account_id=account_id)
        if as_json:
            print_json_list(found)
            return
        rows = [[row.get(column) for column in columns] for row in islice(found, SHOWN + 1)]
    print_table(columns, rows[:SHOWN], empty="Nobody is suppressed.")
    if len(rows) > SHOWN:
        note(f"These are the first {SHOWN:,}; --json lists all.")


def _suppress(
    users: BitMap64, account_id: str | None, reason: str, *, as_json: bool, file: dict[str, Any] | None = None
) -> None:
    from campaigns.flow.audience.suppress import suppress as suppress_users

    with opened() as parts:
        changed: dict[str, Any] = suppress_users(
            parts.store, users, account_id=account_id, reason=_reason(reason), actor=actor()
        )
    show(
        changed if file is None else changed | {"file": file},
        as_json=as_json,
        people=lambda: click.echo(
            f"Suppressed {counted(changed['added'], 'user')}; suppressed before: {changed['already']:,}."
        ),
    )


def _users(texts: tuple[str, ...]) -> BitMap64:
    from pyroaring import BitMap64

    from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user

    bad = [text for text in texts if parse_user(text) is None]
    if bad:
        listed = ", ".join(f"'{text}'" for text in bad[:5])
        raise UsageError(f"{listed} is no user ID (a whole number from 1 to {LARGEST_USER_ID}). Nothing was changed.")
    return BitMap64([int(text) for text in texts])


def _reason(text: str) -> str:
    if not text.strip():
        raise UsageError("--reason is empty; say why, the audit keeps it.")
    return text.strip()
