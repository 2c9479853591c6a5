"""Which rows the seal of the end of a recall covers: the recalls of its run, their requests and the outcomes."""

from __future__ import annotations

from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, Row, and_, select

from campaigns.store.audit.canonical import recalls_covered_by
from campaigns.store.proof.sealed_ends import Cover, Rows
from campaigns.store.tables.audit import seal
from campaigns.store.tables.recalls import recall, unsend, unsend_outcome


def _recalls(connection: Connection, row: Row[Any], recalls: BitMap64, unsends: BitMap64) -> Rows:
    now = recalls_covered_by(connection, row.run_id, recalls, unsends, version=row.version)
    return Rows(now.recalls, now.unsends, now.sha256, added=len(_earlier_requests(connection, recalls) - unsends))


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


RECALLS = Cover(
    columns=(seal.c.recalls_covered, seal.c.unsends_covered, seal.c.recalls_sha256),
    read=_recalls,
    end="its recall ended",
    all_rows="recalls and requests to unsend",
    some_rows="recalls, or requests to unsend,",
    parts=("recalls", "requests to unsend or outcomes"),
)
"""What was sealed with the end of a recall. Seals of an earlier release do not cover recalls; they are left out."""
