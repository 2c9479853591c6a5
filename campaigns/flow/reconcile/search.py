"""Search the vendor's queue for an unknown: adopt the one item that it can be, search again later, or ask a person.

While a batch of an account is being looked for, its lane sends nothing more, so that an unexplained item can belong
to one attempt only. Questions are asked with permits of the reserve and without a transaction. A crash in the middle
changes nothing: the look is made again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import NotAllowed, PacerAway, VendorAway, VendorRefused
from campaigns.domain.messages.message import Message, from_json
from campaigns.domain.reconcile.search import (
    MOST_CANDIDATES,
    Finding,
    Judgement,
    Sought,
    candidates,
    judge,
    look_delays,
    normalised,
)
from campaigns.domain.schedules.handoff import as_sent
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import BATCH_TAKEN, RUN_SENDS, BatchState, RunState, taken_state
from campaigns.domain.upstream.outcome import OutcomeKind
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem
from campaigns.flow.sending.ask_vendor import permit_to_ask
from campaigns.flow.sending.lane_context import Sender
from campaigns.store.audit.events import EventKind, record_event, record_evidence
from campaigns.store.campaigns.campaigns import find_revision
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.known_messages import unnamed_for
from campaigns.store.reconcile.ownership import owners_among
from campaigns.store.reconcile.searches import (
    LateAnswer,
    LookedFor,
    due_look,
    late_answer,
    look_again,
    newest_owned,
    other_unknowns,
    postpone_look,
    settle_look,
    was_ever_listed,
)
from campaigns.store.reconcile.sent_counts import TOLD
from campaigns.store.runs.content import message_of_run
from campaigns.store.runs.runs import end_run_if_done, find_run
from campaigns.store.sending.attempts import OpenAttempt, own_message
from campaigns.store.sending.lanes import hold_lane, lock_lanes

AGAIN_SECONDS = 5.0
"""How soon a look is tried again that could not be made."""


@dataclass(frozen=True, slots=True)
class _Case:
    sought: Sought
    message: Message
    on_unknown: str
    late: LateAnswer | None


def look_for_unknowns(sender: Sender, account_id: str) -> int:
    """Make every look that is due on an account whose lane is ours; answers how many were made."""
    made = 0
    while not sender.stopping():
        with sender.store.read() as connection:
            found = due_look(connection, account_id, now=sender.store.now(connection))
            case = None if found is None else _case(connection, found)
        if found is None or case is None or not _look(sender, found, case):
            return made
        made += 1
    return made


def ask_to_look(store: Store, run_id: int | None, *, actor: str) -> dict[str, Any]:
    """Have every unknown batch looked for now, of one run or of all, also those that were given up. A worker looks.

    Raises NotAllowed when nothing is unknown.
    """
    with store.write() as connection:
        now = store.now(connection)
        lock_lanes(connection, None if run_id is None else [find_run(connection, run_id).account_id])
        of_runs = look_again(connection, run_id, now=now)
        if not of_runs:
            where = "No run" if run_id is None else f"Run {run_id}"
            raise NotAllowed(f"{where} has an unknown batch, so there is nothing to look for.")
        for found in sorted(set(of_runs)):
            record_event(connection, EventKind.SEARCH_ASKED, at=now, actor=actor, run_id=found)
    return {"runs": sorted(set(of_runs)), "batches": len(of_runs)}


def _case(connection: Connection, found: LookedFor) -> _Case:
    revision = find_revision(connection, found.campaign_id, found.revision)
    message = from_json(message_of_run(connection, found.run_id))
    twins = [from_json(message_of_run(connection, other)) for other in other_unknowns(connection, found)]
    sought = Sought(
        text=message.text,
        is_free=not message.price,
        size=found.size,
        started_at=found.started_at,
        deadline_at=found.deadline_at,
        scheduled_date=as_sent(message, found.started_at).scheduled_date,
        has_twin=any(_same(message, twin) for twin in twins),
        newest_owned=newest_owned(connection, found.account_id, before=found.started_at),
    )
    late = late_answer(connection, found.account_id, found.batch_id, found.number)
    return _Case(sought, message, revision.on_unknown, late)


def _same(one: Message, other: Message) -> bool:
    return normalised(one.text) == normalised(other.text) and (not one.price) == (not other.price)


def _look(sender: Sender, found: LookedFor, case: _Case) -> bool:
    """One look; False when it could not be made."""
    if case.late is not None:
        _settle(sender, found, case, _by_late_answer(case.late), {})
        return True
    try:
        items = _ask_list(sender, found)
        with sender.store.read() as connection:
            owned = owners_among(connection, found.account_id, [item.id for item in items])
        possible = candidates(items, owned, case.sought)
        seen: dict[str, int | None] = {item.id: None for item in possible}
        if len(possible) > MOST_CANDIDATES:
            judgement = Judgement(Finding.UNCLEAR, f"{len(possible)} unexplained items are listed")
        else:
            contents = _ask_items(sender, found, possible)
            seen |= {content.id: content.sent_count for content in contents}
            judgement = judge(contents, items, case.sought)
    except (VendorAway, VendorRefused, PacerAway) as obstacle:
        _postpone(sender, found, str(obstacle))
        return False
    _settle(sender, found, case, judgement, seen)
    return True


def _by_late_answer(late: LateAnswer) -> Judgement:
    if late.message_id is not None:
        return Judgement(Finding.FOUND, "a late answer of the attempt named it", late.message_id)
    finding = Finding.REFUSED if late.kind is OutcomeKind.REJECTED else Finding.NOT_SENT
    return Judgement(finding, f"a late answer of the attempt proves it: {late.error or late.kind.value}")


def _ask_list(sender: Sender, found: LookedFor) -> list[QueueItem]:
    key = _permit(sender, found, "list")
    items = sender.gateway.queue(found.account_id)
    crash_point("search.asked")
    sender.pacer.answered(key)
    return items


def _ask_items(sender: Sender, found: LookedFor, possible: list[QueueItem]) -> list[ItemContent]:
    contents = []
    for item in possible:
        key = _permit(sender, found, item.id)
        content = sender.gateway.item(found.account_id, item.id)
        sender.pacer.answered(key)
        if content is not None:
            contents.append(content)
    return contents


def _permit(sender: Sender, found: LookedFor, what: str) -> str:
    """A slot of the reserve. Raises PacerAway when there is none now: then the look is made later."""
    with sender.store.read() as connection:
        asked_at = sender.store.now(connection)
    key = f"look:{found.batch_id}:{found.number}:{found.looks}:{what}:{asked_at.timestamp()}"
    return permit_to_ask(sender, found.account_id, key)


def _postpone(sender: Sender, found: LookedFor, obstacle: str) -> None:
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        postpone_look(connection, found, until=now + timedelta(seconds=AGAIN_SECONDS))
        record_evidence(
            connection,
            found.batch_id,
            kind="look",
            at=now,
            actor=sender.owner,
            number=found.number,
            reason=f"could not look: {obstacle}"[:500],
        )


def _settle(sender: Sender, found: LookedFor, case: _Case, judgement: Judgement, seen: dict[str, int | None]) -> None:
    """Write what a look came to; `seen`: the candidates, and how many fans the vendor says each went to."""
    with sender.store.write() as connection:
        hold_lane(connection, found.account_id)
        now = sender.store.now(connection)
        judgement = _own(connection, found, judgement, now)
        to, look_at = _next(connection, found, case, judgement, sender.limits, now=now)
        error = None if to in BATCH_TAKEN else f"after {found.looks + 1} looks: {judgement.reason}"
        settled = settle_look(
            connection, found, to, look_at=look_at, message_id=judgement.message_id, error=error, now=now
        )
        if not settled:
            return
        told = {name: count for name, count in seen.items() if count is not None}
        detail = {"look": found.looks + 1, "finding": judgement.finding.value, "candidates": list(seen), TOLD: told}
        record_evidence(
            connection,
            found.batch_id,
            kind="look",
            at=now,
            actor=sender.owner,
            number=found.number,
            reason=judgement.reason,
            message_id=judgement.message_id,
            detail={**detail, "to": to.value},
        )
        if look_at is None:
            _say_settled(connection, found, to, judgement, actor=sender.owner, now=now)
            end_run_if_done(connection, found.run_id, now=now, actor=sender.owner)
        crash_point("search.written")
    crash_point("search.committed")


def _own(connection: Connection, found: LookedFor, judgement: Judgement, now: datetime) -> Judgement:
    """Take the found item as ours; one that another batch took meanwhile is no answer."""
    if judgement.message_id is None:
        return judgement
    attempt = OpenAttempt(found.batch_id, found.seq, found.number, 0, found.run_id, found.account_id, 0)
    if own_message(connection, attempt, judgement.message_id, now=now):
        return judgement
    return Judgement(Finding.UNCLEAR, f"item {judgement.message_id} belongs to another batch")


def _next(
    connection: Connection, found: LookedFor, case: _Case, judgement: Judgement, limits: Limits, *, now: datetime
) -> tuple[BatchState, datetime | None]:
    """Where the batch goes, and when it is looked for next."""
    if judgement.finding is Finding.FOUND:
        return taken_state(saves=case.message.save_for_later), None
    if judgement.finding in {Finding.REFUSED, Finding.NOT_SENT}:
        return _proved_not_sent(connection, found, judgement, now), None
    delays = look_delays(limits.settle_seconds, limits.settle_looks)
    later = [found.deadline_at + timedelta(seconds=delay) for delay in delays[found.looks + 1 :]]
    if later:
        return BatchState.UNKNOWN, max(later[0], now)
    may_resend = judgement.finding is Finding.ABSENT and _may_resend(connection, found, case, now)
    return (BatchState.READY if may_resend else BatchState.UNKNOWN), None


def _proved_not_sent(connection: Connection, found: LookedFor, judgement: Judgement, now: datetime) -> BatchState:
    """Nobody was messaged: it waits again in a run that still sends, and else is not sent any more."""
    run = find_run(connection, found.run_id)
    if run.state is RunState.CANCELLING:
        return BatchState.CANCELLED
    is_in_time = run.expires_at is None or now < run.expires_at
    if judgement.finding is Finding.NOT_SENT and run.state in RUN_SENDS and is_in_time:
        return BatchState.READY
    return BatchState.REJECTED


def _may_resend(connection: Connection, found: LookedFor, case: _Case, now: datetime) -> bool:
    """Whether the campaign's policy sends again what no look has ever seen a trace of, in a run that still sends."""
    run = find_run(connection, found.run_id)
    return (
        case.on_unknown == "resend"
        and found.size is not None
        and not found.was_restored
        and not case.message.uses_one_use_media
        and run.state in RUN_SENDS
        and (run.expires_at is None or now < run.expires_at)
        and not was_ever_listed(connection, found)
        and not unnamed_for(
            connection, run.lineage, found.users, first_user=found.first_user, last_user=found.last_user
        )
    )


def _say_settled(
    connection: Connection, found: LookedFor, to: BatchState, judgement: Judgement, *, actor: str, now: datetime
) -> None:
    kind = {
        BatchState.ACCEPTED: EventKind.UNKNOWN_FOUND,
        BatchState.SAVED: EventKind.UNKNOWN_FOUND,
        BatchState.READY: EventKind.UNKNOWN_RESENT,
        BatchState.UNKNOWN: EventKind.UNKNOWN_GIVEN_UP,
    }.get(to, EventKind.UNKNOWN_REFUTED)
    if judgement.finding is Finding.NOT_SENT:
        kind = EventKind.UNKNOWN_REFUTED
    record_event(
        connection,
        kind,
        at=now,
        actor=actor,
        account_id=found.account_id,
        campaign_id=found.campaign_id,
        run_id=found.run_id,
        batch_seq=found.seq,
        reason=judgement.reason,
        detail={"looks": found.looks + 1, "message_id": judgement.message_id},
    )
