from __future__ import annotations

from typing import Any

import pytest

from campaigns.domain.reconcile import worlds


class Steps:
    """Counts calls."""

    def __init__(self) -> None:
        self.count = 0

    def pop(self) -> int:
        """The count so far; it begins anew."""
        counted, self.count = self.count, 0
        return counted


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """How often the innermost step of the matching was made."""
    counted = Steps()
    give = worlds._give

    def counting(*args: Any) -> bool:
        counted.count += 1
        return give(*args)

    monkeypatch.setattr(worlds, "_give", counting)
    return counted
