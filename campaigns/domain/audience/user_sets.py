"""Recipients are integer sets: read, subtract, cut, and pack them into blobs.

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
    "is_digest_of",
    "pack",
    "parse_user",
    "read_users",
    "set_digest",
    "subtract",
    "to_ids",
    "union",
    "unpack",
]


_LOWEST_BYTE_FIRST = array("H", [1]).tobytes() == b"\x01\x00"

DIGEST_VERSION = 2
"""The version of digests of sets: 2 is the SHA-256 of the IDs themselves, 1 was that of the blob."""


@dataclass(frozen=True, slots=True)
class UserSet:
    """A packed set of user IDs, as it is stored in a row. Equal sets are equal here, however they were made."""

    size: int
    first_user: int | None
    last_user: int | None
    sha256: str
    blob: bytes
    sha256_version: int = DIGEST_VERSION


def pack(users: BitMap64) -> UserSet:
    """The set for a row: blob, size, first and last ID, and the digest of its IDs."""
    return _packed(users.to_array())


def set_digest(users: BitMap64) -> str:
    """SHA-256 of the IDs in order, 8 bytes each, the most significant byte first: it depends only on the set."""
    return _digest_of_ids(users.to_array())


def is_digest_of(users: BitMap64, blob: bytes, sha256: str, version: int) -> bool:
    """Whether a stored digest of that version fits this set and its blob.

    The blob's own digest fits with any version: the previous release writes it when it removes users from a batch that
    this release has cut.
    """
    if version not in range(1, DIGEST_VERSION + 1):
        return False
    return sha256 == hashlib.sha256(blob).hexdigest() or (version > 1 and sha256 == set_digest(users))


def _packed(ids: array[int]) -> UserSet:
    """The set of IDs in order. The array is reversed in place, so the caller must not use it afterwards."""
    size, (first, last) = len(ids), (ids[0], ids[-1]) if ids else (None, None)
    # Built again from the IDs in order: the layout of a bitmap depends on what was done to it before.
    users = BitMap64(ids)
    users.run_optimize()
    return UserSet(size, first, last, _digest_of_ids(ids), users.serialize())


def _digest_of_ids(ids: array[int]) -> str:
    """The digest of IDs in order. The array is reversed in place, so the caller must not use it afterwards."""
    if _LOWEST_BYTE_FIRST:
        ids.byteswap()
    return hashlib.sha256(ids).hexdigest()


def unpack(blob: bytes) -> BitMap64:
    """The set in a blob made by `pack`."""
    return BitMap64.deserialize(blob)


def to_ids(blob: bytes) -> list[int]:
    """The IDs in a blob made by `pack`, in order, for the body of a request."""
    ids: list[int] = unpack(blob).to_array().tolist()
    return ids


def cut(users: BitMap64, size: int) -> Iterator[BitMap64]:
    """The set in pieces of `size` IDs, in ID order, so that their ranges are disjoint."""
    return map(BitMap64, _pieces(users, size))


def cut_packed(users: BitMap64, size: int) -> Iterator[UserSet]:
    """The pieces of `cut` for rows; `users` is copied once, at 8 bytes an ID."""
    return map(_packed, _pieces(users, size))


def _pieces(users: BitMap64, size: int) -> Iterator[array[int]]:
    if size < 1:
        raise ValueError(f"A batch of {size} users is not possible.")
    ids = users.to_array()
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


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
    """The users who are left, and those left out by each reason. The first reason that applies counts."""
    excluded: dict[str, BitMap64] = {}
    for reason, find in reasons:
        out = users & find()
        if out:
            excluded[reason] = out
            users = users - out
    return users, excluded
