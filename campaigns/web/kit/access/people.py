"""What the pages and the API of access have in common: who may ask, and what an address names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from campaigns.domain.access.rights import Principal
from campaigns.domain.access.typed import LONGEST_NAME
from campaigns.web.desk import Admin

NAME = r"^[a-z0-9][a-z0-9._@+-]*$"
"""A name of an operator, as a pattern of OpenAPI."""


def every_account(by: Admin) -> Principal:
    """Who asks. Raises Forbidden for an admin of some accounts: they could give themselves the others."""
    by.require_every_account()
    return by


AdminOfAll = Annotated[Principal, Depends(every_account)]
OperatorName = Annotated[str, Path(max_length=LONGEST_NAME, pattern=NAME)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
