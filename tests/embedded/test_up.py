"""`campaigns up` from outside: it works, keeps its parts alive, and leaves nobody and nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.embedded.left import alive, wait_until

STOP_SECONDS = 15

HOME = "h %20?x=1#y"
"""Each of these means something else in some address or file; it has to be one folder everywhere."""


class Installation:
    """An `up` on a home of its own, as a person at a shell has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / HOME
        self.mark = str(folder)
        self.said = folder / "said"
        self.environment = {"PATH": os.environ["PATH"], "MARK": str(folder), "CAMPAIGNS_HOME": HOME}

    def begin(self, **settings: str) -> None:
        with self.said.open("wb") as said:
            self.up = subprocess.Popen(
                [sys.executable, "-m", "campaigns", "up"],
                env=self.environment | settings,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=said,
                umask=0,
            )

    def ready(self) -> None:
        wait_until(lambda: "\nready\n" in self.said.read_text() or self.up.poll() is not None, 60)
        assert "\nready\n" in self.said.read_text(), self.said.read_text()

    def campaigns(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "campaigns", *arguments]
        return subprocess.run(
            command, env=self.environment, cwd=self.folder, check=False, capture_output=True, text=True, timeout=60
        )

    def part(self, words: str) -> int:
        """The program ID of a part, once there is one."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [pid for pid, command in alive(self.mark).items() if words in command]
            return bool(found)

        wait_until(look)
        return found[0]

    def holders(self, secret: str) -> set[str]:
        """The parts that have a word in their environment."""
        holding = [
            command
            for pid, command in alive(self.mark).items()
            if secret.encode() in Path(f"/proc/{pid}/environ").read_bytes()
        ]
        parts = {"up": " up ", "worker": " worker ", "beat": " beat ", "desk": "uvicorn", "watcher": "watcher.py"}
        return {name for command in holding for name, words in parts.items() if words in command}

    def is_clean(self) -> bool:
        return (
            not alive(self.mark) and not (self.home / "redis.url").exists() and not (self.home / "sandbox.url").exists()
        )


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    for pid in alive(made.mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    made.up.wait(30)


def test_it_keeps_its_parts_survives_a_kill_and_leaves_nothing_behind(installation: Installation) -> None:
    installation.begin()
    installation.ready()
    home = installation.home
    assert [path for path in (home, *home.rglob("*")) if path.lstat().st_mode & 0o077] == []
    with redis.Redis.from_url((home / "redis.url").read_text().strip()) as client:
        assert client.ping()
    known = installation.campaigns("list", "--json")
    assert (known.returncode, json.loads(known.stdout)) == (0, [])

    second = installation.campaigns("up")
    assert second.returncode == 4
    assert f"already runs on '{home}' (process {installation.up.pid})" in second.stderr.splitlines()[-1]

    address = (home / "sandbox.url").read_text()
    for words in ("app worker", "campaigns.sandbox"):
        killed = installation.part(words)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda killed=killed, words=words: installation.part(words) != killed)  # type: ignore[misc]
    wait_until(lambda: (home / "parts.log").read_text().count("The sandbox listens") == 2)
    lines = installation.said.read_text().splitlines()
    assert [line for line in lines if " | " in line] == []
    assert lines[-1].endswith("it starts again in 0.5 s.")
    assert (home / "sandbox.url").read_text() == address

    installation.up.kill()
    installation.up.wait()
    installation.begin()  # at once, over the addresses and perhaps the last parts of the dead one
    installation.ready()
    assert len(alive(installation.mark)) == 7  # itself, its watcher, redis, sandbox, worker, beat, desk
    installation.up.send_signal(signal.SIGINT)
    assert installation.up.wait(STOP_SECONDS) == 0
    assert installation.is_clean()


def test_servers_that_are_named_are_used_and_not_started(installation: Installation, redis_url: str) -> None:
    database = f"sqlite:///{installation.folder / 'elsewhere.db'}"
    vendor = {"CAMPAIGNS_UPSTREAM_URL": "http://127.0.0.1:9", "ONLYFANSAPI_API_KEY": "ofapi_secret"}
    installation.begin(REDIS_URL=redis_url, DATABASE_URL=database, **vendor)
    installation.ready()
    assert len(alive(installation.mark)) == 5  # no redis, no sandbox
    assert installation.holders("ofapi_secret") == {"up", "worker", "desk"}
    assert installation.holders("elsewhere.db") == {"up", "worker", "beat", "desk"}
    assert not (installation.home / "campaigns.db").exists()
    installation.up.send_signal(signal.SIGTERM)
    assert installation.up.wait(STOP_SECONDS) == 0
    assert installation.is_clean()


def test_a_server_that_is_away_is_said_and_ends_it(installation: Installation) -> None:
    installation.begin(REDIS_URL="redis://127.0.0.1:1/0")
    assert installation.up.wait(60) == 75
    assert " ended with exit code 75 before everything was ready." in installation.said.read_text()
    assert re.search(r"^(worker|beat) +\| .*127\.0\.0\.1:1", installation.said.read_text(), re.MULTILINE)
    assert installation.is_clean()


def test_a_home_that_cannot_be_made_is_a_fault_of_the_settings(installation: Installation) -> None:
    installation.begin(CAMPAIGNS_HOME="/proc/nowhere")
    assert installation.up.wait(30) == 2
    assert "CAMPAIGNS_HOME '/proc/nowhere' cannot be used" in installation.said.read_text()
