"""What the named stories of the law share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx

from tests.law import oracle
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.vendor import Post, Vendor

NORTH, SOUTH = 0, 1

Fares = Callable[[Post], httpx.Response]


def hold_the_law(world: Place) -> None:
    assert oracle.faults(world) == []


def come_to_rest(world: Place) -> None:
    """Everybody works, and operators decide by the truth, until nothing is open."""
    for _ in range(40):
        world.look_round(10)
        Operators(world).put_right()
        if not oracle.unended(world):
            break
    assert [*oracle.faults(world), *oracle.faults_at_the_end(world)] == []


def the_answer_cannot_be_written(world: Place, account: str) -> None:
    """The vendor accepts a request while the database goes away; the worker keeps the answer and dies."""

    def fate(_: Vendor, post: Post) -> httpx.Response:
        world.store.moods["away"] = True
        return post.accept()

    world.vendor.fate = fate
    world.serve(account)
    world.vendor.fate = None
    world.store.moods.clear()
    world.hosts[NORTH].die()


def first_then(*fates: Fares) -> Callable[[Vendor, Post], httpx.Response]:
    """The first POST fares so, the next one so, and all after it as the last."""
    left = list(fates)

    def fate(_: Vendor, post: Post) -> httpx.Response:
        return (left.pop(0) if len(left) > 1 else left[0])(post)

    return fate


def served(world: Place, *fates: Fares, account: str = "acct_one", host: int = NORTH) -> None:
    """A host serves a lane, and its POSTs fare so."""
    world.vendor.fate = first_then(*fates)
    world.serve(account, host=host)
    world.vendor.fate = None


def the_list_reaches_back(world: Place, account: str = "acct_one") -> None:
    """Another tool sent something an hour ago, so that the list shows what was before."""
    world.vendor.add_foreign(account, "Another tool's").at -= timedelta(hours=1)
    for message in world.vendor.foreign.values():
        message.date = message.at
