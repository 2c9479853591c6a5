"""Checks of the database, and of what it shows of the other parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from campaigns.checks.check import Check
from campaigns.checks.disks import room_checks, room_fix
from campaigns.checks.server import server_checks
from campaigns.checks.signs import database_ahead, signs, skew
from campaigns.domain.errors import CampaignsError, NotAllowed, RoleTooWeak

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.store.database.engine import Store


def database_checks(settings: Settings, store: Store) -> Iterator[Check]:
    """Room on the disks, the database, its migrations, its server, and beat and workers. Writes nothing.

    Raises what a question to the database raises, or NotAllowed before its newest migration.
    """
    from campaigns.store.database.migrations import head, require_head

    yield from room_checks(settings, store)  # first: a full disk may be the reason why nothing else can be read
    ahead = database_ahead(store)
    yield Check("database", "ok", store.reader.dialect.name)
    yield skew("database clock", ahead)
    require_head(store)
    yield Check("migrations", "ok", f"at {head()}, the newest")
    yield from server_checks(store)
    yield from signs(store, settings.upstream_name)


def refused(fault: CampaignsError, store: Store, *, exit_code: int = 1) -> Check:
    """The check of a database that refuses a question."""
    part, fix = "database", room_fix(fault, store) or "start it"
    if isinstance(fault, NotAllowed):
        part, fix = "migrations", "run `campaigns db upgrade`"
    if isinstance(fault, RoleTooWeak):
        part, fix = "database role", "docs/operating.md, Two roles"
    return Check(part, "fault", str(fault), fix, exit_code)
