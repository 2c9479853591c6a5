"""Open a child run over those who were provably not reached. The old run never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import UserSet, pack, subtract, union, unpack
from campaigns.domain.errors import NotAllowed, NotFound
from campaigns.domain.ids import campaign_name, run_name
from campaigns.domain.messages.message import Message, from_json, message_faults
from campaigns.domain.people import Reason
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.handoff import WATCHED_AFTER, as_sent
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.states import BatchState, CampaignState, RunKind
from campaigns.flow.planning.content import said_by, zone_of_campaign
from campaigns.flow.planning.plan import confirm_texts, text_faults
from campaigns.flow.planning.split import split
from campaigns.flow.runs.hold_restored import hold_restored
from campaigns.flow.runs.shown import refuse_other
from campaigns.store.audience.suppressions import suppressed_users
from campaigns.store.audit.events import Act
from campaigns.store.backup.restored import MAY_HAVE_BEEN_SENT, rerun_may_repeat
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision, refuse_probe
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.known_messages import known_users
from campaigns.store.runs.content import content_of_run, find_own_message
from campaigns.store.runs.runs import RunRow, add_run, find_run, freeze_plan, lineage_runs
from campaigns.store.sending.batches import batch_sets, batches_by_seq
from campaigns.store.sending.halves import with_halves
from campaigns.store.sending.lanes import lock_lanes

REACHED = (BatchState.ACCEPTED, BatchState.SAVED, BatchState.UNKNOWN, BatchState.READY, BatchState.SENDING)
"""A user in such a batch anywhere in the lineage may have been reached, or will be: never a second time."""


@dataclass(frozen=True, slots=True)
class RerunAnswer:
    """A child run, or who it would send to when nothing was opened."""

    run_id: int | None
    parent_run_id: int
    recipients: int
    batches: int
    excluded: dict[str, int]  # by reason
    held: str | None  # why the run is paused from its start

    @property
    def child(self) -> int:
        """The run that was opened; not to be asked for after a dry run."""
        assert self.run_id is not None
        return self.run_id


@dataclass(frozen=True, slots=True)
class _Rerun:
    """Who a rerun sends to, and what."""

    parent: RunRow
    revision: RevisionRow
    content: int | None
    message: dict[str, Any] | None  # None: its revision's
    due: datetime | None  # when the vendor is to send it
    batches: list[UserSet]
    recipients: int
    excluded: dict[str, UserSet]
    may_repeat: bool  # the parent was there before a restore: the same rerun may have been made, and be lost


def rerun(
    store: Store,
    run_id: int,
    *,
    upstream: str,
    states: frozenset[BatchState] = frozenset({BatchState.REJECTED}),
    seqs: Sequence[int] | None = None,
    current: bool = False,
    reason: str,
    dry_run: bool = False,
    shown: int | None = None,
    actor: str,
) -> RerunAnswer:
    """Open a child run over exactly the recipients of these batches whom nothing of the lineage may have reached.

    `states` are of rejected and cancelled; `seqs` narrows to some batches; `current` takes the campaign's newest
    content instead of the parent's. It keeps to the sending hours; its expiry counts from now; it is not spread, since
    those it goes to have waited long enough. The check and the opening are one transaction under the account's lock,
    so two operators at once cannot both take the same users. A rerun of a run from before a restore is paused until
    somebody has looked at the vendor. `dry_run` opens nothing and needs no reason. `shown`: the recipients that a
    person was shown; another number is refused. Raises NotAllowed when nobody is left, Outdated.
    """
    if dry_run:
        with store.read() as connection:
            now = store.now(connection)
            return _answer(_work_out(connection, run_id, upstream, states, seqs, current=current, now=now), None)
    reason = Reason(reason)
    with store.write() as connection:
        account_id = find_run(connection, run_id).account_id
        suppressions = lock_lanes(connection, [account_id])[account_id]
        act = Act(connection, store.now(connection), actor)
        planned = _work_out(connection, run_id, upstream, states, seqs, current=current, now=act.now)
        refuse_other(shown, planned.recipients, f"recipients whom a rerun of run {run_id} would reach")
        return _answer(planned, _open(act, planned, suppressions=suppressions, reason=reason))


def _open(act: Act, planned: _Rerun, *, suppressions: int, reason: str) -> int:
    """Open the child run and freeze its plan; returns its ID."""
    parent, due = planned.parent, planned.due
    run_id = add_run(
        act,
        reason=reason,
        campaign_id=parent.campaign_id,
        revision=planned.revision.number,
        audience_version_id=parent.audience_version_id,
        account_id=parent.account_id,
        upstream=parent.upstream,
        kind=RunKind.RERUN,
        parent_run_id=parent.id,
        root_run_id=parent.lineage,
        content=planned.content,
        message=planned.message,
        watch_at=None if due is None or due <= act.now else due + WATCHED_AFTER,
        expires_at=expires_at(planned.revision.times, act.now),
    )
    freeze_plan(
        act,
        run_id,
        batches=planned.batches,
        whole_list=False,
        excluded=planned.excluded,
        recipients=planned.recipients,
        suppressions=suppressions,
        plan_sha256=planned.revision.sha256,
    )
    if planned.may_repeat:
        hold_restored(act, run_id)
    return run_id


def _work_out(
    connection: Connection,
    run_id: int,
    upstream: str,
    states: frozenset[BatchState],
    seqs: Sequence[int] | None,
    *,
    current: bool,
    now: datetime,
) -> _Rerun:
    parent = find_run(connection, run_id)
    campaign = find_campaign(connection, parent.campaign_id)
    refuse_probe(campaign)
    if campaign.state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Run {run_name(run_id)} is of campaign {campaign_name(campaign.id)}, which is archived and no longer "
            "opens runs."
        )
    revision = find_revision(connection, campaign.id, campaign.revision if current else parent.revision)
    content, own = _said(connection, parent, campaign, revision, current=current, now=now)
    message = as_sent(from_json(own or revision.message), now)
    _refuse(connection, parent, message, upstream, seqs)
    if current:
        _refuse_doubtful(run_id, revision)
    wanted = _users(connection, [run_id], states, None if seqs is None else with_halves(connection, run_id, seqs))
    users, left_out = subtract(
        wanted,
        [
            ("reached_in_lineage", lambda: _reached(connection, parent.lineage)),
            ("suppressed", lambda: suppressed_users(connection, None)),
            ("suppressed_on_account", lambda: suppressed_users(connection, parent.account_id)),
        ],
    )
    if not users:
        names = " or ".join(sorted(states))
        again = f"; {len(wanted)} were left out again" if wanted else ""
        raise NotAllowed(
            f"Run {run_name(run_id)} has nobody to send to again: no {names} recipient of it is still "
            f"unreached{again}.",
            Remedy(Do.SHOW_RUN, run=run_id),
        )
    batches = split(users, revision.batch_size)
    _refuse_faults(run_id, message, len(users), len(batches), now)
    excluded = {reason: pack(out) for reason, out in left_out.items()}
    may_repeat = rerun_may_repeat(connection, run_id)
    return _Rerun(parent, revision, content, own, message.scheduled_date, batches, len(users), excluded, may_repeat)


def _said(
    connection: Connection,
    parent: RunRow,
    campaign: CampaignRow,
    revision: RevisionRow,
    *,
    current: bool,
    now: datetime,
) -> tuple[int | None, dict[str, Any] | None]:
    """What the parent said, or what the newest revision says in its place, and at the same time if that is to come."""
    own = find_own_message(connection, parent.id)
    if not current:
        return content_of_run(connection, parent.id).content, own
    first = find_run(connection, parent.lineage)
    number, date = content_of_run(connection, first.id).occurrence or 1, (own or {}).get("scheduled_date")
    now_says = said_by(
        campaign,
        revision,
        number,
        first.scheduled_for or now,
        zone_of_campaign(connection, campaign, revision),
        scheduled_date=None if date is None else datetime.fromisoformat(date),
    )
    return now_says.content, now_says.message


def _refuse_faults(run_id: int, message: Message, users: int, batches: int, now: datetime) -> None:
    """The newest content may be such that it cannot go to user IDs at all."""
    faults = message_faults(message, user_count=users, batch_count=batches, now=now)
    if faults:
        raise NotAllowed(f"Run {run_name(run_id)} cannot be sent again: {'; '.join(faults)}.")


def _refuse_doubtful(run_id: int, revision: RevisionRow) -> None:
    doubtful = text_faults(revision)
    if doubtful:
        raise NotAllowed(
            f"Run {run_name(run_id)} cannot be sent again with the newest content: {'; '.join(doubtful)}.",
            *confirm_texts(revision),
        )


def _refuse(
    connection: Connection, parent: RunRow, message: Message, upstream: str, seqs: Sequence[int] | None
) -> None:
    if parent.upstream != upstream:
        raise NotAllowed(f"Run {run_name(parent.id)} belongs to {parent.upstream}, but the settings name {upstream}.")
    if parent.whole_list:
        raise NotAllowed(
            f"Run {run_name(parent.id)} went to whole lists of the vendor; who of them was reached cannot be known, "
            "so it is "
            "never sent again. Launch the campaign again if everybody may get it twice.",
            Remedy(Do.LAUNCH_AGAIN, campaign=parent.campaign_id),
        )
    if message.vendor_chooses:
        raise NotAllowed(
            f"Run {run_name(parent.id)} cannot be sent again with content that leaves recipients to the vendor "
            "(whole lists, or "
            "fans who subscribed lately): a rerun goes only to those who were not reached. Take that out of the "
            "campaign first.",
            Remedy(Do.EDIT_CAMPAIGN, campaign=parent.campaign_id),
        )
    if message.uses_one_use_media:
        raise NotAllowed(
            f"Run {run_name(parent.id)} used a one-use ofapi_media_ ID, which its first request used up. Give the "
            "campaign vault "
            "IDs, then rerun with the newest content.",
            Remedy(Do.EDIT_CAMPAIGN, campaign=parent.campaign_id),
            Remedy(Do.RERUN_CURRENT, run=parent.id),
        )
    known = {row.seq for row in batches_by_seq(connection, parent.id, seqs=seqs)}
    missing = sorted(set(seqs or ()) - known)
    if missing:
        raise NotFound(f"Run {run_name(parent.id)} has no batch {missing[0]}.", Remedy(Do.LIST_BATCHES, run=parent.id))


def _reached(connection: Connection, lineage: int) -> BitMap64:
    """Who may have been reached by a run and its reruns, or will be.

    A message ID on record outweighs any decision that does not name it.
    """
    reached = _users(connection, lineage_runs(connection, lineage), REACHED, None)
    return reached | known_users(connection, lineage)


def _users(
    connection: Connection,
    run_ids: Sequence[int],
    states: frozenset[BatchState] | tuple[BatchState, ...],
    seqs: Sequence[int] | None,
) -> BitMap64:
    return union(unpack(blob) for blob in batch_sets(connection, run_ids=run_ids, states=states, seqs=seqs))


def _answer(planned: _Rerun, run_id: int | None) -> RerunAnswer:
    return RerunAnswer(
        run_id=run_id,
        parent_run_id=planned.parent.id,
        recipients=planned.recipients,
        batches=len(planned.batches),
        excluded={reason: out.size for reason, out in planned.excluded.items()},
        held=MAY_HAVE_BEEN_SENT if planned.may_repeat else None,
    )
