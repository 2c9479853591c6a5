"""Build the body of every request again, and compare it with the digest on record: the right message to the right fans.

The body is that of the run's message, the batch's users and the form that the attempt stores. Streamed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from campaigns.domain.audience.user_sets import to_ids
from campaigns.domain.ids import run_name
from campaigns.domain.messages.body_form import BodyForm, build_body, form_from_json
from campaigns.domain.messages.message import Message, from_json
from campaigns.domain.schedules.handoff import as_sent
from campaigns.store.database.engine import ROWS_AT_ONCE
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.named_users import named_in_turn
from campaigns.store.tables.attempts import attempt
from campaigns.store.tables.batches import batch


@dataclass
class Bodies:
    """The numbers of bodies; complete after all faults were read."""

    checked: int = 0
    not_checkable: int = 0  # made by another release, or some of its users were left out since


def body_faults(connection: Connection, run_id: int, bodies: Bodies) -> Iterator[str]:
    """Return the requests of a run whose body was not its message to the batch's users, and fill `bodies`.

    A request whose body can no longer be built is counted, and is not a fault.
    """
    rows = connection.execute(
        select(
            batch.c.seq,
            batch.c.size,
            batch.c.users,
            attempt.c.number,
            attempt.c.recipients,
            attempt.c.request_sha256,
            attempt.c.started_at,
            attempt.c.form,
        )
        .join(attempt, attempt.c.batch_id == batch.c.id)
        .where(batch.c.run_id == run_id)
        .order_by(batch.c.seq, attempt.c.number)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )
    message = _message(connection, run_id)
    named = [list(users) for users in named_in_turn(connection, run_id)]
    for row in rows:
        form = _form(row.form)
        might_name = named if row.users is None else [to_ids(row.users)] if row.recipients == row.size else []
        digests: set[str] = set()
        if message is not None and form is not None:
            digests = _digests(as_sent(message, row.started_at), might_name, form)
        if not digests:
            bodies.not_checkable += 1
            continue
        bodies.checked += 1
        if row.request_sha256 not in digests:
            yield (
                f"run {run_name(run_id)} batch {row.seq}: request {row.number} carried another body than the run's "
                "message to "
                "the batch's users"
            )


def _digests(message: Message, users: list[list[int]], form: BodyForm) -> set[str]:
    """The digests of the bodies to each of these sets of users.

    A body without recipients is no longer made: an earlier release sent one with `subscribed_within_last_days` alone.
    """
    able = [ids for ids in users if ids or message.user_lists]
    return {hashlib.sha256(build_body(message, ids, form)).hexdigest() for ids in able}


def _message(connection: Connection, run_id: int) -> Message | None:
    """The run's message; None when it has a field that this release does not know."""
    try:
        return from_json(message_of_run(connection, run_id))
    except ValueError:
        return None


def _form(stored: dict[str, Any] | None) -> BodyForm | None:
    """How a body was built; None when that is not on record, or this release cannot do the same."""
    try:
        return None if stored is None else form_from_json(stored)
    except ValueError:
        return None
