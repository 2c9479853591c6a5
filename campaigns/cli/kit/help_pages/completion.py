"""IDs that a shell completes: those of accounts, campaigns and runs. A shell gets nothing where nothing can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from campaigns.cli.kit.help_pages.flags import settings_flags
from campaigns.cli.kit.output import one_line

if TYPE_CHECKING:
    from campaigns.store.views.tonight.recent_ids import RecentId


class Account(click.types.StringParamType):
    """The ID of an account."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The accounts whose IDs begin so."""
        from campaigns.store.views.tonight.recent_ids import account_ids

        return complete(ctx, incomplete, account_ids)


ACCOUNT = Account()


def complete(ctx: click.Context, incomplete: str, read: Callable[[Any], list[RecentId]]) -> list[CompletionItem]:
    """The IDs that begin so, the newest first, each with a word about it; none when the database cannot be read."""
    with suppress(Exception), _connected(ctx) as connection:
        fitting = [each for each in read(connection) if each.id.startswith(incomplete)]
        return [CompletionItem(each.id, help=one_line(each.name)) for each in fitting]
    return []


@contextmanager
def _connected(ctx: click.Context) -> Iterator[Any]:
    """A connection of the database in force, without a word on standard error."""
    from campaigns.settings import load_settings
    from campaigns.store.database.engine import open_store
    from campaigns.store.database.server_facts import is_missing_file

    settings = load_settings(**settings_flags(ctx.find_root().params))
    if is_missing_file(settings.database_url):
        raise FileNotFoundError(settings.database_url)
    store = open_store(settings.database_url, connections=1)
    try:
        with store.read() as connection:
            yield connection
    finally:
        store.close()
