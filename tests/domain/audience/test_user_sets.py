"""Sets of users: packed, cut, disjoint, and left out with a reason."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import (
    cut,
    cut_packed,
    disjoint,
    pack,
    subtract,
    to_ids,
    union,
    unpack,
)
from tests.domain.audience.drawn import unhurried, user_sets


@unhurried
@given(user_sets)
def test_a_packed_set_keeps_everybody_and_leaves_the_set_as_it_was(users: BitMap64) -> None:
    before = list(users)
    packed = pack(users)
    assert list(users) == before
    assert list(unpack(packed.blob)) == before == to_ids(packed.blob)
    assert packed.size == len(before)
    assert (packed.first_user, packed.last_user) == ((before[0], before[-1]) if before else (None, None))
    assert packed.sha256 == hashlib.sha256(packed.blob).hexdigest()


@unhurried
@given(st.lists(st.integers(1, 200_000), max_size=300), st.sets(st.integers(1, 200_000)), st.integers(0, 9000))
def test_equal_sets_have_equal_blobs_however_they_came_about(ids: list[int], others: set[int], run: int) -> None:
    straight = BitMap64({*ids, *range(50_000, 50_000 + run)})
    detour = BitMap64(others)
    detour.add_range(50_000, 50_000 + run)
    detour |= BitMap64(ids)
    detour -= BitMap64(others) - straight
    assert pack(straight) == pack(detour)


@unhurried
@given(user_sets, st.integers(1, 60))
def test_cutting_loses_nobody_and_doubles_nobody(users: BitMap64, size: int) -> None:
    pieces = list(cut(users, size))
    assert [user for piece in pieces for user in piece] == list(users)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(1 <= len(piece) <= size for piece in pieces)
    assert disjoint(pieces)
    assert union(pieces) == users
    assert list(cut_packed(users, size)) == [pack(piece) for piece in pieces]


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nobody_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no batch"):
        list(cut_packed(BitMap64([1]), size))


@unhurried
@given(st.lists(st.sets(st.integers(1, 60), max_size=6), max_size=6))
def test_sets_are_disjoint_when_nobody_is_in_two_of_them(sets: list[set[int]]) -> None:
    everybody = [user for users in sets for user in users]
    assert disjoint(map(BitMap64, sets)) == (len(everybody) == len(set(everybody)))


@unhurried
@given(user_sets, st.lists(st.tuples(st.sampled_from("abc"), user_sets), max_size=3, unique_by=lambda r: r[0]))
def test_whoever_is_left_out_is_kept_with_the_first_reason(
    users: BitMap64, reasons: list[tuple[str, BitMap64]]
) -> None:
    left, excluded = subtract(users, [(reason, partial(BitMap64, out)) for reason, out in reasons])
    for user in users:
        why = next((reason for reason, out in reasons if user in out), None)
        assert [reason for reason, out in excluded.items() if user in out] == ([why] if why else [])
        assert (user in left) == (why is None)
    assert len(left) + sum(map(len, excluded.values())) == len(users)
