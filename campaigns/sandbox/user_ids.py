"""The vendor's check of the users that a body names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from campaigns.sandbox.setup import LARGEST_USER_ID

LONGEST_USER_ID = len(str(LARGEST_USER_ID))


def user_id_faults(users: Any, cap: int | None) -> Iterator[tuple[str, str]]:
    """Every fault of a value of `userIds`, by field; `cap` is the most IDs that it may have."""
    if not isinstance(users, list):
        yield "userIds", "The userIds field must be an array."
        return
    if cap is not None and len(users) > cap:
        yield "userIds", f"The userIds field must not have more than {cap} items."
    if _are_plain_ids(users):
        return
    for place, user in enumerate(users):
        if not _is_user_id(user):
            yield f"userIds.{place}", f"The userIds.{place} field must be a user ID."


def _are_plain_ids(users: list[Any]) -> bool:
    """Whether all are strings of digits in range: much cheaper than one by one, for what clients usually send."""
    try:
        digits = "".join(users)
    except TypeError:
        return False
    if not (digits.isascii() and digits.isdecimal() and max(map(len, users)) <= LONGEST_USER_ID and all(users)):
        return False
    numbers = list(map(int, users))
    return min(numbers) > 0 and max(numbers) <= LARGEST_USER_ID


def _is_user_id(value: Any) -> bool:
    if type(value) is str:
        if not (value.isascii() and value.isdecimal() and len(value) <= LONGEST_USER_ID):
            return False
        value = int(value)
    return type(value) is int and 0 < value <= LARGEST_USER_ID
