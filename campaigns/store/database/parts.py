"""A part of a long list: it begins behind a position, and has at most so many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list; a field that is None leaves nothing out. Each list says what the position of a row is."""

    after: Any = None  # the position of the last row of the part before
    limit: int | None = None


WHOLE = Part()
