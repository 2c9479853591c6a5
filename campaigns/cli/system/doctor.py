"""`doctor`: check each part, and name the fix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from campaigns.cli.kit.output import duration, json_option, moment, show
from campaigns.cli.kit.session import settings_in_force
from campaigns.cli.kit.tables import Column, print_table
from campaigns.cli.kit.vendor import ask_about_key
from campaigns.cli.main import EXIT_CODES
from campaigns.cli.system.checks import (
    AWAY,
    FAULTY,
    NOT_MIGRATED,
    REFUSED,
    Check,
    memory_checks,
    paused_checks,
    probe_checks,
)
from campaigns.cli.system.disk_checks import room_checks, room_fix
from campaigns.cli.system.server_checks import server_checks
from campaigns.domain.errors import CampaignsError, PacerAway, RoleTooWeak, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.settings import Settings
    from campaigns.store.database.engine import Store
    from campaigns.store.database.server_facts import Role
    from campaigns.store.health.heartbeats import Service
    from campaigns.store.views.limits import VendorClock

SKEW_SECONDS = 2.0
"""When clocks differ by more than this, leases and search windows are wrong."""

QUIET_SECONDS = 15.0
"""Beat and worker write a heartbeat each second; after this time without one they are missing."""

READ_BY_OTHERS = 0o044

COLUMNS = (Column("part"), Column("state"), Column("found"), Column("fix"))

START = "run `campaigns up`, or `campaigns worker` and `campaigns beat`"
START_WORKER = "start `campaigns worker`; if one runs, its log says why it takes no ticks"


@click.command()
@json_option
def doctor(*, as_json: bool) -> None:
    """Check every part and name the fix.

    Exit 0 only when all is well, else the code of the first fault.
    """
    checks = list(_checks())
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
    yield from _redis_tls(settings)
    yield from _redis(settings)
    yield from memory_checks(settings)
    yield from _vendor(settings)


def _database(settings: Settings) -> Iterator[Check]:
    from campaigns.store.database.engine import open_store
    from campaigns.store.database.migrations import head, require_head

    store = open_store(settings.database_url)
    try:
        kind = store.reader.dialect.name
        yield from room_checks(settings, store)  # first: a full disk may be the reason why nothing else can be read
        ahead = _database_ahead(store)
        yield Check("database", "ok", kind)
        yield _skew("database clock", ahead)
        require_head(store)
        yield Check("migrations", "ok", f"at {head()}, the newest")
        yield from server_checks(store)
        yield from _signs(store, settings.upstream_name)
        yield from paused_checks(store)
        yield from probe_checks(store)
    except CampaignsError as fault:
        code = EXIT_CODES[type(fault)]
        part, fix = "database", room_fix(fault, store) or "start it"
        if code == NOT_MIGRATED:
            part, fix = "migrations", "run `campaigns db upgrade`"
        if isinstance(fault, RoleTooWeak):
            part, fix = "database role", "docs/operating.md, Two roles"
        yield Check(part, "fault", str(fault), fix, code)
    finally:
        store.close()


def _database_ahead(store: Store) -> float:
    with store.read() as connection:
        asked = time.time()
        theirs = store.now(connection).timestamp()
        return theirs - (asked + time.time()) / 2


def _signs(store: Store, upstream: str) -> Iterator[Check]:
    from campaigns.store.database.server_facts import own_role
    from campaigns.store.health.heartbeats import BEAT_SENDS, heartbeats, serving
    from campaigns.store.views.accounts import credits_balance

    with store.read() as connection:
        now, seen = store.now(connection), heartbeats(connection)
        balance, role = credits_balance(connection), own_role(connection)
        service = serving(connection, upstream, now)
    if role is not None:
        yield _role(role)
    # A beat of an earlier release writes no heartbeat of its own: then a tick that a worker took proves that it runs.
    sends = max((seen[name] for name in (BEAT_SENDS, "beat") if name in seen), default=None)
    beat = _sign("beat", now, sends)
    yield beat
    worker = _sign("worker", now, seen.get("worker"))
    if beat.state == "ok" and worker.state == "fault":
        worker = replace(worker, found=f"{worker.found}: beat ticks, but nobody takes its ticks", fix=START_WORKER)
    yield worker
    if worker.state == "ok":
        yield _service(service)
    if balance is None:
        yield Check("credits", "note", "the vendor has not named a balance yet")
    else:
        found = f"{balance.credits:,} left, as the vendor replied at {moment(balance.at)}"
        empty = balance.credits <= 0
        yield Check("credits", "fault" if empty else "ok", found, "buy credits" if empty else None, REFUSED)


def _service(service: Service) -> Check:
    """Whether the workers that run serve the vendor that the settings name."""
    from campaigns.store.health.heartbeats import Serves

    if service.serves is Serves.YES:
        return Check("worker's vendor", "ok", service.upstream)
    if service.serves is Serves.NOT_KNOWN:
        found = "a worker of an earlier release runs, which does not name its vendor"
        return Check("worker's vendor", "note", found, "bring every host to this release")
    fix = "start `campaigns worker` with the settings of that vendor"
    return Check("worker's vendor", "fault", f"no worker for {service.upstream} is running", fix, AWAY)


def _role(role: Role) -> Check:
    if not role.may_change_rules:
        return Check("database role", "ok", f"{role.name} owns nothing and is not a superuser")
    power = "is a superuser" if role.is_superuser else "owns the tables"
    found = f"{role.name} {power}: its password is enough to remove the rules that keep the record from being rewritten"
    return Check("database role", "note", found, "docs/operating.md, Two roles")


def _sign(part: str, now: datetime, seen: datetime | None) -> Check:
    if seen is None:
        return Check(part, "fault", "never seen", START, AWAY)
    seconds = (now - seen).total_seconds()
    found = f"{'last tick' if part == 'beat' else 'last seen'} {duration(seconds)} ago"
    if seconds > QUIET_SECONDS:
        missed = "; what comes due meanwhile follows the misfire rule of its campaign" if part == "beat" else ""
        return Check(part, "fault", found + missed, START, AWAY)
    return Check(part, "ok", found)


def _skew(part: str, ahead: float) -> Check:
    found = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) > SKEW_SECONDS:
        return Check(part, "fault", found, "let both follow a time server", AWAY)
    return Check(part, "ok", found)


def _redis(settings: Settings) -> Iterator[Check]:
    from campaigns.adapters.redis.server_facts import redis_facts

    if settings.redis_url is None:
        yield Check("redis", "fault", "REDIS_URL is not set", "set it, or run `campaigns up`", AWAY)
        return
    try:
        facts = redis_facts(settings.redis_url)
    except CampaignsError as fault:
        yield Check("redis", "fault", str(fault), "start it", AWAY)
        return
    yield Check("redis", "ok", f"{facts.name} {facts.version}")
    yield _skew("redis clock", facts.clock_ahead_seconds)
    if not facts.appends:
        found = "no append-only file: after its restart the rate budget is first rebuilt from the database"
        yield Check("redis persistence", "note", found, "set appendonly yes")
    elif not facts.append_succeeds:
        found = "cannot append to its file, so it takes no writes, and nothing is sent"
        yield Check("redis persistence", "fault", found, "make room on the disk of Redis, or see its log", AWAY)
    else:
        yield Check("redis persistence", "ok", "its last write to the append-only file succeeded")
    if facts.max_memory and facts.eviction != "noeviction":
        found = f"drops keys when full ({facts.eviction}): the rate budget could forget what it granted"
        yield Check("redis memory", "fault", found, "set maxmemory-policy noeviction", FAULTY)


def _redis_tls(settings: Settings) -> Iterator[Check]:
    from campaigns.tls import unverified

    for name, url in (("redis tls", settings.redis_url), ("broker tls", settings.broker_url_setting)):
        weak = unverified(urlsplit(url)) if url else None
        if weak is not None:
            yield Check(name, "note", weak, "name the CA with ssl_ca_certs=FILE instead; docs/settings.md, TLS")


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
