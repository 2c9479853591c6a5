"""Facts about a Redis or Valkey server, for a check whether it is set up safely."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.addresses import shown
from campaigns.domain.errors import PacerAway

ANSWER_SECONDS = 3.0
"""Seconds to wait for a reply. A slower server is useless for a limiter that is called before each request."""


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """The configuration of a server, and its clock."""

    name: str  # "Redis" or "Valkey"
    version: str
    appends: bool  # whether it keeps an append-only file
    append_succeeds: bool  # whether its last write to that file succeeded; with a full disk it refuses all writes
    max_memory: int  # bytes; 0 means no limit of its own
    eviction: str  # what it does at that limit; only "noeviction" loses nothing
    clock_ahead_seconds: float  # its clock minus this machine's, at most half a round trip wrong


def redis_facts(url: str, *, setting: str = "REDIS_URL") -> RedisFacts:
    """Ask the server at `url` once, without retries; `setting` is the setting with that address.

    Raises PacerAway, whose message holds no password.
    """
    try:
        with redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        ) as server:
            found: dict[str, Any] = server.info()
            asked = time.time()
            seconds, microseconds = server.time()
            answered = time.time()
    except (redis.RedisError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise PacerAway(
            f"Redis at {shown(url)} does not answer ({why}); start it, or correct {setting}, and try again."
        ) from None
    name = "Valkey" if "valkey_version" in found else "Redis"
    return RedisFacts(
        name=name,
        version=str(found.get("valkey_version") or found.get("redis_version")),
        appends=bool(int(found.get("aof_enabled", 0))),
        append_succeeds=str(found.get("aof_last_write_status", "ok")) == "ok",
        max_memory=int(found.get("maxmemory", 0)),
        eviction=str(found.get("maxmemory_policy", "unknown")),
        clock_ahead_seconds=seconds + microseconds / 1e6 - (asked + answered) / 2,
    )
