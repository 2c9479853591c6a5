from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.adapters.upstream.sandbox_record import SandboxRecord
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from tests.servers import redis_server
from tests.stories.rig import Rig


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="campaigns-story-") as made:
        yield Path(made)


@pytest.fixture
def rig(folder: Path) -> Iterator[Rig]:
    """An installation that is not started yet; nobody of it may be left at the end."""
    made = Rig(folder)
    with contextlib.closing(made):
        yield made


class Town:
    """An installation that runs, with a vendor that a test can take away and bring back.

    Its broker is a server of its own: so wake-ups come while the rate budget is away.
    """

    def __init__(self, folder: Path, broker_url: str) -> None:
        self._ledger = folder / "vendor.jsonl"
        self._port = 0
        self.bring_vendor()
        self.rig = Rig(folder, CAMPAIGNS_UPSTREAM_URL=self.vendor.url, CELERY_BROKER_URL=broker_url)

    def bring_vendor(self) -> None:
        """Let the vendor answer, at its old address and with all that it ever accepted."""
        self.vendor = Sandbox("127.0.0.1", self._port, setup=Setup(limit_per_minute=None), ledger_file=self._ledger)
        self.vendor.start()
        self._port = int(self.vendor.url.rpartition(":")[2])
        self.record = SandboxRecord(self.vendor.url)

    def take_vendor_away(self) -> None:
        """Nobody listens there from now on."""
        self.record.close()
        self.vendor.stop()


@pytest.fixture(scope="package")
def town() -> Iterator[Town]:
    """Shared by the stories that kill nothing; each takes an account of its own."""
    with tempfile.TemporaryDirectory(prefix="campaigns-town-") as folder, redis_server() as broker_url:
        made = Town(Path(folder), broker_url)
        try:
            made.rig.up()
            yield made
        finally:
            made.take_vendor_away()
            made.rig.close()
