"""Logins that cost little: what a hash costs is tested where passwords are."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from campaigns.flow.access import passwords


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """argon2id with the least parameters that there are."""
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
