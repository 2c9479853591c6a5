"""The one place that builds the store, the gateway, the pacer and the logs from the settings."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from campaigns.domain.errors import PacerAway, VendorAway
from campaigns.domain.printable import printable
from campaigns.domain.sending.pacing import WINDOW_SECONDS, Limits
from campaigns.ports import FenceBook, Gateway, Pacer, Spool
from campaigns.settings import Settings
from campaigns.store.database.engine import Store, open_store

if TYPE_CHECKING:
    from campaigns.flow.backup.detect_restore import Memory
    from campaigns.flow.sending.lane_context import LaneContext

SANDBOX_KEY = SecretStr("sandbox")
"""The key for the sandbox. It is sent when no key is set."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What asks the vendor, as `campaigns.flow.sending.ask_vendor` takes it."""

    store: Store
    gateway: Gateway
    pacer: Pacer
    upstream: str
    owner: str
    monotonic: Callable[[], float]


@dataclass
class Parts:
    """The parts of the product. Each is built when it is first used."""

    settings: Settings
    store: Store

    @cached_property
    def limits(self) -> Limits:
        """The limits on sending, from the settings."""
        settings = self.settings
        return Limits(
            rate_per_minute=settings.rate_per_minute,
            reserve=settings.rate_reserve,
            account_gap_seconds=settings.account_gap_seconds,
            request_timeout_seconds=settings.request_timeout_seconds,
            lease_seconds=settings.lease_seconds,
            max_attempts=settings.max_attempts,
            batch_size=settings.batch_size,
            settle_seconds=settings.settle_seconds,
            settle_looks=settings.settle_looks,
            error_share=settings.error_share,
            error_batches=settings.error_batches,
            questions_per_run=settings.questions_per_run,
        )

    @property
    def upstream_name(self) -> str:
        """The vendor in force, as accounts and runs name it."""
        return self.settings.upstream_name

    def gateway(self) -> Gateway:
        """A client of the vendor. Raises VendorAway when that is the sandbox and it is not running."""
        from campaigns.adapters.upstream.gateway import HttpGateway

        url = self.settings.upstream_url
        if url is None:
            raise VendorAway("No vendor key is set and the sandbox is not running; start it with `campaigns up`.")
        return HttpGateway(
            url,
            self.settings.read_key() or SANDBOX_KEY,
            authorities=self.settings.upstream_ca_file,
            proxy_url=self.settings.proxy_url,
        )

    def pacer(self) -> Pacer:
        """The shared rate budget. Raises PacerAway when no Redis is configured or running."""
        from campaigns.adapters.redis.pacer import RedisPacer
        from campaigns.flow.lanes.tick import recovery

        # A permit may be used until the lease that follows it ends, so that is how long a lost answer holds its slot.
        hold = self.settings.lease_seconds
        return RedisPacer(
            self._redis_url(),
            upstream=self.upstream_name,
            rate_per_minute=self.settings.rate_per_minute,
            reserve=self.settings.rate_reserve,
            account_gap_seconds=self.settings.account_gap_seconds,
            recover=lambda: recovery(self.store, within=timedelta(seconds=hold + WINDOW_SECONDS + 1)),
            window_seconds=WINDOW_SECONDS,
            longest_hold_seconds=hold,
        )

    def _redis_url(self) -> str:
        url = self.settings.redis_url
        if url is None:
            raise PacerAway("REDIS_URL is not set and no embedded server is running; start it with `campaigns up`.")
        return url

    @cached_property
    def fences(self) -> FenceBook:
        """The fences kept outside the database, in Redis and in the home. Raises PacerAway as `pacer` does."""
        from campaigns.adapters.redis.fence_book import KeptFences

        return KeptFences(self._redis_url(), self.settings.home.resolve())

    @cached_property
    def spool(self) -> Spool:
        """The files of this host for outcomes that the database did not take."""
        from campaigns.adapters.disk.spool import FileSpool

        return FileSpool(self.settings.home.resolve())

    def memory(self) -> Memory:
        """What this host compares the database with, to detect a restore. Raises PacerAway as `pacer` does."""
        from campaigns.flow.backup.detect_restore import Memory

        return Memory(self.store, self.fences, self.spool, socket.gethostname(), worker_name())

    def asker(self, gateway: Gateway, pacer: Pacer, *, owner: str) -> Asking:
        """What a question to the vendor needs; `owner` names who asks."""
        return Asking(self.store, gateway, pacer, self.upstream_name, owner, clock_of_the_machine)

    def sender(self, *, stopping: threading.Event) -> LaneContext:
        """What all lanes of this process use: one HTTP client, one Redis connection pool, one name."""
        from campaigns.flow.sending.known_team import KnownTeam
        from campaigns.flow.sending.lane_context import LaneContext

        asker = self.asker(self.gateway(), self.pacer(), owner=worker_name())
        return LaneContext(
            store=asker.store,
            gateway=asker.gateway,
            pacer=asker.pacer,
            fences=self.fences,
            spool=self.spool,
            limits=self.limits,
            upstream=self.upstream_name,
            team=KnownTeam(asker, random.random),
            owner=asker.owner,
            host_name=socket.gethostname(),
            stopping=stopping.is_set,
            sleep=stopping.wait,
            monotonic=asker.monotonic,
            chance=random.random,
            random_bytes=secrets.token_bytes,
            rf_as=self.settings.rf_as,
            text_as=self.settings.text_as,
        )


def open_parts(settings: Settings) -> Parts:
    """The parts behind the settings; nothing is connected yet."""
    store = open_store(
        settings.database_url,
        connections=settings.worker_threads + 4,
        prepare_threshold=settings.prepare_threshold,
    )
    return Parts(settings, store)


def clock_of_the_machine() -> float:
    """Seconds that go on while the machine sleeps: a lease does not stop because a laptop was closed."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def worker_name() -> str:
    """The name of this worker in leases and in the audit: host, process, and a random number."""
    return f"worker:{socket.gethostname()}:{os.getpid()}:{random.randrange(16**6):06x}"  # noqa: S311 - a name


def configure_logging(settings: Settings) -> None:
    """One line per event on stderr, for people or as JSON. Keys and message texts are never passed to it."""
    import structlog

    as_json = settings.log_format == "json" or (settings.log_format is None and not sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([structlog.processors.JSONRenderer()] if as_json else [_clean, structlog.dev.ConsoleRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=settings.log_level, force=True)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_CleanFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for chatty in ("httpx", "httpcore", "alembic", "celery.worker.strategy", "celery.app.trace", "celery.beat"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))


def _clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what the vendor or a file says from acting on a terminal."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}


class _CleanFormatter(logging.Formatter):
    """The same for what libraries log, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))
