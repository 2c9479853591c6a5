"""A shell in an installation of its own: a migrated SQLite home, no key, no Redis, no sandbox."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.kit.in_force import SANDBOX_NOTE
from campaigns.cli.main import cli
from campaigns.store.database.engine import open_store
from tests.clock import RunningClock
from tests.world import World

SETTINGS = (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "ONLYFANSAPI_API_KEY",
    "ONLYFANSAPI_API_KEY_FILE",
    "CAMPAIGNS_UPSTREAM_URL",
    "LOG_LEVEL",
)


VENDOR_LINES = (SANDBOX_NOTE, "The vendor is http", "LIVE: ")


def says_vendor(line: str) -> bool:
    """Whether it is the line that stands above everything: which vendor is in force."""
    return line.startswith(VENDOR_LINES)


def talk(result: Result) -> str:
    """What a command said on standard error, without that line."""
    return "".join(line for line in result.stderr.splitlines(keepends=True) if not says_vendor(line))


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let questions be asked: standard input and standard error are a terminal's."""
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("campaigns.cli.kit.agree.sys", SimpleNamespace(stdin=terminal, stderr=terminal))


@dataclass(frozen=True)
class Shell:
    """Runs commands as an operator would."""

    folder: Path
    database_url: str

    def run(self, *words: str, stdin: bytes | None = None) -> Result:
        """One command; whatever happened."""
        return CliRunner().invoke(cli, list(words), input=stdin)

    def ok(self, *words: str, stdin: bytes | None = None) -> Any:
        """What a command answers with --json. It must succeed."""
        result = self.run(*words, "--json", stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def refusal(self, *words: str, code: int, stdin: bytes | None = None) -> str:
        """The one sentence of a command that must be refused with this code, printing nothing else."""
        result = self.run(*words, stdin=stdin)
        said = [line for line in result.stderr.splitlines() if not says_vendor(line)]
        if "--json" in words:  # the same once more, for programs
            said.pop()
        assert (result.exit_code, result.stdout, len(said)) == (code, "", 1), result.output
        return said[0]

    def file(self, name: str, content: str | bytes) -> str:
        """A file in the folder where commands run."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def campaign(self, *options: str, account: str = "acct_one", users: str = "1\n2\n3\n4\n5\n") -> int:
        """A draft, with its account if that is new."""
        if account not in {row["id"] for row in self.ok("accounts", "list")}:
            self.ok("accounts", "add", account)
        default = () if "--text" in options else ("--text", "Hi")
        made = self.ok("create", "--account", account, *default, "--users", "-", *options, stdin=users.encode())
        return int(made["id"])


@pytest.fixture
def empty_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """An installation whose database was never migrated."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("CAMPAIGNS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, f"sqlite:///{home / 'campaigns.db'}")


@pytest.fixture
def shell(empty_shell: Shell, sqlite_template: Path) -> Shell:
    """An installation that is ready, with nothing in it."""
    shutil.copy(sqlite_template, empty_shell.folder / "home" / "campaigns.db")
    return empty_shell


@pytest.fixture
def world(shell: Shell) -> Iterator[World]:
    """The same installation's worker and vendor, played in this process."""
    clock = RunningClock()
    store = open_store(shell.database_url, clock=clock)
    yield World(store, clock)
    store.close()


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that would go on are interrupted at the first wait, and those that start others before it."""

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    waiting = SimpleNamespace(sleep=interrupted, monotonic=time.monotonic)
    monkeypatch.setattr("campaigns.cli.runs.watch.time", waiting)
    monkeypatch.setattr("campaigns.cli.accounts.probe.time", waiting)
    monkeypatch.setattr(os, "execve", interrupted)
    monkeypatch.setattr("campaigns.embedded.up.run_up", interrupted)
    monkeypatch.setattr("campaigns.cli.demo.demo.run_demo", interrupted)
    monkeypatch.setattr("campaigns.sandbox.serving.serve", interrupted)
