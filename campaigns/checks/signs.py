"""Checks of what the database shows of the other parts: beat, workers, clocks, our role and the credits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from campaigns.checks.check import AT, AWAY, REFUSED, Check
from campaigns.domain.words import duration

if TYPE_CHECKING:
    from campaigns.store.database.engine import Store
    from campaigns.store.database.server_facts import Role
    from campaigns.store.health.heartbeats import Service

SKEW_SECONDS = 2.0
"""When clocks differ by more than this, leases and search windows are wrong."""

QUIET_SECONDS = 15.0
"""Beat and worker write a heartbeat each second; after this time without one they are missing."""

START = "run `campaigns up`, or `campaigns worker` and `campaigns beat`"
START_WORKER = "start `campaigns worker`; if one runs, its log says why it takes no ticks"


def database_ahead(store: Store) -> float:
    """How many seconds the clock of the database is ahead of this machine's. Raises DatabaseAway."""
    with store.read() as connection:
        asked = time.time()
        theirs = store.now(connection).timestamp()
        return theirs - (asked + time.time()) / 2


def signs(store: Store, upstream: str) -> Iterator[Check]:
    """Beat, workers and the vendor that they serve, our role, and the credits. Raises DatabaseAway."""
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
        found, empty = f"{balance.credits:,} left, as the vendor replied at {AT}", balance.credits <= 0
        fix = "buy credits" if empty else None
        yield Check("credits", "fault" if empty else "ok", found, fix, REFUSED, balance.at)


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


def skew(part: str, ahead: float) -> Check:
    """Whether a clock agrees with this machine's."""
    found = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    if abs(ahead) > SKEW_SECONDS:
        return Check(part, "fault", found, "let both follow a time server", AWAY)
    return Check(part, "ok", found)
