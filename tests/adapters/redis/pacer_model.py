"""The bracket in plain Python, written apart from the Lua text, to hold that to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class Slot:
    """One request that counts until `free_at`."""

    key: str
    granted_at: int
    free_at: int
    reserved: bool
    in_flight: bool = True


@dataclass
class ModelPacer:
    """Every method takes the time; all times are whole microseconds."""

    setting: int
    share: float
    window: int
    gap: int
    slots: list[Slot] = field(default_factory=list)
    next_start: dict[str, int] = field(default_factory=dict)
    cool_until: dict[str, int] = field(default_factory=dict)
    vendor: tuple[int, int] | None = None  # limit, when it was last believed
    foreign: tuple[int, int] = (0, 0)  # others' requests, until when
    question_until: int = 0  # a question waits for room, and is expected back until then

    def limit(self, now: int) -> int:
        if self.vendor is None:
            return self.setting
        others = self.foreign[0] if now < self.foreign[1] else 0
        return max(0, min(self.setting, self.vendor[0] - others))

    def reserve(self, now: int) -> int:
        return max(0, min(math.ceil(self.limit(now) * self.share - 1e-9), self.limit(now) - 1))

    def held(self, now: int) -> list[Slot]:
        return [slot for slot in self.slots if slot.free_at > now]

    def acquire(self, now: int, key: str, account: str, hold: int, reserved: bool) -> dict[str, int]:
        """What hinders it, and for how long: nothing when granted. The wait for the budget is not modelled (0)."""
        hindrances = {}
        if self.cool_until.get(account, 0) > now:
            hindrances["cool-down"] = self.cool_until[account] - now
        mine = next((slot for slot in self.held(now) if slot.key == key and slot.in_flight), None)
        if mine is None:
            if self._is_full(now, reserved):
                hindrances["team budget"] = 0
            if not reserved and self.next_start.get(account, 0) > now:
                hindrances["account gap"] = self.next_start[account] - now
        if hindrances:
            return hindrances
        if mine is not None:
            mine.free_at = max(mine.free_at, now + hold + self.window)
            mine.granted_at = now
            mine.reserved = mine.reserved or reserved
        else:
            for slot in self.slots:
                if slot.key == key:  # answered, or given up: it counts on, but the key means another request now
                    slot.key, slot.in_flight = f"{key} earlier", False
            self._forget(now, hold)
            self.question_until = 0 if reserved else self.question_until
            self.slots.append(Slot(key, now, now + hold + self.window, reserved))
        if not reserved:
            self.next_start[account] = max(self.next_start.get(account, 0), now + self.gap)
        return {}

    def _is_full(self, now: int, reserved: bool) -> bool:
        held, limit, reserve = self.held(now), self.limit(now), self.reserve(now)
        asking = sum(slot.reserved for slot in held)
        if len(held) >= limit:
            return True
        if reserved:
            return asking >= max(1, reserve)
        return len(held) - asking >= limit - (reserve or int(self.question_until > now))

    def question_waits(self, now: int, wait: int) -> None:
        """A question was told to come back for room after `wait`."""
        self.question_until = now + wait + 10_000_000

    def _forget(self, now: int, hold: int) -> None:
        self.slots = [slot for slot in self.slots if slot.free_at > now - 2 * self.window]
        for slot in self.slots:
            slot.in_flight = slot.in_flight and slot.granted_at > now - hold - self.window

    def answered(self, now: int, key: str, limit: int | None, remaining: int | None) -> None:
        slot = next((slot for slot in self.slots if slot.key == key), None)
        granted_at = slot.granted_at if slot is not None and slot.in_flight else None
        if slot is None:
            self.slots.append(Slot(key, now, now + self.window, reserved=False, in_flight=False))
        elif slot.in_flight:
            slot.free_at, slot.in_flight = now + self.window, False
        if limit is not None and (
            self.vendor is None or limit <= self.vendor[0] or now >= self.vendor[1] + self.window
        ):
            self.vendor = limit, now
        known = limit if limit is not None else self.vendor and self.vendor[0]
        if remaining is None or known is None or granted_at is None:
            return
        ours = sum(slot.free_at > granted_at for slot in self.slots)
        others = max(0, known - remaining - ours)
        if now >= self.foreign[1] or others >= self.foreign[0]:
            self.foreign = others, now + self.window

    def refund(self, now: int, key: str, account: str) -> None:
        slot = next((slot for slot in self.slots if slot.key == key and slot.in_flight), None)
        if slot is None:
            return
        self.slots.remove(slot)
        if self.next_start.get(account) == slot.granted_at + self.gap:
            del self.next_start[account]

    def cool_down(self, now: int, account: str, duration: int) -> None:
        self.cool_until[account] = max(self.cool_until.get(account, 0), now + duration)
