"""The Celery application. A message is only a wake-up: the work to do is in the database.

Each setting below has its reason; the figures were measured with Celery 5.7 and kombu 5.7 on Redis 7.
"""

from __future__ import annotations

import sys
import threading
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, setup_logging, worker_init, worker_shutting_down
from kombu import Queue

from campaigns.domain.errors import SettingsError
from campaigns.private_files import keep_private, remove_old_schedule
from campaigns.settings import Settings, load_settings
from campaigns.wiring import configure_logging
from campaigns.worker.broker_guard import CONSUMER, PREFIX, delete_foreign_keys, guard_the_broker
from campaigns.worker.wake_up import WakeUp, forget_built_in_tasks, forget_remote_commands

EXIT_USAGE = 2
"""The exit code of every command for settings that cannot be used."""


def _settings() -> Settings:
    """The settings in force. Ends with a sentence for settings that cannot be used: Celery would show a traceback."""
    try:
        return load_settings()
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        sys.exit(EXIT_USAGE)


keep_private()
settings = _settings()
guard_the_broker()
forget_remote_commands()

# Celery warns root about messages that carry code; ours are JSON with an ID in it, and no other format is accepted.
warnings.filterwarnings("ignore", category=SecurityWarning)

stopping = threading.Event()
"""Set when this worker must stop: lanes end after the request in flight."""

TICK_EXPIRES_SECONDS = max(10.0, 10 * settings.tick_seconds)
"""An unclaimed tick is dropped after this time, so that ticks do not pile up. Host clocks may differ a little."""

app = Celery(
    "campaigns",
    broker=settings.broker_url,
    include=["campaigns.worker.tasks"],
    set_as_current=False,
    task_cls=WakeUp,
)
app.conf.update(
    # Celery reads CELERY_BROKER_URL itself, unchanged from the environment; these two settings win over it.
    broker_read_url=settings.broker_url,
    broker_write_url=settings.broker_url,
    # Half-open connections to the broker: accounts send again after 9 to 13 s, measured. With 5 s instead of each 2 it
    # took 14 to 20 s, as wake-ups meet the dead connections one after the other; with kombu's defaults, for ever.
    broker_transport_options={
        "socket_timeout": 2,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 2,
        "max_connections": 64,
        "global_keyprefix": PREFIX,
        # Early acknowledgement (below) makes redelivery rare; with these it takes seconds, not minutes.
        "visibility_timeout": 600,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 3,
    },
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # Acknowledge on receipt: a wake-up that comes twice finds nothing to do, and the tick repeats a lost one.
    task_acks_late=False,
    task_ignore_result=True,
    result_backend=None,
    task_serializer="json",
    accept_content=["json"],
    # Retry once, over a new connection, since the old one may be dead. After a second failure a later tick publishes.
    task_publish_retry=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0},
    # With the threads pool, disabling prefetch lets one task run at a time.
    worker_disable_prefetch=False,
    worker_prefetch_multiplier=1,
    worker_consumer=CONSUMER,
    # Tasks have no results, so there is nothing to clean up; else beat would publish a task of Celery's each night.
    result_expires=None,
    # SIGQUIT and remapped SIGTERM still give the requests in flight their deadline.
    worker_soft_shutdown_timeout=settings.request_timeout_seconds + 10,
    worker_hijack_root_logger=False,
    task_create_missing_queues=False,
    task_default_queue="control",
    # Each queue has its own routing key: queues that share the default key would all get every message.
    task_queues=[Queue("control", routing_key="control"), Queue("send", routing_key="send")],
    task_routes={"campaigns.serve": {"queue": "send"}, "campaigns.operate": {"queue": "send"}},
    beat_schedule={
        "tick": {
            "task": "campaigns.tick",
            "schedule": settings.tick_seconds,
            "options": {"expires": TICK_EXPIRES_SECONDS, "queue": "control"},
        }
    },
    beat_scheduler="campaigns.worker.beat:Ticker",
    beat_max_loop_interval=max(settings.tick_seconds, 0.1),
    enable_utc=True,
    timezone="UTC",
)


app.on_after_finalize.connect(lambda sender, **_: forget_built_in_tasks(sender), weak=False)


@worker_init.connect
def _delete_foreign_keys(**_: Any) -> None:
    if settings.broker_url is not None:
        delete_foreign_keys(settings.broker_url.replace("redis+socket://", "unix://", 1))


@beat_init.connect
def _forget_schedule(**_: Any) -> None:
    remove_old_schedule(settings.home)


@setup_logging.connect
def _log_our_way(**_: Any) -> None:
    configure_logging(settings)


@worker_shutting_down.connect
def _stop_lanes(**_: Any) -> None:
    stopping.set()
