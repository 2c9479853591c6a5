"""An operator's day: launching, watching, deciding, rerunning, suppressing, proving."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest

from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from tests.cli.conftest import Shell
from tests.cli.processes import GIVE_UP_SECONDS, await_words, started
from tests.servers import redis_server
from tests.world import LOGGED_OUT, REJECTED, UNKNOWN, World

BAD_KEY = Outcome(
    OutcomeKind.HELD, error="the key is wrong", http_status=401, hold=HoldOrder(HoldScope.TEAM, HoldKind.KEY)
)


@pytest.fixture
def launched(shell: Shell) -> Shell:
    """Run r1: five users in three batches, not sent yet."""
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "2")))
    return shell


def test_a_plan_shows_who_is_left_out(shell: Shell) -> None:
    campaign = str(shell.campaign("--batch-size", "2"))
    shell.ok("suppress", "add", "2", "5", "99", "--reason", "asked us to stop")
    plan = shell.ok("plan", campaign)
    assert (plan["recipients"], plan["batches"], plan["excluded"]) == (3, 2, {"suppressed": 2})
    assert plan["warnings"] == []


def test_a_launch_that_waits_ends_as_the_run_does(launched: Shell, world: World) -> None:
    world.serve()
    result = launched.run("runs", "watch", "1", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == launched.ok("runs", "show", "1")
    assert "run r1 finished: 5 of 5 accepted, 0 waiting; ended" in result.stderr


def test_watching_in_a_pipe_prints_lines_for_people(launched: Shell, world: World) -> None:
    world.serve()
    result = launched.run("runs", "watch", "1")
    assert result.stdout.splitlines() == [
        "run r1 finished: 5 of 5 accepted, 0 waiting; ended",
        "Run r1 is finished: 5 accepted.",
    ]


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ([REJECTED], 5, "2 rejected. `campaigns runs rerun r1 --reason TEXT`"),
        ([REJECTED, UNKNOWN], 6, "2 unknown. `campaigns runs decide r1`"),
        ([BAD_KEY], 7, "the key is wrong"),
        ([LOGGED_OUT], 7, "`campaigns accounts release acct_one --reason TEXT`"),
    ],
)
def test_how_a_watched_run_ends(launched: Shell, world: World, answers: list[Outcome], code: int, said: str) -> None:
    world.gateway.script = list(answers)
    world.serve_out()
    result = launched.run("runs", "watch", "1")
    assert result.exit_code == code
    assert said in result.stdout


def test_watching_a_paused_or_cancelled_run_ends_with_4(launched: Shell) -> None:
    launched.ok("runs", "pause", "1", "--reason", "wrong picture")
    result = launched.run("runs", "watch", "1")
    assert result.exit_code == 4
    assert "Run r1 is paused (wrong picture): 0 accepted, 5 waiting. `campaigns runs resume r1" in result.stdout
    launched.ok("runs", "resume", "1", "--reason", "corrected")
    launched.ok("runs", "cancel", "1", "--reason", "sold out")
    assert launched.run("runs", "watch", "1").exit_code == 4


def test_a_launch_may_wait_for_an_armed_campaign(shell: Shell) -> None:
    campaign = str(shell.campaign("--at", "2031-01-01T10:00:00Z"))
    with started("launch", "--yes", campaign, "--wait") as watching:
        said = await_words(watching, "waiting for its time")
        assert "Ctrl-C ends the waiting, not the campaign" in said
        watching.send_signal(signal.SIGINT)
        assert watching.wait(GIVE_UP_SECONDS) == 130
    assert shell.ok("list")[0]["state"] == "scheduled"


def test_ctrl_c_ends_the_watching_and_not_the_run(launched: Shell) -> None:
    with started("runs", "watch", "1") as watching:
        await_words(watching, "no beat was ever seen")
        watching.send_signal(signal.SIGINT)
        assert "run r1 goes on" in await_words(watching, "looks again")
        assert watching.wait(GIVE_UP_SECONDS) == 130
    assert launched.ok("runs", "show", "1")["state"] == "planned"


def test_an_unknown_is_decided_and_the_rejected_are_rerun(launched: Shell, world: World) -> None:
    world.gateway.script = [UNKNOWN, REJECTED]
    world.serve_out()
    assert [row["state"] for row in launched.ok("runs", "batches", "1")] == ["unknown", "rejected", "accepted"]
    assert [row["seq"] for row in launched.ok("runs", "batches", "1", "--state", "unknown")] == [1]
    decided = launched.ok("runs", "decide", "1", "--all", "--as", "accepted", "--message-id", "77", "--reason", "seen")
    assert (decided["batches"], decided["recipients"]) == ([1], 2)
    tried = launched.ok("runs", "rerun", "1", "--reason", "again", "--dry-run")
    assert (tried["run_id"], tried["recipients"]) == (None, 2)
    made = launched.ok("runs", "rerun", "1", "--reason", "again")
    assert (made["run_id"], made["parent_run_id"], made["recipients"], made["batches"]) == (2, 1, 2, 1)
    world.serve()
    assert launched.ok("runs", "show", "2")["accepted"] == 2
    assert [row["run_id"] for row in launched.ok("who", "3")] == [2, 1]
    assert [row["outcome"] for row in launched.ok("runs", "attempts", "1")] == ["unknown", "rejected", "accepted"]
    assert launched.ok("audit", "verify")["ok"] is True


def test_a_rerun_of_the_cancelled_may_name_batches(launched: Shell) -> None:
    launched.ok("runs", "cancel", "1", "--reason", "x")
    rerun = ("runs", "rerun", "1", "--cancelled", "--reason", "x", "--dry-run")
    assert launched.ok(*rerun)["recipients"] == 5
    assert launched.ok(*rerun, "--batch", "1", "--batch", "3")["recipients"] == 3
    assert launched.ok(*rerun, "--batch", "2-3")["recipients"] == 3
    assert launched.ok(*rerun, "--batch", "1,2-3")["recipients"] == 5


def test_suppressions_are_kept_for_all_accounts_or_for_one(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    path = shell.file("stop.csv", "name,user_id\nAnna,7\nBea,8\nAnna,7\n")
    imported = shell.ok("suppress", "import", path, "--account", "acct_one", "--reason", "chargeback")
    assert (imported["added"], imported["already"]) == (2, 0)
    assert shell.ok("suppress", "add", "7", "--reason", "asked us to stop")["added"] == 1
    assert [(row["user_id"], row["account"]) for row in shell.ok("suppress", "list")] == [
        ("7", None),
        ("7", "acct_one"),
        ("8", "acct_one"),
    ]
    assert len(shell.ok("suppress", "list", "--account", "acct_one")) == 2
    removed = shell.ok("suppress", "remove", "7", "9", "--reason", "came back")
    assert (removed["removed"], removed["absent"]) == (1, 1)


def test_the_audit_is_listed_in_pages_and_exported_whole(launched: Shell) -> None:
    listed = launched.ok("audit", "list")
    assert [row["id"] for row in launched.ok("audit", "list", "--after", "1", "--limit", "1")] == [listed[1]["id"]]
    assert {row["run_id"] for row in launched.ok("audit", "list", "--run", "1")} == {1}
    lines = launched.run("audit", "export").stdout.splitlines()
    assert [json.loads(line) for line in lines] == listed
    rows = list(csv.DictReader(launched.run("audit", "export", "--format", "csv").stdout.splitlines()))
    assert [row["kind"] for row in rows] == [row["kind"] for row in listed]
    written = launched.folder / "audit.csv"
    assert launched.run("audit", "export", "--format", "csv", "--output", str(written)).exit_code == 0
    assert len(list(csv.DictReader(written.read_text().splitlines()))) == len(listed)


def test_a_reason_is_no_formula_in_a_spreadsheet(launched: Shell) -> None:
    launched.ok("runs", "pause", "1", "--reason", "=HYPERLINK(1)")
    rows = csv.DictReader(launched.run("audit", "export", "--format", "csv").stdout.splitlines())
    assert "'=HYPERLINK(1)" in [row["reason"] for row in rows]


def test_a_whole_list_with_suppressions_needs_a_yes(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    shell.ok("create", "--account", "acct_one", "--text", "Hi", "--list", "7")
    shell.ok("suppress", "add", "5", "--reason", "x")
    assert "--accept-suppressed" in shell.refusal("launch", "1", code=4)
    shell.ok("edit", "1", "--accept-suppressed")
    assert shell.ok("launch", "--yes", "1")["run_id"] == 1


def test_who_asks_is_named_in_the_audit(launched: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "anna")
    launched.ok("runs", "pause", "1", "--reason", "x")
    assert launched.ok("audit", "list")[-1]["actor"] == "operator:anna"


def test_without_a_key_every_screen_that_matters_says_so(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = str(shell.campaign())
    for command in (("plan", campaign), ("launch", campaign), ("edit", campaign, "--name", "x")):
        assert "No vendor key is set: everything goes to the local sandbox." in shell.run(*command).stderr
    monkeypatch.setenv("ONLYFANSAPI_API_KEY", "ofapi_x")
    assert "sandbox" not in shell.run("plan", campaign).stderr


def test_options_of_the_command_itself_win_over_the_environment(shell: Shell) -> None:
    elsewhere = f"sqlite:///{shell.folder / 'other.db'}"
    assert shell.run("--database-url", elsewhere, "db", "upgrade").exit_code == 0
    assert (shell.folder / "other.db").exists()
    assert shell.run("--home", str(shell.folder / "new"), "list").exit_code == 4


def test_doctor_names_each_part_and_the_first_fault(shell: Shell) -> None:
    result = shell.run("doctor", "--json")
    found = {check["part"]: check["state"] for check in json.loads(result.stdout)}
    assert result.exit_code == 75
    assert {part: found[part] for part in ("settings", "database", "migrations")} == dict.fromkeys(
        ("settings", "database", "migrations"), "ok"
    )
    assert {part: found[part] for part in ("beat", "worker", "redis", "vendor")} == dict.fromkeys(
        ("beat", "worker", "redis", "vendor"), "fault"
    )


def test_doctor_knows_a_database_that_is_not_migrated(empty_shell: Shell) -> None:
    assert empty_shell.run("doctor").exit_code == 4


def test_doctor_knows_wrong_settings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMPAIGNS_BATCH_SIZE", "0")
    result = shell.run("doctor")
    assert result.exit_code == 2
    assert "CAMPAIGNS_BATCH_SIZE" in result.stdout


def test_doctor_looks_at_redis(shell: Shell, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_url)
    found = {check["part"]: check for check in json.loads(shell.run("doctor", "--json").stdout)}
    assert found["redis"]["state"] == found["redis clock"]["state"] == "ok"
    assert found["redis persistence"]["fix"] == "set appendonly yes"


def test_a_role_becomes_the_celery_command_that_it_prints(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server() as url, monkeypatch.context() as patch:
        patch.setenv("REDIS_URL", url)
        with started("worker", "--threads", "5") as worker, started("--log-level", "INFO", "beat") as beat:
            assert "celery -q -A campaigns.worker.app:app beat -l INFO" in await_words(beat, "celery")
            said = await_words(worker, "ready.")
            assert "celery -q -A campaigns.worker.app:app worker -l INFO -P threads -c 5" in said
            await_signs(shell)
            for role in (worker, beat):
                role.send_signal(signal.SIGTERM)
                role.communicate(timeout=GIVE_UP_SECONDS)
                assert role.returncode == 0


def test_watching_on_a_terminal_draws_a_bar(launched: Shell, world: World) -> None:
    world.serve()
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "campaigns", "runs", "watch", "1"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, env=environment, check=False)
    os.close(theirs)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "━" in drawn
    assert "5 of 5 accepted" in drawn
    assert done.stdout == b"Run r1 is finished: 5 accepted.\n"


def test_reading_a_big_file_shows_progress_on_a_terminal(shell: Shell) -> None:
    shell.ok("accounts", "add", "acct_one")
    shell.file("big.txt", "".join(f"{user}\n" for user in range(10_000_000, 10_600_000)))
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "campaigns",
        *("create", "--account", "acct_one", "--text", "Hi", "--users", "big.txt"),
    ]
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=False)
    os.close(theirs)
    drawn = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert re.search(r"\rReading 'big.txt': 1.0 of 5.4 MB \(19 %\), ", drawn)
    assert "Read 600,000 user IDs." in drawn


def await_signs(shell: Shell) -> None:
    """Wait until beat's tick has come through Redis, worker and database."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        found = {check["part"]: check["state"] for check in json.loads(shell.run("doctor", "--json").stdout)}
        if found["beat"] == found["worker"] == "ok":
            return
    raise AssertionError(found)
