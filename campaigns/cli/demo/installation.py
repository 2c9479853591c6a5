"""An installation for the demo alone, with its own home, settings and parts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaigns.domain.errors import CampaignsError
from campaigns.embedded.parent_death import bound
from campaigns.settings import Settings

SHORT: Mapping[str, Any] = {
    "CAMPAIGNS_BATCH_SIZE": 100,
    "CAMPAIGNS_REQUEST_TIMEOUT_SECONDS": 3.0,
    "CAMPAIGNS_LEASE_SECONDS": 6.0,
    "CAMPAIGNS_SETTLE_SECONDS": 1.0,
    "CAMPAIGNS_SETTLE_LOOKS": 2,
    "CAMPAIGNS_ACCOUNT_GAP_SECONDS": 0.0,
    "CAMPAIGNS_TICK_SECONDS": 0.5,
}
"""With these settings the demo takes half a minute instead of a quarter of an hour."""

READY_SECONDS = 90.0
POLL_SECONDS = 0.05
STOP_SECONDS = 20.0
LAST_LINES = 15


class DemoSettings(Settings):
    """Settings that read neither the environment nor `.env`."""

    @classmethod
    def settings_customise_sources(cls, settings_cls: Any, init_settings: Any, *_: Any, **__: Any) -> tuple[Any, ...]:  # noqa: ARG003
        return (init_settings,)


@contextmanager
def own_home(*, keep: bool) -> Iterator[Path]:
    """A new folder, which is deleted at the end unless `keep`."""
    home = Path(tempfile.mkdtemp(prefix="campaigns-demo-"))
    try:
        yield home
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def running_parts(home: Path) -> Iterator[Settings]:
    """Run everything that `campaigns up` starts but the desk, in that home. It is always stopped at the end.

    Raises CampaignsError with the last lines of `up` when the parts do not start.
    """
    settings = DemoSettings(CAMPAIGNS_HOME=home, **SHORT)
    log = home / "up.log"
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - this very program
            bound([sys.executable, "-m", "campaigns", "up", "--no-web"]),
            cwd=home,  # a folder without `.env`
            env=_environment(home),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches only us, and we stop the parts in order
        )
    try:
        _await_ready(child, log)
        yield settings
    finally:
        _stop(child)


def _environment(home: Path) -> dict[str, str]:
    ours = {str(field.alias) for field in Settings.model_fields.values()}
    others = {name: value for name, value in os.environ.items() if name not in ours}
    settings = {"CAMPAIGNS_HOME": home, **SHORT}
    return {**others, **{name: str(value) for name, value in settings.items()}}


def _await_ready(child: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + READY_SECONDS
    while "ready" not in (lines := log.read_text(errors="replace").splitlines()):
        if child.poll() is not None or time.monotonic() > give_up_at:
            last_lines = "\n".join(lines[-LAST_LINES:])
            raise CampaignsError(f"The parts of the demo did not start. Their last lines:\n{last_lines}")
        time.sleep(POLL_SECONDS)  # there is no way to wait for a line in a file


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Stop the parts in order, within STOP_SECONDS. A second Ctrl-C is ignored, so that all parts end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child.terminate()
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()  # then its watcher ends the parts
        child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
