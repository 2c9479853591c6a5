"""Whatever is typed: a result or one sentence and a documented code, never "Unexpected" and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from tests.cli.command_lines import command_lines, write_files
from tests.cli.conftest import Shell
from tests.cli.judging import PLAIN, STDIN, judge, judge_result
from tests.cli.vendors import vendor
from tests.world import REJECTED, UNKNOWN, World

GO_ON = {("up",), ("demo",), ("sandbox",), ("worker",), ("beat",), ("web",), ("runs", "watch")}
"""Commands that do not end by themselves."""

PROCESSES = 200
PROCESS_SECONDS = 60.0


@pytest.fixture
def installation(shell: Shell, world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """With campaigns, runs of every outcome, a vendor and a Redis, so that commands have something to work on."""
    write_files(shell)
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    world.gateway.script = [UNKNOWN, REJECTED]
    world.serve_out()
    shell.ok("launch", "--yes", str(shell.campaign("--cron", "0 * * * *", "--zone", "UTC", "--often")))
    shell.campaign("--batch-size", "2", account="acct_two")
    shell.ok("suppress", "add", "77", "--reason", "asked")
    with vendor(accounts=["acct_one", "acct_two"]) as url:
        monkeypatch.setenv("CAMPAIGNS_UPSTREAM_URL", url)
        monkeypatch.setenv("REDIS_URL", redis_url)
        yield shell


def play(shell: Shell, examples: int) -> None:
    """So many command lines, one after the other, in one installation and one process."""
    codes: Counter[int] = Counter()

    @settings(PLAIN, max_examples=examples)
    @given(words=command_lines())
    def each(words: list[str]) -> None:
        result = shell.run(*words, stdin=STDIN)
        codes[result.exit_code] += 1
        judge_result(words, result)

    each()
    assert codes[0] > examples / 20, codes  # else nothing behind the check of what was typed was reached


@pytest.mark.usefixtures("ending")
def test_no_input_ends_in_a_traceback(installation: Shell) -> None:
    play(installation, 300)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("ending")
def test_none_of_ten_thousand_inputs_ends_in_a_traceback(installation: Shell) -> None:
    play(installation, 10_000)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nor_does_one_as_a_process_of_its_own(installation: Shell) -> None:
    lines: list[list[str]] = []

    @settings(PLAIN, max_examples=PROCESSES)
    @given(words=command_lines())
    def draw(words: list[str]) -> None:
        lines.append(words)

    draw()
    for words in lines:
        can_be_typed = [word.replace("\0", "") for word in words if len(word) < 50_000]
        if any(set(path) <= set(words) for path in GO_ON) or "--wait" in words:
            can_be_typed.append("--no-such-option")
        done = subprocess.run(
            [sys.executable, "-m", "campaigns", *(os.fsencode(word) for word in can_be_typed if _encodes(word))],
            input=STDIN,
            capture_output=True,
            check=False,
            timeout=PROCESS_SECONDS,
        )
        judge(can_be_typed, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def _encodes(word: str) -> bool:
    try:
        os.fsencode(word)
    except UnicodeEncodeError:
        return False
    return True
