"""Every way in which listed items can belong to requests: which pairs occur in at least one of them.

A world gives each item to one request and each request at most one item, and keeps the order: of two requests of
which one had ended before the other began, the earlier one has the earlier item. Requests that were open at the same
time form a cluster, inside which no order is known. Worlds are never listed: the clusters stand in order and take
stretches of the items one after the other, so the work grows with the product of both.
"""

from __future__ import annotations

from collections.abc import Sequence

Edges = Sequence[frozenset[int]]
"""For each item, in the order in which the vendor made them, the requests that it may belong to."""


def pairs_of_worlds(edges: Edges, clusters: Sequence[frozenset[int]]) -> list[frozenset[int]] | None:
    """For each item the requests that have it in some world; None when there is no world.

    `clusters`: the requests, those that cannot be told apart by order together, the earliest first.
    """
    stretches = _reachable(edges, clusters)
    ends = {len(edges)}
    found: list[set[int]] = [set() for _ in edges]
    for cluster, possible in zip(reversed(clusters), reversed(stretches), strict=True):
        starts = set()
        for first, last in possible:
            if last in ends:
                starts.add(first)
                for item, requests in enumerate(_pairs_of_cluster(edges[first:last], cluster), start=first):
                    found[item] |= requests
        ends = starts
    return [frozenset(requests) for requests in found] if 0 in ends else None


def _reachable(edges: Edges, clusters: Sequence[frozenset[int]]) -> list[list[tuple[int, int]]]:
    """For each cluster the stretches of items that it can take whole, after the clusters before it took all before."""
    starts = {0}
    stretches = []
    for cluster in clusters:
        possible = [(first, last) for first in sorted(starts) for last in _lasts(edges, cluster, first)]
        stretches.append(possible)
        starts = {last for _, last in possible}
    return stretches


def _lasts(edges: Edges, cluster: frozenset[int], first: int) -> list[int]:
    """Where the stretches end that begin at an item and that a cluster can take whole, the empty one among them."""
    taken: dict[int, int] = {}
    lasts = [first]
    for item in range(first, len(edges)):
        if not _give(item, edges, cluster, taken, set()):
            break  # nor could it take more than these
        lasts.append(item + 1)
    return lasts


def _give(item: int, edges: Edges, cluster: frozenset[int], taken: dict[int, int], asked: set[int]) -> bool:
    """Give an item to a request of the cluster, moving others if that helps; `taken`: the item of each request."""
    for request in sorted(edges[item] & cluster):
        if request in asked:
            continue
        asked.add(request)
        if request not in taken or _give(taken[request], edges, cluster, taken, asked):
            taken[request] = item
            return True
    return False


def _pairs_of_cluster(edges: Edges, cluster: frozenset[int]) -> list[set[int]]:
    """For each item of a stretch the requests of the cluster that have it in some way of taking the whole stretch."""
    taken: dict[int, int] = {}
    for item in range(len(edges)):
        _give(item, edges, cluster, taken, set())
    has = {item: request for request, item in taken.items()}
    # An item may go from its request to another one when that one has none, or can pass its own on; in the end to a
    # request without any, or round to the first.
    passes = {has[item]: edges[item] & cluster for item in has}
    free = _leading_to({request for request in cluster if request not in taken}, passes)
    pairs = []
    for item in range(len(edges)):
        own = has[item]
        back = _leading_to({own}, passes)
        pairs.append({request for request in edges[item] & cluster if request == own or request in free | back})
    return pairs


def _leading_to(ends: set[int], passes: dict[int, frozenset[int]]) -> set[int]:
    """The requests from which items can be passed on until one of these."""
    found = set(ends)
    grown = True
    while grown:
        more = {request for request, others in passes.items() if request not in found and others & found}
        grown = bool(more)
        found |= more
    return found
