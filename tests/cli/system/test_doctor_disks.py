"""Disks: doctor writes, so it sees one that is full, says how fast one is and how much room there is."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis, RedisError
from sqlalchemy import Connection, Engine, event

from campaigns.checks.disks import room_checks
from campaigns.cli.system import disk_checks
from campaigns.cli.system.disk_checks import write_check
from campaigns.domain.errors import DatabaseAway
from campaigns.embedded.parent_death import bound
from campaigns.embedded.server import find_server
from campaigns.settings import load_settings
from campaigns.store.database.engine import open_store
from campaigns.store.health.heartbeats import heartbeats
from tests.cli.conftest import Shell
from tests.servers import _answers_ping, _running

GIGABYTE = 1_000_000_000
LIMIT = "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"


def checks(shell: Shell) -> dict[str, dict[str, Any]]:
    return {check["part"]: check for check in json.loads(shell.run("doctor", "--json").stdout)}


def test_doctor_writes_a_row_that_says_when_it_last_ran(shell: Shell) -> None:
    assert checks(shell)["database writes"]["state"] in {"ok", "note"}  # a slow machine is noted
    with closing(open_store(shell.database_url)) as store, store.read() as connection:
        assert "doctor" in heartbeats(connection)


def test_a_full_disk_is_named(shell: Shell) -> None:
    """SQLite's own refusal: it may not grow by a page, and the row of doctor is made to need one."""
    with closing(sqlite3.connect(shell.folder / "home" / "campaigns.db")) as file, file:
        file.execute("CREATE TABLE filler (content BLOB)")
        file.execute(
            "CREATE TRIGGER fills AFTER INSERT ON heartbeat BEGIN INSERT INTO filler VALUES (zeroblob(1000000)); END"
        )

    def no_page_more(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    event.listen(Engine, "begin", no_page_more)
    try:
        found = checks(shell)["database writes"]
    finally:
        event.remove(Engine, "begin", no_page_more)
    assert (found["state"], found["exit_code"]) == ("fault", 75)
    assert "disk is full" in found["found"]
    assert found["fix"] == f"make room on the disk of {shell.folder / 'home' / 'campaigns.db'}"


def test_a_database_that_cannot_be_opened_for_want_of_room_is_told_so(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own refusal for a file that it cannot open; the disk is told to have no byte left."""
    file = shell.folder / "home" / "campaigns.db"
    file.rename(file.with_name("away.db"))
    file.mkdir()
    no_room = SimpleNamespace(f_bavail=0, f_frsize=1, f_blocks=1_000_000, f_files=10, f_favail=9)
    monkeypatch.setattr(os, "statvfs", lambda _: no_room)

    found = checks(shell)

    assert found["disk of the home"]["state"] == "fault"
    assert found["database"]["fix"] == f"make room on the disk of {file}"
    with closing(open_store(shell.database_url)) as store, pytest.raises(DatabaseAway, match="its disk is full"):
        store.read().__enter__()


def test_a_slow_disk_is_noted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([100.0, 101.5])
    monkeypatch.setattr(disk_checks, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with closing(open_store(shell.database_url)) as store:
        found = write_check(store)
    assert (found.state, found.found) == ("note", "a commit takes 1.5 s, and each message needs two")


def await_refusal(client: Redis) -> None:
    """Write until the server refuses to: it says so at the next write after one that its disk would not take."""
    for _ in range(1000):
        try:
            client.set("small", "x" * 1000)
        except RedisError:
            return
    raise AssertionError("it goes on")


@pytest.mark.parametrize(
    ("free", "files_left", "state"),
    [(5 * GIGABYTE, 9, "ok"), (GIGABYTE // 2, 9, "note"), (GIGABYTE // 20, 9, "fault"), (5 * GIGABYTE, 0, "fault")],
)
def test_the_room_on_a_disk_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, free: int, files_left: int, state: str
) -> None:
    figures = SimpleNamespace(f_bavail=free, f_frsize=1, f_blocks=9 * GIGABYTE, f_files=10, f_favail=files_left)
    monkeypatch.setattr(os, "statvfs", lambda _: figures)
    with closing(open_store(shell.database_url)) as store:
        (found,) = room_checks(load_settings(), store)  # home and database are on the same disk
    assert (found.part, found.state) == ("disk of the home", state)
    assert "GB free of 9.0 GB" in found.found


def test_a_redis_that_cannot_append_is_a_fault_and_one_that_can_is_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real server, whose files may not grow beyond a few kilobytes."""

    little = f"import os, resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {LIMIT}; os.execv(*{{}})"
    with tempfile.TemporaryDirectory(prefix="campaigns-full-", dir="/tmp") as name:
        folder, socket = Path(name), Path(name, "socket")
        server = [str(find_server()), "--port", "0", "--unixsocket", str(socket), "--dir", name, "--save", ""]
        server += ["--appendonly", "yes", "--appendfsync", "everysec"]
        command = [sys.executable, "-c", little.format((server[0], server))]
        with _running(bound(command), folder, lambda: _answers_ping(socket)):
            monkeypatch.setenv("REDIS_URL", f"unix://{socket}")
            assert checks(shell)["redis persistence"]["state"] == "ok"
            with Redis.from_url(f"unix://{socket}", retry=None) as client:
                client.set("large", "x" * 50_000)
                await_refusal(client)
            found = checks(shell)["redis persistence"]
    assert (found["state"], found["exit_code"]) == ("fault", 75)
    assert "cannot append" in found["found"]
