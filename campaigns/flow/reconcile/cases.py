"""What is known of a batch that is looked for before the vendor is asked: its message, and what answers have proved."""

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
    """A batch that is looked for, and what the record says of its last request."""

    found: LookedFor
    message: Message
    on_unknown: str
    late: LateAnswer | None
    failed: tuple[str, str | None] | None  # the message that a failed answer named, and the vendor's words

    @property
    def own_message(self) -> str | None:
        """The message ID that the vendor's own answer named, together with a fault."""
        return None if self.failed is None else self.failed[0]

    def due_ahead(self, now: datetime) -> datetime | None:
        """When the vendor is to send it, if it was handed over and that is still to come."""
        due = self.message.scheduled_date
        return due if is_handed_over(due, self.found.started_at) and is_handed_over(due, now) else None


def case_of(connection: Connection, found: LookedFor) -> Case:
    """The case of a batch, read from the record."""
    return Case(
        found,
        from_json(message_of_run(connection, found.run_id)),
        find_revision(connection, found.campaign_id, found.revision).on_unknown,
        late_answer(connection, found.account_id, found.batch_id, found.number),
        failed_message(connection, found.account_id, found.batch_id, found.number),
    )


def by_record(case: Case) -> Judgement | None:
    """What a late answer of the very attempt proves; None: the vendor is to be asked."""
    late = case.late
    if late is None:
        return None
    if late.message_id is not None:
        return Judgement(Finding.FOUND, "a late answer of the attempt named it", late.message_id)
    if case.found.is_accepted:
        return None  # an operator has decided otherwise
    finding = Finding.REFUSED if late.kind is OutcomeKind.REJECTED else Finding.NOT_SENT
    return Judgement(finding, f"a late answer of the attempt proves it: {late.error or late.kind.value}")


def by_its_message(case: Case, contents: list[ItemContent]) -> Judgement:
    """What the message shows that a failed answer named."""
    message_id, words = case.failed or ("", None)
    message = as_sent(case.message, case.found.started_at)
    texts = {formed(message.text, form) for form in TEXT_FORMS}
    content = contents[0] if contents else None
    return judge_own(message_id, content, words, texts=texts, is_free=not message.price)
