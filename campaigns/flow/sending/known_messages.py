"""The last gate before a request: nothing is sent to users for whom the record holds a message ID already."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.states import HoldKind
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.reconcile.known_messages import unnamed_for
from campaigns.store.sending.attempts import ReadyBatch


def is_stopped_by_evidence(connection: Connection, ready: ReadyBatch, *, actor: str, now: datetime) -> bool:
    """Hold the run of a batch whose users may have got an earlier message of the lineage; says whether it was held.

    A late answer, a search or a failed answer may have named that message after the batch was made ready. A later
    decision that names the ID opens the gate. The caller holds the account's lock. A batch that nothing was sent for
    before is not asked about: no other request of its lineage can have named its users.
    """
    if not ready.may_repeat:
        return False
    between = {"first_user": ready.first_user, "last_user": ready.last_user}
    known = unnamed_for(connection, ready.lineage, ready.users, **between, or_taken=True)
    if not known:
        return False
    reason = (
        f"batch {ready.seq} is to be sent again, but {known[0]}; decide about that batch first: "
        f"accepted with --message-id {known[0].message_id}, or name it with --despite"
    )
    place_hold(Act(connection, now, actor), Held(run_id=ready.run_id), HoldKind.LATE_ANSWER, reason=reason)
    return True
