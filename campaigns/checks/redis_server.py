"""Checks of Redis: whether it is there, keeps what it is given, and is who it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from campaigns.checks.check import AWAY, FAULTY, Check
from campaigns.checks.signs import skew
from campaigns.domain.errors import CampaignsError

if TYPE_CHECKING:
    from campaigns.settings import Settings


def redis_checks(settings: Settings) -> Iterator[Check]:
    """Whether the server of REDIS_URL is there, and set up so that nothing is lost."""
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
    yield skew("redis clock", facts.clock_ahead_seconds)
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


def redis_tls_checks(settings: Settings) -> Iterator[Check]:
    """A note for each Redis whose certificate is not verified."""
    from campaigns.tls import unverified

    for name, url in (("redis tls", settings.redis_url), ("broker tls", settings.broker_url_setting)):
        weak = unverified(urlsplit(url)) if url else None
        if weak is not None:
            yield Check(name, "note", weak, "name the CA with ssl_ca_certs=FILE instead; docs/settings.md, TLS")
