from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from campaigns.domain.errors import UsageError
from campaigns.sandbox.ledger import Ledger
from campaigns.sandbox.server import Sandbox
from campaigns.sandbox.setup import Setup
from tests.sandbox.conftest import MASS, Start, plain_client
from tests.sandbox.processes import started

Begin = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    running: list[subprocess.Popen[bytes]] = []

    def start_process(*arguments: str) -> subprocess.Popen[bytes]:
        running.append(started(*arguments))
        return running[-1]

    yield start_process
    for process in running:
        process.kill()
        process.communicate()


def _listening(tmp_path: Path, begin: Begin) -> tuple[subprocess.Popen[bytes], httpx.Client]:
    url_file = tmp_path / "sandbox.url"
    url_file.unlink(missing_ok=True)
    process = begin("--port", "0", "--ledger", str(tmp_path / "ledger.jsonl"), "--url-file", str(url_file))
    assert process.stderr is not None
    assert b"listens" in process.stderr.readline()
    return process, plain_client(url_file.read_text().strip())


def test_a_kill_forgets_nothing_that_was_accepted(tmp_path: Path, begin: Begin) -> None:
    process, client = _listening(tmp_path, begin)
    answered: set[str] = set()
    enough = threading.Event()

    def keep_sending(account: int) -> None:
        with plain_client(str(client.base_url)) as mine:
            for number in range(10_000):
                user = str(account * 10_000 + number + 1)
                try:
                    response = mine.post(f"/api/acct_{account}/mass-messaging", json={"text": "Hi", "userIds": [user]})
                except httpx.TransportError:
                    return
                if response.status_code == 200:
                    answered.add(str(response.json()["data"]["id"]))
                if len(answered) > 60:
                    enough.set()

    with ThreadPoolExecutor(4) as pool:
        for account in range(4):
            pool.submit(keep_sending, account)
        assert enough.wait(30)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    client.close()
    _, again = _listening(tmp_path, begin)
    rows = again.get("/sandbox/accepted").json()["accepted"]
    again.close()
    kept = {row["id"] for row in rows}
    assert answered <= kept
    assert len(kept - answered) <= 4  # at most one a sender was accepted without its answer arriving
    users = [user for row in rows for user in row["user_ids"]]
    assert len(users) == len(set(users))


