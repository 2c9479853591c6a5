"""`tokens`: make and revoke the tokens with which programs use the API."""

from __future__ import annotations

from datetime import timedelta

import click

from campaigns.as_json import plain
from campaigns.cli.access.given import account_option, accounts_of, in_words, rights_of, rights_option
from campaigns.cli.kit.output import json_option, moment, note, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.access.rights import Right
from campaigns.domain.errors import InputFault, InvalidInput, NotFound, UsageError
from campaigns.domain.remedies import Do, Remedy

COLUMNS = (
    Column("token", Kind.NUMBER),
    Column("name"),
    Column("operator", Kind.NAME),
    Column("ends in", Kind.NAME, rank=4),
    Column("for", Kind.NAME, rank=3),
    Column("rights"),
    Column("accounts", rank=5),
    Column("state", Kind.NAME),
    Column("expires", Kind.TIME, rank=2),
    Column("last used", Kind.TIME, rank=1),
)


@click.group()
def tokens() -> None:
    """Make and revoke tokens, with which programs use the API."""


@tokens.command()
@click.argument("name", metavar="NAME")
@click.option("--operator", metavar="NAME", help="As whom it acts (CAMPAIGNS_OPERATOR).")
@rights_option
@account_option
@click.option("--expires", metavar="LENGTH", help="How long it works, such as 30d; 90d unless you say.")
@json_option
def create(
    name: str,
    *,
    operator: str | None,
    rights: str | None,
    accounts: tuple[str, ...],
    expires: str | None,
    as_json: bool,
) -> None:
    """Make a token, and print it once.

    NAME says what it is for. The token acts as its operator, with at most the rights and accounts of both: viewer
    unless --rights says otherwise. One that is made with a live vendor in force works only at desks of a live vendor.
    """
    from campaigns.flow.access.tokens import Wanted, make_token

    age = None if expires is None else _age(expires)
    with opened() as parts:
        of = operator or parts.settings.operator
        if of is None:
            raise UsageError("As whom is the token to act? Give --operator, or set CAMPAIGNS_OPERATOR.")
        wanted = Wanted(name, of, rights_of(rights) or frozenset({Right.VIEWER}), accounts_of(accounts), age)
        made = make_token(parts.store, wanted, is_live=parts.settings.is_live, actor=actor())

    def people() -> None:
        view = made.view
        words = f"{', '.join(view.rights)} on {in_words(view.accounts)}, until {moment(view.expires_at)}"
        note(f"Token {view.id} acts as {view.operator} with {words}. It is not shown again:")
        click.echo(made.token)

    show({"token": made.token, **plain(made.view)}, as_json=as_json, people=people)


@tokens.command("list")
@click.option("--operator", metavar="NAME", help="Only those of this operator.")
@json_option
def list_tokens(*, operator: str | None, as_json: bool) -> None:
    """List every token, the newest first, also those that no longer work."""
    from campaigns.store.views.people.operators import tokens as every_token

    with opened(with_vendor=False) as parts, parts.store.read() as connection:
        rows = every_token(connection, now=parts.store.now(connection), operator=operator)
    cells = [
        [
            *(each.id, each.name, each.operator, each.last_four, each.kind, ", ".join(each.rights)),
            *(in_words(each.accounts), each.state, each.expires_at, each.used_at),
        ]
        for each in rows
    ]
    show(rows, as_json=as_json, people=lambda: print_table(COLUMNS, cells, empty="There are no tokens yet."))


@tokens.command()
@click.argument("token", metavar="TOKEN")
@json_option
def revoke(token: str, *, as_json: bool) -> None:
    """Revoke a token at once. TOKEN is its number."""
    from campaigns.flow.access.tokens import revoke_token

    if not (token.isascii() and token.isdigit() and len(token) <= len(str(2**53))):
        raise NotFound("There is no such token: TOKEN is a number, and not its text.", Remedy(Do.LIST_TOKENS))
    with opened(with_vendor=False) as parts:
        revoked = revoke_token(parts.store, int(token), actor=actor())
    sentence = f"Token {revoked.id} '{revoked.name}' of {revoked.operator} is revoked."
    show(revoked, as_json=as_json, people=lambda: click.echo(sentence))


def _age(text: str) -> timedelta:
    """How long a token works. Raises InvalidInput."""
    from campaigns.inputs.times import parse_duration

    try:
        return timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError) as fault:
        raise InvalidInput(InputFault(f"--expires {fault}")) from None
