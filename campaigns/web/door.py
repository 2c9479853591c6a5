"""What machines ask without a login: is it alive, is it ready, its figures, and where to report a fault."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.closing import closed_after
from campaigns.domain.errors import CampaignsError, NotFound, NotIdentified, PacerAway
from campaigns.domain.states import BatchState, HoldKind
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.store.database.migrations import require_head
from campaigns.store.health.metrics import Figures, figures
from campaigns.store.holds.stops import open_stops
from campaigns.web.desk import Desk, Here
from campaigns.web.kit.access.identify import address_of

routes = APIRouter()

VALID = timedelta(days=180)
"""How long `security.txt` counts as current, from the moment it is read."""


@routes.get("/livez")
def is_alive() -> Response:
    """Whether this process handles requests."""
    return PlainTextResponse("alive\n")


@routes.get("/readyz")
def is_ready(desk: Here) -> Response:
    """Whether the database is there and up to date. A stop is named, and does not make it less ready."""
    try:
        require_head(desk.store)
        with desk.store.read() as connection:
            stops = open_stops(connection)
    except CampaignsError as refusal:
        return PlainTextResponse(f"not ready: {refusal.code}\n", status_code=503)
    return PlainTextResponse("ready; sending is stopped\n" if stops else "ready\n")


@routes.get("/metrics")
def metrics(request: Request, desk: Here) -> Response:
    """The figures of the database and of this process, as Prometheus reads them.

    A monitor on this machine needs no login; from elsewhere the request needs a token of any right.
    """
    if not _is_near(address_of(request)) and desk.identify(request) is None:
        raise NotIdentified("The figures are for this machine. From elsewhere, send a token of the desk.")
    with desk.store.read() as connection:
        now = figures(connection, now=desk.store.now(connection))
    registry = CollectorRegistry()
    registry.register(_Collected([*_of_database(now), *_of_limiter(desk)]))
    text = generate_latest(registry) + generate_latest(request.app.state.requests.registry)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@routes.get("/.well-known/security.txt")
def security_contact(desk: Here) -> Response:
    """Where to report a fault of security (RFC 9116). Raises NotFound when no contact is set."""
    contact = desk.parts.settings.security_contact
    if not contact:
        raise NotFound("This desk names no contact for reports of security faults.")
    with desk.store.read() as connection:
        expires = desk.store.now(connection) + VALID
    return PlainTextResponse(f"Contact: {contact}\nExpires: {_instant(expires)}\n")


class Requests:
    """Counts the requests of this process, by method and class of status. A pure ASGI middleware."""

    def __init__(self, app: ASGIApp, counter: Counter) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
                self._counter.labels(method=_method(scope["method"]), status=status).inc()
            await send(message)

        await self._app(scope, receive, counted)


class RequestCount:
    """The count of requests and the registry that it is printed from; one for each application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.counter = Counter(
            "campaigns_http_requests", "Requests to the desk.", ["method", "status"], registry=self.registry
        )


class _Collected:
    """Figures that were read already, in the form that prometheus_client prints."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


def _of_database(now: Figures) -> Iterator[GaugeMetricFamily]:
    yield _by(
        "campaigns_batches", "Batches of open runs.", "state", {state.value: 0 for state in BatchState} | now.batches
    )
    yield _by(
        "campaigns_recent_outcomes",
        "Outcomes of requests that began in the last five minutes.",
        "outcome",
        {kind.value: 0 for kind in OutcomeKind} | now.outcomes,
    )
    yield _by("campaigns_holds", "Open holds.", "kind", {kind.value: 0 for kind in HoldKind} | now.holds)
    yield _one("campaigns_open_runs", "Runs that have not ended.", now.open_runs)
    yield _one("campaigns_lanes_ready", "Accounts with a batch that may be sent now.", now.lanes_ready)
    yield _one("campaigns_unknown_batches", "Batches whose outcome is unknown.", now.unknown_batches)
    overdue = _age(now.now, now.oldest_sending_at)
    yield _one(
        "campaigns_sending_overdue_seconds", "Time since the oldest lease of a request ended; 0: none did.", overdue
    )
    if now.beat_seen_at is not None:
        yield _one("campaigns_beat_age_seconds", "Time since beat was last seen.", _age(now.now, now.beat_seen_at))


def _of_limiter(desk: Desk) -> Iterator[GaugeMetricFamily]:
    """The use of the shared limit; nothing when Redis is away, which `up` of Prometheus must not depend on."""
    try:
        with closed_after(desk.parts.pacer()) as pacer:
            state = pacer.state()
    except PacerAway:
        return
    yield _one("campaigns_limiter_used", "Requests that count against the limit of the minute.", state.used)
    yield _one("campaigns_limiter_limit", "The limit of the minute in force.", state.limit_per_minute)


def _is_near(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _age(now: datetime, moment: datetime | None) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, label: str, values: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _method(name: str) -> str:
    return name if name in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


def _instant(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat()
