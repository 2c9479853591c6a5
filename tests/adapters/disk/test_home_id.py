"""The ID of a host: one for each home, made once, and another one when the home is new."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path

import pytest

from campaigns.adapters.disk.home_id import host_id


def test_a_home_has_one_id_for_good(tmp_path: Path) -> None:
    assert host_id(tmp_path / "a") == host_id(tmp_path / "a") != host_id(tmp_path / "b")


def test_processes_and_threads_that_come_at_once_agree(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(host_id(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found += pool.map(host_id, [tmp_path] * 4)

    assert len(set(found)) == 1


@pytest.mark.parametrize("damaged", [b"", b"\x00" * 33, b"9f0c", b"G" * 32])
def test_a_damaged_file_is_made_anew_as_another_host(tmp_path: Path, damaged: bytes) -> None:
    before = host_id(tmp_path)
    (tmp_path / "host").write_bytes(damaged)

    assert host_id(tmp_path) == host_id(tmp_path) != before


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")

    with pytest.raises(OSError, match="Not a directory"):
        host_id(tmp_path / "home")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    host_id(tmp_path)

    assert (tmp_path / "host").stat().st_mode & 0o077 == 0
