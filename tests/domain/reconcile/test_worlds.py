"""The worlds of items and requests, against all of them listed one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.domain.reconcile.worlds import pairs_of_worlds
from tests.domain.reconcile.conftest import Steps

MOST = 5


def every_world(edges: list[frozenset[int]], clusters: list[frozenset[int]]) -> Iterator[tuple[int, ...]]:
    """Each way of giving every item a request of its own, in the order of the clusters."""
    rank = {request: number for number, cluster in enumerate(clusters) for request in cluster}
    for world in permutations(rank, len(edges)):
        ranks = [rank[request] for request in world]
        if ranks == sorted(ranks) and all(request in edge for request, edge in zip(world, edges, strict=True)):
            yield world


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    requests = draw(st.integers(1, MOST))
    cuts = sorted(draw(st.sets(st.integers(1, MOST - 1), max_size=MOST - 1)))
    ends = [cut for cut in cuts if cut < requests] + [requests]
    clusters = [frozenset(range(start, end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    edge = st.frozensets(st.integers(0, requests - 1), min_size=1)
    return draw(st.lists(edge, min_size=1, max_size=MOST)), clusters


@settings(max_examples=500, deadline=None)
@given(cases())
def test_the_pairs_are_those_of_all_worlds_listed_one_by_one(
    case: tuple[list[frozenset[int]], list[frozenset[int]]],
) -> None:
    edges, clusters = case
    worlds = list(every_world(edges, clusters))

    found = pairs_of_worlds(edges, clusters)

    if not worlds:
        assert found is None
    else:
        assert found == [frozenset(world[item] for world in worlds) for item in range(len(edges))]


def test_two_requests_one_after_the_other_have_their_items_in_that_order() -> None:
    both = frozenset({0, 1})

    assert pairs_of_worlds([both, both], [frozenset({0}), frozenset({1})]) == [frozenset({0}), frozenset({1})]
    assert pairs_of_worlds([both, both], [both]) == [both, both]
    assert pairs_of_worlds([both], [frozenset({0}), frozenset({1})]) == [both]
    assert pairs_of_worlds([both, both, both], [both]) is None


def test_many_requests_and_items_take_few_steps(steps: Steps) -> None:
    """Forty requests and fifty items: the steps grow with their product, and not with the number of worlds."""
    alone = [frozenset({number}) for number in range(40)]
    near = [frozenset(range(max(0, item - 12), min(40, item + 3))) for item in range(38)]
    everything = frozenset(range(40))

    pairs_of_worlds(near, alone)
    one_after_the_other = steps.pop()
    pairs_of_worlds([everything] * 40, [everything])
    all_at_once = steps.pop()
    pairs_of_worlds([everything] * 50, [everything])

    assert one_after_the_other < 10_000
    assert all_at_once < 20_000
    assert steps.pop() < 20_000
