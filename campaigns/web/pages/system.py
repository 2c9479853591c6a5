"""The page of the system: parts and their state, workers, hosts and versions. It asks no vendor and writes nothing."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from campaigns import __version__
from campaigns.checks.check import AT, Check
from campaigns.checks.database import database_checks, refused
from campaigns.checks.memory import spool_checks
from campaigns.checks.redis_server import redis_checks, redis_tls_checks
from campaigns.domain.access.rights import Right
from campaigns.domain.errors import CampaignsError, NotFound
from campaigns.flow.backup.hosts import forget
from campaigns.store.backup.hosts import HostRow, every_host
from campaigns.store.database.migrations import current, head
from campaigns.store.health.heartbeats import QUIET, served_vendors
from campaigns.store.views.pages.incarnations import incarnations
from campaigns.web.desk import Admin, Desk, Here, Viewer
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.pages import page

routes = APIRouter(prefix="/system")

ADMIN = frozenset({Right.ADMIN})

NEWEST = 20
"""Hosts and incarnations: the page shows at most this many of each, and says so."""


@routes.get("")
def show(request: Request, desk: Here, by: Viewer) -> Response:
    """Every part and its state, by the checks of `campaigns doctor` that only read."""
    checks = list(_checks(desk))
    with desk.store.read() as connection:
        hosts = every_host(connection)
        served = served_vendors(connection)
        newest = incarnations(connection, limit=NEWEST)
    return page(
        request,
        "system/system.html",
        by=by,
        checks=checks,
        AT=AT,
        faults=sum(check.state == "fault" for check in checks),
        served=served,
        quiet=QUIET,
        hosts=hosts[:NEWEST],
        more_hosts=max(0, len(hosts) - NEWEST),
        newest=NEWEST,
        incarnations=newest,
        release=__version__,
        python=platform.python_version(),
        migration=current(desk.store),
        head=head(),
        may_forget=by.may(ADMIN) and by.accounts is None,
    )


@routes.get("/hosts/{host_id}/forget")
def ask_to_forget(request: Request, desk: Here, by: Admin, host_id: str) -> Response:
    """Ask whether no lane is to wait for a host any longer."""
    by.require_every_account()
    host = _host(desk, host_id)
    sentence = (
        f"No account waits for host {host.name} ({host.id}) any longer. What it alone remembers is lost then: if Redis "
        "and the database are put back at the same time, a restore can go unrecognised, and fans may be messaged "
        "twice. Do this only when its home is lost. A host that comes back is known again."
    )
    return ask(request, by, Question(f"Forget host {host.name}", sentence, "Forget", "/system", is_grave=True))


@routes.post("/hosts/{host_id}/forget")
def forget_host(
    request: Request,
    desk: Here,
    by: Admin,
    host_id: str,
    reason: Annotated[str, Form()],
    key: Annotated[str, Form()],
) -> Response:
    """Let no lane wait for a host."""
    by.require_every_account()
    host = _host(desk, host_id)
    return act_once(
        request,
        desk.store,
        by,
        {"reason": reason, "key": key},
        lambda store: forget(store, host.id, reason=reason, actor=by.actor),
        to="/system",
        sentence=f"Host {host.name} is forgotten.",
    )


def _checks(desk: Desk) -> Iterator[Check]:
    settings = desk.parts.settings
    try:
        yield from database_checks(settings, desk.store)
    except CampaignsError as fault:
        yield refused(fault, desk.store)
    yield from redis_tls_checks(settings)
    yield from redis_checks(settings)
    yield from spool_checks(settings)


def _host(desk: Desk, host_id: str) -> HostRow:
    with desk.store.read() as connection:
        found = [host for host in every_host(connection) if host.id == host_id]
    if not found:
        raise NotFound(f"There is no host '{host_id}'.")
    return found[0]
