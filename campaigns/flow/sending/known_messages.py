"""The last check before a request: nothing is sent to users for whom a message ID is on record already."""

from __future__ import annotations

from campaigns.domain.states import HoldKind
from campaigns.store.audit.events import Act
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.reconcile.known_messages import unnamed_for
from campaigns.store.sending.attempts import ReadyBatch


def hold_if_known(act: Act, ready: ReadyBatch) -> bool:
    """Put a run on hold when users of its batch may have an earlier message of the lineage; returns whether it did.

    A late answer, a search or a failed answer may have named that message after the batch was made ready. A later
    decision that names the ID lets the batch pass. The caller holds the account's lock. A batch that nothing was sent
    for before is not checked: no other request of its lineage can have named its users.
    """
    if not ready.may_repeat:
        return False
    between = {"first_user": ready.first_user, "last_user": ready.last_user}
    known = unnamed_for(act.connection, ready.lineage, ready.users, **between, or_taken=True)
    if not known:
        return False
    reason = f"batch {ready.seq} is to be sent again, but {known[0]}"
    place_hold(act, Held(run_id=ready.run_id), HoldKind.LATE_ANSWER, reason=reason)
    return True
