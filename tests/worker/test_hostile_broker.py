"""What others put into the broker: it stops no tick, ends no worker, and runs nothing that is not ours."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from redis import Redis

from campaigns.embedded.parent_death import bound
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.health.heartbeats import BEAT_SENDS, heartbeats
from campaigns.worker.app import app
from campaigns.worker.tasks import tick
from campaigns.worker.wake_up import WakeUp
from tests.faults.installation import wait_for
from tests.servers import redis_server

CONTROL, UNACKED = "campaigns:control", "campaigns:unacked"

LATER = "2999-01-01T00:00:00+00:00"


def message(task: str = "campaigns.tick", *, args: Any = (), embed: Any = None, **headers: Any) -> str:
    """A message as Celery would publish it, with whatever else stands in its headers and beside its arguments."""
    body = base64.b64encode(json.dumps([args, {}, embed or {}]).encode()).decode()
    properties = {
        "correlation_id": "1",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "control"},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": os.urandom(8).hex(),
    }
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": task, "id": os.urandom(8).hex(), "argsrepr": "()", **headers},
            "properties": properties,
        }
    )


def changed(path: str, value: object) -> str:
    """A message with one part of it replaced."""
    made = json.loads(message())
    *way, last = path.split("/")
    place = made
    for step in way:
        place = place[step]
    place[last] = value
    return json.dumps(made)


NO_MESSAGES = (
    *("5", "[1]", "", "{}", "null", "no json", '"', "[" * 5000, "\xff\xfe", json.dumps("text")),
    *(changed(part, 5) for part in ("body", "headers", "properties", "content-type", "content-encoding")),
    *(changed(f"properties/{part}", [1]) for part in ("delivery_tag", "delivery_info", "body_encoding")),
    *(changed(f"headers/{part}", [1]) for part in ("task", "id", "expires")),
    changed("body", base64.b64encode(b"[").decode()),
    changed("body", base64.b64encode(b"7").decode()),
    changed("body", base64.b64encode(b"[7, 8, 9]").decode()),
    changed("content-type", "application/x-python-serialize"),
    changed("headers/compression", "application/x-gzip"),
    message("celery.map", args=[{"task": "campaigns.tick"}, [1]]),
    message("nobody.knows"),
)


class Line:
    """A worker or a beat of its own on a broker and a database of its own."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.folder = folder
        self.broker = Redis.from_url(redis_url)
        self.url = f"sqlite:///{folder / 'c.db'}"
        upgrade(self.url)
        self.store: Store = open_store(self.url)
        self.redis_url = redis_url
        self.broker_url = redis_url.replace("unix://", "redis+socket://")
        self.log = folder / "log"

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-q", "-A", "campaigns.worker.app:app", *words, "-l", "INFO"]
        environment = {
            "PATH": os.environ["PATH"],
            "CAMPAIGNS_HOME": str(self.folder / "home"),
            "DATABASE_URL": self.url,
            "REDIS_URL": self.redis_url,
            "CAMPAIGNS_TICK_SECONDS": "0.2",
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                bound(command, signal.SIGKILL), cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def seen(self, component: str) -> Any:
        with self.store.read() as connection:
            return heartbeats(connection).get(component)


WORKER = ("worker", "-P", "threads", "-c", "4", "-Q", "control,send", "--without-mingle", "--without-gossip")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with redis_server() as url:
        made = Line(tmp_path, url)
        yield made
        made.store.close()


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with one worker, over a broker in which others had put things before it started."""
    with redis_server() as url:
        made = Line(tmp_path_factory.mktemp("line"), url)
        made.broker.mset({"campaigns:send": "no list", "campaigns:_kombu.binding.control": "no set"})
        made.broker.zadd(f"{UNACKED}_index", {"poison": 1.0})
        made.broker.hset(UNACKED, "poison", "no json")
        worker = made.start(*WORKER)
        yield made
        alive = worker.poll() is None
        worker.kill()
        worker.wait()
        made.store.close()
        assert alive, made.log.read_text()[-3000:]


def takes_a_tick(line: Line) -> bool:
    """Whether the worker takes a tick that is published now."""
    last = line.seen("worker")
    line.broker.lpush(CONTROL, message())
    return wait_for(lambda: line.seen("worker") not in {None, last}, 30)


def test_a_worker_outlives_every_entry_that_is_no_message_and_takes_the_tick_behind_them(worked: Line) -> None:
    for entry in NO_MESSAGES:
        worked.broker.lpush(CONTROL, entry)
    assert takes_a_tick(worked), worked.log.read_text()[-3000:]
    assert worked.broker.llen(CONTROL) == 0
    assert wait_for(lambda: worked.broker.hlen(UNACKED) == 0, 10)


ORDERS: dict[str, dict[str, Any]] = {
    "shutdown": {},
    "pool_shrink": {"n": 4},
    "cancel_consumer": {"queue": "control"},
    "rate_limit": {"task_name": "campaigns.tick", "rate_limit": "1/d"},
}
"""What a worker of Celery's does when it is told to over the broker."""

CHANNEL = "campaigns:/0.celery.pidbox"


def test_what_is_told_to_all_workers_neither_ends_one_nor_stops_its_ticks(worked: Line) -> None:
    anybody = Celery("anybody", broker=worked.broker_url, set_as_current=False)
    anybody.conf.broker_transport_options = {"global_keyprefix": "campaigns:"}
    assert wait_for(lambda: worked.broker.publish(CHANNEL, "no json"), 60), worked.log.read_text()[-3000:]
    for entry in NO_MESSAGES:
        worked.broker.publish(CHANNEL, entry)
    assert wait_for(lambda: anybody.control.ping(timeout=1, limit=1), 30), worked.log.read_text()[-3000:]
    for order, arguments in ORDERS.items():
        anybody.control.broadcast(order, arguments=arguments)
    assert wait_for(lambda: anybody.control.ping(timeout=1, limit=1), 30), worked.log.read_text()[-3000:]
    assert takes_a_tick(worked), worked.log.read_text()[-3000:]


def test_messages_with_a_later_time_stop_no_tick_and_bring_no_other_task_along(worked: Line) -> None:
    other: dict[str, Any] = {
        "task": "brought.along",
        "args": [],
        "kwargs": {},
        "options": {},
        "subtask_type": None,
        "immutable": True,
    }
    embed = {"callbacks": [other], "errbacks": [other], "chain": [other], "chord": None}
    for _ in range(10):  # more than the window of a worker holds
        worked.broker.lpush(CONTROL, message(embed=embed, eta=LATER, retries=3, timelimit=[None, 0.001]))
    assert takes_a_tick(worked), worked.log.read_text()[-3000:]
    assert wait_for(lambda: worked.broker.llen(CONTROL) == worked.broker.hlen(UNACKED) == 0, 30)
    assert "brought.along" not in worked.log.read_text()


def test_beat_ticks_says_so_in_the_database_and_leaves_no_file(line: Line) -> None:
    home = line.folder / "home"
    home.mkdir(mode=0o700)
    (home / "beat-schedule.db").write_bytes(b"a pickle of an older release")
    beat = line.start("beat", "--pidfile=")
    try:
        assert wait_for(lambda: line.seen(BEAT_SENDS), 30), line.log.read_text()[-3000:]
        assert line.seen("worker") is None
        assert line.broker.llen(CONTROL) > 0
        assert list(home.iterdir()) == []
        assert {path.name.partition("-")[0] for path in line.folder.iterdir()} == {"home", "log", "c.db"}
    finally:
        beat.kill()
        beat.wait()


def test_the_application_knows_our_tasks_alone() -> None:
    app.finalize()
    assert sorted(app.tasks) == ["campaigns.operate", "campaigns.plan", "campaigns.serve", "campaigns.tick"]
    assert isinstance(tick, WakeUp)
