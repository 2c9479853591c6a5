"""`./run storm`: schedules against their oracle, kills and cuts at random, and the judgement. Exit 1 for any fault."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.domain.schedules.oracle.compare import compare_all
from tests.faults.acts import Acts
from tests.faults.installation import LEASE_SECONDS, SHORT, Installation, database_server, wait_for
from tests.faults.matrix import VENDOR as VENDOR_OF_THE_MATRIX
from tests.faults.matrix import run_matrix
from tests.faults.oracle import Verdict, judge
from tests.faults.recovery import percentile, recovery_seconds
from tests.faults.work import Work

ACCOUNTS = 36
ENDS_WITHIN_SECONDS = 150.0
"""After the last fault. The longest wait by design is that for a lost wake-up to plan: a minute."""

RECOVERS_WITHIN_SECONDS = LEASE_SECONDS + 6

STUCK_SECONDS = 120.0
"""A storm that finds nothing to kill for so long has found something else."""

SAID_EVERY_SECONDS = 10.0
FLOOD_EVERY_SECONDS = 3.0
RESEND_SHARE = 0.15

OTHER_KILLS_SHARE = 0.15
"""Kills of a beat or of the vendor; all others hit a worker that is sending."""

VENDOR: dict[str, object] = {
    "limit_per_minute": None,
    "answer_seconds": 0.08,
    "rates": {
        "throttled_by_vendor": {"rate": 0.02, "retry_after": 1.0},
        "throttled_by_onlyfans": {"rate": 0.02, "retry_after": 1.0},
        "lost_answer": 0.015,
        "half_answer": 0.005,
        "answer_502_after_accepting": 0.01,
        "html_502_after_accepting": 0.005,
        "accepted_with_html": 0.005,
        "hang": {"rate": 0.01, "seconds": 5.0},
        "html_502": 0.005,
        "dropped_before_acting": {"rate": 0.005, "cut": "reset"},
        "answer_504_before_acting": 0.005,
        "refused_by_onlyfans": 0.005,
        "foreign_item": {"rate": 0.02, "text": "Written by another tool"},
    },
}
"""What the vendor does all the while; each of its lives draws anew. Refused connections come from its kills."""


@dataclass(frozen=True)
class Wanted:
    """How much of everything."""

    kills: int
    cuts: int
    seed: int


@dataclass
class Report:
    """What happened, and whether the law held."""

    database: str
    seed: int
    seconds: float
    kills: dict[str, int]
    cuts: dict[str, int]
    others: dict[str, int]
    attempts: dict[str, int]
    unknown: dict[str, int]
    recovery: dict[str, float | None]
    released: int
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        verdict = self.verdict.as_dict()
        return {**vars(self), "verdict": verdict, "ok": self.verdict.ok}

    def lines(self) -> list[str]:
        """For people."""
        found = self.verdict
        told = "  ".join
        recovery = told(f"{name} {'none' if value is None else value}" for name, value in self.recovery.items())
        counts = [
            ("kills", self.kills),
            ("cuts", self.cuts),
            ("besides", self.others),
            ("attempts", self.attempts),
            ("unknown", self.unknown),
        ]
        return [
            f"storm on {self.database}, seed {self.seed}, {self.seconds:.0f} s",
            *(
                f"{name:10} {sum(of.values()):6}  {told(f'{k} {v}' for k, v in sorted(of.items()))}"
                for name, of in counts
            ),
            f"recovery   {recovery} (seconds from a kill to the account's next send, looking left out)",
            f"accepted   {found.accepted} sends, {found.users} users; holds released {self.released}",
            f"to decide  {found.unknown} unknown batches, {found.unknown_accepted} of them accepted by the vendor",
            f"duplicates {len(found.duplicates)}  losses {len(found.losses)}  wrong message IDs {len(found.wrong_ids)}",
            f"besides    sends without an attempt {len(found.unannounced)}  two in flight {len(found.crowded)}"
            f"  messages taken back {found.taken_back}"
            + (f"  doubled by the policy `resend`: {found.doubled_by_policy}" if found.doubled_by_policy else ""),
            *(f"  {fault}" for fault in found.faults),
        ]


class Storm:
    """One storm over one installation."""

    def __init__(self, site: Installation, wanted: Wanted, say: Callable[[str], None]) -> None:
        self._site = site
        self._wanted = wanted
        self._say = say
        self._chance = random.Random(wanted.seed)
        self._work = Work(site.store, ACCOUNTS, resend_share=RESEND_SHARE)
        self._acts = Acts(site, self._work, self._chance)
        self._began = time.monotonic()
        self._said = self._flooded = self._acted = self._began
        self._spares_workers = False

    def run(self, database: str) -> Report:
        """Raise it, let it end, judge."""
        self._acts.begin()
        self._rage(self._one_kill, lambda: sum(self._acts.kills.values()) >= self._wanted.kills)
        self._lull()
        recovery = self._acts.struck[:]
        self._rage(self._one_cut, lambda: sum(self._acts.cuts.values()) >= self._wanted.cuts)
        self._acts.calm()
        self._say("the last fault is over; waiting until everything has ended")
        wait_for(self._has_ended, ENDS_WITHIN_SECONDS)
        most = max(self._acts.most_in_flight, self._site.most_in_flight())
        unfinished = self._work.unfinished()
        verdict = judge(self._site.store, self._site.ledger, unfinished=unfinished, most_in_flight=most)
        seconds = recovery_seconds(self._site.store, recovery)
        return Report(
            database=database,
            seed=self._wanted.seed,
            seconds=round(time.monotonic() - self._began, 1),
            kills=dict(self._acts.kills),
            cuts=dict(self._acts.cuts),
            others=dict(self._acts.others),
            attempts=self._counted("SELECT kind, count(*) FROM attempt_outcome GROUP BY kind"),
            unknown=self._unknown(),
            recovery={
                "count": float(len(seconds)),
                "p50": _rounded(percentile(seconds, 0.5)),
                "p95": _rounded(percentile(seconds, 0.95)),
                "max": _rounded(percentile(seconds, 1.0)),
            },
            released=self._work.released,
            verdict=verdict,
        )

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
        if self._chance.random() < 0.2:
            self._acts.something_else()
        self._acts.cut()
        self._acts.take_back()  # among cuts, since a lane takes back first, and recovery is measured from kills
        return True

    def _tend(self, now: float) -> None:
        """What goes on beside the faults: new work, an operator, wake-ups nobody asked for, a line for people."""
        self._acts.end_what_is_over()
        self._work.feed()
        if now - self._flooded > FLOOD_EVERY_SECONDS:
            self._flooded = now
            self._acts.flood()
            self._work.release()
        if now - self._said > SAID_EVERY_SECONDS:
            self._said = now
            self._say(self._progress(now - self._began))

    def _progress(self, passed: float) -> str:
        kills, cuts = sum(self._acts.kills.values()), sum(self._acts.cuts.values())
        done = kills + cuts
        left = self._wanted.kills + self._wanted.cuts - done
        eta = f"{left * passed / done / 60:.1f} min" if done else "unknown"
        rate = 60 * done / passed
        return f"kills {kills}/{self._wanted.kills}  cuts {cuts}/{self._wanted.cuts}  {rate:.0f}/min  left {eta}"

    def _has_ended(self) -> bool:
        self._work.release()
        self._acts.keep_running()
        return not self._work.unfinished()

    def _counted(self, statement: str) -> dict[str, int]:
        with self._site.store.read() as connection:
            return {row[0]: row[1] for row in connection.execute(text(statement))}

    def _unknown(self) -> dict[str, int]:
        kinds = "('unknown_found', 'unknown_given_up', 'unknown_resent', 'answer_came_late')"
        settled = self._counted(f"SELECT kind, count(*) FROM event WHERE kind IN {kinds} GROUP BY kind")
        return {kind.removeprefix("unknown_").replace("_", " "): count for kind, count in settled.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def raise_storm(folder: Path, server: str, wanted: Wanted, say: Callable[[str], None]) -> Report:
    """One storm in `folder` on `server`, which is sqlite or a PostgreSQL's address."""
    site = Installation(folder, server, vendor=VENDOR)
    with closing(site):
        return Storm(site, wanted, say).run("sqlite" if site.on_sqlite else "postgresql")


