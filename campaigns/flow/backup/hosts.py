"""Hosts make themselves known, and operators say which of them will not come back."""

from __future__ import annotations

from typing import Any

from campaigns.domain.errors import NotAllowed, NotFound, UsageError
from campaigns.ports import FenceBook
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.backup.hosts import HostRow, add_host, every_host, forget_host
from campaigns.store.database.engine import Store

SHORTEST_START = 8
"""Characters of an ID's beginning that name a host; fewer are a slip of the hand."""


def join(store: Store, fences: FenceBook, name: str, *, actor: str) -> None:
    """Make this host known to the database, after it has told Redis what it remembers. Raises FencesAway.

    In this order, so that nobody ever waits for a host that has nothing to tell. From then on it is waited for; a
    crash in between leaves it unknown, and it joins with its next tick.
    """
    fences.tell()
    with store.write() as connection:
        now = store.now(connection)
        if add_host(connection, fences.host, name, now=now):
            detail = {"host": fences.host, "name": name}
            Act(connection, now, actor).record(EventKind.HOST_JOINED, detail=detail)


def forget(store: Store, name: str, *, reason: str, actor: str) -> dict[str, Any]:
    """Let no lane wait for a host any more: its home is lost, and what only it knew with it.

    `name` is its ID, at least SHORTEST_START characters of its beginning, or its name, if only one host has it. Should
    it come back it is known again, and compares its memory as before. Raises UsageError for an empty name, NotFound, or
    NotAllowed when several hosts fit.
    """
    if not name.strip():
        raise UsageError("HOST is empty; give a host's ID or name, as `campaigns hosts list` shows them.")
    with store.write() as connection:
        host = _find(every_host(connection), name)
        now = store.now(connection)
        if not forget_host(connection, host.id, reason=reason, actor=actor, now=now):
            raise NotAllowed(f"Host {host.name} ({host.id}) is forgotten already; see `campaigns hosts list`.")
        detail = {"host": host.id, "name": host.name, "last_seen_at": host.last_seen_at.isoformat()}
        Act(connection, now, actor).record(EventKind.HOST_FORGOTTEN, reason=reason, detail=detail)
    return {"id": host.id, "name": host.name, "forgotten_at": now.isoformat()}


def _find(hosts: list[HostRow], name: str) -> HostRow:
    fit = [one for one in hosts if one.id == name] or [
        one for one in hosts if one.forgotten_at is None and (one.name == name or _begins(one.id, name))
    ]
    if not fit and any(one.id.startswith(name) for one in hosts) and len(name) < SHORTEST_START:
        raise UsageError(f"'{name}' is too short to name a host; give {SHORTEST_START} characters of its ID or more.")
    if not fit:
        raise NotFound(f"There is no host '{name}'; `campaigns hosts list` shows them.")
    if len(fit) > 1:
        raise NotAllowed(
            f"'{name}' fits {len(fit)} hosts ({', '.join(one.id for one in fit)}); give the ID of the one you mean."
        )
    return fit[0]


def _begins(host_id: str, name: str) -> bool:
    return len(name) >= SHORTEST_START and host_id.startswith(name)
