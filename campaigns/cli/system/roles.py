"""The commands that run an installation: everything on one machine, or one part."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from campaigns.cli.kit.output import duration, json_option, note
from campaigns.cli.kit.session import environment_for_children, opened, refuse_missing_file, settings_in_force
from campaigns.domain.errors import SettingsError, TryLater

if TYPE_CHECKING:
    from campaigns.settings import Settings

APP = "campaigns.worker.app:app"

BEAT_QUIET_SECONDS = 30.0
"""Beat writes every five seconds that it ticks. One that is silent for longer is stuck or not running."""

MOST_THREADS = 1000
"""Each has a connection of its own to the database."""

log_level_option = click.option(
    "--log-level",
    type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"], case_sensitive=False),
    help="How much to log.",
)


@click.command()
@click.option("--keep", is_flag=True, help="Keep its home afterwards, to look into its database.")
@json_option
def demo(*, keep: bool, as_json: bool) -> None:
    """Run the whole main job in the sandbox.

    It has a home of its own, plays faults, and ignores DATABASE_URL, REDIS_URL and the key. Exit 0 when the books
    balance and agree with what the sandbox accepted.
    """
    from campaigns.cli.demo.demo import run_demo

    click.get_current_context().exit(run_demo(as_json, keep=keep))


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Where the desk is (default 8400, or the next free one)."
)
@click.option("--no-web", is_flag=True, help="Start no desk.")
def up(*, port: int | None, no_web: bool) -> None:
    """Run every part on this machine.

    Redis, database, worker, beat, the desk, and the sandbox when no key is set. Ctrl-C stops all of it within 15 s.
    With DATABASE_URL and REDIS_URL set, those servers are used instead. The parts log to `parts.log` in CAMPAIGNS_HOME.
    """
    from campaigns.embedded.up import run_up
    from campaigns.embedded.web_port import WebPort
    from campaigns.store.database.server_facts import refuse_no_database

    settings = settings_in_force()
    refuse_no_database(settings.database_url)
    web = None if no_web else WebPort(port)
    click.get_current_context().exit(run_up(settings, environment_for_children(), web))


@click.command()
@click.option(
    "--threads", type=click.IntRange(1, MOST_THREADS), metavar="N", help="Accounts served at once (default 16)."
)
@log_level_option
def worker(*, threads: int | None, log_level: str | None) -> None:
    """Run one worker, which sends what is due.

    Becomes the plain celery command that it prints.
    """
    settings = settings_in_force(CAMPAIGNS_WORKER_THREADS=threads, LOG_LEVEL=log_level)
    _require_parts(settings)
    count = str(settings.worker_threads)
    # Gossip and mingle talk to the other workers, which ours have nothing to say to.
    options = ["-P", "threads", "-c", count, "-n", f"worker-{os.getpid()}@%h", "-Q", "control,send"]
    quiet = ["--without-mingle", "--without-gossip"]
    _become(settings, "worker", [*options, *quiet], CAMPAIGNS_WORKER_THREADS=threads, LOG_LEVEL=log_level)


@click.command()
@log_level_option
@click.option(
    "--check", is_flag=True, help="Start nothing; exit 0 when a beat ticked in the last half minute, else 75."
)
def beat(*, log_level: str | None, check: bool) -> None:
    """Run the beat, which ticks once a second.

    Becomes the plain celery command that it prints. Two beats do no harm.
    """
    settings = settings_in_force(asks_vendor=False, LOG_LEVEL=log_level)
    if check:
        _check_beat()
        return
    _require_parts(settings)
    _become(settings, "beat", ["--pidfile="], LOG_LEVEL=log_level)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", default=8700, show_default=True, help="0 takes a free one."
)
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="Faults to play, scripted or by rates.")
@click.option("--ledger", type=click.Path(path_type=Path), metavar="FILE", help="Remember here what was accepted.")
def sandbox(*, port: int, faults: Path | None, ledger: Path | None) -> None:
    """Run the local vendor alone.

    The real API's shapes, limits and faults, and no messages to anybody.
    """
    from campaigns.sandbox.serving import serve

    serve(
        "127.0.0.1",
        port,
        faults_file=faults,
        ledger_file=ledger,
        announce=lambda url: note(f"The sandbox listens on {url}; Ctrl-C stops it."),
    )


def _check_beat() -> None:
    """Raise TryLater unless the database shows a beat that ticks; for health checks."""
    from campaigns.store.health.heartbeats import BEAT_SENDS, heartbeats

    with opened() as parts, parts.store.read() as connection:
        now, seen = parts.store.now(connection), heartbeats(connection).get(BEAT_SENDS)
    if seen is None or (now - seen).total_seconds() > BEAT_QUIET_SECONDS:
        last = "never" if seen is None else f"last {duration((now - seen).total_seconds())} ago"
        raise TryLater(f"No beat ticks on this database ({last}): start `campaigns beat`, or see its log.")
    click.echo("Beat ticks.")


def _require_parts(settings: Settings) -> None:
    """Raise unless the database is at head and Redis answers: without them a role would only fill its log."""
    from campaigns.adapters.redis.server_facts import redis_facts
    from campaigns.store.database import migrations

    if settings.redis_url is None or settings.broker_url is None:
        raise SettingsError(
            "No Redis is known: set REDIS_URL (redis://host:6379/0), or run `campaigns up`, which starts its own. "
            "Nothing was started."
        )
    refuse_missing_file(settings.database_url)
    migrations.check(settings.database_url)
    redis_facts(settings.redis_url)
    if settings.broker_url_setting is not None:
        redis_facts(settings.broker_url.replace("redis+socket://", "unix://", 1), setting="CELERY_BROKER_URL")


def _become(settings: Settings, role: str, options: list[str], **flags: object) -> NoReturn:
    """Print the plain command and replace this process by it, so that signals and exit codes are the command's."""
    command = [sys.executable, "-m", "celery", "-q", "-A", APP, role, "-l", settings.log_level, *options]
    note(shlex.join(["celery", *command[3:]]))
    sys.stdout.flush()
    os.execve(sys.executable, command, environment_for_children(**flags))  # noqa: S606 - no shell is wanted
