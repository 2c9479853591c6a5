"""Whose key it is, as one process knows it: asked for once for all its accounts, and seldom.

What the vendor said is believed for some minutes. A failure is remembered too, for as long as the vendor asks to wait,
else ever longer: so the number of questions does not grow with the accounts, nor with how often their lanes are woken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from campaigns.domain.errors import TryLater, VendorAway, VendorRefused
from campaigns.domain.sending.pacing import back_off_seconds
from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind
from campaigns.flow.sending.ask_vendor import Asker, ask

BELIEVED_SECONDS = 300.0
"""How long the answer is believed. A key that is revoked is found by the next send anyway."""

LEAST_WAIT_SECONDS = 2.0
"""A failure is remembered for so long at least."""

WHOSE_KEY = Question(QuestionKind.TEAM, Purpose.TEAM)


class KnownTeam:
    """The slug of the team that the key belongs to. Safe to call from many threads: one asks, the others wait for it.

    Its clock must count while the machine is suspended.
    """

    def __init__(self, asker: Asker, chance: Callable[[], float]) -> None:
        self._asker = asker
        self._chance = chance
        self._lock = threading.Lock()
        self._team: str | None = None
        self._ask_at: float | None = None  # None: at once
        self._failures = 0
        self._obstacle: TryLater = VendorAway("whose key it is was not asked yet")

    def __call__(self) -> str:
        """The team. Raises VendorRefused once for each refusal; VendorAway or PacerAway: ask after `after_seconds`.

        While the vendor or the budget is away, what was known before is still believed: a key never changes its team.
        """
        with self._lock:
            left = 0.0 if self._ask_at is None else self._ask_at - self._asker.monotonic()
            if left <= 0:
                return self._ask()
            if self._team is None:
                raise type(self._obstacle)(str(self._obstacle), after_seconds=left)
            return self._team

    def _ask(self) -> str:
        gateway = self._asker.gateway
        try:
            self._team = ask(self._asker, WHOSE_KEY, gateway.team, lambda team: {"team": team})
        except VendorRefused as refusal:
            self._team = None
            self._fail(VendorAway(str(refusal)))
            raise
        except TryLater as away:
            self._fail(away)
            if self._team is None:
                raise
            return self._team
        self._failures = 0
        self._ask_at = self._asker.monotonic() + BELIEVED_SECONDS
        return self._team

    def _fail(self, obstacle: TryLater) -> None:
        self._failures += 1
        wait = obstacle.after_seconds or back_off_seconds(self._failures, self._chance())
        self._ask_at = self._asker.monotonic() + max(LEAST_WAIT_SECONDS, wait)
        self._obstacle = obstacle
