"""One small supervisor for the parts of `campaigns up`. For production use systemd or containers.

Parts start in order, each after the one before it is ready. Each runs in a session of its own, so that a terminal's
Ctrl-C reaches only us. A part that dies is started again, after 0.5, 1, 2 ... 30 s; after eight quick deaths in a row
every part is stopped. Parts are stopped in reverse order. If we are killed, the kernel's parent-death signal and a
watcher end them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.domain.errors import CampaignsError
from campaigns.embedded import watcher
from campaigns.embedded.output import Output
from campaigns.embedded.parent_death import bound

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before each restart. After the last delay, one more quick death stops every part."""

STEADY_SECONDS = 30.0
"""A part that ran this long did not die quickly: the count starts again."""

READY_SECONDS = 60.0
POLL_SECONDS = 0.05
LAST_WORDS_SECONDS = 1.0
LONGEST_LINE = 1 << 16

LAST_LINES = 20
"""This many last lines of each part are remembered: they show what can be repaired."""

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Part:
    """One child: how it is started, when it counts as ready, and how long it may take to stop."""

    name: str
    command: Callable[[], Sequence[str]]
    environment: Mapping[str, str]
    ready: Callable[[], bool] = lambda: True
    grace_seconds: float = 5.0
    # Gets the last lines of a child that failed. Returns what it repaired; None: nothing, so a restart may fail again.
    repair: Callable[[Sequence[str]], str | None] = lambda _: None


@dataclass(slots=True)
class _Running:
    """A running part: its present child, and the task that starts it again."""

    part: Part
    child: asyncio.subprocess.Process | None = None
    # Held while a child is started, so that stopping never misses one.
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    keeping: asyncio.Task[None] | None = None
    last_words: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))


