"""`operators`: add people and programs, change what they may do, and let them choose a password."""

from __future__ import annotations

from pathlib import Path

import click

from campaigns.cli.access.given import account_option, accounts_of, in_words, rights_of, rights_option
from campaigns.cli.kit.output import json_option, moment, note, show
from campaigns.cli.kit.reasons import reason_option
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.domain.errors import UsageError

COLUMNS = (
    Column("name", Kind.NAME),
    Column("rights"),
    Column("accounts", rank=2),
    Column("state"),
    Column("last login", Kind.TIME, rank=1),
)

LONGEST_FILE = 4096
"""Bytes of a file with a password."""


@click.group()
def operators() -> None:
    """Add people who may use the desk, and change what they may do."""


@operators.command()
@click.argument("name", metavar="NAME")
@rights_option
@account_option
@click.option("--password-file", type=click.Path(path_type=Path), help="Take the password from this file.")
@click.option("--no-login", is_flag=True, help="For a program: it has tokens, and no password.")
@json_option
def add(
    name: str,
    *,
    rights: str | None,
    accounts: tuple[str, ...],
    password_file: Path | None,
    no_login: bool,
    as_json: bool,
) -> None:
    """Add an operator, and print a login link.

    Whoever opens the link within 15 minutes chooses the password. The first operator becomes an admin, others viewers,
    unless --rights says otherwise. A name is never used again.
    """
    from campaigns.domain.access.rights import Right
    from campaigns.flow.access.operators import add_operator
    from campaigns.store.views.people.operators import has_an_operator

    if no_login and password_file is not None:
        raise UsageError("--no-login and --password-file contradict each other; give one of them.")
    password = None if password_file is None else _read_password(password_file)
    with opened(with_vendor=False) as parts:
        chosen = rights_of(rights)
        if chosen is None:
            with parts.store.read() as connection:
                chosen = frozenset({Right.VIEWER if has_an_operator(connection) else Right.ADMIN})
        added = add_operator(
            parts.store,
            name,
            chosen,
            accounts_of(accounts),
            actor=actor(),
            password=password,
            has_link=not no_login,
        )
        link = None if added.link is None else link_address(parts.settings.desk_url, added.link.code)

    def people() -> None:
        words = f"{', '.join(added.operator.rights)} on {in_words(added.operator.accounts)}"
        note(f"Operator {added.operator.name} is added: {words}.")
        if added.link is not None:
            note(f"This link lets them choose a password once, until {moment(added.link.expires_at)}:")
            click.echo(link)

    until = None if added.link is None else added.link.expires_at
    show({"operator": added.operator, "link": link, "link_expires_at": until}, as_json=as_json, people=people)


@operators.command("list")
@json_option
def list_operators(*, as_json: bool) -> None:
    """List every operator, also the disabled ones."""
    from campaigns.store.views.people.operators import OperatorView, people

    def state(one: OperatorView) -> str:
        return "disabled" if one.disabled_at else "active" if one.has_password else "no password"

    with opened(with_vendor=False) as parts, parts.store.read() as connection:
        rows = people(connection).operators
    cells = [
        [each.name, ", ".join(each.rights), in_words(each.accounts), state(each), each.last_login_at] for each in rows
    ]
    show(rows, as_json=as_json, people=lambda: print_table(COLUMNS, cells, empty="There are no operators yet."))


@operators.command("set")
@click.argument("name", metavar="NAME")
@rights_option
@account_option
@click.option("--every-account", is_flag=True, help="Every account, also those that are added later.")
@json_option
def set_rights(name: str, *, rights: str | None, accounts: tuple[str, ...], every_account: bool, as_json: bool) -> None:
    """Change the rights or the accounts of an operator.

    What is not given stays. More rights or accounts end the sessions of the operator; fewer count at once.
    """
    from campaigns.flow.access.operators import set_operator

    if every_account and accounts:
        raise UsageError("--every-account and --account contradict each other; give one of them.")
    if not (rights or accounts or every_account):
        raise UsageError("Nothing is to be changed: give --rights, --account or --every-account.")
    with opened(with_vendor=False) as parts:
        changed = set_operator(
            parts.store,
            name,
            rights=rights_of(rights),
            accounts=accounts_of(accounts),
            every_account=every_account,
            actor=actor(),
        )
    sentence = f"Operator {changed.name} has {', '.join(changed.rights)} on {in_words(changed.accounts)}."
    show(changed, as_json=as_json, people=lambda: click.echo(sentence))


@operators.command()
@click.argument("name", metavar="NAME")
@reason_option("Why they may do nothing more, for the audit.")
@json_option
def disable(name: str, *, reason: str, as_json: bool) -> None:
    """Let an operator do nothing more.

    Every session ends, and no token of theirs works. `operators enable` undoes it.
    """
    from campaigns.flow.access.operators import disable_operator

    with opened(with_vendor=False) as parts:
        disabled = disable_operator(parts.store, name, reason=reason, actor=actor())
    show(disabled, as_json=as_json, people=lambda: click.echo(f"Operator {disabled.name} is disabled."))


@operators.command()
@click.argument("name", metavar="NAME")
@json_option
def enable(name: str, *, as_json: bool) -> None:
    """Let a disabled operator log in again, with the password and tokens from before."""
    from campaigns.flow.access.operators import enable_operator

    with opened(with_vendor=False) as parts:
        enabled = enable_operator(parts.store, name, actor=actor())
    show(enabled, as_json=as_json, people=lambda: click.echo(f"Operator {enabled.name} is enabled."))


@operators.command()
@click.argument("name", metavar="NAME")
@json_option
def link(name: str, *, as_json: bool) -> None:
    """Print a login link, with which an operator chooses a new password.

    It works once, within 15 minutes. Earlier links of the operator no longer work.
    """
    from campaigns.flow.access.login_links import make_link

    with opened(with_vendor=False) as parts:
        made = make_link(parts.store, name, actor=actor())
        address = link_address(parts.settings.desk_url, made.code)
    answer = {"operator": made.operator, "link": address, "link_expires_at": made.expires_at}
    show(answer, as_json=as_json, people=lambda: click.echo(address))


@operators.command("four-eyes")
@click.argument("choice", type=click.Choice(["on", "off"]))
@json_option
def four_eyes(choice: str, *, as_json: bool) -> None:
    """Turn the rule of four eyes on or off.

    While it is on, nobody launches a campaign at the desk or by the API whose newest revision they wrote.
    """
    from campaigns.flow.access.four_eyes import choose_four_eyes

    with opened(with_vendor=False) as parts:
        chosen = choose_four_eyes(parts.store, is_on=choice == "on", actor=actor())
    show(chosen, as_json=as_json, people=lambda: click.echo(f"The rule of four eyes is {choice}."))


def link_address(desk_url: str, code: str) -> str:
    """The address of a login link."""
    return f"{desk_url}/welcome?code={code}"


def _read_password(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--password-file '{path}' cannot be read: {getattr(error, 'strerror', error)}.") from None
    return text.removesuffix("\n").removesuffix("\r")
