"""What everybody sees first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.embedded.left import alive, wait_until
from tests.stories.make_fans import FOLDER, make_files

MISLEADING = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ONLYFANSAPI_API_KEY": "ofapi_secret",
    "CAMPAIGNS_RATE_PER_MINUTE": "1",
}


def begin(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """The demo with an emptied environment, its home in `folder`."""
    told = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "campaigns", "demo", *words],
        cwd=folder,
        env=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_its_files_are_those_that_their_script_makes() -> None:
    assert {name: (FOLDER / name).read_text() for name in make_files()} == make_files()


def test_it_ends_well_whatever_the_settings_of_the_user(folder: Path) -> None:
    (folder / ".env").write_text("CAMPAIGNS_LEASE_SECONDS=nonsense\n")
    demo = begin(folder, "--json", **MISLEADING)
    out, err = demo.communicate(timeout=110)

    assert demo.returncode == 0, err
    answer: dict[str, Any] = json.loads(out)
    first, second = answer["runs"]
    assert answer["ok"]
    assert answer["differences"] == []
    assert answer["accepted_users"] == 20_000
    assert answer["sandbox"].pop("sends") > 200, "two batches were halved"
    assert answer["sandbox"] == {"users": 20_000, "users_accepted_twice": 0}
    assert (first["planned"], first["accepted"], first["rejected"]) == (20_000, 19_898, 2)
    assert (first["unknown"], first["cancelled"], first["excluded"]) == (0, 100, {"suppressed": 100})
    assert (second["planned"], second["accepted"], second["parent_run_id"]) == (102, 102, first["id"])
    assert "kill -9" in err
    assert "\x1b" not in err
    assert {path.name for path in folder.iterdir()} == {".env"}
    assert not alive(str(folder))


def test_interrupted_it_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory(prefix="campaigns-story-") as name:
        folder = Path(name)
        demo = begin(folder)
        wait_until(lambda: any("celery" in command for command in alive(name).values()))
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=30)
        assert demo.returncode == 130, err
        assert "interrupted" in err
        assert not alive(name)
        assert not list(folder.iterdir())
