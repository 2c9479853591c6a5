"""A whole installation by real programs: `campaigns up` in a home of its own, its commands, and the vendor's truth."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.cli.main import cli
from campaigns.embedded.parent_death import bound
from campaigns.settings import Settings
from tests.embedded.left import alive, wait_until

READY_SECONDS = 90
STOP_SECONDS = 20

SHORT = {
    "CAMPAIGNS_TICK_SECONDS": "0.2",
    "CAMPAIGNS_ACCOUNT_GAP_SECONDS": "0",
    "CAMPAIGNS_REQUEST_TIMEOUT_SECONDS": "3",
    "CAMPAIGNS_LEASE_SECONDS": "5",
    "CAMPAIGNS_RATE_PER_MINUTE": "100000",
    "CAMPAIGNS_WORKER_THREADS": "8",
}

OURS = {str(field.alias) for field in Settings.model_fields.values()}
EMPTIED = {name: value for name, value in os.environ.items() if name not in OURS}


class Rig:
    """One installation; `folder` is where its commands run and what marks its programs."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.told = {**SHORT, "CAMPAIGNS_HOME": str(self.home), "CAMPAIGNS_RIG": str(folder), **settings}
        self.programs: list[subprocess.Popen[bytes]] = []

    def up(self) -> subprocess.Popen[bytes]:
        """Start everything; returns when it says `ready`."""
        log = self.folder / f"up-{len(self.programs)}.log"
        started = self.start("up", log=log)
        wait_until(lambda: started.poll() is not None or "\nready\n" in log.read_text(), READY_SECONDS)
        assert started.poll() is None, log.read_text()
        return started

    def start(self, *words: str, log: Path, **settings: str) -> subprocess.Popen[bytes]:
        """Start one command and let it run."""
        with log.open("wb") as said:
            program = subprocess.Popen(
                bound([sys.executable, "-m", "campaigns", *words]),
                cwd=self.folder,
                env=EMPTIED | self.told | settings,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        self.programs.append(program)
        return program

    def close(self) -> None:
        """Stop in order what still runs, and leave nobody."""
        for program in reversed(self.programs):
            if program.poll() is None:
                program.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(STOP_SECONDS)
        left = alive(str(self.folder))
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert not left, f"left behind: {left}"

    def run(self, *words: str, stdin: str | None = None) -> Result:
        """One command, in this program; whatever comes of it."""
        environment: dict[str, str | None] = {**dict.fromkeys(OURS), **self.told}
        return CliRunner().invoke(cli, list(words), input=stdin, env=environment)

    def ask(self, *words: str, stdin: str | None = None, code: int = 0) -> Any:
        """What a command answers with --json; it must end with `code`."""
        result = self.run(*words, "--json", stdin=stdin)
        assert result.exit_code == code, (words, result.exit_code, result.output, result.exception)
        return json.loads(result.stdout) if result.stdout else None

    def campaign(self, account: str, users: Iterable[int], *options: str) -> int:
        """A campaign of that account, which is added when it is new."""
        if account not in {row["id"] for row in self.ask("accounts", "list")}:
            self.ask("accounts", "add", account)
        listed = "\n".join(map(str, users))
        made = self.ask("create", "--account", account, "--text", "Hi", "--users", "-", *options, stdin=listed)
        return int(made["id"])

    def launched(self, campaign_id: int, *options: str) -> int:
        """Launch it at once; answers the run."""
        return int(self.ask("launch", "--yes", str(campaign_id), *options)["run_id"])

    def run_of(self, run_id: int) -> dict[str, Any]:
        """What `runs show` answers."""
        found: dict[str, Any] = self.ask("runs", "show", str(run_id))
        return found

    def batches(self, run_id: int, *options: str) -> list[dict[str, Any]]:
        """What `runs batches` answers."""
        found: list[dict[str, Any]] = self.ask("runs", "batches", str(run_id), *options)
        return found

    def attempts(self, run_id: int) -> list[dict[str, Any]]:
        """What `runs attempts` answers."""
        found: list[dict[str, Any]] = self.ask("runs", "attempts", str(run_id))
        return found

    def part(self, words: str) -> int:
        """The process of a part of `up`, once there is one."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [process for process, command in alive(str(self.folder)).items() if words in command]
            return bool(found)

        wait_until(look)
        return found[0]

    def kill(self, words: str) -> int:
        """kill -9 of a part; answers whom it hit."""
        process = self.part(words)
        os.kill(process, signal.SIGKILL)
        return process

    @contextmanager
    def record(self) -> Iterator[SandboxRecord]:
        """The truth of the sandbox that `up` runs."""
        truth = SandboxRecord((self.home / "sandbox.url").read_text().strip())
        with contextlib.closing(truth):
            yield truth


def times_accepted(record: SandboxRecord, account: str) -> Counter[int]:
    """How often the vendor accepted each user of an account."""
    return Counter(user for send in record.accepted() if send.account == account for user in send.users)


def books_balance(run: dict[str, Any]) -> bool:
    """Nobody lost: what was planned is all accounted for."""
    parts = ("accepted", "rejected", "unknown", "cancelled", "waiting")
    return bool(run["planned"] == sum(run[part] for part in parts))
