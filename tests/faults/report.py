"""What happened in a storm, and whether the law held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.oracle import Verdict


@dataclass
class Report:
    """What happened, and whether the law held."""

    database: str
    seed: int
    seconds: float
    kills: dict[str, int]
    cuts: dict[str, int]
    others: dict[str, int]
    upheavals: dict[str, int]
    operators: dict[str, int]
    attempts: dict[str, int]
    unknown: dict[str, int]
    requests: dict[str, int]
    busiest: dict[str, int]
    searches: int
    recovery: dict[str, float | None]
    verdict: Verdict

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        verdict = self.verdict.as_dict()
        return {**vars(self), "verdict": verdict, "ok": self.verdict.ok}

    def lines(self) -> list[str]:
        """For people."""
        found = self.verdict
        counts = [
            ("kills", self.kills),
            ("cuts", self.cuts),
            ("besides", self.others),
            ("upheavals", self.upheavals),
            ("operators", self.operators),
            ("attempts", self.attempts),
            ("unknown", self.unknown),
            ("requests", self.requests),
        ]
        recovery = "  ".join(f"{name} {'none' if value is None else value}" for name, value in self.recovery.items())
        return [
            f"storm on {self.database}, seed {self.seed}, {self.seconds:.0f} s",
            *(_line(name, of) for name, of in counts),
            f"busiest    {_words(self.busiest)} within a minute; {self.searches} searches of unknowns",
            f"recovery   {recovery} (seconds from a kill to the account's next send, looking left out)",
            f"accepted   {found.accepted} sends, {found.users} users",
            f"to decide  {found.unknown} unknown batches, {found.unknown_accepted} of them accepted by the vendor",
            f"duplicates {len(found.duplicates)}  losses {len(found.losses)}",
            f"wrong      message IDs {len(found.wrong_ids)}  texts or accounts {len(found.wrong_texts)}",
            f"besides    sends without an attempt {len(found.unannounced)}  two in flight {len(found.crowded)}"
            f"  over the budget {len(found.questions)}  surprised workers {len(found.surprises)}"
            f"  messages taken back {found.taken_back}"
            + (f"  doubled by the policy `resend`: {found.doubled_by_policy}" if found.doubled_by_policy else ""),
            *(f"  {fault}" for fault in found.faults),
        ]


def _line(name: str, counts: dict[str, int]) -> str:
    return f"{name:10} {sum(counts.values()):6}  {_words(counts)}"


def _words(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in sorted(counts.items()))
