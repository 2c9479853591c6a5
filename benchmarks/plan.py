"""Plan: from a file of user IDs to batches that are ready to send, against reading and sorting that file bare."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from pyroaring import BitMap64

from benchmarks.measure import Figures, interleaved, medians, print_table, ratio, run_child
from benchmarks.plan_arms import ACCOUNT
from campaigns.flow.accounts.accounts import add_account
from campaigns.flow.audience.suppress import suppress
from campaigns.store.database.engine import open_store
from campaigns.store.database.migrations import upgrade

LARGEST_ID = 2_000_000_000
ROWS = 100_000
SUPPRESSED = 10_000
LINES_AT_ONCE = 100_000


def run(*, quick: bool) -> None:
    """Print the rounds and the table of each size."""
    with tempfile.TemporaryDirectory(prefix="campaigns-plan-") as folder:
        for size, rounds in ((100_000, 3),) if quick else ((1_000_000, 3), (10_000_000, 2)):
            _compare(Path(folder), size, rounds)


def _compare(folder: Path, size: int, rounds: int) -> None:
    file = folder / f"{size}.txt"
    _write_users(file, size)
    arms = {
        "ours": lambda: _fresh(folder, "ours", file),
        "bare sort": lambda: _fresh(folder, "bare", file),
        "Core row each": lambda: _scaled(folder, "core", file, size),
        "ORM row each": lambda: _scaled(folder, "orm", file, size),
    }
    found = interleaved(arms, rounds, f"plan {size}")
    rows = []
    for name, figures in found.items():
        middle = medians(figures)
        memory = f"{middle['peak_megabytes']:.0f} MB" if "peak_megabytes" in middle else "-"
        times = ratio(found["ours"]["seconds"], figures["seconds"])
        rows.append((name, f"{middle['seconds']:.2f} s", f"{middle['cpu']:.2f} s", memory, times))
    print_table(
        f"Plan of {size:,} lines; row-each arms measured at {ROWS:,} and scaled",
        ("arm", "time", "CPU", "peak memory", "ours as a multiple of it"),
        rows,
    )
    file.unlink()


def _write_users(file: Path, size: int) -> None:
    """Random IDs, a tenth of them written twice, in no order."""
    chance = random.Random(size)
    with file.open("w") as lines:
        for start in range(0, size, LINES_AT_ONCE):
            count = min(LINES_AT_ONCE, size - start)
            users = [chance.randrange(1, LARGEST_ID) for _ in range(count - count // 10)]
            users += users[: count // 10]
            chance.shuffle(users)
            lines.write("\n".join(map(str, users)) + "\n")


def _fresh(folder: Path, arm: str, file: Path) -> Figures:
    """One arm on a database of its own, with an account and some suppressions in it."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        url = f"sqlite:///{place}/campaigns.db"
        if arm == "ours":
            _found(url)
        done = run_child("benchmarks.plan_arms", arm, file, url)
        stored = Path(place) / "campaigns.db"
        figures = {name: done[name] for name in ("seconds", "cpu", "peak_megabytes")}
        if stored.exists():
            figures["database_megabytes"] = stored.stat().st_size / 1e6
        return figures


def _found(url: str) -> None:
    upgrade(url)
    store = open_store(url)
    add_account(store, ACCOUNT, upstream="sandbox", team=None, actor="benchmark")
    chance = random.Random(0)
    users = BitMap64(chance.randrange(1, LARGEST_ID) for _ in range(SUPPRESSED))
    suppress(store, users, account_id=None, reason="benchmark", actor="benchmark")
    store.close()


def _scaled(folder: Path, arm: str, file: Path, size: int) -> Figures:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        done = run_child("benchmarks.plan_arms", arm, file, f"sqlite:///{place}/rows.db", ROWS)
    return {"seconds": done["seconds"] * size / ROWS, "cpu": done["cpu"] * size / ROWS}
