"""The audit log: one insert-only row for every change, with who made it and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert

from campaigns.domain.people import Actor, Person
from campaigns.domain.states import EvidenceKind
from campaigns.store.database.encoding import holdable
from campaigns.store.tables.attempts import evidence
from campaigns.store.tables.audit import event, unsealed


class EventKind(StrEnum):
    """Every kind of event in the audit log, in the past tense. Documented in docs/events.md."""

    ACCOUNT_ADDED = "account_added"
    ACCOUNT_BOUND = "account_bound"  # the vendor named the team that the account belongs to
    ACCOUNT_CHANGED = "account_changed"  # its name, its sending hours or its zone
    ACCOUNT_REMOVED = "account_removed"  # hidden, with all its rows kept
    ACCOUNT_BROUGHT_BACK = "account_brought_back"  # added again after it was removed
    ACCOUNT_RELEASED = "account_released"
    CAMPAIGN_CREATED = "campaign_created"
    CAMPAIGN_EDITED = "campaign_edited"
    CAMPAIGN_ARCHIVED = "campaign_archived"
    CAMPAIGN_UNARCHIVED = "campaign_unarchived"
    CAMPAIGN_ARMED = "campaign_armed"
    SCHEDULE_PAUSED = "schedule_paused"
    SCHEDULE_RESUMED = "schedule_resumed"
    SCHEDULE_ENDED = "schedule_ended"  # no occurrence is left, or its last run was opened
    RUN_OPENED = "run_opened"
    RUN_SKIPPED = "run_skipped"  # an occurrence that is deliberately not sent
    RUN_BACKFILLED = "run_backfilled"  # an operator opened a skipped occurrence after all
    RUN_PLANNED = "run_planned"
    RUN_STARTED = "run_started"
    RUN_WAITS_FOR_HOURS = "run_waits_for_hours"
    RUN_EXPIRED = "run_expired"  # what was not sent by its expiry is cancelled
    RUN_CANCELLED = "run_cancelled"
    RUN_REOPENED = "run_reopened"
    RUN_ENDED = "run_ended"
    HOLD_OPENED = "hold_opened"
    HOLD_CLOSED = "hold_closed"
    BATCH_HALVED = "batch_halved"  # refused, and one bad user may be the cause
    HALVING_STOPPED = "halving_stopped"  # too many halves were refused for one user to be the cause
    BATCH_SUPPRESSED = "batch_suppressed"  # users suppressed since the plan were taken out before a send
    ATTEMPT_ABANDONED = "attempt_abandoned"  # its worker went away in the middle: unknown
    ANSWER_CAME_LATE = "answer_came_late"  # evidence from a worker that had lost its claim
    SEARCH_ASKED = "search_asked"  # an operator asked for a search for unknown batches now
    COUNTS_ASKED = "counts_asked"  # an operator asked how many fans accepted batches went to
    UNKNOWN_FOUND = "unknown_found"  # the vendor's queue shows the one item that fits: accepted
    UNKNOWN_GIVEN_UP = "unknown_given_up"  # the last look found nothing certain: an operator decides
    UNKNOWN_RESENT = "unknown_resent"  # by the campaign's own policy, after the last look: at least once
    UNKNOWN_DECIDED = "unknown_decided"
    UNKNOWN_REFUTED = "unknown_refuted"  # a late answer proves that nothing was sent
    MESSAGE_FOUND = "message_found"  # the vendor's queue shows the message of a request whose batch was decided before
    RECALL_ASKED = "recall_asked"  # by an operator, or by the overlap rule of a schedule
    RECALL_FINISHED = "recall_finished"  # every accepted batch was unsent, or cannot be
    HANDOVER_TAKEN_BACK = "handover_taken_back"  # unsent before its time: provably not sent
    HANDOVER_SEEN = "handover_seen"  # after its time the vendor was asked whether it was sent
    DATABASE_RESTORED = "database_restored"  # the fence book knows requests of the account that the database lacks
    READY_DOUBTED = "ready_doubted"  # batches that were ready at the backup are unknown
    HOST_JOINED = "host_joined"  # workers run in a home that was not known, or was forgotten
    HOST_FORGOTTEN = "host_forgotten"  # an operator decided that no lane waits for its memory any longer
    SUPPRESSIONS_ADDED = "suppressions_added"
    SUPPRESSIONS_REMOVED = "suppressions_removed"
    PROBE_ASKED = "probe_asked"  # an operator asked to try what the vendor does with a scheduled message
    PROBE_READ = "probe_read"  # the vendor showed it, and it is to be deleted
    PROBE_ENDED = "probe_ended"  # nothing of it is left at the vendor
    OPERATOR_ADDED = "operator_added"
    OPERATOR_CHANGED = "operator_changed"  # their rights or accounts
    OPERATOR_DISABLED = "operator_disabled"
    OPERATOR_ENABLED = "operator_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a word, not a secret
    LOGIN_LINK_MADE = "login_link_made"
    LOGGED_IN = "logged_in"
    LOGIN_REFUSED = "login_refused"
    LOGGED_OUT = "logged_out"
    SESSION_ENDED = "session_ended"  # by somebody else, or from another browser
    TOKEN_MADE = "token_made"  # noqa: S105 - as above
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - as above
    ACCESS_RULE_CHANGED = "access_rule_changed"
    OPERATION_ASKED = "operation_asked"  # an operator asked for an act on many runs at once
    OPERATION_ABORTED = "operation_aborted"  # what was not done of it by then is left
    OPERATION_ENDED = "operation_ended"  # each of its runs was acted on, or the act was refused there


@dataclass(frozen=True, slots=True)
class Act:
    """What one actor does at one moment, within one transaction."""

    connection: Connection
    now: datetime
    actor: str

    def __post_init__(self) -> None:
        """Raise UsageError for an actor without a name."""
        Actor(self.actor)

    def record(
        self,
        kind: EventKind,
        *,
        account_id: str | None = None,
        campaign_id: int | None = None,
        run_id: int | None = None,
        batch_seq: int | None = None,
        reason: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Write one event in the transaction: it is kept if and only if the change is. It is sealed later.

        The detail of what was done at the desk also has the `address` of the request, and the name of its `token`.
        """
        if isinstance(self.actor, Person):
            detail = {**(detail or {}), **self.actor.origin} or None
        made = self.connection.scalar(
            insert(event)
            .values(
                at=self.now,
                actor=self.actor,
                kind=kind.value,
                account_id=account_id,
                campaign_id=campaign_id,
                run_id=run_id,
                batch_seq=batch_seq,
                reason=holdable(self.connection, reason),
                detail=detail,
            )
            .returning(event.c.id)
        )
        self.connection.execute(insert(unsealed).values(event_id=made))

    def record_evidence(
        self,
        batch_id: int,
        *,
        kind: EvidenceKind,
        number: int | None = None,
        reason: str | None = None,
        message_id: str | None = None,
        detail: dict[str, Any] | None = None,
    ) -> None:
        """Keep what was learned about a batch after its outcome was recorded; evidence never moves a batch."""
        self.connection.execute(
            insert(evidence).values(
                batch_id=batch_id,
                number=number,
                kind=kind.value,
                at=self.now,
                actor=self.actor,
                reason=holdable(self.connection, reason),
                message_id=message_id,
                detail=detail,
            )
        )


def record_events(connection: Connection, kind: EventKind, rows: Sequence[Mapping[str, Any]], **common: Any) -> None:
    """Write an event for each row, with the columns that all of them have in common, in a few statements."""
    given = [{"kind": kind.value, **common, **row} for row in rows]
    if given:
        made = connection.scalars(insert(event).returning(event.c.id), given)
        connection.execute(insert(unsealed), [{"event_id": event_id} for event_id in made])
