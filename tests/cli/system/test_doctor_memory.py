"""`doctor` on what is kept beside the database, and on what is paused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from campaigns.adapters.disk.spool import FileSpool
from campaigns.adapters.redis.fence_book import KeptFences
from campaigns.flow.runs.pause_resume_cancel import pause_run
from campaigns.ports import RequestUnknown
from campaigns.store.backup.hosts import add_host
from campaigns.store.views.fences import fenced_lanes
from tests.cli.conftest import Shell
from tests.servers import redis_server
from tests.world import ANNA, LOGGED_OUT, NOT_SENT, World


def checks(shell: Shell, part: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run("doctor", "--json").stdout)
    return [check for check in found if check["part"].startswith(part)]


def check(shell: Shell, part: str) -> dict[str, Any]:
    (found,) = checks(shell, part)
    return found


@pytest.fixture
def spool(shell: Shell) -> FileSpool:
    return FileSpool(shell.folder / "home")


def test_nothing_is_kept_on_a_host_where_all_is_well(shell: Shell) -> None:
    before = sorted((shell.folder / "home").iterdir())

    assert check(shell, "kept outcomes")["state"] == "ok"
    assert sorted((shell.folder / "home").iterdir()) == before


def test_outcomes_that_wait_for_the_database_are_counted_and_left_alone(shell: Shell, spool: FileSpool) -> None:
    spool.keep({"one": 1})
    spool.keep({"two": 2})

    for _ in range(2):
        found = check(shell, "kept outcomes")
        assert (found["state"], found["found"]) == ("fault", "2 outcomes on this host could not be written yet")
    assert spool.content().waiting == 2


def test_damaged_outcomes_are_told_before_and_after_they_are_put_aside(shell: Shell, spool: FileSpool) -> None:
    spool.keep({"one": 1})
    with (shell.folder / "home" / "outcomes.jsonl").open("a") as kept:
        kept.write('\n{"sum": "00000000", "kept"\n')

    damaged, waiting = checks(shell, "kept outcomes")
    assert (damaged["found"], damaged["exit_code"]) == ("1 line cannot be read; a worker will put them aside", 2)
    assert waiting["found"].startswith("1 outcome on this host")
    replayed = spool.replay(lambda _: None)

    found = check(shell, "kept outcomes")
    assert found["state"] == "note"
    assert str(replayed.aside) in found["found"]


def test_a_spool_that_cannot_be_read_is_a_fault(shell: Shell) -> None:
    (shell.folder / "home" / "outcomes.jsonl").mkdir()

    found = check(shell, "kept outcomes")
    assert (found["state"], found["found"]) == ("fault", "cannot be read (Is a directory)")


@pytest.fixture
def sent(shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shell, KeptFences, str]]:
    """An installation that has sent, with its real fence book, and the name of its lane."""
    shell.ok("launch", "--yes", str(shell.campaign()))
    world.serve()
    (name,) = world.fences.noted
    (shell.folder / "home" / "host").write_text(world.fences.host)
    with redis_server() as url, closing(KeptFences(url, shell.folder / "home")) as book:
        monkeypatch.setenv("REDIS_URL", url)
        book.tell()
        book.note(name, world.fences.noted[name])
        yield shell, book, name


def test_a_fence_book_that_agrees(sent: tuple[Shell, KeptFences, str]) -> None:
    found = check(sent[0], "fence book")
    assert (found["state"], found["found"]) == ("ok", "agrees with the database on 1 account")


def test_a_database_behind_its_fence_book_was_restored(sent: tuple[Shell, KeptFences, str], world: World) -> None:
    shell, book, name = sent
    with world.store.read() as connection:
        (lane,) = fenced_lanes(connection)
    book.note(name, lane.fence + 7)

    found = check(shell, "fence book")

    assert (found["part"], found["state"], found["exit_code"]) == ("fence book of acct_one", "fault", 4)
    assert found["found"].startswith(f"request {lane.fence + 7} was made, but the database knows none after")


def test_a_memory_that_was_lost_is_told(sent: tuple[Shell, KeptFences, str]) -> None:
    shell, book, name = sent
    (shell.folder / "home" / "fences" / name).unlink()
    assert check(shell, "fence book")["state"] == "ok", "another host may have sent"
    book._redis.flushall()

    found = check(shell, "fence book")

    assert found["state"] == "note"
    assert "is not noted in Redis and this host's file" in found["found"]
    book.tell()
    assert checks(shell, "host ") == []


def test_a_host_for_which_lanes_wait_is_named_with_the_way_out(
    sent: tuple[Shell, KeptFences, str], world: World
) -> None:
    shell, *_ = sent
    with world.store.write() as connection:
        add_host(connection, "ab" * 16, "worker-7", now=world.clock.now)

    found = check(shell, "host ")

    assert (found["part"], found["state"], found["exit_code"]) == ("host worker-7", "fault", 75)
    assert found["found"].startswith("has not compared its fences since Redis lost its state, so every lane waits")
    assert f"campaigns hosts forget {'ab' * 16} --reason TEXT" in found["fix"]
    shell.ok("hosts", "forget", "worker-7", "--reason", "it burned down")
    assert checks(shell, "host ") == []
    listed = {one["name"]: one["forget_reason"] for one in shell.ok("hosts", "list")}
    assert listed == {"host": None, "worker-7": "it burned down"}


def test_a_host_is_not_forgotten_without_a_reason(shell: Shell) -> None:
    refused = shell.run("hosts", "forget", "worker-7", "--reason", " ")

    assert (refused.exit_code, "--reason is empty" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("", "The host is empty", 2),
        (" ", "The host is empty", 2),
        ("e", "'e' is too short to name a host; give at least 8 characters", 2),
        ("ef" * 3, "is too short", 2),
        ("x", "There is no host 'x'", 3),
    ],
)
def test_a_host_is_not_forgotten_by_nothing_or_by_a_letter(
    shell: Shell, world: World, name: str, said: str, code: int
) -> None:
    with world.store.write() as connection:
        add_host(connection, "ef" * 16, "worker-7", now=world.clock.now)

    assert said in shell.refusal("hosts", "forget", name, "--reason", "x", code=code)

    assert [one["forgotten_at"] for one in shell.ok("hosts", "list")] == [None]
    assert shell.ok("hosts", "forget", "ef" * 4, "--reason", "x")["name"] == "worker-7"


def test_answers_to_lost_requests_are_named(shell: Shell, spool: FileSpool) -> None:
    def refuse(_: object) -> None:
        raise RequestUnknown

    spool.keep({"attempt": {"account_id": "acct_one", "fence": 3}, "outcome": {"message_id": "777"}})
    aside = spool.replay(refuse).lost_aside

    found = check(shell, "kept outcomes")

    assert found["state"] == "note"
    assert found["found"].startswith(f"{aside} has answers to requests that the database does not know")


def test_open_holds_are_told_with_the_way_out(shell: Shell, world: World) -> None:
    shell.ok("launch", "--yes", str(shell.campaign()))
    world.gateway.script = [LOGGED_OUT]
    world.serve()
    pause_run(world.store, 1, reason="too late", actor=ANNA)

    account, run = checks(shell, "hold")

    assert account["found"].startswith("account acct_one: account: the account is logged out")
    assert "accounts release acct_one" in account["fix"]
    assert (run["found"], run["state"]) == ("run r1: operator: too late", "note")
    assert "runs resume r1" in run["fix"]


def test_an_open_circuit_is_told(shell: Shell, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.store.database.engine.database_now", world.clock)  # one clock for all
    shell.ok("launch", "--yes", str(shell.campaign("--batch-size", "1")))
    world.gateway.script = [NOT_SENT] * 5
    assert checks(shell, "circuit") == []
    for _ in range(5):
        world.clock.advance(60)
        world.serve()

    found = check(shell, "circuit")

    assert found["found"].startswith("acct_one: 5 requests in a row came to nothing (circuit open")
    assert found["fix"].startswith("nothing: it is tried again, next at ")
