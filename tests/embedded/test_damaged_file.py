"""What the embedded broker kept and a power cut damaged: set aside once, said, and started empty."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from campaigns.embedded.broker import APPENDED, broker_in, broker_part, put_damaged_aside
from campaigns.embedded.output import Output
from campaigns.embedded.supervisor import Part, Supervisor

PATH = {"PATH": os.environ["PATH"]}


class Enough(Exception):
    """Everything was started; end it all."""


def run_up(home: Path, look: Callable[[redis.Redis], object]) -> str:
    """Start the broker of a home as `up` does, look at it, and stop it; returns what was said."""
    said = home / "said"
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    output = Output(descriptor)
    broker = broker_in(home)

    async def start(supervisor: Supervisor) -> None:
        await supervisor.start(broker_part(broker, PATH))
        with redis.Redis.from_url(broker.url) as client:
            look(client)
        raise Enough

    try:
        asyncio.run(Supervisor(output, delays=(0.0,)).run(start))
    except Enough:
        pass
    finally:
        output.close()
        os.close(descriptor)
    return said.read_text()


def zero_tail(folder: Path) -> None:
    """As a file system leaves it that had made room for what was not yet written."""
    with next(folder.glob("*.incr.aof")).open("ab") as file:
        file.write(bytes(4096))


def broken_base(folder: Path) -> None:
    base = next(folder.glob("*.base.rdb"))
    base.write_bytes(base.read_bytes()[:-4] + b"oops")


def empty_manifest(folder: Path) -> None:
    (folder / "appendonly.aof.manifest").write_text("")


def lost_base(folder: Path) -> None:
    next(folder.glob("*.base.rdb")).unlink()


@pytest.mark.parametrize("damage", [zero_tail, broken_base, empty_manifest, lost_base])
def test_a_damaged_file_is_set_aside_once_and_the_broker_starts_empty(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    run_up(tmp_path, lambda client: client.set("kept", 1))
    kept = tmp_path / "redis" / APPENDED
    damage(kept)

    first = run_up(tmp_path, lambda client: client.set("fresh", client.dbsize()))
    second = run_up(tmp_path, lambda client: client.set("seen", str(client.get("fresh"))))

    aside = tmp_path / "redis" / f"{APPENDED}.damaged-1"
    assert f"redis could not read its own file, so that was moved to '{aside}'" in first
    assert "moved" not in second
    assert [path.name for path in aside.parent.glob(f"{APPENDED}*")].count(APPENDED) == 1
    assert list(aside.parent.glob("*.damaged-*")) == [aside]
    run_up(tmp_path, lambda client: (client.get("seen") == b"b'0'") or pytest.fail("it did not start empty, or forgot"))


def test_a_file_that_is_only_cut_short_is_read(tmp_path: Path) -> None:
    run_up(tmp_path, lambda client: client.set("kept", 1))
    with next((tmp_path / "redis" / APPENDED).glob("*.incr.aof")).open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    found: list[object] = []
    run_up(tmp_path, lambda client: found.append(client.get("kept")))
    assert found == [b"1"]
    assert list((tmp_path / "redis").glob("*.damaged-*")) == []


def test_what_ends_a_server_for_another_reason_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / APPENDED).mkdir()
    words = "Can't open or create append-only dir appendonlydir: No space left on device"
    assert put_damaged_aside(tmp_path, [words]) is None
    assert (tmp_path / APPENDED).is_dir()


def test_what_is_repaired_once_and_fails_again_ends_everything(tmp_path: Path) -> None:
    """A disk that spoils whatever is written must not fill itself with folders that were set aside."""
    with (tmp_path / "said").open("wb") as said:
        output = Output(said.fileno())
        part = Part(
            "broker", lambda: ("sh", "-c", "echo damaged; exit 3"), PATH, lambda: False, repair=lambda _: "repaired"
        )
        assert asyncio.run(Supervisor(output, delays=(0.0,)).run(lambda supervisor: supervisor.start(part))) == 3
        output.close()
    lines = (tmp_path / "said").read_text().splitlines()
    assert (lines.count("repaired"), lines.count("broker   | damaged")) == (1, 2)
    assert "broker ended with exit code 3 before everything was ready. Everything is stopped." in lines
