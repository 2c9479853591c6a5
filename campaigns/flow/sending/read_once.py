"""What one claim of a lane reads from SQL once: messages and timings, which never change, and an account's probe."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from campaigns.domain.messages.message import Message
from campaigns.domain.schedules.timing import Timing

MOST_VALUES = 64
"""A lane keeps at most this many values of each sort; it forgets the one that was used longest ago first."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Newest(Generic[Key, Value]):
    """Values by key, at most MOST_VALUES of them. One thread serves a lane, so no lock is needed."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """The value of the key; `read` is called when it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = read()
        self._values[key] = value
        if len(self._values) > MOST_VALUES:
            self._values.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._values)


class ReadOnce:
    """What a lane has read during its claim."""

    def __init__(self) -> None:
        self.messages: Newest[int, Message] = Newest()  # by run
        self.timings: Newest[tuple[int, int], Timing] = Newest()  # by campaign and revision
        self.mark_up: Newest[str, bool | None] = Newest()  # by account: what its newest probe measured
