"""What goes on now, what needs a person, and stopping and letting go: `/api/v1/status`, `/needs`, `/stop`, `/go`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Path, Request
from pydantic import ConfigDict
from starlette.responses import Response

from campaigns import __version__
from campaigns.domain.access.rights import HOLD_BACK, Right
from campaigns.flow.access.allow import allow_account
from campaigns.flow.accounts.limits_now import LimitsNow, limits_now
from campaigns.flow.accounts.stop import Going, Stopped, refuse_to_go, stop
from campaigns.flow.backup.hosts import ForgottenHost, forget
from campaigns.flow.reconcile.search import SearchAsked, ask_to_look
from campaigns.flow.runs.needs import Need
from campaigns.flow.runs.tonight import Tonight, tonight
from campaigns.flow.schedules.after_stop import AfterStop, go_as_shown, preview_go
from campaigns.store.backup.hosts import HostRow, every_host
from campaigns.store.database.engine import Store
from campaigns.store.health.heartbeats import Serves, heartbeats, serving
from campaigns.store.holds.stops import Stop, open_stops
from campaigns.web.desk import Admin, Desk, Here, Holder, Sender, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import Page
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.seen import require_seen, seen
from campaigns.web.kit.sent.bodies import STRICT, WithReason

routes = APIRouter(tags=["now"])

SEND = frozenset({Right.SENDER})


@dataclass(frozen=True, slots=True)
class StopBody:
    """What is stopped, and why."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str
    account: str | None = None  # null: everything


@dataclass(frozen=True, slots=True)
class GoBody:
    """What is let go on. `seen` is from the reply that showed what would follow, so that nothing else is let go on."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    seen: str
    account: str | None = None  # null: everything that has no stop of its own
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GoPreview:
    """What happens as soon as the stop is lifted."""

    account: str | None
    seen: str  # names exactly this; send it back to let it happen
    follows: AfterStop


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """The parts of the installation: what runs, in which version, against which vendor."""

    at: datetime
    version: str
    upstream: str
    is_live: bool
    database: str  # sqlite or postgresql
    heartbeats: dict[str, datetime]  # of each part: when it was last seen
    serves: Serves  # whether a worker serves the vendor in force
    stops: Sequence[Stop]


@routes.get("/status", response_model=Tonight)
def show_status(desk: Here, by: Viewer) -> Response:
    """All accounts now: runs that are open or ended in the last 24 hours, the next runs, and what needs a person."""
    return answer(_tonight(desk, by.accounts))


@routes.get("/needs", response_model=Page[Need])
def list_needs(desk: Here, by: Viewer) -> Response:
    """What needs a person, the most urgent first."""
    return answer(Page(_tonight(desk, by.accounts).needs, None))


@routes.post("/stop", response_model=Stopped)
def stop_sending(request: Request, desk: Here, by: Holder, body: StopBody, key: IdempotencyKey = None) -> Response:
    """Stop an account, or everything. The answer lists what cannot be stopped."""
    allow_account(by, HOLD_BACK, body.account)

    def verb(store: Store) -> Stopped:
        upstream = desk.parts.upstream_name
        return stop(store, body.account, upstream=upstream, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.get("/go", response_model=GoPreview)
def preview_to_go(desk: Here, by: Sender, account: str | None = None) -> Response:
    """What would follow if the stop of an account, or that of everything, were lifted now. Changes nothing."""
    allow_account(by, SEND, account)
    refuse_to_go(desk.store, account)
    follows = preview_go(desk.store, account)
    return answer(GoPreview(account, seen(follows.facts), follows))


@routes.post("/go", response_model=Going)
def let_go_on(request: Request, desk: Here, by: Sender, body: GoBody, key: IdempotencyKey = None) -> Response:
    """Lift a stop, if what follows is what the caller saw."""
    allow_account(by, SEND, body.account)

    def verb(store: Store) -> Going:
        refuse_to_go(store, body.account)
        follows = preview_go(store, body.account)
        require_seen(follows.facts, body.seen, now=follows.in_numbers)
        return go_as_shown(store, body.account, follows, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@routes.post("/reconcile", response_model=SearchAsked)
def reconcile(request: Request, desk: Here, by: Sender, key: IdempotencyKey = None) -> Response:
    """Have workers search the vendor's queue for every unknown batch now. It costs credits."""
    allow_account(by, SEND, None)

    def verb(store: Store) -> SearchAsked:
        return ask_to_look(store, None, actor=by.actor)

    return done_once(request, desk.store, by, key, None, verb, required=False)


@routes.get("/limits", response_model=LimitsNow)
def show_limits(desk: Here, by: Viewer) -> Response:
    """The team's budget, and the accounts that must wait."""
    pacer = desk.parts.pacer()
    with ExitStack() as at_the_end:
        if hasattr(pacer, "close"):
            at_the_end.callback(pacer.close)
        now = limits_now(desk.store, pacer, desk.parts.limits, desk.parts.upstream_name, accounts=by.accounts)
    return answer(now)


@routes.get("/system", response_model=SystemFacts)
def show_system(desk: Here, by: Viewer) -> Response:
    """The parts of the installation."""
    parts = desk.parts
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        stops = [each for each in open_stops(connection) if each.account is None or by.sees(each.account)]
        facts = SystemFacts(
            at=now,
            version=__version__,
            upstream=parts.upstream_name,
            is_live=parts.settings.is_live,
            database=connection.dialect.name,
            heartbeats=heartbeats(connection),
            serves=serving(connection, parts.upstream_name, now).serves,
            stops=stops,
        )
    return answer(facts)


@routes.get("/hosts", response_model=Page[HostRow])
def list_hosts(desk: Here, by: Viewer) -> Response:  # noqa: ARG001 - whoever may look
    """Every host that workers have run on, the newest first."""
    with desk.store.read() as connection:
        return answer(Page(every_host(connection), None))


@routes.post("/hosts/{host}/forget", response_model=ForgottenHost)
def forget_host(
    request: Request,
    desk: Here,
    by: Admin,
    host: Annotated[str, Path(max_length=200)],
    body: WithReason,
    key: IdempotencyKey = None,
) -> Response:
    """Stop waiting for a host whose home is lost. What it alone remembered is lost then."""
    allow_account(by, frozenset({Right.ADMIN}), None)

    def verb(store: Store) -> ForgottenHost:
        return forget(store, host, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


def _tonight(desk: Desk, accounts: frozenset[str] | None) -> Tonight:
    parts = desk.parts
    upstream, is_live = parts.upstream_name, parts.settings.is_live
    return tonight(desk.store, parts.limits, upstream=upstream, is_live=is_live, seen=accounts)
