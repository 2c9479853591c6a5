"""The team that the key belongs to, as one process knows it: asked once for all its accounts, and seldom.

The vendor's answer is used for some minutes. A failure is remembered too: for as long as the vendor asks to wait, else
for longer each time. So the number of questions grows neither with the accounts nor with the wake-ups of their lanes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from campaigns.domain.errors import TryLater, VendorAway, VendorRefused
from campaigns.domain.sending.pacing import back_off_seconds
from campaigns.domain.upstream.questions import Purpose, Question, QuestionKind
from campaigns.flow.sending.ask_vendor import Asker, ask

BELIEVED_SECONDS = 300.0
"""How many seconds the answer is used. The next send finds a key that was revoked anyway."""

LEAST_WAIT_SECONDS = 2.0
"""A failure is remembered for at least this many seconds."""

WHOSE_KEY = Question(QuestionKind.TEAM, Purpose.TEAM)


class KnownTeam:
    """The slug of the team that the key belongs to. Many threads may call it: one asks, and the others wait for it.

    The asker's clock must count while the machine is suspended.
    """

    def __init__(self, asker: Asker, chance: Callable[[], float]) -> None:
        self._asker = asker
        self._chance = chance
        self._lock = threading.Lock()
        self._team: str | None = None
        self._ask_at: float | None = None  # None: at once
        self._failures = 0
        self._obstacle: TryLater = VendorAway("the vendor was not asked yet which team the key belongs to")

    def __call__(self) -> str:
        """The team. Raises VendorRefused once for each refusal; VendorAway or PacerAway: ask after `after_seconds`.

        While the vendor or the budget is away, the team that was known before is used: a key never changes its team.
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
