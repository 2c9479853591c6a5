"""What every benchmark needs: children whose cost is counted, interleaved rounds, medians, and how they are printed.

CPU is read from /proc, so the benchmarks run on Linux only.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaigns.embedded.parent_death import bound

ROOT = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0

Figures = Mapping[str, float]


def run_child(module: str, *arguments: object) -> dict[str, Any]:
    """Run one of our modules in a child of its own; answers the JSON object on the last line it printed."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    output = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    said: dict[str, Any] = json.loads(output.splitlines()[-1])
    return said


@contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A child that serves until the block ends; answers its process ID. It dies with us, however we end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            bound(command, signal.SIGKILL),
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            yield child.pid
        finally:
            child.send_signal(signal.SIGCONT)
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of all its descendants, those that ended included."""
    own = _stat(pid)
    return own + sum(cpu_seconds(child) for child in _children(pid))


def _stat(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, each.read_text().split())
    return found


def wait_until(is_so: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Poll until it is so; raises after `seconds`."""
    give_up_at = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what} took longer than {seconds:g} s")
        time.sleep(0.02)


def interleaved(
    arms: Mapping[str, Callable[[], Figures]], rounds: int, benchmark: str
) -> dict[str, dict[str, list[float]]]:
    """Run the arms A B A B ..., print one JSON line for each, and answer every figure of every arm in order."""
    results: dict[str, dict[str, list[float]]] = {name: {} for name in arms}
    for number in range(1, rounds + 1):
        for name, arm in arms.items():
            figures = arm()
            print(json.dumps({"benchmark": benchmark, "round": number, "arm": name, **_rounded(figures)}), flush=True)
            for figure, value in figures.items():
                results[name].setdefault(figure, []).append(value)
    return results


def _rounded(figures: Figures) -> dict[str, float]:
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def ratio(ours: Sequence[float], peers: Sequence[float]) -> str:
    """The median of the rounds' own ratios, and their range: what both arms met in a round cancels out."""
    pairs = sorted(own / peer for own, peer in zip(ours, peers, strict=True))
    return f"{statistics.median(pairs):.2f} ({pairs[0]:.2f} to {pairs[-1]:.2f})"


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in Markdown, as the documentation keeps it."""
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


def medians(figures: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The median of each figure."""
    return {name: statistics.median(values) for name, values in figures.items()}


def print_machine() -> None:
    """What it ran on, and how busy that was with other things: above one load for each core, read the ratios only."""
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(
        f"{platform.platform()}, Python {platform.python_version()}, {cores} cores, load {load:.2f} at the start",
        flush=True,
    )
