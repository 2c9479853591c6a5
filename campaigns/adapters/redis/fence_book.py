"""The highest committed fence of each lane, in Redis and in a file: either alone recognises a restored database.

Redis is shared by all hosts; the file survives a Redis that was emptied or restored together with the database. A
fence is noted in both before its request leaves. The file of a lane has two slots, each with its own checksum: one is
overwritten, and should that be torn by a power cut, the other still says the fence before.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from campaigns.domain.errors import FencesAway
from campaigns.ports import FenceBook

SOCKET_SECONDS = 2.0

REPLAYS = 1
"""Noting the same fence twice is noting it once, so a quick second try is safe."""

SYNC_SECONDS = 1.0
"""The file is written with each fence and forced to the disk this often: only a power cut can take the last second of
it, and what it then says is still above every backup but one of that very second."""

KEY = b"campaigns:fences"

SLOT = 32
"""Bytes of a slot: 20 digits, a blank, 8 digits of checksum, filled up."""


@dataclass(frozen=True, slots=True)
class Noted:
    """The highest fence of a lane as each of the two knows it; None: it knows none."""

    shared: int | None  # in Redis
    here: int | None  # in this host's file


class KeptFences(FenceBook):
    """The book of all lanes that send from this home; safe for many threads, processes and hosts."""

    def __init__(self, url: str, home: Path) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=Retry(ConstantBackoff(0.05), REPLAYS),
        )
        self._folder = home / "fences"
        self._synced: dict[str, float] = {}

    def note(self, lane: str, fence: int) -> None:
        self._write(lane, fence)
        try:
            self._redis.zadd(KEY, {lane: fence}, gt=True)
        except (RedisError, OSError) as error:
            raise _away(f"Redis does not answer: {type(error).__name__}") from error

    def highest(self, lane: str) -> int | None:
        noted = self.noted(lane)
        return max((fence for fence in (noted.shared, noted.here) if fence is not None), default=None)

    def noted(self, lane: str) -> Noted:
        """What each of the two says. Raises FencesAway."""
        try:
            shared = self._redis.zscore(KEY, lane)
        except (RedisError, OSError) as error:
            raise _away(f"Redis does not answer: {type(error).__name__}") from error
        return Noted(None if shared is None else int(shared), self._read(lane))

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _path(self, lane: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_@.-]{1,200}", lane):
            raise ValueError(f"{lane!r} cannot name a lane's file")
        return self._folder / lane

    def _read(self, lane: str) -> int | None:
        try:
            return max(_slots(self._path(lane).read_bytes()), default=None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _away(f"its file cannot be read: {error.strerror}") from error

    def _write(self, lane: str, fence: int) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path(lane), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # a worker that was slow must not overwrite a higher fence
                self._raise_to(file, fence)
                self._sync(file, lane)
            finally:
                os.close(file)
        except OSError as error:
            raise _away(f"its file cannot be written: {error.strerror}") from error

    def _raise_to(self, file: int, fence: int) -> None:
        found = [_slot(os.pread(file, SLOT, place * SLOT)) for place in (0, 1)]
        if fence <= max(found):
            return
        lower = found.index(min(found))
        os.pwrite(file, _written(fence), lower * SLOT)

    def _sync(self, file: int, lane: str) -> None:
        now = time.monotonic()
        if lane in self._synced and now - self._synced[lane] < SYNC_SECONDS:
            return
        os.fsync(file)
        if lane not in self._synced:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)  # the file's name, too, must survive
            finally:
                os.close(folder)
        self._synced[lane] = now


def _slots(content: bytes) -> list[int]:
    found = (_slot(content[place : place + SLOT]) for place in (0, SLOT))
    return [fence for fence in found if fence >= 0]


def _slot(content: bytes) -> int:
    """The fence in a slot; -1 when it is empty or torn."""
    digits, _, checksum = content.partition(b" ")
    if checksum.strip() != _checksum(digits):
        return -1
    return int(digits)


def _written(fence: int) -> bytes:
    digits = b"%020d" % fence
    return (digits + b" " + _checksum(digits)).ljust(SLOT - 1) + b"\n"


def _checksum(digits: bytes) -> bytes:
    return b"%08x" % zlib.crc32(digits)


def _away(why: str) -> FencesAway:
    return FencesAway(
        f"The highest fence of a lane cannot be kept outside the database ({why}); nothing is sent until it can."
    )
