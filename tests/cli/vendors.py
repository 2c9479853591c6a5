"""Vendors of a test's own, in its process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup


@contextmanager
def vendor(**setup: Any) -> Iterator[str]:
    """A vendor on a free port; gives its address."""
    sandbox = Sandbox("127.0.0.1", 0, setup=Setup(**setup), ledger_file=None)
    sandbox.start()
    try:
        yield sandbox.url
    finally:
        sandbox.stop()
