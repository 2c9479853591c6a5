"""`doctor`: check each part, and name the fix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from campaigns.checks.check import AT, AWAY, FAULTY, REFUSED, Check
from campaigns.checks.database import database_checks, refused
from campaigns.checks.memory import memory_checks
from campaigns.checks.redis_server import redis_checks, redis_tls_checks
from campaigns.checks.signs import SKEW_SECONDS
from campaigns.cli.kit.output import json_option, moment, show
from campaigns.cli.kit.session import settings_in_force
from campaigns.cli.kit.tables import Column, print_table
from campaigns.cli.kit.vendor import ask_about_key
from campaigns.cli.main import EXIT_CODES
from campaigns.cli.system.checks import paused_checks, probe_checks
from campaigns.cli.system.disk_checks import write_check
from campaigns.domain.errors import CampaignsError, PacerAway, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.settings import Settings
    from campaigns.store.views.limits import VendorClock

READ_BY_OTHERS = 0o044

COLUMNS = (Column("part"), Column("state"), Column("found"), Column("fix"))


@dataclass(frozen=True, slots=True)
class Line:
    """A check as it is printed."""

    part: str
    state: str
    found: str
    fix: str | None
    exit_code: int


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check every part and name the fix.

    Exit 0 only when all is well, else the code of the first fault.
    """
    checks = [
        Line(check.part, check.state, check.found.replace(AT, moment(check.at)), check.fix, check.exit_code)
        for check in _checks()
    ]
    rows = ([check.part, check.state, check.found, check.fix] for check in checks)
    show(checks, as_json=as_json, people=lambda: print_table(COLUMNS, rows, empty=""))
    click.get_current_context().exit(next((check.exit_code for check in checks if check.state == "fault"), 0))


def _checks() -> Iterator[Check]:
    try:
        settings = settings_in_force()
        settings.read_key()
        settings.private_home()
    except SettingsError as fault:
        yield Check("settings", "fault", str(fault), "correct the setting", FAULTY)
        return
    yield Check("settings", "ok", f"home {settings.home.resolve()}")
    yield from _database(settings)
    yield from redis_tls_checks(settings)
    yield from redis_checks(settings)
    yield from memory_checks(settings)
    yield from _vendor(settings)


def _database(settings: Settings) -> Iterator[Check]:
    from campaigns.store.database.engine import open_store

    store = open_store(settings.database_url)
    try:
        is_standby = False
        for check in database_checks(settings, store):
            is_standby = is_standby or (check.part == "database server" and check.state == "fault")
            yield check
        if not is_standby:
            yield write_check(store)
        yield from paused_checks(store)
        yield from probe_checks(store)
    except CampaignsError as fault:
        yield refused(fault, store, exit_code=EXIT_CODES[type(fault)])
    finally:
        store.close()


def _key_file(path: Path | None) -> Iterator[Check]:
    """A note when other users can read the file; not in a container's folder of secrets, where there are none."""
    from campaigns.settings import SECRETS

    if path is not None and SECRETS not in path.parents and path.stat().st_mode & READ_BY_OTHERS:
        yield Check("vendor key", "note", f"others can read {path}", f"chmod 600 {path}")


def _vendor(settings: Settings) -> Iterator[Check]:
    from campaigns.store.views.accounts import accounts
    from campaigns.store.views.limits import vendor_clock
    from campaigns.wiring import open_parts

    if not settings.has_key:
        yield Check("vendor key", "note", "none: everything goes to the local sandbox", "set ONLYFANSAPI_API_KEY")
    yield from _key_file(settings.api_key_file)
    if settings.upstream_url is None:
        yield Check("vendor", "fault", "the sandbox is not running", "run `campaigns up`", AWAY)
        return
    parts = open_parts(settings)
    try:
        team, accounts_seen = ask_about_key(parts)
        yield Check("vendor", "ok", f"{settings.upstream_url} knows the key as team {team}")
        seen = {account.id: account.is_authenticated for account in accounts_seen}
        with parts.store.read() as connection:
            ours = [account.id for account in accounts(connection)]
            clock = vendor_clock(connection, parts.upstream_name)
        yield _vendor_clock(clock)
    except PacerAway as away:
        yield Check("vendor", "note", f"not asked: {away}", "run this again in a minute")
        return
    except CampaignsError as fault:
        yield Check("vendor", "fault", str(fault), "check the key, then the network", EXIT_CODES[type(fault)])
        return
    finally:
        parts.store.close()
    for account_id in ours if settings.has_key else []:  # in the sandbox any account exists
        yield _account(account_id, is_authenticated=seen.get(account_id))


def _vendor_clock(clock: VendorClock | None) -> Check:
    """Whether the vendor's clock is right: searches read its dates, and allow for a clock that is off."""
    from campaigns.cli.accounts.limits import clock_words

    is_off = clock is not None and max(clock.ahead_at_least_seconds, -clock.ahead_at_most_seconds) > SKEW_SECONDS
    fix = "nothing: searches allow for it. Let this machine and the database follow a time server" if is_off else None
    return Check("vendor clock", "note" if is_off else "ok", clock_words(clock), fix)


def _account(account_id: str, *, is_authenticated: bool | None) -> Check:
    if is_authenticated is None:
        return Check(f"account {account_id}", "fault", "the key does not see it", "check its ID or the key", REFUSED)
    if not is_authenticated:
        return Check(f"account {account_id}", "fault", "needs to log in again", "log it in at the vendor", REFUSED)
    return Check(f"account {account_id}", "ok", "known to the vendor and logged in")
