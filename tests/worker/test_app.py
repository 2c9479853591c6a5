"""The application as plain celery starts it."""

from __future__ import annotations

import os
import subprocess
import sys


def test_plain_celery_says_in_one_sentence_which_setting_is_wrong() -> None:
    command = [sys.executable, "-m", "celery", "-A", "campaigns.worker.app:app", "beat"]
    done = subprocess.run(
        command, env={**os.environ, "CAMPAIGNS_TICK_SECONDS": "0"}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Settings: CAMPAIGNS_TICK_SECONDS must be a number, ")
    assert done.stderr.count("\n") == 1
