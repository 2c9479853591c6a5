"""Outcomes that could not be written, in one file of this host, forced to the disk one by one.

A line is a JSON object with its own checksum and has a line break on either side, so that a line that a power cut has
torn does not damage others. A line that cannot be read or written is moved to a file of its own, never dropped; so is
an outcome of a request that the database does not know. The lines hold IDs, states and numbers; no key and no message
text.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaigns.ports import LostAnswer, Replayed, RequestUnknown, Spool
from campaigns.private_files import private_folder

ASIDE = "outcomes.damaged-"
"""Beginning of the names of files with lines that cannot be read or written."""

LOST = "outcomes.lost-"
"""Beginning of the names of files with replies to requests that the database does not know: a restore lost them."""


@dataclass(frozen=True, slots=True)
class SpoolContent:
    """The outcomes that a host keeps, for display."""

    waiting: int  # outcomes that a worker will write when the database is back
    damaged: int  # lines that it will move aside
    aside: tuple[str, ...]  # the files with such lines
    lost: tuple[str, ...] = ()  # the files with replies to requests that the database does not know


class FileSpool(Spool):
    """The spool of a home; safe for many threads and processes of one host."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / "outcomes.jsonl"

    def keep(self, kept: Mapping[str, Any]) -> bool:
        try:
            private_folder(self._home)
            with self._locked():
                _append(self._path, [_line(kept)])
        except OSError:
            return False
        return True

    def replay(self, write: Callable[[Mapping[str, Any]], None]) -> Replayed:
        if not self._path.exists():
            return Replayed()
        with self._locked():
            return self._replay(write)

    def content(self) -> SpoolContent:
        """What is kept now. Nothing is changed. Raises OSError when it cannot be read."""
        aside, lost = (tuple(map(str, self._files(kind))) for kind in (ASIDE, LOST))
        if not self._path.exists():
            return SpoolContent(0, 0, aside, lost)
        with self._locked():
            lines = self._lines()
        damaged = sum(1 for line in lines if not _is_whole(line))
        return SpoolContent(len(lines) - damaged, damaged, aside, lost)

    def lost(self) -> list[LostAnswer]:
        answers: dict[bytes, LostAnswer] = {}
        for path in self._files(LOST):
            with suppress(OSError):
                for line in filter(_is_whole, _lines_of(path)):
                    answers[line] = _lost_answer(_read(line))  # once, however often it was moved aside
        return list(answers.values())

    def _files(self, kind: str) -> list[Path]:
        return sorted(self._home.glob(f"{kind}*"))

    def _lines(self) -> list[bytes]:
        return _lines_of(self._path)

    def _replay(self, write: Callable[[Mapping[str, Any]], None]) -> Replayed:
        lines = self._lines()
        damaged: list[bytes] = []
        lost: list[bytes] = []
        done = 0
        try:
            for line in lines:
                try:
                    write(_read(line))
                except RequestUnknown:
                    lost.append(line)
                except ValueError:
                    damaged.append(line)
                done += 1
        finally:
            aside, lost_aside = self._put_aside(ASIDE, damaged), self._put_aside(LOST, lost)
            self._rewrite(lines[done:])
        return Replayed(done - len(damaged) - len(lost), len(damaged), aside, len(lost), lost_aside)

    def _put_aside(self, kind: str, lines: list[bytes]) -> str | None:
        """Move lines to a file of their own. After a crash before they left the spool, they are moved again."""
        if not lines:
            return None
        aside = self._home / f"{kind}{time.time_ns()}"
        _append(aside, lines)
        return str(aside)

    def _rewrite(self, lines: list[bytes]) -> None:
        """After a crash before this, lines are written again, which changes nothing: an outcome is recorded once."""
        rest = self._path.with_suffix(".rest")
        rest.unlink(missing_ok=True)
        if lines:
            _append(rest, lines)
            rest.replace(self._path)
        else:
            self._path.unlink(missing_ok=True)
        _sync_folder(self._home)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._home / "outcomes.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _lost_answer(kept: Mapping[str, Any]) -> LostAnswer:
    made, identity = kept["attempt"], kept.get("identity") or {}
    return LostAnswer(made["account_id"], identity.get("lane"), made["fence"], kept["outcome"].get("message_id"))


def _lines_of(path: Path) -> list[bytes]:
    """The lines of a file; none when another process has written all of them meanwhile and the file is gone."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    return [line for line in content.split(b"\n") if line.strip()]


def _line(kept: Mapping[str, Any]) -> bytes:
    body = json.dumps(kept, sort_keys=True)
    return json.dumps({"sum": _checksum(body), "kept": kept}, sort_keys=True).encode()


def _read(line: bytes) -> Mapping[str, Any]:
    """The content of a line. Raises ValueError when it is damaged."""
    found = json.loads(line)
    kept = found.get("kept") if isinstance(found, dict) else None
    if not isinstance(kept, dict) or found.get("sum") != _checksum(json.dumps(kept, sort_keys=True)):
        raise ValueError("the line is damaged")
    return kept


def _is_whole(line: bytes) -> bool:
    try:
        _read(line)
    except ValueError:
        return False
    return True


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def _append(path: Path, lines: list[bytes]) -> None:
    is_new = not path.exists()
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        content = memoryview(b"".join(b"\n" + line + b"\n" for line in lines))
        while content:
            content = content[os.write(file, content) :]
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
