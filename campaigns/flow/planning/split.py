"""Cut the recipients of a run into batches that fit one request, in ID order, so that no two can overlap."""

from __future__ import annotations

from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import UserSet, cut_packed


def split(users: BitMap64, batch_size: int) -> list[UserSet]:
    """The batches of a run: each user in exactly one, by construction."""
    return list(cut_packed(users, batch_size))


def count_batches(recipients: int, batch_size: int) -> int:
    """How many batches that makes, without making them."""
    return -(-recipients // batch_size)