def test_a_new_life_continues_the_old_one(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    setup: dict[str, Any] = {
        "lists": {"fans": [50, 51]}, "delivery_start_seconds": 0, "delivery_seconds": 0, "credits": 100,
        "script": [
            {"fault": "lost_answer", "nth": 2}, {"fault": "foreign_item", "nth": 1, "text": "Other"},
            {"fault": "accepted_with_error_flag", "nth": 3}, {"fault": "users_skipped", "nth": 4},
            {"fault": "late_in_list", "nth": 5, "seconds": 5000},
        ],
    }  # fmt: skip
    first = start(ledger_file=ledger, **setup)
    sent = first.post(text="Grüße \U0001f31e", price=5, mediaFiles=["ofapi_media_1"]).json()["data"]["id"]
    with pytest.raises(httpx.RemoteProtocolError):
        first.post(userLists=["fans"], userIds=["7"])
    for _ in range(3):
        first.post(userIds=["8", "9"])
    later = first.post(scheduledDate="2099-01-01T00:00:00Z").json()["data"]["id"]
    first.client.put(f"{MASS}/{later}", json={"text": "Changed", "userIds": ["70"]})
    first.client.delete(f"{MASS}/{sent}")
    before = [first.accepted(), first.client.get(MASS).json()["data"], first.summary()["users"]]
    overview = first.client.get(f"{MASS}/overview").json()["data"]
    first.sandbox.stop()

    second = start(ledger_file=ledger, **{**setup, "script": []})
    assert [second.accepted(), second.client.get(MASS).json()["data"], second.summary()["users"]] == before
    assert second.client.get(f"{MASS}/overview").json()["data"] == overview
    assert second.client.get(f"{MASS}/{later}").json()["data"]["queue"]["text"] == "Changed"
    assert second.post(mediaFiles=["ofapi_media_1"]).status_code == 422
    fresh = second.post().json()
    assert fresh["data"]["id"] > max(row["id"] for row in before[1])
    assert fresh["_meta"]["_credits"]["balance"] < 100 - 6


def test_a_request_is_kept_as_it_came_whatever_its_form(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    first = start(ledger_file=ledger)
    bodies = [
        b'{"text": "one line", "userIds": ["1"]}',
        b'{\n "text": "several\\nlines",\r\n "userIds": ["1"]\n}\n',
        b' {"text": "spaces around", "userIds": ["1"]} ',
        '{"text": "UTF-16", "userIds": ["1"]}'.encode("utf-16"),
        b'{"text": "lone \\ud800 surrogate", "userIds": ["1"]}',
        b'{"text": "first", "text": "last", "userIds": ["1"]}',
    ]
    for body in bodies:
        assert first.client.post(MASS, content=body).status_code == 200
    before = first.accepted()
    first.sandbox.stop()
    lines = [json.loads(line) for line in ledger.read_bytes().splitlines()]
    assert [line["kind"] for line in lines] == ["accepted", "delivered"] * len(bodies)
    assert start(ledger_file=ledger).accepted() == before


def test_an_unfinished_last_line_is_cut_off(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    first = start(ledger_file=ledger)
    first.post()
    first.sandbox.stop()
    whole = ledger.read_bytes()
    ledger.write_bytes(whole + b'{"kind":"accepted","id":406')
    second = start(ledger_file=ledger)
    assert len(second.accepted()) == 1
    assert ledger.read_bytes() == whole
    second.post()
    second.sandbox.stop()
    assert len(start(ledger_file=ledger).accepted()) == 2


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(b'{"kind":"delivered","account":"acct_a","id":1}\nrubbish\n')
    with pytest.raises(UsageError, match="damaged in line 2"):
        Sandbox("127.0.0.1", 0, setup=Setup(), ledger_file=ledger)
    ledger.unlink()
    Sandbox("127.0.0.1", 0, setup=Setup(), ledger_file=ledger).stop()


def test_a_ledger_belongs_to_one_sandbox(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    first = start(ledger_file=ledger)
    with pytest.raises(UsageError, match="belongs to a sandbox that is running"):
        Sandbox("127.0.0.1", 0, setup=Setup(), ledger_file=ledger)
    first.sandbox.stop()
    start(ledger_file=ledger)


def test_a_ledger_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be opened: Is a directory"):
        Sandbox("127.0.0.1", 0, setup=Setup(), ledger_file=tmp_path)


def test_a_full_disk_is_an_answer_that_proves_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox = start(ledger_file=tmp_path / "ledger.jsonl")

    def refuse(file: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.sandbox.ledger.os.fsync", refuse)
        response = sandbox.post()
    assert response.status_code == 500
    assert "No space left" in response.json()["error"]
    assert sandbox.accepted() == []
    assert sandbox.post().status_code == 200


def test_a_line_that_did_not_fit_is_taken_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path)
    ledger.append(b'{"kind":"whole"}')
    real_write = os.write
    calls: list[int] = []

    def write_a_little(file: int, content: memoryview) -> int:
        calls.append(file)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return real_write(file, content[:5])

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.sandbox.ledger.os.write", write_a_little)
        with pytest.raises(OSError, match="No space"):
            ledger.append(b'{"kind":"cut"}')
    ledger.append(b'{"kind":"next"}')
    ledger.close()
    assert path.read_bytes() == b'{"kind":"whole"}\n{"kind":"next"}\n'


def test_forgetting_empties_the_ledger(start: Start, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    sandbox = start(ledger_file=ledger)
    sandbox.post()
    assert sandbox.client.delete("/sandbox/state").status_code == 200
    assert ledger.read_bytes() == b""
    assert sandbox.accepted() == []
    sandbox.post()
    assert len(sandbox.accepted()) == 1


def test_a_line_is_on_the_disk_before_the_answer_leaves(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sandbox = start(ledger_file=tmp_path / "ledger.jsonl")
    synced, go_on = threading.Event(), threading.Event()
    real_fsync = os.fsync

    def wait_and_sync(file: int) -> None:
        synced.set()
        go_on.wait(30)
        real_fsync(file)

    with monkeypatch.context() as patched, ThreadPoolExecutor(1) as pool:
        patched.setattr("campaigns.sandbox.ledger.os.fsync", wait_and_sync)
        answer = pool.submit(sandbox.post, timeout=30)
        assert synced.wait(30)
        with plain_client(sandbox.url) as other:
            assert other.get(MASS).json()["data"] == []  # what could still be lost is not shown
        assert not answer.done()
        go_on.set()
        assert answer.result().status_code == 200
