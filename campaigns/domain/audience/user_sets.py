"""Recipients are integer sets: reading them, subtracting from them, cutting them, and packing them into blobs.

A packed set is the portable serialisation of a 64-bit Roaring bitmap (a public format, github.com/RoaringBitmap/
RoaringFormatSpec). Ten million random IDs take about two bytes each.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pyroaring import BitMap64

from campaigns.domain.audience.gathering import LARGEST_USER_ID, FileBooks, Reading, parse_user
from campaigns.domain.audience.recipient_file import read_users

__all__ = [
    "LARGEST_USER_ID",
    "FileBooks",
    "Reading",
    "UserSet",
    "cut",
    "cut_packed",
    "disjoint",
    "pack",
    "parse_user",
    "read_users",
    "subtract",
    "to_ids",
    "union",
    "unpack",
]


@dataclass(frozen=True, slots=True)
class UserSet:
    """A packed set of user IDs, as it stands in a row."""

    size: int
    first_user: int | None
    last_user: int | None
    sha256: str
    blob: bytes


def pack(users: BitMap64) -> UserSet:
    """The set as a row keeps it: blob, size, first and last ID, and the SHA-256 of the blob."""
    users.run_optimize()
    blob = users.serialize()
    size = len(users)
    first, last = (users.min(), users.max()) if size else (None, None)
    return UserSet(size, first, last, hashlib.sha256(blob).hexdigest(), blob)


def unpack(blob: bytes) -> BitMap64:
    """The set in a blob made by `pack`."""
    return BitMap64.deserialize(blob)


def to_ids(blob: bytes) -> list[int]:
    """The IDs in a blob made by `pack`, in order, as a request body needs them."""
    ids: list[int] = unpack(blob).to_array().tolist()
    return ids


def cut(users: BitMap64, size: int) -> Iterator[BitMap64]:
    """The set in pieces of `size` IDs, in ID order, so that their ranges are disjoint."""
    if size < 1:
        raise ValueError(f"A batch of {size} users is no batch.")
    ids = users.to_array()
    for start in range(0, len(ids), size):
        yield BitMap64(ids[start : start + size])


def cut_packed(users: BitMap64, size: int) -> Iterator[UserSet]:
    """The pieces of `cut` as rows keep them; `users` is copied once, at 8 bytes an ID."""
    return map(pack, cut(users, size))


def union(sets: Iterable[BitMap64]) -> BitMap64:
    """All users of the sets."""
    whole = BitMap64()
    for users in sets:
        whole |= users
    return whole


def disjoint(sets: Iterable[BitMap64]) -> bool:
    """Whether no user is in two of the sets, whatever their order; takes 8 bytes a user meanwhile."""
    ids = array("Q")
    for users in sets:
        ids.extend(users.to_array())
    return len(BitMap64(ids)) == len(ids)


def subtract(
    users: BitMap64, reasons: Iterable[tuple[str, Callable[[], BitMap64]]]
) -> tuple[BitMap64, dict[str, BitMap64]]:
    """Who is left, and who was left out by which reason; the first reason that applies keeps the user."""
    excluded: dict[str, BitMap64] = {}
    for reason, find in reasons:
        out = users & find()
        if out:
            excluded[reason] = out
            users = users - out
    return users, excluded
