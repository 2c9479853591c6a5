"""`campaigns web`: what it refuses to open, and the desk that it becomes."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from campaigns.domain.errors import NotAllowed
from campaigns.embedded.web_port import WebPort
from tests.cli.conftest import Shell
from tests.embedded.left import wait_until


def test_an_address_that_others_reach_needs_a_proxy_and_a_name(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    open_door = shell.refusal("web", "--host", "0.0.0.0", code=2)
    monkeypatch.setenv("CAMPAIGNS_WEB_PROXIES", "10.0.0.1")
    nameless = shell.refusal("web", "--host", "0.0.0.0", code=2)

    assert "passwords would travel in the open" in open_door
    assert "CAMPAIGNS_WEB_HOSTS names no host" in nameless


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("CAMPAIGNS_WEB_HOSTS", "desk.example.com, http://x", "is not a host name"),
        ("CAMPAIGNS_WEB_PROXIES", "10.0.0.300", "is not an IP address or network"),
        ("CAMPAIGNS_SECURITY_CONTACT", "security@example.com", "is not an address"),
        ("CAMPAIGNS_SECRET_KEY", "short", "is shorter than 32 characters"),
    ],
)
def test_a_wrong_setting_of_the_desk_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str, fault: str
) -> None:
    monkeypatch.setenv(name, value)
    refused = shell.refusal("web", code=2)
    assert name in refused
    assert fault in refused
    assert "SECRET" not in name or f"'{value}'" not in refused


@pytest.fixture
def desk(tmp_path: Path, sqlite_template: Path) -> Iterator[str]:
    """The address of a desk that runs as a process of its own."""
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "CAMPAIGNS_HOME": str(tmp_path / "home"),
        "DATABASE_URL": f"sqlite:///{sqlite_template}",
    }
    command = [sys.executable, "-m", "campaigns", "web", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None, 100)
        assert process.poll() is None, (tmp_path / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(20) == -signal.SIGTERM, (tmp_path / "log").read_text()


def test_the_process_serves_and_keeps_its_key_to_itself(desk: str, tmp_path: Path) -> None:
    assert httpx.get(f"{desk}/readyz").text == "ready\n"
    assert httpx.get(f"{desk}/livez").headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in httpx.get(f"{desk}/livez").headers
    assert httpx.get(f"{desk}/api/v1/runs").status_code == 401

    key = tmp_path / "home" / "secret.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    log = (tmp_path / "log").read_text()
    assert "uvicorn --factory campaigns.web.serve:make_app --host 127.0.0.1" in log
    assert "There is no operator yet" in log
    assert "code=" not in log, "a link lets in whoever reads it"


def test_a_person_at_a_terminal_gets_a_link_that_lets_the_first_operator_in(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "execve", started)
    monkeypatch.setattr("campaigns.cli.system.web.is_for_a_person", lambda: True)

    first = shell.run("web")

    assert "http://127.0.0.1:8400/welcome?code=" in first.stderr


def test_up_takes_the_next_free_port_unless_one_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NotAllowed, match=f"Port {port} is in use"):
            WebPort(port)
    assert WebPort(None).address.startswith("http://127.0.0.1:84")


def test_a_port_that_was_taken_meanwhile_is_given_up() -> None:
    web = WebPort(None)
    before = web.port
    said = web.repair(["[Errno 98] ... address already in use"])
    assert said is not None
    assert web.port > before
    assert web.repair(["another fault"]) is None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    except httpx.TransportError:
        return False
