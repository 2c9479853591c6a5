"""One story of the law, made up from a seed: everything that may happen, in any order, and then everything put right.

After each step the law is read off. Each step is made up from a number of its own, so that steps can be taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

import httpx

from campaigns.domain.errors import CampaignsError
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import RUN_OPEN
from tests.law import oracle
from tests.law.hosts import BATCH, LEASE
from tests.law.ledger import DATE
from tests.law.operators import Operators
from tests.law.place import Place
from tests.law.records import Batch, Books, Campaign, Copy
from tests.law.telling import the_list_reaches_back
from tests.law.temper import (
    DAILY,
    DAY,
    FATES,
    MEMORIES,
    MOODS,
    MOST_CAMPAIGNS,
    PAUSES,
    ROUNDS,
    STEPS,
    VERDICTS,
    WAITS,
    Temper,
)
from tests.law.vendor import Mood, Post, Vendor

Found = TypeVar("Found")


class Broken(AssertionError):
    """The law does not hold."""


class NothingToDo(Exception):
    """There is nothing of that kind now."""


@dataclass
class Story:
    """What happens at one place."""

    place: Place
    temper: Temper
    say: Callable[[str], object] = str
    copies: list[Copy] = field(default_factory=list)
    drafts: list[Campaign] = field(default_factory=list)
    redis_is_whole: bool = True  # it has lost nothing of the fences since the beginning
    homes_are_whole: bool = True

    def __post_init__(self) -> None:
        self.operators = Operators(self.place)

    def begin(self) -> None:
        """Hosts that have looked once, a run of each account, and a copy of it all."""
        chance = Random(0)
        for account in self.temper.accounts[:2]:
            self.place.account(account)
            the_list_reaches_back(self.place, account)
        self.place.look_round()
        for _ in self.temper.accounts[:2]:
            self.place.launch(self._written(chance))
        self._back_up()

    def step(self, seed: int) -> None:
        """What happens next, and whether the law holds after it. Raises Broken."""
        chance = Random(seed)
        what = chance.choice(self.temper.what)
        self.say(what)
        self.place.vendor.fate = lambda _, post: self._fate(chance, post)
        self.place.clock.advance(1)
        acts: dict[str, Callable[[Random], object]] = {
            **self._workers(),
            **self._writers(),
            **self._deciders(),
            **self._disasters(),
        }
        with suppress(CampaignsError):
            try:
                acts[what](chance)
            except NothingToDo:
                acts["serve"](chance)
        self.place.vendor.fate = None
        self._hold(oracle.faults(self.place))

    def end(self) -> None:
        """Everything works again, and operators decide by the truth: then all must come to its end. Raises Broken."""
        place = self.place
        place.vendor.mood = Mood()
        for host in place.hosts:
            host.answer_comes()
        for number in range(ROUNDS):
            place.look_round(10 if number % 10 else 3600)
            if number % 3 == 2:
                self.operators.put_right()
            if not oracle.unended(place):
                break
        self._hold([*oracle.faults(place), *oracle.faults_at_the_end(place)])

    def _hold(self, faults: list[str]) -> None:
        if faults:
            troubles = [repr(trouble) for host in self.place.hosts for trouble in host.troubles]
            raise Broken("\n".join([*faults, *dict.fromkeys(troubles)]))

    def _fate(self, chance: Random, post: Post) -> httpx.Response:
        fate = chance.choice(self.temper.fates)
        self.say(f"  {fate}: {sorted(post.users)}")
        return FATES[fate](post)

    def _workers(self) -> dict[str, Callable[[Random], object]]:
        place = self.place
        return {
            "serve": lambda chance: self._serve(chance, lambda host, account: host.serve(account)),
            "hang": lambda chance: self._serve(
                chance, lambda host, account: host.serve_until_it_hangs(account, takes=chance.random() < 0.7)
            ),
            "tick": self._tick,
            "wait": lambda chance: place.clock.advance(chance.choice(WAITS)),
            "answer": self._answer,
            "die": lambda chance: chance.choice(place.hosts).die(),
            "outage": self._outage,
        }

    def _writers(self) -> dict[str, Callable[[Random], object]]:
        place = self.place
        return {
            "launch": lambda chance: place.launch(self._written(chance)),
            "draft": lambda chance: self.drafts.append(self._written(chance)),
            "launch draft": self._launch_draft,
            "arm": lambda chance: place.launch(
                self._written(chance, starts_at=place.clock.now + timedelta(seconds=chance.choice((5, 60))))
            ),
            "hand over": lambda chance: place.launch(
                self._written(chance, starts_at=place.clock.now + timedelta(hours=1), timing=Timing(handoff=True))
            ),
            "arm daily": lambda chance: place.launch(self._written(chance, says=f"News of {DATE}", timing=DAILY)),
            "next day": lambda _: place.clock.advance(DAY),
            "account": self._account,
            "archive": lambda chance: self.operators.archive(self._one(chance, place.campaigns).id),
        }

    def _deciders(self) -> dict[str, Callable[[Random], object]]:
        act, run, batch = self.operators, self._run, self._batch
        return {
            "decide": lambda chance: act.decide(run(chance, _has("unknown")).id, chance.choice(VERDICTS)),
            "decide one": lambda chance: self._decide_one(chance, batch(chance, {"unknown"})),
            "overrule": lambda chance: self._decide_one(chance, batch(chance, {"accepted"})),
            "look": lambda chance: act.look(run(chance, _has("unknown")).id),
            "rerun": lambda chance: act.rerun(
                run(chance, _has("rejected", "cancelled")).id, cancelled=chance.random() < 0.7
            ),
            "resume": lambda chance: act.resume(run(chance, lambda found: bool(found.holds)).id),
            "pause": lambda chance: act.pause(run(chance, _is_open).id),
            "cancel": lambda chance: act.cancel(run(chance, _is_open).id),
            "recall": lambda chance: act.recall(run(chance, _has("accepted")).id),
            "release": lambda chance: act.release(self._one(chance, act.held_accounts())),
            "suppress": self._suppress,
        }

    def _decide_one(self, chance: Random, batch: Batch) -> None:
        verdict = chance.choice(VERDICTS)
        named = verdict == "accepted" and chance.random() < 0.5
        knows = verdict != "accepted" and chance.random() < 0.3
        despite = [each.id for each in self.place.ledger.out_to(batch.users)] if knows else []
        more = ", named" if named else f", despite {despite}" if despite else ""
        self.say(f"  batch {batch.seq} of run r{batch.run_id}: {verdict}{more}")
        self.operators.decide(batch.run_id, verdict, seq=batch.seq, named=named, despite=despite)

    def _disasters(self) -> dict[str, Callable[[Random], object]]:
        place = self.place
        return {
            "backup": lambda _: self._back_up(),
            "restore": self._restore,
            "redis": self._lose_redis,
            "mood": lambda chance: setattr(place.vendor, "mood", chance.choice(MOODS)),
            "foreign": self._foreign,
        }

    def _serve(self, chance: Random, how: Callable[[Any, str], object]) -> None:
        host, account = chance.choice(self.place.hosts), self._one(chance, self.place.accounts)
        self.place.clock.advance(chance.choice(PAUSES))
        if host.hanging is None:
            how(host, account)

    def _answer(self, chance: Random) -> None:
        """The answer to a request that hangs, in time, or when others have given it up."""
        host = self._one(chance, [host for host in self.place.hosts if host.hanging])
        if chance.random() < 0.7:
            self.place.clock.advance(LEASE + 1)
            chance.choice(self.place.hosts).tick()
        if chance.random() < 0.7:
            host.answer_comes()

    def _tick(self, chance: Random) -> None:
        host = chance.choice(self.place.hosts)
        host.tick()
        host.work()

    def _outage(self, chance: Random) -> None:
        """The database goes away while a request is at the vendor, and comes back when the worker has given up."""

        def fate(_: Vendor, post: Post) -> httpx.Response:
            self.place.store.moods["away"] = True
            return self._fate(chance, post)

        self.place.vendor.fate = fate
        try:
            self._serve(chance, lambda host, account: host.serve(account))
        finally:
            self.place.store.moods.clear()

    def _written(self, chance: Random, **draft: Any) -> Campaign:
        if len(self.place.ledger.says) >= MOST_CAMPAIGNS:
            raise NothingToDo
        account, users = chance.choice(self.place.accounts), chance.choice((2, 3, 4)) * BATCH
        resends = chance.random() < self.temper.resends
        return self.place.campaign(
            account, users=users, resends=resends, **{**chance.choice(self.temper.sayings), **draft}
        )

    def _account(self, chance: Random) -> None:
        self.place.account(
            self._one(chance, [each for each in self.temper.accounts if each not in self.place.accounts])
        )

    def _launch_draft(self, chance: Random) -> None:
        """Somebody launches a draft, who may not know that it was launched before the restore."""
        self.place.launch(self._one(chance, [each for each in self.drafts if each in self.place.campaigns]))

    def _suppress(self, chance: Random) -> None:
        campaign = self._one(chance, self.place.campaigns)
        users = chance.sample(campaign.users, 1)
        self.operators.suppress(users, chance.choice((None, campaign.account)))

    def _back_up(self) -> None:
        """Each host looks at Redis after it, as it does once a second: of one that did not, nothing is promised."""
        self.copies.append(self.place.backup())
        for host in self.place.hosts:
            host.tick()

    def _restore(self, chance: Random) -> None:
        """One memory of the fences stays whole through the whole story; without any, nothing is promised."""
        promised = [
            (redis, homes)
            for redis, homes in MEMORIES
            if (redis == "kept" or self.homes_are_whole) and (set(homes) == {"kept"} or self.redis_is_whole)
        ]
        copy, (redis, homes) = chance.choice(self.copies), chance.choice(promised)
        self.say(f"  of turn {copy.turn}: Redis {redis}, homes {homes}")
        self.redis_is_whole &= redis == "kept"
        self.homes_are_whole &= set(homes) == {"kept"}
        self.place.restore(copy, redis=redis, homes=homes)
        self.copies = [each for each in self.copies if each.turn <= copy.turn]

    def _lose_redis(self, chance: Random) -> None:
        part = chance.choice(("", "", "fences", "pace", ":slots", ":state"))
        if part in {"", "fences"} and not self.homes_are_whole:
            part = "pace"
        self.say(f"  {part or 'all of it'}")
        self.redis_is_whole &= part not in {"", "fences"}
        self.place.lose_redis(only=part)

    def _foreign(self, chance: Random) -> None:
        """Another tool sends: something else, or the same to more people than any batch of ours has."""
        account = chance.choice(self.place.accounts)
        if chance.random() < 0.5:
            self.place.vendor.add_foreign(account, "Another tool's")
        else:
            self.place.vendor.add_foreign(account, "Hello", range(1, 501))

    def _run(self, chance: Random, wanted: Callable[[Books], bool]) -> Books:
        return self._one(chance, [run for run in self.place.books() if wanted(run)])

    def _batch(self, chance: Random, states: set[str]) -> Batch:
        return self._one(chance, [each for run in self.place.books() for each in run.batches if each.state in states])

    def _one(self, chance: Random, among: Sequence[Found]) -> Found:
        if not among:
            raise NothingToDo
        return chance.choice(among)


def _has(*states: str) -> Callable[[Books], bool]:
    return lambda run: any(batch.state in states for batch in run.batches)


def _is_open(run: Books) -> bool:
    return run.state in RUN_OPEN


def play(place: Place, seed: int, *, steps: int = STEPS, say: Callable[[str], object] = str) -> None:
    """One whole story from a seed. Raises Broken where the law does not hold."""
    chance, story = Random(seed), Story(place, Temper.of(seed), say)
    story.begin()
    for _ in range(steps):
        story.step(chance.getrandbits(32))
    story.end()
