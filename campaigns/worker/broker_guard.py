"""Keep the worker running whatever others put into the lists and keys of the broker.

Kombu raises an error for an entry that it cannot decode, and Celery then ends the worker: eight such entries in a row
would end `campaigns up`. Here an entry that is not a message is dropped with a line in the log, and the worker goes on.
A wake-up may be lost without harm, so dropping an entry loses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from queue import Empty
from typing import Any

from celery.worker import consumer
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import DataError, RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

NOT_A_MESSAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError, DataError)
"""The errors of reading an entry that is not a message of Celery's. A lost connection raises other errors."""

PREFIX = "campaigns:"
"""The prefix of every key in the broker."""

QUEUES = ("control", "send")

KINDS = {
    **{f"{queue}{end}": b"list" for queue in QUEUES for end in ("", *(f"\x06\x16{each}" for each in (3, 6, 9)))},
    **{f"_kombu.binding.{exchange}": b"set" for exchange in (*QUEUES, "celery.pidbox")},
    "unacked": b"hash",
    "unacked_index": b"zset",
    "unacked_mutex": b"string",
}
"""The keys that Kombu uses for us, and the Redis type of each; a queue has a key for each of Kombu's priorities."""

SOCKET_SECONDS = 5.0


class QoS(kombu_redis.QoS):
    """Remembers the messages that were fetched and are not acknowledged."""

    channel: Any

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put back the messages of a worker that died. One that cannot be read is deleted, or it would never end."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except NOT_A_MESSAGE as fault:
            _say_dropped(type(fault).__name__)
            with self.channel.conn_or_acquire(client) as server:
                server.zrem(self.unacked_index_key, tag)
                server.hdel(self.unacked_key, tag)


class Channel(kombu_redis.Channel):
    """Fetches entries from the lists of the broker."""

    QoS = QoS

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]  # the stubs leave it out
        except NOT_A_MESSAGE as fault:  # the entry has left its list
            _say_dropped(type(fault).__name__)
            raise Empty from None

    def _receive_one(self, listener: Any) -> Any:
        try:
            return super()._receive_one(listener)  # type: ignore[misc]  # the stubs leave it out
        except NOT_A_MESSAGE as fault:
            _say_dropped(type(fault).__name__)
            raise Empty from None


class Transport(kombu_redis.Transport):
    """Kombu's transport, with our channel."""

    Channel = Channel


class Consumer(consumer.Consumer):
    """Hands messages to the threads."""

    connection_errors: tuple[type[Exception], ...]

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Any], None]:
        """As Celery's, but reject a message that cannot be read, or it would keep its place in the prefetch window."""
        handle = super().create_task_handler(*arguments, **options)

        def guarded(message: Any) -> None:
            try:
                handle(message)
            except NOT_A_MESSAGE as fault:
                self._drop(message, type(fault).__name__)

        return guarded

    def on_unknown_message(self, body: Any, message: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Drop the message. Celery's own four methods write the whole of it into the log."""
        self._drop(message, "it names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        """Drop it."""
        self._drop(message, "an unknown task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:  # noqa: ARG002 - Celery's signature
        """Drop it."""
        self._drop(message, "not a call of its task")

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Drop it."""
        self._drop(message, type(exc).__name__)

    def _drop(self, message: Any, why: str) -> None:
        _say_dropped(why)
        message.reject_log_error(log, self.connection_errors)


CONSUMER = f"{Consumer.__module__}:{Consumer.__name__}"


def guard_the_broker() -> None:
    """Let Kombu use this transport for every Redis address. Call this before the first connection is made."""
    ours = f"{Transport.__module__}:{Transport.__name__}"
    TRANSPORT_ALIASES.update(redis=ours, rediss=ours)


def delete_foreign_keys(url: str) -> None:
    """Delete keys that have one of our names but another Redis type: each command on them would end the worker.

    Called at the start of a worker. Does nothing while the broker is away; Celery waits for it.
    """
    with (
        suppress(RedisError),
        Redis.from_url(
            url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as server,
    ):
        for name, kind in KINDS.items():
            if server.type(f"{PREFIX}{name}") not in {b"none", kind}:
                server.delete(f"{PREFIX}{name}")
                log.warning("The key '%s%s' of the broker was not ours and was deleted.", PREFIX, name)


def _say_dropped(why: str) -> None:
    """Log one line, without the content of the entry: anybody may have written it."""
    log.warning("An entry of the broker is not a message of ours and was dropped (%s).", why)
