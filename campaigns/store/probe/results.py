"""What probes learned about an account. Rows are written once; the newest one counts."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from campaigns.domain.probe.reading import SCHEDULED, Escapes, LineBreaks, ProbeReading, TextEcho
from campaigns.store.tables.probes import probe_result

_PLAIN = tuple(each.name for each in fields(ProbeReading) if each.name != "text")


def add_result(
    connection: Connection,
    probe_id: int,
    account_id: str,
    reading: ProbeReading,
    *,
    echo: dict[str, str],
    now: datetime,
) -> None:
    """Keep what a probe learned, with the text as the vendor showed it."""
    connection.execute(
        insert(probe_result).values(
            probe_id=probe_id,
            account_id=account_id,
            at=now,
            basis=SCHEDULED,
            mark=reading.text.mark,
            line_breaks=reading.text.line_breaks,
            escapes=reading.text.escapes,
            mark_up=reading.text.mark_up,
            echo=echo,
            **{name: getattr(reading, name) for name in _PLAIN},
        )
    )


def latest_probe(connection: Connection, account_id: str) -> ProbeReading | None:
    """What the newest probe of an account learned; None: there is none."""
    newest = select(probe_result).where(probe_result.c.account_id == account_id)
    return _reading(connection.execute(newest.order_by(probe_result.c.probe_id.desc()).limit(1)).one_or_none())


def marks_survive(connection: Connection, account_id: str) -> bool:
    """Whether marks survive, by the newest probe of an account; False when there is none."""
    newest = latest_probe(connection, account_id)
    return newest is not None and newest.text.mark is True


def takes_mark_up(connection: Connection, account_id: str) -> bool | None:
    """Whether the vendor reads texts as HTML, by the newest probe of an account; None: not known."""
    newest = latest_probe(connection, account_id)
    return None if newest is None else newest.text.takes_mark_up


def result_of(connection: Connection, probe_id: int) -> ProbeReading | None:
    """What one probe learned; None: it has not been read."""
    return _reading(connection.execute(select(probe_result).where(probe_result.c.probe_id == probe_id)).one_or_none())


def _reading(row: Any) -> ProbeReading | None:
    if row is None:
        return None
    text = TextEcho(
        mark=row.mark,
        line_breaks=None if row.line_breaks is None else LineBreaks(row.line_breaks),
        escapes=None if row.escapes is None else Escapes(row.escapes),
        mark_up=row.mark_up,
    )
    return ProbeReading(text=text, **{name: getattr(row, name) for name in _PLAIN})
