"""Checks of what this host stores beside the database: kept outcomes, and noted fences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from campaigns.checks.check import AT, AWAY, FAULTY, NOT_MIGRATED, Check
from campaigns.domain.errors import CampaignsError, FencesAway
from campaigns.domain.words import counted

if TYPE_CHECKING:
    from campaigns.settings import Settings
    from campaigns.store.backup.hosts import HostRow


def memory_checks(settings: Settings) -> Iterator[Check]:
    """What this host stores beside the database, and whether both agree."""
    yield from spool_checks(settings)
    yield from _fences(settings)


def spool_checks(settings: Settings) -> Iterator[Check]:
    """Whether outcomes of requests wait in the home of this host to be written."""
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
        with closing(KeptFences(settings.redis_url, settings.home.resolve())) as book:
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
    found = (
        f"has not compared its fences since Redis lost its state, so every lane waits for it (ID {host.id}, last seen "
        f"at {AT})"
    )
    fix = f"start a worker on it, or `campaigns hosts forget {host.id} --reason TEXT` if its home is lost"
    return Check(f"host {host.name}", "fault", found, fix, AWAY, host.last_seen_at)


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
