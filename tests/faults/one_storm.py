"""One storm over one installation: kills, then cuts and upheavals, and the judgement."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import text

from tests.faults.acts import Acts
from tests.faults.installation import LEASE_SECONDS, Installation, database_server
from tests.faults.lost import requests_of
from tests.faults.operators import Operators
from tests.faults.oracle import Verdict, judge
from tests.faults.postgres_pair import PostgresPair, postgres_pair
from tests.faults.questions import RequestLog
from tests.faults.recovery import percentile, recovery_seconds
from tests.faults.report import Report
from tests.faults.surprises import surprises
from tests.faults.upheavals import Upheavals
from tests.faults.wanted import BUDGET, SETTINGS, VENDOR, Wanted
from tests.faults.work import Work

ACCOUNTS = 36
ENDS_WITHIN_SECONDS = 240.0
"""After the last fault. The longest wait by design is that for a lost wake-up to plan: a minute; and an operator is
sure of what reached the vendor only after a while."""

RECOVERS_WITHIN_SECONDS = LEASE_SECONDS + 6

STUCK_SECONDS = 120.0
"""A storm that finds nothing to kill for so long has found something else."""

SAID_EVERY_SECONDS = 10.0
FLOOD_EVERY_SECONDS = 3.0
READ_EVERY_SECONDS = 1.0
RESEND_SHARE = 0.15

OTHER_KILLS_SHARE = 0.15
"""Kills of a beat or of the vendor; all others hit a worker that is sending."""

MEDDLING_SHARE = 0.5
KILLS_AMONG_CUTS_SHARE = 0.15


class Storm:
    """One storm over one installation."""

    def __init__(
        self, site: Installation, pair: PostgresPair | None, wanted: Wanted, say: Callable[[str], None]
    ) -> None:
        self._site = site
        self._wanted = wanted
        self._say = say
        self._chance = random.Random(wanted.seed)
        self._work = Work(site.store, ACCOUNTS, resend_share=RESEND_SHARE)
        self._decides = "decisions" in wanted.faults
        self._log = RequestLog(site)
        self._acts = Acts(site, self._work, self._chance, before_the_vendor_dies=self._log.read)
        self._operators = Operators(site.store, self._work, site.ledger, self._chance, decides=self._decides)
        self._upheavals = Upheavals(site, pair, self._acts, self._operators, self._chance)
        self._waiting = wanted.upheavals(on_sqlite=site.on_sqlite)
        self._chance.shuffle(self._waiting)
        self._planned = len(self._waiting)
        self._began = time.monotonic()
        self._said = self._flooded = self._read = self._acted = self._began
        self._spares_workers = False

    def run(self, database: str) -> Report:
        """Raise it, let it end, judge."""
        self._acts.begin()
        self._rage(self._one_kill, lambda: sum(self._acts.kills.values()) >= self._wanted.kills)
        self._lull()
        seconds = recovery_seconds(self._site.store, self._acts.struck)
        self._rage(self._one_cut, self._had_enough_cuts)
        self._acts.calm()
        self._say("the last fault is over; waiting until everything has ended")
        self._wait_until_it_has_ended()
        self._log.read()
        searches = self._operators.searches + self._unknowns()
        return Report(
            database=database,
            seed=self._wanted.seed,
            seconds=round(time.monotonic() - self._began, 1),
            kills=dict(self._acts.kills),
            cuts=dict(self._acts.cuts),
            others=dict(self._acts.others),
            upheavals=dict(self._upheavals.done),
            operators=dict(self._operators.done),
            attempts=self._counted("SELECT kind, count(*) FROM attempt_outcome GROUP BY kind"),
            unknown=self._settled(),
            requests=self._log.counts(),
            busiest=self._log.busiest(),
            searches=searches,
            recovery={
                "count": float(len(seconds)),
                "p50": _rounded(percentile(seconds, 0.5)),
                "p95": _rounded(percentile(seconds, 0.95)),
                "max": _rounded(percentile(seconds, 1.0)),
            },
            verdict=self._judged(searches),
        )

    def _judged(self, searches: int) -> Verdict:
        unfinished = self._unfinished()
        verdict = judge(
            self._site.store,
            self._site.ledger,
            orders=self._work.orders,
            unfinished=unfinished,
            most_in_flight=max(self._acts.most_in_flight, self._site.most_in_flight()),
            lost=self._upheavals.lost,
            given_up=self._operators.given_up,
        )
        verdict.questions = self._log.faults(BUDGET, searches=searches, workers=self._site.starts["worker"])
        verdict.surprises = surprises(self._site.log("worker"))
        return verdict

    def _rage(self, act: Callable[[], bool], enough: Callable[[], bool]) -> None:
        """Act at random moments until it is enough."""
        self._acted = time.monotonic()
        pause = 0.0
        while not enough():
            now = time.monotonic()
            if now - self._acted > STUCK_SECONDS:
                raise RuntimeError("nothing was sent for so long that there was nothing to shake")
            self._tend(now)
            if now - self._acted >= pause and act():
                self._acted, pause = time.monotonic(), self._chance.uniform(0.1, 1.5)
            time.sleep(0.05)  # the pace of the storm

    def _lull(self) -> None:
        """Let the accounts of the last kills come back before the network fails: recovery is measured from kills."""
        until = time.monotonic() + RECOVERS_WITHIN_SECONDS
        while time.monotonic() < until:
            self._tend(time.monotonic())
            time.sleep(0.05)  # the pace of the storm

    def _one_kill(self) -> bool:
        if self._spares_workers:
            self._acts.kill_other()
        elif not self._acts.kill_worker():
            return False
        self._spares_workers = self._chance.random() < OTHER_KILLS_SHARE
        return True

    def _one_cut(self) -> bool:
        """A cut, and perhaps more; recalls and what befalls the database too, since recovery is measured from kills."""
        if self._chance.random() < 0.2:
            self._acts.something_else()
        if self._chance.random() < KILLS_AMONG_CUTS_SHARE:
            self._acts.kill_worker()
        if self._decides and self._chance.random() < MEDDLING_SHARE:
            self._operators.meddle()
        self._acts.cut()
        self._acts.take_back()
        done = self._planned - len(self._waiting)
        is_time = sum(self._acts.cuts.values()) * (self._planned + 1) >= self._wanted.cuts * (done + 1)
        if self._waiting and is_time and not self._upheavals.is_under_way:
            self._upheavals.begin(self._waiting.pop())
        return True

    def _had_enough_cuts(self) -> bool:
        enough = sum(self._acts.cuts.values()) >= self._wanted.cuts
        return enough and not self._waiting and not self._upheavals.is_under_way

    def _tend(self, now: float) -> None:
        """What goes on beside the faults: new work, operators, wake-ups nobody asked for, a line for people."""
        self._acts.bring_the_broker_back()
        self._upheavals.turn()
        self._work.feed()
        if now - self._read > READ_EVERY_SECONDS:
            self._read = now
            self._log.read()
        if now - self._flooded > FLOOD_EVERY_SECONDS:
            self._flooded = now
            self._acts.flood()
            self._operators.tend()
        if now - self._said > SAID_EVERY_SECONDS:
            self._said = now
            self._say(self._progress(now - self._began))

    def _progress(self, passed: float) -> str:
        kills, cuts = sum(self._acts.kills.values()), sum(self._acts.cuts.values())
        wanted = self._wanted.kills + self._wanted.cuts
        done = min(kills, self._wanted.kills) + min(cuts, self._wanted.cuts)
        eta = f"{(wanted - done) * passed / done / 60:.1f} min" if done else "unknown"
        upheavals = f"{sum(self._upheavals.done.values())}/{self._planned}"
        counts = f"kills {kills}/{self._wanted.kills}  cuts {cuts}/{self._wanted.cuts}  upheavals {upheavals}"
        return f"{counts}  {60 * done / passed:.0f}/min  left {eta}"

    def _wait_until_it_has_ended(self) -> None:
        give_up_at = time.monotonic() + ENDS_WITHIN_SECONDS
        while time.monotonic() < give_up_at:
            self._operators.tend(at_the_end=True)
            self._acts.keep_running()
            self._log.read()
            if self._operators.is_sure and not self._unfinished():
                return
            time.sleep(0.5)  # polling, with a deadline

    def _unfinished(self) -> list[str]:
        """What still has to come to an end; where operators decide, nothing is left unknown."""
        unknown = [f"batch {batch} is unknown, and nobody decided" for batch in self._work.given_up()]
        return [*self._work.unfinished(), *(unknown if self._decides else [])]

    def _unknowns(self) -> int:
        """How many requests had an outcome that nobody knew, in all databases that there were."""
        with self._site.store.read() as connection:
            return len(requests_of(connection).unknown | self._upheavals.lost.unknown)

    def _counted(self, statement: str) -> dict[str, int]:
        with self._site.store.read() as connection:
            return {row[0]: row[1] for row in connection.execute(text(statement))}

    def _settled(self) -> dict[str, int]:
        kinds = "('unknown_found', 'unknown_given_up', 'unknown_resent', 'answer_came_late')"
        settled = self._counted(f"SELECT kind, count(*) FROM event WHERE kind IN {kinds} GROUP BY kind")
        return {kind.removeprefix("unknown_").replace("_", " "): count for kind, count in settled.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


@contextmanager
def _server(database: str, wanted: Wanted) -> Iterator[tuple[str, PostgresPair | None]]:
    """The address of the database that a storm needs, and the pair behind it if its replica is to take over."""
    if database == "postgresql" and "promotions" in wanted.faults:
        with postgres_pair() as pair:
            yield pair.url, pair
    else:
        with database_server(database) as url:
            yield url, None


def raise_storm(
    folder: Path, database: str, wanted: Wanted, say: Callable[[str], None], *, broken: str | None = None
) -> Report:
    """One storm in `folder`, on `sqlite` or `postgresql`; `broken` names a build of tests.faults.broken.

    Raises NoServer when something that it needs is missing.
    """
    with _server(database, wanted) as (address, pair):
        site = Installation(
            folder,
            address,
            vendor=VENDOR,
            broken=broken,
            homes=2 if "homes" in wanted.faults else 1,
            pooled="pooler" in wanted.faults,
            settings=SETTINGS,
        )
        with closing(site):
            return Storm(site, pair, wanted, say).run(database)