class Supervisor:
    """Runs parts until a signal asks to stop, or until one of them cannot be kept running. Use it from the main thread.

    `kept_open`: file descriptors that every child inherits, such as a lock that must last as long as any of them.
    `environment` is that of the watcher, which needs none of our settings.
    """

    def __init__(
        self,
        output: Output,
        *,
        kept_open: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
        delays: Sequence[float] = DELAYS,
        steady_seconds: float = STEADY_SECONDS,
    ) -> None:
        self._output = output
        self._kept_open = kept_open
        self._delays = delays
        self._steady_seconds = steady_seconds
        self._running: list[_Running] = []
        self._ended = asyncio.Event()
        self._settled = False
        self._code = 0
        self._watcher = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", str(Path(watcher.__file__))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def run(self, start_all: Callable[[Supervisor], Awaitable[None]]) -> int:
        """Start all parts, keep them running, and stop them. Returns the exit code; raises the error of `start_all`."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop_asked)
        starting = asyncio.ensure_future(start_all(self))
        ending = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not self._ended.is_set():
                starting.result()  # raises the error of `start_all`
                self._settled = True
                await ending
        finally:
            self._ended.set()
            starting.cancel()
            await self._stop_all()
            await asyncio.gather(starting, ending, return_exceptions=True)
        return self._code

    async def start(self, part: Part) -> None:
        """Start `part`, and return when it is ready. Raises CampaignsError when that takes too long."""
        running = _Running(part)
        running.keeping = asyncio.create_task(self._keep(running))
        self._running.append(running)
        give_up_at = time.monotonic() + READY_SECONDS
        while running.child is None or not part.ready():
            if time.monotonic() > give_up_at:
                raise CampaignsError(f"{part.name} was started, but was not ready after {READY_SECONDS:g} s.")
            await asyncio.sleep(POLL_SECONDS)

    async def _keep(self, running: _Running) -> None:
        """Start the part, again after each death, until every part is stopped."""
        name, quick_deaths, repaired, clock = running.part.name, 0, False, asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                code = await self._live(running)
            except OSError as error:
                return self._give_up(f"{name} cannot be started ({error}).", 1)
            if code is None or self._ended.is_set():
                return None
            is_quick = clock() - began < self._steady_seconds
            last_words = tuple(running.last_words)
            repaired = code > 0 and not (repaired and is_quick) and self._repair(running)
            if repaired:
                continue
            quick_deaths = quick_deaths + 1 if is_quick else 1
            if code > 0 and not self._settled:
                self._output.repeat(last_words, name)
                return self._give_up(f"{name} ended with {_words(code)} before everything was ready.", code)
            if quick_deaths > len(self._delays):
                self._output.repeat(last_words, name)
                return self._give_up(f"{name} ended {quick_deaths} times in a row, at last with {_words(code)}.", 1)
            delay = self._delays[quick_deaths - 1]
            self._output.say(f"{name} ended with {_words(code)}; it starts again in {delay:g} s.")
            await self._pause(delay)

    def _repair(self, running: _Running) -> bool:
        """Try to repair a part; returns whether that worked, so that the part is started again at once."""
        done = running.part.repair(running.last_words)
        running.last_words.clear()
        if done is not None:
            self._output.say(done)
        return done is not None

    async def _live(self, running: _Running) -> int | None:
        """Run a part once, and return its exit code; None when every part was stopped before it began."""
        async with running.starting:
            if self._ended.is_set():
                return None
            running.child, writing = await self._spawn(running)
        self._tell(f"+{running.child.pid} {running.part.grace_seconds}")
        code = await running.child.wait()
        self._tell(f"-{running.child.pid}")
        await asyncio.wait({writing}, timeout=LAST_WORDS_SECONDS)
        writing.cancel()
        return code

    async def _spawn(self, running: _Running) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        part = running.part
        # A pipe of our own and not asyncio's: a child counts as ended even when its output is still open elsewhere.
        reading, writing = os.pipe()
        try:
            child = await asyncio.create_subprocess_exec(
                *bound(part.command()),
                env=part.environment,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                pass_fds=self._kept_open,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return child, asyncio.create_task(self._repeat(running, reading))

    async def _repeat(self, running: _Running, reading: int) -> None:
        """Write each line of a child after its name, until its output ends."""

        def write(text: bytes) -> None:
            line = text.decode(errors="replace")
            running.last_words.append(line)
            self._output.say(line, running.part.name)

        stream = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
        )
        try:
            rest = b""
            while piece := await stream.read(LONGEST_LINE):
                *lines, rest = (rest + piece).split(b"\n")
                if len(rest) > LONGEST_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    write(line)
            if rest:
                write(rest)
        finally:
            transport.close()

    def _stop_asked(self) -> None:
        if not self._ended.is_set():
            self._output.say("Stopping; once more kills.")
            self._ended.set()
            return
        for running in self._running:
            if running.child is not None and running.child.returncode is None:
                _signal(running.child, signal.SIGKILL)

    def _give_up(self, sentence: str, code: int) -> None:
        if not self._ended.is_set():
            self._output.say(f"{sentence} Everything is stopped.")
            self._code = code
            self._ended.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def _stop_all(self) -> None:
        for running in reversed(self._running):
            await self._stop(running)
        if self._watcher.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # a signal to our whole group has ended it already
                self._watcher.stdin.close()
        self._watcher.wait()

    async def _stop(self, running: _Running) -> None:
        async with running.starting:
            child, keeping = running.child, running.keeping
        if child is not None and child.returncode is None:
            _signal(child, signal.SIGTERM)
            if keeping is not None:
                await asyncio.wait({keeping}, timeout=running.part.grace_seconds)
            if child.returncode is None:
                self._output.say(f"{running.part.name} did not stop in {running.part.grace_seconds:g} s and is killed.")
            _signal(child, signal.SIGKILL)
        if keeping is not None:
            await keeping

    def _tell(self, line: str) -> None:
        """Tell the watcher which parts run. If it was killed itself, the parent-death signal remains."""
        if self._watcher.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._watcher.stdin.write(f"{line}\n".encode())
                self._watcher.stdin.flush()


def _signal(child: asyncio.subprocess.Process, number: int) -> None:
    """Signal a child and the processes that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


def _words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
