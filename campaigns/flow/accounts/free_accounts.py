"""Work through things of many accounts when one of those may be kept locked, as by a host that vanished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from campaigns.domain.errors import DatabaseBusy

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def for_each_free(
    things: Iterable[Thing], account_of: Callable[[Thing], str], act: Callable[[Thing], Result]
) -> Iterator[Result]:
    """What the act came to for each thing; all of an account are left for the next time once its lock was not free.

    The act takes the lock with `hold_lane_briefly`, so an account costs a moment, however many things it has.
    """
    busy: set[str] = set()
    for thing in things:
        if account_of(thing) in busy:
            continue
        try:
            yield act(thing)
        except DatabaseBusy:
            busy.add(account_of(thing))
