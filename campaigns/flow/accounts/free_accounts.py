"""Work through the things of many accounts, one of which somebody may keep locked, such as a host that vanished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from campaigns.domain.errors import DatabaseBusy

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def for_each_free(
    things: Iterable[Thing], account_of: Callable[[Thing], str], act: Callable[[Thing], Result]
) -> Iterator[Result]:
    """The result of the act for each thing. Where an account's lock is not free, its things wait for the next call.

    The act takes the lock with `hold_lane_briefly`, so a locked account costs one short wait, whatever it has.
    """
    busy: set[str] = set()
    for thing in things:
        if account_of(thing) in busy:
            continue
        try:
            yield act(thing)
        except DatabaseBusy:
            busy.add(account_of(thing))
