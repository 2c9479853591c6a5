"""User IDs as people type them into a page."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Path
from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user
from campaigns.domain.errors import InputFault, InvalidInput

MOST_TYPED = 10_000
"""Larger lists are files."""

WHAT_IT_REACHES = (
    "Batches that are planned and not sent yet leave them out. Requests that are in flight cannot be stopped."
)
"""What a suppression does beside the list."""

UserId = Annotated[int, Path(ge=1, le=LARGEST_USER_ID)]


def typed_user(text: str) -> int:
    """The user ID in a field. Raises InvalidInput."""
    user = parse_user(text.strip())
    if user is None:
        raise InvalidInput(
            InputFault(f"'{text}' is not a valid user ID; give a whole number from 1 to {LARGEST_USER_ID}", "user")
        )
    return user


def typed_users(text: str) -> BitMap64:
    """The user IDs in a field, with blanks, commas or semicolons between them. Raises InvalidInput."""
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if not words:
        raise InvalidInput(InputFault("names nobody; give at least one user ID", "users"))
    if len(words) > MOST_TYPED:
        raise InvalidInput(InputFault(f"has more than {MOST_TYPED:,} user IDs; import a file instead", "users"))
    bad = [word for word in words if parse_user(word) is None]
    if bad:
        listed = ", ".join(f"'{word}'" for word in bad[:5])
        what = "is not a valid user ID" if len(bad) == 1 else "are not valid user IDs"
        raise InvalidInput(
            InputFault(f"{listed} {what} (a whole number from 1 to {LARGEST_USER_ID}). Nothing was changed", "users")
        )
    return BitMap64([int(word) for word in words])


def where(account: str) -> str:
    """The accounts of a list of suppressions, in words; empty: all of them."""
    return f"account {account}" if account else "all accounts"
