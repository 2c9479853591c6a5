"""Bodies of requests: a field that no route knows is a fault, since it is a misspelt one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid")
"""Set as `__pydantic_config__` of every dataclass that is the body of a request."""


Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A number of a run, a campaign or an operation."""

Seq = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""A number of a batch."""


@dataclass(frozen=True, slots=True)
class WithReason:
    """Why somebody acts; the audit keeps it."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str
