"""The spool: what is kept is handed over once the database answers, and nothing of it is dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from campaigns.adapters.disk.spool import FileSpool
from campaigns.domain.errors import DatabaseAway
from campaigns.ports import Replayed


@pytest.fixture
def spool(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path)


def lines(home: Path) -> Path:
    return home / "outcomes.jsonl"


def replayed(spool: FileSpool) -> tuple[list[Mapping[str, Any]], Replayed]:
    found: list[Mapping[str, Any]] = []
    said = spool.replay(found.append)
    return found, said


def test_what_is_kept_is_handed_over_in_order_and_forgotten(spool: FileSpool, tmp_path: Path) -> None:
    assert spool.keep({"number": 1, "error": "the line\nbroke"})
    assert FileSpool(tmp_path).keep({"number": 2})

    assert replayed(spool) == ([{"number": 1, "error": "the line\nbroke"}, {"number": 2}], Replayed(2))
    assert replayed(spool) == ([], Replayed())
    assert not lines(tmp_path).exists()


def test_what_could_not_be_written_stays_kept(spool: FileSpool) -> None:
    for number in range(3):
        spool.keep({"number": number})

    def refuse_the_second(kept: Mapping[str, Any]) -> None:
        if kept["number"] == 1:
            raise DatabaseAway("it went away again")

    with pytest.raises(DatabaseAway):
        spool.replay(refuse_the_second)

    assert replayed(spool)[0] == [{"number": 1}, {"number": 2}]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_line_is_put_aside_and_spoils_no_other(spool: FileSpool, tmp_path: Path, cut: int) -> None:
    spool.keep({"number": 1})
    spool.keep({"number": 2})
    content = lines(tmp_path).read_bytes()[:-cut]
    lines(tmp_path).write_bytes(content)
    spool.keep({"number": 3})

    found, said = replayed(spool)

    whole = [{"number": 1}, {"number": 2}, {"number": 3}]
    if cut == 1:
        assert found == whole, "only its line break was missing"
        return
    assert found == [whole[0], whole[2]]
    assert (said.written, said.damaged) == (2, 1)
    assert said.aside is not None
    assert Path(said.aside).read_bytes().strip() in content


def test_a_line_that_was_changed_is_put_aside(spool: FileSpool, tmp_path: Path) -> None:
    spool.keep({"message_id": "777"})
    lines(tmp_path).write_bytes(lines(tmp_path).read_bytes().replace(b"777", b"778"))

    found, said = replayed(spool)

    assert (found, said.damaged) == ([], 1)


def test_garbage_is_put_aside_whole(spool: FileSpool, tmp_path: Path) -> None:
    garbage = b'\x00\xff\n[]\n{"sum": 1}\n"text"\n'
    lines(tmp_path).write_bytes(garbage)

    found, said = replayed(spool)

    assert (found, said.written, said.damaged) == ([], 0, 4)
    assert said.aside is not None
    assert Path(said.aside).read_bytes().replace(b"\n\n", b"\n").strip() == garbage.strip()


def test_one_that_its_reader_calls_damaged_is_put_aside(spool: FileSpool) -> None:
    spool.keep({"number": 1})

    def refuse(kept: Mapping[str, Any]) -> None:
        raise ValueError(f"{kept} is no outcome")

    assert spool.replay(refuse).damaged == 1
    assert replayed(spool) == ([], Replayed())


def test_a_disk_that_refuses_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("no folder")

    assert not FileSpool(tmp_path / "home").keep({"number": 1})


def test_only_the_owner_may_read_it(spool: FileSpool, tmp_path: Path) -> None:
    spool.keep({"number": 1})

    assert lines(tmp_path).stat().st_mode & 0o077 == 0


def test_one_that_somebody_else_wrote_meanwhile_is_no_fault(
    spool: FileSpool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The threads of all workers of a host see the file; the first of them writes what is in it, and removes it."""
    spool.keep({"number": 1})
    locked = spool._locked

    @contextmanager
    def locked_after_another() -> Iterator[None]:
        monkeypatch.setattr(spool, "_locked", locked)
        assert replayed(FileSpool(tmp_path))[0] == [{"number": 1}]
        with locked():
            yield

    monkeypatch.setattr(spool, "_locked", locked_after_another)
    assert replayed(spool) == ([], Replayed())

    spool.keep({"number": 2})
    monkeypatch.setattr(spool, "_locked", lambda: remove(lines(tmp_path)))
    assert spool.content().waiting == 0


@contextmanager
def remove(path: Path) -> Iterator[None]:
    path.unlink()
    yield
