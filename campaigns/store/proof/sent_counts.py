"""Batches that went to more fans than they hold, to far fewer, or that the vendor shows as failed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from campaigns.domain.ids import run_name
from campaigns.domain.states import BatchState
from campaigns.store.proof.sealed_log import cause, is_damage
from campaigns.store.reconcile.sent_counts import Count, counts
from campaigns.store.tables.batches import batch
from campaigns.store.views.text import as_text

LISTED = 100
"""At most this many batches below their size are listed one by one."""

FAR_BELOW = 0.5
"""A sent count below this share of the batch's users is a fault, if the delivery had DELIVERED_WITHIN to end."""

DELIVERED_WITHIN = timedelta(hours=1)
"""A delivery may take this long. Before that, or above FAR_BELOW, a lower count is not a fault: fans leave."""


@dataclass(slots=True)
class Compared:
    """The results of the proof besides its faults; complete after all faults were read."""

    accepted: int = 0
    told: int = 0  # of them, those whose sent count is known
    below: list[str] = field(default_factory=list)


def count_faults(connection: Connection, compared: Compared) -> Iterator[str]:
    """Every batch whose count cannot be right, as a sentence, while `compared` is filled.

    A count is a fault when it is above the size of the batch, when it is far below although the delivery had its time,
    or when the vendor shows the message as failed.
    """
    accepted = select(func.count()).where(batch.c.state == BatchState.ACCEPTED.value)
    compared.accepted = connection.execute(accepted).scalar_one()
    more = 0
    try:
        for one in counts(connection, known_only=True):
            compared.told += 1
            name = f"run {run_name(one.run_id)} batch {one.seq}"
            fact = f"{name}: the vendor says that message {one.message_id} went to {one.count}"
            if one.count is not None and one.count > one.size:
                yield f"{fact} fans, but the batch holds {one.size}"
            elif one.is_failed:
                yield f"{fact} of {one.size} fans, and shows it as failed"
            elif _is_far_below(one):
                yield f"{fact} of {one.size} fans, as of {as_text(one.at)}: less than half"
            elif one.count != one.size and len(compared.below) < LISTED:
                compared.below.append(f"{fact} of {one.size} fans, as of {as_text(one.at)}")
            elif one.count != one.size:
                more += 1
    except (DBAPIError, TypeError, ValueError) as error:
        if not is_damage(error):
            raise
        connection.rollback()  # PostgreSQL refuses every statement in a transaction that has failed
        yield f"the sent counts on record cannot be read ({cause(error)})"
    if more:
        compared.below.append(f"and {more:,} more batches below their size")


def _is_far_below(one: Count) -> bool:
    if one.count is None or one.at is None or one.count >= one.size * FAR_BELOW:
        return False
    return one.at >= one.sent_at + DELIVERED_WITHIN
