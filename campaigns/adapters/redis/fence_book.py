"""The highest fence of each lane, in Redis and in a file of each host: a restored database is behind one of them.

Redis is shared by all hosts; the files survive a Redis that was emptied or restored together with the database. A fence
is written to both before its request leaves, and each host also keeps in its file what the database shows. The file of
a lane has two slots, each with its own checksum. One of them is overwritten; if a power cut tears that slot, the other
still has the fence before.

Redis holds one sorted set: a member for each lane, and one for each host that has reported everything that it
remembers. They are lost together, so a host without a member means that Redis has lost its state. One more member
counts how often hosts have looked at the set. Each host keeps the highest count that it saw: a lower count means that
Redis was restored to an earlier state. Then the reports of all hosts are void, and each has to report again.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from campaigns.adapters.disk.home_id import host_id
from campaigns.domain.errors import FencesAway
from campaigns.ports import FenceBook, Remembered
from campaigns.private_files import private_folder

SOCKET_SECONDS = 2.0

REPLAYS = 1
"""To write the same fence twice has the effect of once, so a quick second try is safe."""

SYNC_SECONDS = 1.0
"""Seconds between two times that a file is forced to the disk; it is written with each fence. A power cut can lose only
the last second, and the file is still ahead of every backup but one of that second. Fences that were only seen are left
to the system, which writes them within half a minute."""

KEY = b"campaigns:fences"

HOST = "host:"
"""Beginning of the member of a host; the name of a lane has no colon."""

AHEAD = 1000
"""Added to the count of looks when Redis was restored. As a rule the count is then higher than any other host saw, so
that each host has to report only once. A host that saw more makes all reports void once more."""

SENT = "sent:"
"""Beginning of the member with the highest fence of a request of a lane that was allowed, here or elsewhere. A claim
has a fence too, and no request may have had the same."""

LOOKS = "looks"
"""Name of the member that counts looks, and of the file in which each host keeps the highest count that it saw. No lane
has this name: the name of a lane has an @ in it."""

LANE = re.compile(r"[A-Za-z0-9_@.-]{1,200}")

SLOT = 32
"""Bytes of a slot: 20 digits, a blank, 8 digits of checksum, padded."""


@dataclass(frozen=True, slots=True)
class Noted:
    """The highest fence of a lane in each of the two memories; None: it has none."""

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
        self._home = home
        self._folder = home / "fences"
        self._host: str | None = None
        self._synced: dict[str, float] = {}

    @property
    def host(self) -> str:
        if self._host is None:
            try:
                self._host = host_id(self._home)
            except OSError as error:
                raise _away(f"its home cannot be written: {error.strerror}") from error
        return self._host

    def note(self, lane: str, fence: int) -> bool:
        if self._write(lane, fence, forced=True) > fence:
            return False
        keys = [lane, f"{SENT}{lane}"]
        try:
            # Read and written in one step, as for a claim: of two with the same fence, one learns of the other. When
            # the answer is lost and this is tried again, it refuses itself, which is safe.
            with self._redis.pipeline() as together:
                together.zmscore(KEY, keys)
                together.zadd(KEY, dict.fromkeys(keys, fence), gt=True)
                before, _ = together.execute()
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error
        return max(score or 0 for score in before) < fence

    def tell(self) -> None:
        self._host = None  # read again: a home that was emptied is another host
        memory = {f"{HOST}{self.host}": 1} | self._remembered()
        try:
            self._redis.zadd(KEY, memory, gt=True)  # one command, so a report is never there without its fences
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error

    def compare(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        shared, complete = self._shared(lane, hosts)
        if self.host not in complete:
            self.tell()
            shared, complete = self._shared(lane, hosts)
        here = self._write(lane, fence, forced=False)
        return Remembered(max(here, shared), tuple(sorted(set(hosts) - complete)))

    def claim(self, lane: str, fence: int, hosts: Collection[str]) -> Remembered:
        members = sorted(hosts)
        sent, *words = self._look([f"{SENT}{lane}", *(f"{HOST}{one}" for one in members)], raises={lane: fence})
        here = self._write(lane, fence, forced=False)
        missing = tuple(one for one, word in zip(members, words, strict=True) if word is None)
        return Remembered(max(int(sent or 0), here if here > fence else 0), missing)

    def _shared(self, lane: str, hosts: Collection[str]) -> tuple[int, set[str]]:
        """A lane's fence in Redis (0: none), and which of these hosts and this one have reported to it."""
        members = sorted({*hosts, self.host})
        shared, *words = self._look([lane, *(f"{HOST}{one}" for one in members)])
        return int(shared or 0), {one for one, word in zip(members, words, strict=True) if word is not None}

    def see(self, lanes: Mapping[str, int]) -> list[str]:
        if self._look([f"{HOST}{self.host}"]) == [None]:
            self.tell()
        ahead = []
        for lane, fence in lanes.items():
            here = self._read(lane)
            if here is None or here < fence:
                here = self._write(lane, fence, forced=False)
            if here > fence:
                ahead.append(lane)
        return ahead

    def missing(self, hosts: Collection[str]) -> set[str]:
        """The hosts, of these, that have not reported to Redis since it last lost its state."""
        return {one for one in hosts if self._scores([f"{HOST}{one}"]) == [None]}

    def noted(self, lane: str) -> Noted:
        """The fence in each of the two memories. Raises FencesAway."""
        (shared,) = self._scores([lane])
        return Noted(None if shared is None else int(shared), self._read(lane))

    def _look(self, members: list[str], raises: Mapping[str, int] | None = None) -> list[float | None]:
        """As `_scores`; the look is counted, and fences are raised in the same step.

        If Redis was restored since this host's last look, no host counts as having reported. The count kept here is
        read before Redis counts, so that looks at the same time never seem to go back.
        """
        before = self._read(LOOKS) or 0
        try:
            with self._redis.pipeline() as together:
                together.zincrby(KEY, 1, LOOKS)
                together.zmscore(KEY, members)
                if raises:
                    together.zadd(KEY, dict(raises), gt=True)
                count, scores, *_ = together.execute()
            if count <= before:
                count = self._forget_hosts(before)
                scores = [None if one.startswith(HOST) else score for one, score in zip(members, scores, strict=True)]
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error
        self._write(LOOKS, int(count), forced=False)
        return list(scores)

    def _forget_hosts(self, before: int) -> int:
        """Make the reports of all hosts void; returns the count of looks from then on. Raises redis' errors."""
        words = [member for member, _ in self._redis.zscan_iter(KEY, match=f"{HOST}*")]
        with self._redis.pipeline() as together:
            if words:
                together.zrem(KEY, *words)
            together.zadd(KEY, {LOOKS: before + AHEAD}, gt=True)
            together.execute()
        return before + AHEAD

    def _scores(self, members: list[str]) -> list[float | None]:
        """The scores of these members in Redis, of one moment."""
        try:
            return list(self._redis.zmscore(KEY, members))
        except (RedisError, OSError) as error:
            raise _unreachable(error) from error

    def _remembered(self) -> dict[str, int]:
        """Every lane with a fence in this host's files."""
        try:
            lanes = [path.name for path in self._folder.iterdir()] if self._folder.exists() else []
        except OSError as error:
            raise _away(f"its files cannot be listed: {error.strerror}") from error
        # To write the count would hide from the next look that Redis was restored.
        fences = {lane: self._read(lane) for lane in lanes if LANE.fullmatch(lane) and lane != LOOKS}
        return {lane: fence for lane, fence in fences.items() if fence is not None}

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _path(self, lane: str) -> Path:
        if not LANE.fullmatch(lane):
            raise ValueError(f"{lane!r} cannot name a lane's file")
        return self._folder / lane

    def _read(self, lane: str) -> int | None:
        try:
            return max(_slots(self._path(lane).read_bytes()), default=None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _away(f"its file cannot be read: {error.strerror}") from error

    def _write(self, lane: str, fence: int, *, forced: bool) -> int:
        """Raise the file of a lane to a fence; returns the fence in the file then, which may be higher."""
        try:
            private_folder(self._folder)
            file = os.open(self._path(lane), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # a worker that was slow must not overwrite a higher fence
                highest = self._raise_to(file, fence)
                if forced:
                    self._sync(file, lane)
            finally:
                os.close(file)
        except OSError as error:
            raise _away(f"its file cannot be written: {error.strerror}") from error
        return highest

    def _raise_to(self, file: int, fence: int) -> int:
        found = [_slot(os.pread(file, SLOT, place * SLOT)) for place in (0, 1)]
        if fence > max(found):
            lower = found.index(min(found))
            os.pwrite(file, _written(fence), lower * SLOT)
        return max(fence, *found)

    def _sync(self, file: int, lane: str) -> None:
        now = time.monotonic()
        if lane in self._synced and now - self._synced[lane] < SYNC_SECONDS:
            return
        os.fsync(file)
        if lane not in self._synced:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)  # the file's name must survive too
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


def _unreachable(error: Exception) -> FencesAway:
    return _away(f"Redis does not answer: {type(error).__name__}")


def _away(why: str) -> FencesAway:
    return FencesAway(
        f"The highest fence of a lane cannot be kept outside the database ({why}); nothing is sent until it can."
    )
