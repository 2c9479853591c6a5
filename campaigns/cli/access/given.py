"""Options that commands about access have in common."""

from __future__ import annotations

from collections.abc import Sequence

import click

from campaigns.domain.access.rights import Right

rights_option = click.option(
    "--rights", metavar="WORDS", help="viewer, editor, sender or admin; several with commas between them."
)

account_option = click.option(
    "--account", "accounts", metavar="ACCT", multiple=True, help="Only this account; may be repeated."
)


def rights_of(words: str | None) -> frozenset[Right] | None:
    """The rights that were typed; None: none were. Raises InvalidInput."""
    from campaigns.domain.access.typed import chosen_rights

    return None if words is None else chosen_rights(words.split(","))


def accounts_of(accounts: Sequence[str]) -> frozenset[str] | None:
    """The accounts that were typed; None: none were, so every account is meant."""
    return frozenset(accounts) or None


def in_words(accounts: Sequence[str] | None) -> str:
    """Accounts for people."""
    return "every account" if accounts is None else ", ".join(accounts)
