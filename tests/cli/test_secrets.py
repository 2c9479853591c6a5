"""No password and no key is in the output of any command, whatever it looks like and however it is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.conftest import OwnRedis
from tests.cli.command_lines import EVERY_COMMAND, write_files
from tests.cli.conftest import Shell
from tests.cli.judging import PLAIN, STDIN
from tests.cli.processes import await_words, started

ADDRESSES = {
    "DATABASE_URL": ["postgresql://user:{}@127.0.0.1:9/name", "postgres://{}@127.0.0.1:9/name", "sqlite://{}@h/x"],
    "REDIS_URL": ["redis://:{}@127.0.0.1:9/0", "rediss://user:{}@127.0.0.1:9/0", "unix://:{}@/nowhere.sock"],
    "CELERY_BROKER_URL": ["redis://:{}@127.0.0.1:9/0"],
    "CAMPAIGNS_UPSTREAM_URL": ["https://user:{}@127.0.0.1:9", "http://127.0.0.1:9/?key={}", "ftp://u:{}@127.0.0.1"],
    "CAMPAIGNS_PROXY_URL": ["http://user:{}@127.0.0.1:9", "socks5://user:{}@127.0.0.1:9"],
    "ONLYFANSAPI_API_KEY": ["{}"],
    "CAMPAIGNS_API_KEY": ["{}"],  # no setting at all
}
"""Each setting that may hold a secret, in good and in wrong forms; `{}` is the secret."""

MARKS = [
    *"@/?#[]:%&=+ '\"\\$;<>`|{}~",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\N{GRINNING FACE}",
    "%40",
    "%zz",
    "://",
    "\t",
]

GOOD_ENOUGH = {
    "campaign_id": "1", "run_id": "1", "account_id": "acct_one", "user": "1", "users": "1", "file": "fans.csv",
    "expression": "0 18 * * FRI", "host": "x",
}  # fmt: skip
OPTIONS = {
    ("accounts", "release"): ["--reason", "x"],
    ("create",): ["--account", "acct_one", "--text", "Hi", "--users", "fans.csv"],
    ("edit",): ["--text", "Hi"],
    ("schedule", "backfill"): ["--from", "2026-11-19T10:00:00Z", "--to", "2026-11-20T10:00:00Z", "--dry-run"],
    ("schedule", "explain"): ["--zone", "UTC"],
    ("runs", "decide"): ["--all", "--as", "accepted", "--reason", "x"],
    ("probe",): ["--to", "5", "--yes"],
}
REASONED = {"pause", "resume", "cancel", "recall", "rerun", "add", "remove", "import", "forget", "skip-next"}


def line(path: tuple[str, ...]) -> list[str]:
    """A line of this command that goes as far as it can."""
    words = ["--log-level", "DEBUG", *path]
    words += [GOOD_ENOUGH[str(each.name)] for each in EVERY_COMMAND[path].params if str(each.name) in GOOD_ENOUGH]
    if path[-1] in REASONED and path[0] != "accounts":
        words += ["--reason", "x"]
    return words + OPTIONS.get(path, [])


EVERY_LINE = [line(path) for path in EVERY_COMMAND]

pieces = st.lists(st.from_regex(r"\A[A-Z][a-z0-9]{6}[A-Z]\Z"), min_size=1, max_size=3, unique=True)


@st.composite
def secrets(draw: st.DrawFn) -> tuple[list[str], str]:
    """The pieces of a secret, each of which nobody would write by chance, and the secret with marks around them."""
    found = draw(pieces)
    marks = [draw(st.sampled_from(["", *MARKS])) for _ in range(len(found) + 1)]
    return found, marks[0] + "".join(piece + mark for piece, mark in zip(found, marks[1:], strict=True))


@pytest.fixture
def furnished(shell: Shell) -> Shell:
    write_files(shell)
    shell.campaign()
    shell.ok("launch", "--yes", "1")
    return shell


@st.composite
def settings_with(draw: st.DrawFn) -> tuple[list[str], str, str]:
    """The pieces of a secret, and the setting that holds it: its name and its value."""
    found, secret = draw(secrets())
    name = draw(st.sampled_from(list(ADDRESSES)))
    written = draw(st.sampled_from([secret, quote(secret, safe="")]))
    return found, name, draw(st.sampled_from(ADDRESSES[name])).format(written)


def leaks(pieces_of_it: list[str], said: str) -> list[str]:
    return [piece for piece in pieces_of_it if piece.lower() in said.lower()]


def play(shell: Shell, monkeypatch: pytest.MonkeyPatch, examples: int, lines: list[list[str]]) -> None:
    """Let commands run with settings that hold secrets."""

    @settings(PLAIN, max_examples=examples)
    @given(found=settings_with(), words=st.sampled_from(lines))
    def each(found: tuple[list[str], str, str], words: list[str]) -> None:
        hidden, name, value = found
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            result = shell.run(*words, stdin=STDIN)
        assert not leaks(hidden, result.output + repr(result.exception)), (name, value, words, result.output)
        assert "Unexpected" not in result.stderr, (name, value, words, result.stderr)

    each()


@pytest.mark.usefixtures("ending")
def test_no_secret_is_in_the_output_of_any_command(furnished: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    play(furnished, monkeypatch, 80, EVERY_LINE)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("ending")
def test_none_of_thousands_is(furnished: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in EVERY_LINE:
        play(furnished, monkeypatch, 30, [words])


@pytest.fixture
def guarded() -> Iterator[Path]:
    """A Redis that wants a password; its socket."""
    with tempfile.TemporaryDirectory(prefix="campaigns-guarded-", dir="/tmp") as folder:
        server = OwnRedis(Path(folder), ("--requirepass", PASSWORD))
        server.start(password=PASSWORD)
        yield Path(folder, "socket")
        server.kill()


PASSWORD = "S3cr/etPW@x7#?"


def test_a_worker_that_runs_says_its_passwords_nowhere(
    furnished: Shell, guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"unix://:{quote(PASSWORD, safe='')}@{guarded}")
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_S3cr")
    monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    with started("worker") as process:
        said = await_words(process, " ready.")
    assert not leaks(["S3cr", "etPW"], said), said


def test_a_wrong_password_is_told_without_it(furnished: Shell, guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"unix://:Wr0ngPW@{guarded}")
    for words in (["doctor"], ["limits"], ["worker"], ["beat"]):
        result = furnished.run("--log-level", "DEBUG", *words)
        assert not leaks(["Wr0ngPW"], result.output), result.output
        assert result.exit_code == 75
