"""Logins that did not succeed, for each name and each network address, and how long the next try has to wait."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from campaigns.store.tables.desk import login_failure

FORGOTTEN_AFTER = timedelta(days=1)

LONGEST_WAIT = timedelta(minutes=5)
"""Longer would let a stranger keep an operator out by typing their name."""


def begin_try(connection: Connection, free: Mapping[str, int], *, now: datetime) -> datetime | None:
    """Count a try of each subject before it is looked at; when to come back, if one of them has to wait.

    `free`: each subject, and how many tries without a wait it has. A try that has to wait is not counted. It counts as
    a failure until `forget` is called: so a hundred simultaneous tries are not looked at together.
    """
    connection.execute(delete(login_failure).where(login_failure.c.last_at < now - FORGOTTEN_AFTER))
    rows = connection.execute(
        select(login_failure.c.subject, login_failure.c.failures, login_failure.c.wait_until)
        .where(login_failure.c.subject.in_(free))
        .order_by(login_failure.c.subject)
        .with_for_update()
    ).all()
    waits: list[datetime] = [row.wait_until for row in rows if row.wait_until > now]
    if waits:
        return max(waits)
    before = {row.subject: row.failures for row in rows}
    for subject in sorted(free):
        failures = before.get(subject, 0) + 1
        new = {"failures": failures, "last_at": now, "wait_until": now + _wait(failures - free[subject])}
        if subject in before:
            connection.execute(update(login_failure).where(login_failure.c.subject == subject).values(new))
        elif not _inserted(connection, subject, new):
            return now + timedelta(seconds=1)
    return None


def forget(connection: Connection, subject: str) -> None:
    """Forget every failure of a subject: a login succeeded."""
    connection.execute(delete(login_failure).where(login_failure.c.subject == subject))


def take_back(connection: Connection, subject: str) -> None:
    """Take back the last try of a subject, which succeeded; its earlier failures stay."""
    mine = login_failure.c.subject == subject
    connection.execute(delete(login_failure).where(mine, login_failure.c.failures <= 1))
    before = {"failures": login_failure.c.failures - 1, "wait_until": login_failure.c.last_at}
    connection.execute(update(login_failure).where(mine).values(before))


def _wait(too_many: int) -> timedelta:
    """No wait for the first tries, then one second, twice as long each time."""
    if too_many <= 0:
        return timedelta(0)
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(too_many - 1, 20)))


def _inserted(connection: Connection, subject: str, columns: Mapping[str, object]) -> bool:
    """Write the first failure of a subject; False when a simultaneous try was first."""
    try:
        with connection.begin_nested():
            connection.execute(insert(login_failure).values(subject=subject, **columns))
    except IntegrityError:
        return False
    return True
