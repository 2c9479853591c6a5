"""What almost every command needs first: the settings in force, the open store, and who is asking."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from campaigns.cli.kit.help_pages.completion import complete
from campaigns.cli.kit.in_force import say_what_is_in_force
from campaigns.cli.kit.output import one_line
from campaigns.domain.errors import InvalidInput, NotAllowed, NotFound, SettingsError, UsageError
from campaigns.domain.ids import CAMPAIGN_LETTER, RUN_LETTER
from campaigns.domain.remedies import Do, Remedy

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.wiring import Parts

LARGEST_ID = 2**63 - 1

SAID = "campaigns.in_force"
"""The name in click's `meta` under which a command notes that it has named the vendor in force."""

OPERATOR = "campaigns.operator"
"""The name in click's `meta` under which `opened` notes the operator that the settings name."""


def settings_in_force(*, asks_vendor: bool = True, **flags: Any) -> Settings:
    """The settings, with the options of `campaigns` itself above the environment. Raises SettingsError.

    Writes on standard error, once for each command, which vendor is in force, and warnings about the settings.
    `asks_vendor`: False for a role that never asks the vendor. It may have no key while others have one, so it does
    not name the vendor.
    """
    from campaigns.settings import load_settings

    settings = load_settings(**{**_given_flags(), **flags})
    meta = click.get_current_context().meta
    if not meta.get(SAID):
        meta[SAID] = True
        say_what_is_in_force(settings, with_vendor=asks_vendor)
    return settings


def environment_for_children(**flags: Any) -> dict[str, str]:
    """The environment with the flags written into it, for a command that is started instead of this one."""
    given = {**_given_flags(), **{name: value for name, value in flags.items() if value is not None}}
    return {**os.environ, **{name: str(value) for name, value in given.items()}}


def _given_flags() -> dict[str, str]:
    flags: dict[str, str] = click.get_current_context().find_root().obj or {}
    return flags


@contextmanager
def opened(*, with_vendor: bool = True) -> Iterator[Parts]:
    """The parts that commands work with, closed again at the end.

    `with_vendor`: whether standard error says which vendor is in force. Raises SettingsError, DatabaseAway, or
    NotAllowed when the database is not migrated.
    """
    from campaigns.store.database.migrations import require_head
    from campaigns.wiring import open_parts

    settings = settings_in_force(asks_vendor=with_vendor)
    refuse_missing_file(settings.database_url)
    parts = open_parts(settings)
    try:
        require_head(parts.store)
        if settings.operator:
            _require_operator(parts, settings.operator)
        yield parts
    finally:
        parts.store.close()


def _require_operator(parts: Parts, name: str) -> None:
    """Let `actor` return the operator that the settings name. Raises NotAllowed for one who may do nothing."""
    from campaigns.domain.access.typed import operator_name
    from campaigns.store.views.people.operators import operator_view

    try:
        name = operator_name(name)
    except InvalidInput:
        raise SettingsError(f"CAMPAIGNS_OPERATOR is '{one_line(name)}', which is not a valid name.") from None
    try:
        with parts.store.read() as connection:
            is_disabled = operator_view(connection, name).disabled_at is not None
    except NotFound:
        raise NotAllowed(
            f"CAMPAIGNS_OPERATOR names {name}, and there is no such operator. Add one, or leave it out.",
            Remedy(Do.LIST_OPERATORS),
        ) from None
    if is_disabled:
        raise NotAllowed(f"CAMPAIGNS_OPERATOR names {name}, who is disabled.", Remedy(Do.LIST_OPERATORS))
    click.get_current_context().meta[OPERATOR] = name


def refuse_missing_file(database_url: str) -> None:
    """Raise NotAllowed for a SQLite file that does not exist, which SQLite itself would create empty.

    Raises SettingsError for a file that is something else.
    """
    from campaigns.store.database.server_facts import is_missing_file, refuse_no_database

    refuse_no_database(database_url)

    if is_missing_file(database_url):
        raise NotAllowed("There is no database yet: run `campaigns db upgrade` (or `campaigns up`, which does it).")


def actor() -> str:
    """Who is asking, as the audit names them: the operator that the settings name, else the user of this machine."""
    named = click.get_current_context().meta.get(OPERATOR)
    if named is not None:
        return f"operator:{named}"
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # a user ID without a name, as containers have
        return f"operator:uid-{os.getuid()}"


class Id(click.ParamType[int]):
    """The ID of a campaign or run: `12`, or `c12` and `r12` as they are printed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ARG002
        """The number in the text. One that is larger than any database gives raises NotFound."""
        text = str(value).strip()
        digits = text[1:] if text[:1].lower() == self.letter else text
        if not (digits.isascii() and digits.isdigit()):
            raise UsageError(f"'{text}' is not a valid {self.name} ID, such as {self.letter}12.", self.remedy)
        if len(digits) > len(str(LARGEST_ID)) or int(digits) > LARGEST_ID:
            raise NotFound(f"There is no {self.name} {text}.", self.remedy)
        return int(digits)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The IDs that begin so, the newest first."""
        from campaigns.store.views.tonight.recent_ids import campaign_ids, run_ids

        return complete(ctx, incomplete, run_ids if self.name == "run" else campaign_ids)

    @property
    def letter(self) -> str:
        """The prefix of an ID."""
        return RUN_LETTER if self.name == "run" else CAMPAIGN_LETTER

    @property
    def remedy(self) -> Remedy:
        """The list of the IDs that there are."""
        return Remedy(Do.LIST_RUNS if self.name == "run" else Do.LIST_CAMPAIGNS)


CAMPAIGN = Id("campaign")
RUN = Id("run")
