"""How any command may end, whatever it was given."""

from __future__ import annotations

import json

from click.testing import Result
from hypothesis import HealthCheck, settings

from campaigns.cli.kit.agree import INTERRUPTED
from campaigns.cli.main import EXIT_CODES, READER_GONE
from campaigns.cli.runs.progress import EXIT_CODES as ENDS

CODES = {*EXIT_CODES.values(), *ENDS.values(), INTERRUPTED, READER_GONE}

STDIN = b"1\n2\n3\n"
"""What each command can read."""

PLAIN = settings(deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
"""The same examples each time, and one installation for all of them."""


def judge(words: list[str], code: int, out: str, err: str) -> None:
    """Say what is wrong with how a command ended."""
    assert code in CODES, (words, code, err)
    assert code != 1 or "audit" in words, (words, err)
    assert "Unexpected" not in err, (words, err)
    assert "Traceback" not in out + err, (words, err)
    if code == 0 and "--json" in words and not {"--help", "-h", "--version"} & set(words):
        json.loads(out)


def judge_result(words: list[str], result: Result) -> None:
    assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exception)
    judge(words, result.exit_code, result.stdout, result.stderr)
