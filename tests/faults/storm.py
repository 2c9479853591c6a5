"""`./run storm`: schedules against their oracle, kills and cuts at random, and the judgement. Exit 1 for any fault."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.domain.schedules.oracle.compare import compare_all
from tests.faults.installation import SHORT, Installation, database_server
from tests.faults.matrix import VENDOR as VENDOR_OF_THE_MATRIX
from tests.faults.matrix import run_matrix
from tests.faults.one_storm import raise_storm
from tests.faults.wanted import FAULTS, SETTINGS, Wanted


def main() -> int:
    """Exit 0 when nobody was messaged twice, nobody lost, and every message ID and text is right."""
    given = _arguments()
    wanted = Wanted(given.kills, given.cuts, given.seed, frozenset(FAULTS) - set(given.without))
    reports = [] if given.no_schedules else [compare_all(_say).as_dict()]
    if not given.only_schedules:
        _say("settings: " + "  ".join(f"{name}={value}" for name, value in {**SHORT, **SETTINGS}.items()))
    for database in [] if given.only_schedules else [given.database] if given.database else ["sqlite", "postgresql"]:
        if not given.no_matrix:
            reports.append(_matrix(database))
        with tempfile.TemporaryDirectory(prefix="campaigns-storm-") as folder:
            report = raise_storm(Path(folder), database, wanted, _say)
        for line in report.lines():
            _say(line)
        reports.append(report.as_dict())
    if given.json:
        json.dump(reports, sys.stdout, indent=2)
    return 0 if all(report["ok"] for report in reports) else 1


def _arguments() -> argparse.Namespace:
    faults = "; ".join(f"{name}: {words}" for name, words in FAULTS.items())
    parser = argparse.ArgumentParser(prog="./run storm", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], help="only this one; else one after the other")
    parser.add_argument("--kills", type=int, default=300, metavar="N", help="on each database; default 300")
    parser.add_argument("--cuts", type=int, default=300, metavar="N", help="on each database; default 300")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the storm's own chance; default 1")
    parser.add_argument("--without", nargs="+", choices=FAULTS, default=[], metavar="FAULT", help=f"leave out {faults}")
    parser.add_argument("--no-matrix", action="store_true", help="leave out the crash points one by one")
    parser.add_argument("--no-schedules", action="store_true", help="leave out the occurrences of schedules")
    parser.add_argument("--only-schedules", action="store_true", help="compare those with their oracle, and no more")
    parser.add_argument("--json", action="store_true", help="the reports as one JSON array on standard output")
    return parser.parse_args()


def _matrix(database: str) -> dict[str, Any]:
    with database_server(database) as server, tempfile.TemporaryDirectory(prefix="campaigns-matrix-") as folder:
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
