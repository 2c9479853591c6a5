"""`campaigns up`: broker, sandbox, database, worker, beat and desk on one machine, from one command."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from campaigns.domain.errors import CampaignsError, DatabaseAway
from campaigns.embedded.broker import broker_in, broker_part
from campaigns.embedded.home import only_up, prepare_home, write_private
from campaigns.embedded.output import Output
from campaigns.embedded.supervisor import Part, Supervisor
from campaigns.embedded.web_port import WebPort
from campaigns.flow.access.login_links import first_link
from campaigns.settings import Settings
from campaigns.store.database.engine import Store, open_store
from campaigns.store.database.migrations import upgrade
from campaigns.store.health.heartbeats import heartbeats

PARTS_LOG = "parts.log"
"""The file in the home for the lines of all parts."""

FIRST_TICK_SECONDS = 30.0
POLL_SECONDS = 0.1
CONNECT_SECONDS = 1.0

WEB_GRACE = 4.0
"""Seconds that the desk gets to stop: open requests end first."""

KEY = ("ONLYFANSAPI_API_KEY", "ONLYFANSAPI_API_KEY_FILE")
"""Settings that beat does not need. The desk asks the vendor for the team of an account that is added."""

SETTINGS = tuple(str(field.alias) for field in Settings.model_fields.values())
"""Every setting of ours; the broker and the sandbox need none of them."""

T = TypeVar("T")


def run_up(settings: Settings, environment: Mapping[str, str], web: WebPort | None) -> int:
    """Run everything until Ctrl-C or SIGTERM, which stop it within 15 s; returns the exit code. Needs the main thread.

    `web`: where the desk listens; None: there is none. The parts get `environment`, and the addresses that are made
    here. Our own lines go to standard error, those of the parts to a file in the home. `ready` is written after a tick
    has passed through beat, broker, worker and database.
    Raises NotAllowed when another `up` uses this home, SettingsError when the home or a server cannot be used, and the
    errors of a migration.
    """
    home = prepare_home(settings.home)
    log = home / PARTS_LOG
    output = Output(log=log)
    output.say(f"The parts log to '{log}'.")
    try:
        with only_up(home, output.say) as lock, _recorded_in(home):
            return asyncio.run(_run(_Installation(settings, home, environment, output, web), lock))
    finally:
        output.close()


async def _run(installation: _Installation, lock: int) -> int:
    supervisor = Supervisor(installation.output, kept_open=[lock], environment=installation.without(*SETTINGS))
    return await supervisor.run(installation.start)


@contextlib.contextmanager
def _recorded_in(home: Path) -> Iterator[None]:
    """Delete the addresses that other commands read, at the start and at the end, so that no old one is used."""
    addresses = [home / "redis.url", home / "sandbox.url", home / "web.url"]
    try:
        for address in addresses:
            address.unlink(missing_ok=True)
        yield
    finally:
        for address in addresses:
            address.unlink(missing_ok=True)


class _Installation:
    """The parts of one `up`, and what they need."""

    def __init__(
        self, settings: Settings, home: Path, environment: Mapping[str, str], output: Output, web: WebPort | None
    ) -> None:
        self.output = output
        self._web = web
        self._settings = settings
        self._home = home
        self._environment = {
            **environment,
            "CAMPAIGNS_HOME": str(home),
            "DATABASE_URL": settings.database_url,
            # A part writes to a pipe; without this its lines would wait in a buffer.
            "PYTHONUNBUFFERED": "1",
        }

    async def start(self, supervisor: Supervisor) -> None:
        """Start each part when the parts that it needs are ready, and write `ready` at the end."""
        if self._settings.redis_url_setting is None:
            broker = broker_in(self._home)
            await supervisor.start(broker_part(broker, self.without(*SETTINGS)))
            write_private(self._home / "redis.url", f"{broker.url}\n")
            self._environment["REDIS_URL"] = broker.url
        if not self._settings.has_key and self._settings.upstream_url_setting is None:
            await supervisor.start(self._sandbox())
        await _in_thread(lambda: upgrade(self._settings.database_url))
        store = open_store(self._settings.database_url)
        try:
            began = await _in_thread(lambda: _now(store))
            await supervisor.start(self._role("worker", self._environment, grace_seconds=9.0))
            await supervisor.start(self._role("beat", self.without(*KEY), grace_seconds=1.5))
            if self._web is not None:
                await supervisor.start(self._desk(self._web))
                self.output.say(f"The desk is at {self._web.address}")
                if sys.stderr.isatty():  # a link lets whoever reads it in, so it is for a person and for no log
                    await self._show_link(store, self._web)
            await self._await_tick(store, began)
        finally:
            store.close()

    async def _await_tick(self, store: Store, began: datetime) -> None:
        give_up_at = time.monotonic() + FIRST_TICK_SECONDS
        while not await _in_thread(lambda: _ticked(store, began)):
            if time.monotonic() > give_up_at:
                raise CampaignsError(
                    f"Everything was started, but no tick passed in {FIRST_TICK_SECONDS:g} s; the end of "
                    f"'{self._home / PARTS_LOG}' says why, and so does `campaigns doctor`."
                )
            await asyncio.sleep(POLL_SECONDS)
        self.output.say("ready")

    async def _show_link(self, store: Store, web: WebPort) -> None:
        link = await _in_thread(lambda: first_link(store, actor="up"))
        if link is not None:
            self.output.say(f"Log in for the first time, within 15 minutes: {web.address}welcome?code={link.code}")

    def without(self, *names: str) -> dict[str, str]:
        """The environment of a part that does not need these settings."""
        return {name: value for name, value in self._environment.items() if name not in names}

    def _role(self, name: str, environment: Mapping[str, str], *, grace_seconds: float) -> Part:
        command = (sys.executable, "-m", "campaigns", name)
        return Part(name, lambda: command, environment, grace_seconds=grace_seconds)

    def _desk(self, web: WebPort) -> Part:
        def command() -> tuple[str, ...]:
            write_private(self._home / "web.url", f"{web.address}\n")
            return (sys.executable, "-m", "campaigns", "web", "--port", str(web.port))

        return Part(
            "web", command, self._environment, lambda: _listens(web.port), grace_seconds=WEB_GRACE, repair=web.repair
        )

    def _sandbox(self) -> Part:
        address, ledger = self._home / "sandbox.url", self._home / "sandbox.jsonl"

        def command() -> tuple[str, ...]:
            # Workers keep the address, so a sandbox that is started again needs the same port.
            port = _port(address) or 0
            files = ("--ledger", str(ledger), "--url-file", str(address))
            return (sys.executable, "-m", "campaigns.sandbox", "--port", str(port), *files)

        return Part("sandbox", command, self.without(*SETTINGS), lambda: _listens(_port(address)), grace_seconds=1.5)


def _ticked(store: Store, began: datetime) -> bool:
    try:
        with store.read() as connection:
            last = heartbeats(connection).get("beat")
    except DatabaseAway:
        return False
    return last is not None and last > began


def _now(store: Store) -> datetime:
    with store.read() as connection:
        return store.now(connection)


def _port(address: Path) -> int | None:
    try:
        return urlsplit(address.read_text().strip()).port
    except (OSError, ValueError):
        return None


def _listens(port: int | None) -> bool:
    if port is None:
        return False
    try:
        socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


async def _in_thread(work: Callable[[], T]) -> T:
    """Do blocking work outside of the loop, in a daemon thread: stopping must not wait for a locked database."""
    done: concurrent.futures.Future[T] = concurrent.futures.Future()
    done.set_running_or_notify_cancel()  # from here on it cannot be cancelled while the thread works

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)