def main() -> int:
    """Exit 0 when nobody was messaged twice, nobody lost and every message ID is right."""
    parser = argparse.ArgumentParser(prog="./run storm", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one; else one after the other")
    parser.add_argument("--kills", type=int, default=300, metavar="N", help="on each database; default 300")
    parser.add_argument("--cuts", type=int, default=300, metavar="N", help="on each database; default 300")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the storm's own chance; default 1")
    parser.add_argument("--no-matrix", action="store_true", help="leave out the crash points one by one")
    parser.add_argument("--no-schedules", action="store_true", help="leave out the occurrences of schedules")
    parser.add_argument("--only-schedules", action="store_true", help="compare those with their oracle, and no more")
    parser.add_argument("--json", action="store_true", help="the reports as one JSON array on standard output")
    given = parser.parse_args()
    reports = [] if given.no_schedules else [compare_all(_say).as_dict()]
    if not given.only_schedules:
        _say("settings: " + "  ".join(f"{name}={value}" for name, value in SHORT.items()))
    for database in [] if given.only_schedules else [given.database] if given.database else ["sqlite", "postgresql"]:
        with database_server(database) as server:
            if not given.no_matrix:
                reports.append(_matrix(database, server))
            with tempfile.TemporaryDirectory(prefix="campaigns-storm-") as folder:
                report = raise_storm(Path(folder), server, Wanted(given.kills, given.cuts, given.seed), _say)
        for line in report.lines():
            _say(line)
        reports.append(report.as_dict())
    if given.json:
        json.dump(reports, sys.stdout, indent=2)
    return 0 if all(report["ok"] for report in reports) else 1


def _matrix(database: str, server: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="campaigns-matrix-") as folder:
        site = Installation(Path(folder), server, vendor=VENDOR_OF_THE_MATRIX)
        with closing(site):
            verdict, died = run_matrix(site)
    _say(f"crash points on {database}: {len(died)}, faults: {len(verdict.faults)}")
    for fault in verdict.faults:
        _say(f"  {fault}")
    return {"database": database, "crash_points": died, "verdict": verdict.as_dict(), "ok": verdict.ok}


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
