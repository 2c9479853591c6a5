"""What the record holds about a searched batch before the vendor is asked: its message, and what answers proved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.messages.message import Message, from_json
from campaigns.domain.messages.text_modes import TEXT_FORMS, formed
from campaigns.domain.reconcile.judging import judge_own
from campaigns.domain.reconcile.search import Finding, Judgement
from campaigns.domain.schedules.handoff import as_sent, is_handed_over
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.domain.upstream.queue_items import ItemContent
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.reconcile.answers import LateAnswer, failed_message, late_answer
from campaigns.store.reconcile.searches import LookedFor
from campaigns.store.runs.content import message_of_run


@dataclass(frozen=True, slots=True)
class Case:
    """A batch that is searched for, and what the record holds about its last request."""

    batch: LookedFor
    message: Message
    on_unknown: str
    late: LateAnswer | None
    failed: tuple[str, str | None] | None  # the message that a failed answer named, and the vendor's error text

    @property
    def own_message(self) -> str | None:
        """The message ID that the vendor's own answer named together with a fault."""
        return None if self.failed is None else self.failed[0]

    def due_ahead(self, now: datetime) -> datetime | None:
        """When the vendor is to send it, if it was handed over and that is still to come."""
        due = self.message.scheduled_date
        return due if is_handed_over(due, self.batch.started_at) and is_handed_over(due, now) else None


def case_of(connection: Connection, batch: LookedFor) -> Case:
    """The case of a batch, read from the record."""
    return Case(
        batch,
        from_json(message_of_run(connection, batch.run_id)),
        find_revision(connection, batch.campaign_id, batch.revision).on_unknown,
        late_answer(connection, batch.account_id, batch.batch_id, batch.number),
        failed_message(connection, batch.account_id, batch.batch_id, batch.number),
    )


def by_record(case: Case) -> Judgement | None:
    """What a late answer of the same attempt proves; None: the vendor is to be asked."""
    late = case.late
    if late is None:
        return None
    if late.message_id is not None:
        return Judgement(Finding.FOUND, "a late answer of the attempt named it", late.message_id)
    if case.batch.is_accepted:
        return None  # an operator has decided otherwise
    finding = Finding.REFUSED if late.kind is OutcomeKind.REJECTED else Finding.NOT_SENT
    return Judgement(finding, f"a late answer of the attempt proves it: {late.error or late.kind.value}")


def by_its_message(case: Case, contents: list[ItemContent]) -> Judgement:
    """What the vendor shows of the message that a failed answer named."""
    message_id, error = case.failed or ("", None)
    message = as_sent(case.message, case.batch.started_at)
    texts = {formed(message.text, form) for form in TEXT_FORMS}
    content = contents[0] if contents else None
    return judge_own(message_id, content, error, texts=texts, is_free=not message.price)
