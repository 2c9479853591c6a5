"""Run the sandbox until a signal stops it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import read_setup
from campaigns.sandbox.signals import stop_signals


def serve(
    host: str, port: int, *, faults_file: Path | None, ledger_file: Path | None, announce: Callable[[str], None]
) -> None:
    """Run the sandbox until SIGTERM or SIGINT; must run in the main thread.

    `announce` gets the base URL once it listens. Raises UsageError for a faults file that cannot be used, a port in use
    or a ledger of another sandbox. A kill loses nothing that was accepted, if there is a ledger.
    """
    sandbox = Sandbox(host, port, setup=read_setup(faults_file), ledger_file=ledger_file)
    with stop_signals() as asked_to_stop:
        try:
            sandbox.start()
            announce(sandbox.url)
            asked_to_stop.wait()
        finally:
            sandbox.stop()
