"""An evening of ten accounts: some runs ended well, one batch was rejected, one is unknown, then the key is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import HoldKind
from campaigns.domain.upstream.outcome import HoldOrder, HoldScope, Outcome, OutcomeKind
from campaigns.flow.campaigns.launch import launch
from campaigns.store.health.heartbeats import beat_heart, worker_serves
from tests.world import ANNA, REJECTED, UNKNOWN, UPSTREAM, World, accepted

KEY_REFUSED = Outcome(
    OutcomeKind.HELD,
    error="the key is not valid (HTTP 401)",
    http_status=401,
    hold=HoldOrder(HoldScope.TEAM, HoldKind.KEY),
)

NAMES = ("anna", "bea", "cleo", "dora", "eva", "fay", "gia", "hope", "ida", "june")


@dataclass(frozen=True)
class Evening:
    """The runs and campaigns of the evening."""

    finished: int
    rejected: int
    unknown: int
    paused: int  # the one whose request showed that the key is refused
    waiting: int
    armed: int  # a campaign


def evening(world: World) -> Evening:
    """Play it. Beat and worker are running."""
    for name in NAMES:
        world.account(f"acct_{name}")

    def launched(name: str, users: int, title: str = "Friday teaser") -> int:
        campaign = world.campaign(range(1, users + 1), account_id=f"acct_{name}", name=title, batch_size=500)
        return world.launch(campaign)

    finished, rejected, unknown = launched("anna", 1500), launched("bea", 1000), launched("cleo", 900)
    world.gateway.script = [accepted("11"), accepted("12"), accepted("13")]
    world.serve("acct_anna")
    world.gateway.script = [accepted("21"), REJECTED]
    world.serve_out("acct_bea")
    world.gateway.script = [UNKNOWN, accepted("31")]
    world.serve_out("acct_cleo")
    paused, waiting = launched("dora", 120_000, "Season opener"), launched("eva", 20_000)
    world.gateway.script = [accepted("41"), accepted("42"), KEY_REFUSED]
    world.serve("acct_dora")
    armed = world.campaign(
        range(1, 50), account_id="acct_fay", name="Every evening", timing=Timing(cron="0 21 * * *", zone="UTC")
    )
    launch(world.store, armed, upstream=UPSTREAM, actor=ANNA)
    signs(world)
    return Evening(finished, rejected, unknown, paused, waiting, armed)


def signs(world: World) -> None:
    """Beat and worker give a sign of life, an hour ahead: however slow the machine is, it is fresh."""
    with world.store.write() as connection:
        at = world.clock.now + timedelta(hours=1)
        for part in ("beat", "beat sends"):
            beat_heart(connection, part, now=at)
        worker_serves(connection, UPSTREAM, now=at)
