"""Batches that went to more fans than they hold, to far fewer, or that the vendor shows as failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from campaigns.domain.states import BatchState
from campaigns.store.proof.trail import cause, is_damage
from campaigns.store.reconcile.sent_counts import Count, counts
from campaigns.store.tables.batches import batch
from campaigns.store.views.text import as_text

LISTED = 100
"""At most this many batches below their size are listed one by one."""

FAR_BELOW = 0.5
"""Below this share of its users, the sent count of a batch is a fault, once the delivery has had its time."""

DELIVERED_WITHIN = timedelta(hours=1)
"""How long a delivery may take. Before that, and above that share, fewer fans are no fault: fans leave."""


@dataclass(slots=True)
class Compared:
    """The results beside the faults; complete once all faults were read."""

    accepted: int = 0
    told: int = 0  # of them, those whose count the vendor gave
    below: list[str] = field(default_factory=list)


def count_faults(connection: Connection, compared: Compared) -> Iterator[str]:
    """Every batch whose count cannot be right, as a sentence, while `compared` is filled.

    More fans than it holds; far fewer although the delivery has had its time; or one that the vendor shows as failed.
    """
    accepted = select(func.count()).where(batch.c.state == BatchState.ACCEPTED.value)
    compared.accepted = connection.execute(accepted).scalar_one()
    more = 0
    try:
        for one in counts(connection, known_only=True):
            compared.told += 1
            said = (
                f"run {one.run_id} batch {one.seq}: the vendor says that message {one.message_id} went to {one.count}"
            )
            if one.count is not None and one.count > one.size:
                yield f"{said} fans, but the batch holds {one.size}"
            elif one.is_failed:
                yield f"{said} of {one.size} fans, and shows it as failed"
            elif _is_far_below(one):
                yield f"{said} of {one.size} fans, as of {as_text(one.at)}: less than half"
            elif one.count != one.size and len(compared.below) < LISTED:
                compared.below.append(f"{said} of {one.size} fans, as of {as_text(one.at)}")
            elif one.count != one.size:
                more += 1
    except (DBAPIError, TypeError, ValueError) as error:
        if not is_damage(error):
            raise
        connection.rollback()  # PostgreSQL answers nothing more in a transaction that has failed
        yield f"the sent counts that the vendor told cannot be read ({cause(error)})"
    if more:
        compared.below.append(f"and {more:,} more batches below their size")


def _is_far_below(one: Count) -> bool:
    if one.count is None or one.at is None or one.count >= one.size * FAR_BELOW:
        return False
    return one.at >= one.sent_at + DELIVERED_WITHIN
