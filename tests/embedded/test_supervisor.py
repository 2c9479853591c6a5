"""The supervisor, over small children that write down what happens to them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embedded.left import alive, wait_until

CHILD = """\
import os, signal, sys, time
name, mode, log, ready = sys.argv[1:]
def note(word):
    with open(log, "a") as file:
        file.write(f"{word} {name} {os.getpid()} {os.getsid(0)}\\n")
def stop(*_):
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "deaf" else stop)
note("started")
if mode.startswith("exit"):
    sys.exit(int(mode[4:]))
if mode == "talks":
    os.write(1, b"one\\ntwo\\n" + b"x" * 1_000_000 + b"\\nlast, without an end")
open(ready, "w").close()
while True:
    signal.pause()
"""


class Family:
    """A supervisor, its parts, and the record they keep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.mark = f"FAMILY={folder}"
        self.said = folder / "said"
        self.parts: list[dict[str, Any]] = []

    def add(self, name: str, mode: str = "plain", *, grace: float = 20.0, ready: bool = True) -> None:
        flag = self.folder / f"{name}.ready"
        command = [sys.executable, "-SIc", CHILD, name, mode, str(self.log), str(flag)]
        self.add_command(name, command, grace=grace, ready=flag if ready else self.folder)

    def add_command(self, name: str, command: list[str], *, grace: float = 20.0, ready: Path | None = None) -> None:
        environment = {"PART": "yes", "FAMILY": str(self.folder)}
        self.parts.append(
            {
                "name": name,
                "command": command,
                "environment": environment,
                "ready": str(ready or self.folder),
                "grace": grace,
            }
        )

    def start(self, *, no_death_signal: bool = False, kept_open: tuple[int, ...] = (), to: Any = None) -> None:
        told = json.dumps({"parts": self.parts, "no_death_signal": no_death_signal, "kept_open": kept_open})
        with self.said.open("wb") as said:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.embedded.driver", told],
                env={"PATH": os.environ["PATH"], "FAMILY": str(self.folder)},
                cwd=Path(__file__).resolve().parents[2],
                stderr=said if to is None else to,
                pass_fds=kept_open,
            )

    def wait_ready(self) -> None:
        wait_until(lambda: "ready\n" in self.said.read_text())

    def record(self, word: str = "") -> list[str]:
        """What happened, in order, such as `started a`."""
        happened = [" ".join(line.split()[:2]) for line in self.log.read_text().splitlines()]
        return [line for line in happened if line.startswith(word)]

    def pids(self, name: str) -> list[int]:
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [int(line[2]) for line in lines if line[:2] == ["started", name]]

    def end(self, number: int = signal.SIGTERM) -> int:
        self.supervisor.send_signal(number)
        return self.supervisor.wait(30)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    made = Family(tmp_path)
    yield made
    for pid in alive(made.mark):
        # The first to die may take others along: they are bound to it.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    made.supervisor.wait(30)


def test_parts_start_in_order_each_after_the_one_before_is_ready(family: Family) -> None:
    for name in "abc":
        family.add(name)
    family.start()
    family.wait_ready()
    assert family.record() == ["started a", "started b", "started c"]


def test_a_part_that_is_not_ready_holds_up_the_next(family: Family) -> None:
    family.add_command(
        "a", [sys.executable, "-SIc", CHILD, "a", "plain", str(family.log), "/dev/null"], ready=Path("/no")
    )
    family.add("b")
    family.start()
    wait_until(lambda: family.record() == ["started a"])
    assert family.end() == 0
    assert family.record() == ["started a", "stopped a"]


def test_each_child_has_a_session_of_its_own(family: Family) -> None:
    family.add("a")
    family.start()
    family.wait_ready()
    pid, session = family.log.read_text().split()[2:4]
    assert pid == session


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_ends_all_in_reverse_order(family: Family, number: int) -> None:
    for name in "abc":
        family.add(name)
    family.start()
    family.wait_ready()
    assert family.end(number) == 0
    assert family.record("stopped") == ["stopped c", "stopped b", "stopped a"]
    wait_until(lambda: not alive(family.mark))


def test_a_stop_of_the_whole_group_ends_well_although_the_watcher_dies_first(family: Family) -> None:
    for name in "ab":
        family.add(name)
    family.start()
    family.wait_ready()
    # systemd signals every process of a unit at once: the watcher, which is in our group, is gone before we tell it.
    (watcher,) = (pid for pid, command in alive(family.mark).items() if "watcher.py" in command)
    os.kill(watcher, signal.SIGTERM)
    wait_until(lambda: watcher not in alive(family.mark))
    assert family.end() == 0
    assert "Traceback" not in family.said.read_text()
    assert family.record("stopped") == ["stopped b", "stopped a"]


