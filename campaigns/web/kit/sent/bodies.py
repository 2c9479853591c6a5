"""Bodies of requests: a field that no route knows is a fault, since it is a misspelt one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid")
"""Set as `__pydantic_config__` of every dataclass that is the body of a request."""


@dataclass(frozen=True, slots=True)
class WithReason:
    """Why somebody acts; the audit keeps it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str
