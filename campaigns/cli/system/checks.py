"""Checks of `doctor`: the memory beside the database (kept outcomes, noted fences), what is paused, and probes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from campaigns.cli.kit.output import counted, moment
from campaigns.cli.kit.ways_on import way_on
from campaigns.domain.errors import CampaignsError, FencesAway
from campaigns.domain.ids import run_name
from campaigns.wiring import closed_after

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.store.backup.hosts import HostRow
    from campaigns.store.database.engine import Store
    from campaigns.store.views.limits import OpenPause

AWAY, FAULTY, NOT_MIGRATED, REFUSED = 75, 2, 4, 7

LISTED = 10
"""At most this many holds are listed one by one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part, its state, and the fix."""

    part: str
    state: Literal["ok", "note", "fault"]
    found: str
    fix: str | None = None
    exit_code: int = 0


def memory_checks(settings: Settings) -> Iterator[Check]:
    """What this host stores beside the database, and whether both agree."""
    yield from _spool(settings)
    yield from _fences(settings)


def _spool(settings: Settings) -> Iterator[Check]:
    from campaigns.adapters.disk.spool import FileSpool

    try:
        spool = FileSpool(settings.home.resolve()).content()
    except OSError as error:
        fault = f"cannot be read ({error.strerror})"
        yield Check("kept outcomes", "fault", fault, f"let workers read and write {settings.home.resolve()}", FAULTY)
        return
    lost = "such attempts count as unknown: see `campaigns runs list`, then delete the file"
    if spool.damaged:
        damaged = f"{counted(spool.damaged, 'line')} cannot be read; a worker will put them aside"
        yield Check("kept outcomes", "fault", damaged, lost, FAULTY)
    if spool.waiting:
        waiting = f"{counted(spool.waiting, 'outcome')} on this host could not be written yet"
        yield Check("kept outcomes", "fault", waiting, "start a worker here once the database answers", AWAY)
    for path in spool.aside:
        yield Check("kept outcomes", "note", f"some could not be read or written and were put aside in {path}", lost)
    for path in spool.lost:
        unknown = f"{path} has answers to requests that the database does not know: it was restored from a backup"
        yield Check("kept outcomes", "note", unknown, "compare them with what is unknown or held, then delete the file")
    if not (spool.damaged or spool.waiting or spool.aside or spool.lost):
        yield Check("kept outcomes", "ok", "none wait on this host")


def _fences(settings: Settings) -> Iterator[Check]:
    from campaigns.adapters.redis.fence_book import KeptFences
    from campaigns.store.backup.hosts import known_hosts
    from campaigns.store.views.fences import fenced_lanes
    from campaigns.wiring import open_parts

    if settings.redis_url is None:
        return  # another check names that
    parts = open_parts(settings)
    troubles: list[Check] = []
    try:
        with parts.store.read() as connection:
            hosts = known_hosts(connection)
            names = {lane.account_id: lane.name for lane in fenced_lanes(connection)}
        with closed_after(KeptFences(settings.redis_url, settings.home.resolve())) as book:
            noted = {account_id: book.noted(name) for account_id, name in names.items()}
            missing = book.missing([one.id for one in hosts])
            troubles += [_missing_host(one) for one in hosts if one.id in missing]
        # Read after the book: a fence is noted when it was committed, so the database can only be ahead.
        with parts.store.read() as connection:
            lanes = fenced_lanes(connection)
        for lane in lanes:
            if lane.account_id in noted:
                one = noted[lane.account_id]
                troubles += _fence_trouble(
                    lane.account_id, lane.fence, lane.newest_request, shared=one.shared, here=one.here
                )
    except FencesAway as fault:
        troubles = [Check("fence book", "fault", str(fault), "start Redis, or make the home writable", AWAY)]
    except CampaignsError:
        return  # another check names that the database is away
    finally:
        parts.store.close()
    yield from troubles
    if not troubles:
        yield Check("fence book", "ok", f"agrees with the database on {counted(len(names), 'account')}")


def _missing_host(host: HostRow) -> Check:
    fact = (
        f"has not compared its fences since Redis lost its state, so every lane waits for it (ID {host.id}, last seen "
        f"at {moment(host.last_seen_at)})"
    )
    fix = f"start a worker on it, or `campaigns hosts forget {host.id} --reason TEXT` if its home is lost"
    return Check(f"host {host.name}", "fault", fact, fix, AWAY)


def _fence_trouble(
    account_id: str, fence: int, newest: int | None, *, shared: int | None, here: int | None
) -> list[Check]:
    part, highest = f"fence book of {account_id}", max(shared or 0, here or 0)
    if highest > fence:
        found = f"request {highest} was made, but the database knows none after {fence}: it was restored from a backup"
        return [Check(part, "fault", found, "docs/operating.md, Backups, before anything is sent", NOT_MIGRATED)]
    if newest is None:
        return []
    missing = [name for name, known in (("Redis", shared), ("this host's file", here)) if (known or 0) < newest]
    if shared is not None and shared >= newest:
        return []  # another host's worker sends for it, and notes it in a file of its own
    found = f"request {newest} is not noted in {' and '.join(missing)}: a restored database could go unrecognised"
    return [Check(part, "note", found, "nothing: the next request notes it. Keep both out of backups, and lasting")]


def paused_checks(store: Store) -> Iterator[Check]:
    """Each open hold and each open circuit: a refusal of the vendor that stops open runs is a fault, the rest notes."""
    from campaigns.store.views.limits import open_pauses, tripped_circuits

    with store.read() as connection:
        circuits = tripped_circuits(connection, now=store.now(connection))
        holds = [(pause, pause.kind.is_vendors and pause.holds_runs) for pause in open_pauses(connection)]
    holds.sort(key=lambda judged: not judged[1])  # faults first
    for hold, is_fault in holds[:LISTED]:
        fact = f"{_name(hold)}: {hold.kind}: {hold.reason}"
        yield Check("hold", "fault" if is_fault else "note", fact, _way_on(hold), REFUSED if is_fault else 0)
    if len(holds) > LISTED:
        yield Check("hold", "note", f"and {len(holds) - LISTED} more", "`campaigns runs show RUN` names a run's")
    for circuit in circuits:
        until = "now" if circuit.until is None else moment(circuit.until)
        fact = f"{circuit.account}: {circuit.failures} requests in a row came to nothing ({circuit.why})"
        yield Check("circuit", "note", fact, f"nothing: it is tried again, next at {until}")


def probe_checks(store: Store) -> Iterator[Check]:
    """Each message of a probe that may still be scheduled at the vendor."""
    from campaigns.store.views.probes import probes_left

    with store.read() as connection:
        left = probes_left(connection)
    for each in left:
        which = "a message whose ID is not known" if each.message_id is None else f"message {each.message_id}"
        why = f" ({each.waits_for})" if each.waits_for else ""
        found = f"{which} is scheduled for {moment(each.scheduled_for)} to user {each.user_id}, not seen gone yet{why}"
        by_hand = (
            f"nothing: a worker deletes it. If it stays, delete it at the vendor; it is of run {run_name(each.run_id)}"
        )
        if each.ended is not None:
            by_hand = f"delete it at the vendor: its answer came after run {run_name(each.run_id)} was decided"
        elif each.message_id is None and not each.is_searched:
            by_hand = (
                f"look for it at the vendor, then `campaigns runs decide {run_name(each.run_id)} --all` with its ID"
            )
        yield Check(f"probe of {each.account_id}", "note", found, by_hand)


def _way_on(hold: OpenPause) -> str:
    return way_on(hold.kind, hold.held.scope, run_id=hold.held.run_id, account_id=hold.held.account_id)


def _name(pause: OpenPause) -> str:
    held = pause.held
    if held.run_id is not None:
        return f"run {run_name(held.run_id)}"
    return f"account {held.account_id}" if held.account_id is not None else f"every account of {held.upstream}"