def test_a_killed_part_starts_again(family: Family) -> None:
    family.add("a")
    family.add("b")
    family.start()
    family.wait_ready()
    os.kill(family.pids("a")[0], signal.SIGKILL)
    wait_until(lambda: len(family.pids("a")) == 2)
    assert len(family.pids("b")) == 1
    assert family.end() == 0
    assert "a ended with signal SIGKILL; it starts again in 0 s." in family.said.read_text()


def test_quick_deaths_in_a_row_end_everything(family: Family) -> None:
    family.add("a")
    family.add("b")
    family.start()
    family.wait_ready()
    for count in range(1, 5):
        wait_until(lambda count=count: len(family.pids("b")) == count)  # type: ignore[misc]
        os.kill(family.pids("b")[-1], signal.SIGKILL)
    assert family.supervisor.wait(30) == 1
    assert "b ended 4 times in a row, at last with signal SIGKILL. Everything is stopped." in family.said.read_text()
    assert family.record("stopped") == ["stopped a"]
    assert not alive(family.mark)


def test_a_part_that_gives_up_before_all_is_ready_ends_everything_with_its_code(family: Family) -> None:
    family.add("a")
    family.add("b", "exit75", ready=False)
    family.add_command("c", [sys.executable, "-c", ""], ready=Path("/no"))
    family.start()
    assert family.supervisor.wait(30) == 75
    assert "b ended with exit code 75 before everything was ready. Everything is stopped." in family.said.read_text()
    assert not alive(family.mark)


def test_a_command_that_does_not_exist_is_one_sentence(family: Family) -> None:
    family.add_command("a", ["/no/such/server"], ready=Path("/no"))
    family.start()
    assert family.supervisor.wait(30) == 127
    assert "a        | /no/such/server cannot be started: No such file or directory." in family.said.read_text()


def test_a_part_that_does_not_stop_is_killed_after_its_grace(family: Family) -> None:
    family.add("a")
    family.add("b", "deaf", grace=0.1)
    family.start()
    family.wait_ready()
    assert family.end() == 0
    assert "b did not stop in 0.1 s and is killed." in family.said.read_text()
    assert family.record("stopped") == ["stopped a"]
    assert not alive(family.mark)


def test_a_second_stop_kills(family: Family) -> None:
    family.add("a", "deaf", grace=600)
    family.start()
    family.wait_ready()
    family.supervisor.send_signal(signal.SIGINT)
    wait_until(lambda: "Stopping; once more kills." in family.said.read_text())
    assert family.end(signal.SIGINT) == 0
    assert not alive(family.mark)


def test_a_killed_supervisor_leaves_nobody(family: Family) -> None:
    for name in "abc":
        family.add(name)
    family.start()
    family.wait_ready()
    (watcher,) = [pid for pid, command in alive(family.mark).items() if "watcher.py" in command]
    os.kill(watcher, signal.SIGKILL)  # so that nobody is there but the kernel
    family.end(signal.SIGKILL)
    wait_until(lambda: not alive(family.mark))
    assert sorted(family.record("stopped")) == ["stopped a", "stopped b", "stopped c"]


def test_where_the_kernel_does_not_help_the_watcher_ends_all_in_reverse_order(family: Family) -> None:
    family.add("a")
    family.add("b", "deaf", grace=0.1)
    family.add("c")
    family.start(no_death_signal=True)
    family.wait_ready()
    assert len(alive(family.mark)) == 5  # three parts, the supervisor, and the watcher
    family.end(signal.SIGKILL)
    wait_until(lambda: not alive(family.mark))
    assert family.record("stopped") == ["stopped c", "stopped a"]


def test_a_lock_lasts_as_long_as_any_part(family: Family) -> None:
    family.add("a", "deaf", grace=0.3)
    with (family.folder / "lock").open("w") as ours, (family.folder / "lock").open("w") as theirs:
        fcntl.flock(ours, fcntl.LOCK_EX)
        family.start(kept_open=(ours.fileno(),))
        family.wait_ready()
        ours.close()
        assert alive(f"PART=yes\0{family.mark}")
        family.end(signal.SIGKILL)
        fcntl.flock(theirs, fcntl.LOCK_EX)  # waits for the last of them
        assert not alive(f"PART=yes\0{family.mark}")


def test_what_parts_say_stands_after_their_names(family: Family) -> None:
    family.add("a", "talks")
    family.start()
    family.wait_ready()
    wait_until(lambda: "two" in family.said.read_text())
    assert family.end() == 0
    lines = family.said.read_text().splitlines()
    assert "a        | one" in lines
    assert "a        | two" in lines
    assert "a        | last, without an end" in lines
    assert sum(line.count("x") for line in lines if line.startswith("a ")) == 1_000_000


def test_output_that_nobody_reads_stops_no_part(family: Family) -> None:
    reading, writing = os.pipe()
    family.add("a", "talks")
    family.start(to=writing)
    os.close(writing)
    wait_until((family.folder / "a.ready").exists)  # it got rid of a million bytes, which no pipe holds
    assert family.end() == 0
    os.close(reading)
