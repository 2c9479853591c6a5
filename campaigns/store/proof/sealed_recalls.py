"""Prove that recalls and their requests are unchanged since the end of a recall was sealed."""

from __future__ import annotations

from collections.abc import Iterator

from pyroaring import BitMap64
from sqlalchemy import Connection, and_, select

from campaigns.domain.audience.user_sets import unpack
from campaigns.domain.ids import run_name
from campaigns.store.audit.canonical import ROWS_AT_ONCE, recalls_covered_by
from campaigns.store.tables.audit import event, seal
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome


def sealed_recall_faults(connection: Connection) -> Iterator[str]:
    """Recalls, requests and outcomes that were edited, are missing, or were added after they were sealed.

    Seals of an earlier release do not cover recalls; they are left out.
    """
    rows = connection.execute(
        select(
            event.c.id,
            event.c.run_id,
            seal.c.version,
            seal.c.recalls_covered,
            seal.c.unsends_covered,
            seal.c.recalls_sha256,
        )
        .join(event, event.c.id == seal.c.event_id)
        .where(seal.c.recalls_sha256.is_not(None))
        .order_by(seal.c.number)
        .execution_options(yield_per=ROWS_AT_ONCE // 10)
    )
    for row in rows:
        name = f"run {run_name(row.run_id)}, as its recall ended with event {row.id}"
        try:
            recalls, unsends = unpack(row.recalls_covered), unpack(row.unsends_covered)
            found = recalls_covered_by(connection, row.run_id, recalls, unsends, version=row.version)
            added = _earlier_requests(connection, recalls) - unsends
        except (ValueError, TypeError) as error:
            yield f"{name}: its recalls and requests to unsend cannot be read ({error})"
            continue
        recalls_gone, unsends_gone = recalls - found.recalls, unsends - found.unsends
        if recalls_gone or unsends_gone:
            yield (
                f"{name}: of the sealed rows, {len(recalls_gone)} recalls and {len(unsends_gone)} requests to "
                "unsend or outcomes are missing"
            )
        elif found.sha256 != row.recalls_sha256:
            yield f"{name}: its recalls, or requests to unsend, were edited since they were sealed"
        if added:
            yield f"{name}: {len(added)} requests to unsend were added after they were sealed"


def _earlier_requests(connection: Connection, recalls: BitMap64) -> BitMap64:
    """The requests (by fence) of these recalls whose outcome was recorded by the time their recall ended.

    The outcome of a request that was in flight then may be recorded later.
    """
    fences = BitMap64()
    for recall_id in recalls:
        fences |= BitMap64(
            connection.scalars(
                select(unsend.c.fence)
                .join(recall, recall.c.id == unsend.c.recall_id)
                .join(
                    unsend_outcome,
                    and_(*(unsend_outcome.c[name] == unsend.c[name] for name in ("recall_id", "batch_id", "number"))),
                )
                .where(recall.c.id == recall_id, unsend_outcome.c.finished_at <= recall.c.finished_at)
            ).all()
        )
    return fences
