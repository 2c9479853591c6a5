"""What `doctor` and a health check say of beat and worker: who of them is missing."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from campaigns.store.health.heartbeats import BEAT_SENDS, beat_heart
from campaigns.tls import unverified
from tests.cli.conftest import Shell
from tests.world import World

NOW, LONG_AGO = timedelta(0), timedelta(minutes=5)


def seen(world: World, **ago: timedelta) -> None:
    """`sends`: beat published a tick; `took`: a worker took one."""
    with world.store.write() as connection:
        now = world.store.now(connection)
        for component in [BEAT_SENDS] if "sends" in ago else []:
            beat_heart(connection, component, now=now - ago["sends"])
        for component in ("beat", "worker") if "took" in ago else ():
            beat_heart(connection, component, now=now - ago["took"])


def found(shell: Shell) -> dict[str, tuple[str, str]]:
    checks = json.loads(shell.run("doctor", "--json").stdout)
    return {check["part"]: (check["state"], f"{check['found']} -> {check['fix']}") for check in checks}


def test_ticks_that_nobody_takes_are_no_fault_of_beat(shell: Shell, world: World) -> None:
    seen(world, sends=NOW, took=LONG_AGO)
    said = found(shell)
    assert said["beat"][0] == "ok"
    assert said["worker"][0] == "fault"
    assert "beat ticks, but nobody takes its ticks -> start `campaigns worker`" in said["worker"][1]


def test_a_beat_that_is_gone_is_named_with_the_worker_that_hears_nothing(shell: Shell, world: World) -> None:
    seen(world, sends=LONG_AGO, took=LONG_AGO)
    said = found(shell)
    assert said["beat"][0] == said["worker"][0] == "fault"
    assert "nobody takes" not in said["worker"][1]


def test_a_beat_of_the_release_before_is_seen_by_its_ticks(shell: Shell, world: World) -> None:
    seen(world, took=NOW)
    said = found(shell)
    assert said["beat"][0] == said["worker"][0] == "ok"


@pytest.mark.parametrize(("sends", "code"), [(None, 75), (LONG_AGO, 75), (NOW, 0)])
def test_a_health_check_asks_for_the_sign_of_beat_alone(
    shell: Shell, world: World, sends: timedelta | None, code: int
) -> None:
    """A worker that is away must not have beat restarted."""
    seen(world, took=LONG_AGO, **({} if sends is None else {"sends": sends}))
    result = shell.run("beat", "--check")
    assert result.exit_code == code
    assert ("Beat ticks." in result.stdout) == (code == 0)


def test_a_redis_that_is_not_verified_is_noted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, words in (
        ("", None),
        ("?ssl_cert_reqs=CERT_NONE", "certificate is not verified"),
        ("?ssl_check_hostname=false", "name is not verified"),
    ):
        weak = unverified(urlsplit(f"rediss://:p@host/0{options}"))
        assert (weak is None) if words is None else (weak is not None and words in weak and "p@" not in weak)
    monkeypatch.setenv("CELERY_BROKER_URL", "rediss://:p@host/0?ssl_cert_reqs=none")
    assert "broker tls" in found(shell)
