"""Make a host known, and forget a host that will not come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.ports import FenceBook
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.hosts import HostRow, add_host, every_host, forget_host
from campaigns.store.database.engine import Store

SHORTEST_START = 8
"""A host is named by at least this many characters of the beginning of its ID; fewer are a typing error."""


def join(store: Store, fences: FenceBook, name: str, *, actor: str) -> None:
    """Make this host known to the database, after it has copied to Redis what it remembers. Raises FencesAway.

    In this order, so that nobody waits for a host that has nothing to compare. From then on lanes wait for it; a crash
    in between leaves it unknown, and it joins with its next tick.
    """
    fences.tell()
    with store.write() as connection:
        now = store.now(connection)
        if add_host(connection, fences.host, name, now=now):
            detail = {"host": fences.host, "name": name}
            Act(connection, now, actor).record(EventKind.HOST_JOINED, detail=detail)


@dataclass(frozen=True, slots=True)
class ForgottenHost:
    """A host that no lane waits for any longer."""

    id: str
    name: str
    forgotten_at: datetime


def forget(store: Store, name: str, *, reason: str, actor: str) -> ForgottenHost:
    """Stop waiting for a host whose home is lost, and with it what only this host remembered.

    `name` is its ID, at least SHORTEST_START characters of the beginning of it, or its name if only one host has that.
    A host that comes back is known again, and compares its memory as before. Raises UsageError for an empty name,
    NotFound, or NotAllowed when several hosts fit.
    """
    reason = Reason(reason)
    if not name.strip():
        raise UsageError("The host is empty; give a host's ID or name.", Remedy(Do.LIST_HOSTS))
    with store.write() as connection:
        host = _find(every_host(connection), name)
        act = Act(connection, store.now(connection), actor)
        if not forget_host(act, host.id, reason=reason):
            raise NotAllowed(f"Host {host.name} ({host.id}) is forgotten already.", Remedy(Do.LIST_HOSTS))
        detail = {"host": host.id, "name": host.name, "last_seen_at": host.last_seen_at.isoformat()}
        act.record(EventKind.HOST_FORGOTTEN, reason=reason, detail=detail)
    return ForgottenHost(host.id, host.name, act.now)


def _find(hosts: list[HostRow], name: str) -> HostRow:
    fit = [host for host in hosts if host.id == name] or [
        host for host in hosts if host.forgotten_at is None and (host.name == name or _begins(host.id, name))
    ]
    if not fit and any(host.id.startswith(name) for host in hosts) and len(name) < SHORTEST_START:
        raise UsageError(f"'{name}' is too short to name a host; give at least {SHORTEST_START} characters of its ID.")
    if not fit:
        raise NotFound(f"There is no host '{name}'.", Remedy(Do.LIST_HOSTS))
    if len(fit) > 1:
        raise NotAllowed(
            f"'{name}' fits {len(fit)} hosts ({', '.join(host.id for host in fit)}); give the ID of the one you mean."
        )
    return fit[0]


def _begins(host_id: str, name: str) -> bool:
    return len(name) >= SHORTEST_START and host_id.startswith(name)
