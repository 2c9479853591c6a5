"""All ways in which listed items can belong to requests (worlds): which pairs occur in at least one world.

A world gives each item to one request, and each request at most one item. It keeps the order: if one request ended
before another began, the earlier request has the earlier item. Requests that were open at the same time form a cluster
without an order. The worlds are never enumerated: the clusters, in order, take one stretch of the items after the
other, so the work grows with the number of clusters times the number of items.
"""

from __future__ import annotations

from collections.abc import Sequence

Edges = Sequence[frozenset[int]]
"""For each item, in the order in which the vendor made them, the requests that it may belong to."""


def pairs_of_worlds(edges: Edges, clusters: Sequence[frozenset[int]]) -> list[frozenset[int]] | None:
    """For each item the requests that have it in some world; None when no world is possible.

    `clusters`: the requests; those without an order among them are in one cluster, the earliest cluster first.
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
    """For each cluster the stretches of items that it can take, after the clusters before it took all earlier items."""
    starts = {0}
    stretches = []
    for cluster in clusters:
        possible = [(first, last) for first in sorted(starts) for last in _lasts(edges, cluster, first)]
        stretches.append(possible)
        starts = {last for _, last in possible}
    return stretches


def _lasts(edges: Edges, cluster: frozenset[int], first: int) -> list[int]:
    """The ends of the stretches from `first` that a cluster can take, including the empty stretch."""
    taken: dict[int, int] = {}
    lasts = [first]
    for item in range(first, len(edges)):
        if not _give(item, edges, cluster, taken, set()):
            break  # a longer stretch cannot be taken either
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
    """For each item of a stretch the requests of the cluster that can have it while the whole stretch is taken."""
    taken: dict[int, int] = {}
    for item in range(len(edges)):
        _give(item, edges, cluster, taken, set())
    has = {item: request for request, item in taken.items()}
    # An item may move from its request to another one that has no item, or that can pass its own item on: at the end of
    # such a chain is a request without an item, or the first request again.
    passes = {has[item]: edges[item] & cluster for item in has}
    free = _leading_to({request for request in cluster if request not in taken}, passes)
    pairs = []
    for item in range(len(edges)):
        own = has[item]
        back = _leading_to({own}, passes)
        pairs.append({request for request in edges[item] & cluster if request == own or request in free | back})
    return pairs


def _leading_to(ends: set[int], passes: dict[int, frozenset[int]]) -> set[int]:
    """The requests from which items can be passed on until they reach one of these."""
    leading = set(ends)
    grown = True
    while grown:
        more = {request for request, others in passes.items() if request not in leading and others & leading}
        grown = bool(more)
        leading |= more
    return leading
