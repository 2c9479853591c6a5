"""Sets of users: packed, cut, disjoint, and left out with a reason."""

from __future__ import annotations

import hashlib
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap64

from campaigns.domain.audience.user_sets import (
    DIGEST_VERSION,
    cut,
    cut_packed,
    disjoint,
    is_digest_of,
    pack,
    set_digest,
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
    assert (
        packed.sha256 == set_digest(users) == hashlib.sha256(b"".join(user.to_bytes(8) for user in before)).hexdigest()
    )
    assert packed.sha256_version == DIGEST_VERSION


def test_a_digest_is_what_another_program_makes_of_the_ids() -> None:
    """Held to known digests: they are kept for years, and made by other versions of the bitmap's library."""
    assert pack(BitMap64([1, 2**32, 2**63 - 1])).sha256 == (
        "d399841b9b8569e9b8edf06f6e48b2e3b52c311bbe14b9e22ff010f3a4670d0c"
    )


@unhurried
@given(user_sets, user_sets)
def test_a_digest_is_right_for_its_own_set_alone(users: BitMap64, others: BitMap64) -> None:
    packed, other = pack(users), pack(others)
    first_version = hashlib.sha256(packed.blob).hexdigest()
    assert is_digest_of(users, packed.blob, packed.sha256, 2)
    assert is_digest_of(users, packed.blob, first_version, 1)
    assert is_digest_of(users, packed.blob, first_version, 2), "a batch that the previous release made smaller"
    assert not is_digest_of(users, packed.blob, packed.sha256, 1)
    assert not is_digest_of(users, packed.blob, packed.sha256, 3), "of a later release"
    for version in (1, 2):
        assert is_digest_of(others, other.blob, packed.sha256, version) == (version == 2 and users == others)


def odd_numbers_and_a_run(detour: str) -> BitMap64:
    """18 odd numbers and a run of 21: so many that both layouts of the bitmap take about the same room."""
    odd = BitMap64(range(1, 37, 2))
    users = BitMap64()
    users.add_range(1000, 1021)
    if detour == "one by one":
        users.run_optimize()
        for user in odd:
            users.add(user)
    elif detour == "taken out":
        users |= BitMap64(range(60))
        users.run_optimize()
        users -= BitMap64(range(60)) - odd
    else:
        users |= odd
    return users


@pytest.mark.parametrize("detour", ["one by one", "taken out", "joined"])
def test_a_set_laid_out_in_another_way_has_the_same_blob(detour: str) -> None:
    users = odd_numbers_and_a_run(detour)
    assert pack(users) == pack(BitMap64(list(users)))


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
    with pytest.raises(ValueError, match="is not possible"):
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
