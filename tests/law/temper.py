"""What may happen in a story of the law, how likely it is, and which of it one story is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import httpx

from campaigns.domain.schedules.timing import Timing
from campaigns.flow.reconcile.decide import Verdict
from tests.law.hosts import LEASE
from tests.law.records import Memory
from tests.law.vendor import Killed, Mood, Post


def _die() -> httpx.Response:
    raise Killed


FATES: dict[str, Callable[[Post], httpx.Response]] = {
    "accepted": Post.accept,
    "answer lost": Post.lose_answer,
    "request lost": Post.lose_request,
    "late": lambda post: post.delay(2),
    "refused": lambda post: post.vendor.answer(422, {"message": "refused", "errors": {"text": ["no"]}}),
    "refused for a user": lambda post: post.vendor.answer(422, {"message": "refused"}),
    "throttled": lambda post: post.vendor.answer(429, {"message": "rate limit"}, **{"retry-after": "20"}),
    "logged out": lambda post: post.vendor.answer(403, {"message": "the account is logged out"}),
    "failed": lambda post: post.accept(failed=True),
    "no number": lambda post: (post.take(), post.vendor.answer(200, {"data": {}}))[1],
    "dies before": lambda _: _die(),
    "dies after": lambda post: (post.take(), _die())[1],
}
LIKELY = {
    "accepted": 6,
    "answer lost": 4,
    "request lost": 3,
    "late": 2,
    "refused": 2,
    "refused for a user": 1,
    "throttled": 1,
    "logged out": 1,
    "failed": 1,
    "no number": 1,
    "dies before": 1,
    "dies after": 2,
}
"""What becomes of a POST, and how likely each is in a story in which it happens at all."""

MEMORIES: list[tuple[Memory, tuple[Memory, Memory]]] = [
    ("kept", ("kept", "kept")),
    ("kept", ("kept", "restored")),
    ("kept", ("restored", "restored")),
    ("kept", ("lost", "lost")),
    ("restored", ("kept", "kept")),
    ("lost", ("kept", "kept")),
]
"""What is left of the fences' memories when a database is restored: Redis, or every home, whole. Without either
nothing is promised (docs/operating.md, Backups)."""

SAYINGS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"says": "News of today"},
    {"says": "you < me > them"},
    {"says": "a damn good one", "message": {"block_banned_words": "replace_soften"}},
    {"says": "Hello", "price": 5},
]
MOODS: list[Mood] = [
    *[Mood()] * 4,
    Mood(lag=timedelta(seconds=1)),
    Mood(depth=2),
    Mood(skew=timedelta(minutes=3)),
    Mood(skew=timedelta(minutes=-3)),
    Mood(without=frozenset({"sentCount"})),
    Mood(without=frozenset({"text"})),
    Mood(questions="away"),
    Mood(hides_calendar=True),
    Mood(questions="throttled"),
]
VERDICTS: tuple[Verdict, ...] = ("accepted", "accepted", "not-sent", "resend")
PAUSES = (0, 0, 2, 5)
WAITS = (1, 1, LEASE, LEASE, 60, 7200)
DAY = 24 * 3600.0
DAILY = Timing(cron="0 13 * * *", zone="UTC", max_runs=3)
"""An hour after the stories begin, and on the days after that."""

ACCOUNTS = ("acct_one", "acct_two", "acct_three")
MOST_CAMPAIGNS = 6
STEPS = 40
ROUNDS = 120

ALWAYS = ["serve"] * 10 + ["tick"] * 5 + ["wait"] * 4
SOMETIMES: list[list[str]] = [
    ["hang"] * 4 + ["answer"] * 3,
    ["die"],
    ["outage", "outage"],
    ["launch", "launch"],
    ["draft", "launch draft"],
    ["arm"],
    ["hand over"],
    ["arm daily", "next day", "next day"],
    ["account"],
    ["archive"],
    ["decide", "decide", "decide one", "decide one"],
    ["overrule", "overrule"],
    ["look"],
    ["rerun", "rerun", "rerun"],
    ["pause", "resume", "resume"],
    ["cancel"],
    ["recall"],
    ["release", "release"],
    ["suppress"],
    ["backup", "restore", "restore"],
    ["redis"],
    ["mood", "mood"],
    ["foreign"],
]
"""What may happen next, the likelier the oftener. A story has about half of these: all at once, few would meet."""


@dataclass
class Temper:
    """What a story is about."""

    accounts: list[str]
    what: list[str]
    fates: list[str]
    sayings: list[dict[str, Any]]
    resends: float

    @classmethod
    def of(cls, seed: int) -> Temper:
        """The one that a number stands for."""
        chance = Random(seed)
        what = [*ALWAYS, *(each for group in SOMETIMES if chance.random() < 0.5 for each in group)]
        met = [name for name in LIKELY if name == "accepted" or chance.random() < 0.4]
        return cls(
            accounts=list(ACCOUNTS[: chance.choice((1, 2, 3))]),
            what=what,
            fates=[name for name in met for _ in range(LIKELY[name])],
            sayings=SAYINGS[:3] if chance.random() < 0.5 else SAYINGS,
            resends=chance.choice((0.0, 0.0, 0.7)),
        )
