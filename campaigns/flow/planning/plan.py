"""Freeze who gets a run: the audience without the users who must be left out, each with the reason.

The sets are read and cut without a lock, since that takes seconds for ten million users. One short transaction then
checks that nothing has changed and writes the plan. After a suppression in between, the plan is made again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.audience.user_sets import UserSet, pack, subtract, unpack
from campaigns.domain.errors import NotAllowed
from campaigns.domain.ids import campaign_name
from campaigns.domain.messages.message import Message, from_json, message_faults
from campaigns.domain.messages.text_checks import doubts_of, launch_faults, text_remedies
from campaigns.domain.messages.text_modes import TextMode
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.handoff import as_sent, handoff_faults
from campaigns.domain.schedules.sending_hours import Window, hours_faults, spread_over, windows_of
from campaigns.domain.states import RunState
from campaigns.flow.planning.skip_faulty import skip_faulty
from campaigns.flow.planning.split import count_batches, split
from campaigns.store.accounts.bindings import find_upstream, hours_of_account
from campaigns.store.audience.suppressions import anybody_suppressed, suppressed_users
from campaigns.store.audience.versions import audience_users
from campaigns.store.audit.events import Act
from campaigns.store.backup.incarnation import find_incarnation
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.probe.results import takes_mark_up
from campaigns.store.runs.content import find_own_message
from campaigns.store.runs.runs import find_run, freeze_plan
from campaigns.store.schedules.occurrences import must_wait, requeue_behind_open_run
from campaigns.store.sending.lanes import lane_suppressions, lock_lanes

PLAN_VERSION = "plan 3"
"""Part of each plan hash, so that a hash of an earlier release is refused.

Version 1 depended on the order in which a set was built, version 2 held in a restored database too.
"""

SUPPRESSED_UNSEEN = (
    "users are suppressed here, but the vendor alone knows who is on its lists and would message them too; accept "
    "that, or send to user IDs"
)


@dataclass(frozen=True, slots=True)
class Audience:
    """The user IDs that a campaign names, and their digest."""

    users: BitMap64
    sha256: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Who would get a run now, and what that was computed from."""

    account_id: str
    upstream: str
    revision: RevisionRow
    message: Message
    users: BitMap64 | None  # None: the campaign names no user IDs
    excluded: dict[str, UserSet]
    suppressions: int  # the lane's suppression number when the sets were read
    sha256: str
    windows: tuple[Window, ...] = ()  # its sending hours and its account's
    takes_mark_up: bool | None = None  # what the account's newest probe measured

    @property
    def nobody_left(self) -> bool:
        """Whether all user IDs are left out, and no list is named."""
        return self.users is not None and not self.users and not self.message.user_lists

    @property
    def whole_list(self) -> bool:
        """Whether only the vendor knows who gets it: then it is one request, also with user IDs beside a list."""
        return self.message.vendor_chooses and not self.nobody_left

    @property
    def recipients(self) -> int:
        """How many recipients the run counts; a whole list counts as one, also with user IDs beside it."""
        return 1 if self.whole_list else len(self.users or ())

    @property
    def batch_count(self) -> int:
        """The number of requests that the run needs."""
        least = 1 if self.whole_list else 0
        return max(least, count_batches(len(self.users or ()), self.revision.batch_size))

    def cut(self) -> list[UserSet]:
        """The batches."""
        return [] if self.whole_list or self.users is None else split(self.users, self.revision.batch_size)


def make_plan(
    connection: Connection, campaign: CampaignRow, revision_number: int, *, says: dict[str, Any] | None = None
) -> Plan:
    """Read the sets of a revision and compute who is left; `says`: the message, unless it is the revision's."""
    revision = find_revision(connection, campaign.id, revision_number)
    audience: Audience | None = None
    if revision.audience_version_id is not None:
        blob, sha256 = audience_users(connection, revision.audience_version_id)
        audience = Audience(unpack(blob), sha256)
    return plan_of(connection, campaign, revision, audience, says=says)


def plan_of(
    connection: Connection,
    campaign: CampaignRow,
    revision: RevisionRow,
    audience: Audience | None,
    *,
    says: dict[str, Any] | None = None,
) -> Plan:
    """The plan of a revision for an audience (None: whole lists); neither needs to be stored."""
    account_id = campaign.account_id
    upstream, _ = find_upstream(connection, account_id)
    seen = lane_suppressions(connection, account_id)
    users: BitMap64 | None = None
    left_out: dict[str, BitMap64] = {}
    if audience is not None:
        users, left_out = subtract(
            audience.users,
            [
                ("suppressed", lambda: suppressed_users(connection, None)),
                ("suppressed_on_account", lambda: suppressed_users(connection, account_id)),
            ],
        )
    excluded = {reason: pack(out) for reason, out in left_out.items()}
    identity = [
        PLAN_VERSION,
        find_incarnation(connection),
        campaign.id,
        campaign.launches,
        account_id,
        upstream,
        revision.sha256,
        None if audience is None else audience.sha256,
        sorted((reason, out.sha256) for reason, out in excluded.items()),
    ]
    account_hours, account_zone = hours_of_account(connection, account_id)
    windows = windows_of(revision.times, account_hours=account_hours, account_zone=account_zone)
    identity += [[str(window) for window in windows]] if windows else []
    message, takes = from_json(says or revision.message), takes_mark_up(connection, account_id)
    is_measured = message.text_mode is TextMode.PLAIN and takes is not None
    identity += [f"takes mark-up: {takes}"] if is_measured else []
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return Plan(account_id, upstream, revision, message, users, excluded, seen, digest, windows, takes)


def plan_faults(connection: Connection, plan: Plan, now: datetime) -> list[str]:
    """Why a run of this plan must not be opened; empty when it may."""
    count = None if plan.users is None else len(plan.users)
    faults = message_faults(plan.message, user_count=count, batch_count=plan.batch_count, now=now)
    times, account = plan.revision.times, hours_of_account(connection, plan.account_id)
    faults += hours_faults(times, now, account=account)
    faults += handoff_faults(times, plan.message, now, account, starts_at=plan.revision.starts_at)
    unsure = plan.whole_list and not plan.revision.accept_local_suppressions
    if unsure and anybody_suppressed(connection, plan.account_id):
        faults.append(SUPPRESSED_UNSEEN)
    return faults


def plan_run(store: Store, run_id: int, *, actor: str) -> bool:
    """Freeze a due run; False when it is no longer due, waits for another run, or was skipped for its message.

    A second call changes nothing. After a crash the run is either due, with nothing written, or planned whole. Raises
    DatabaseBusy when the account's lock is taken.
    """
    while True:
        with store.read() as connection:
            run = find_run(connection, run_id)
            if run.state is not RunState.DUE:
                return False
            says = find_own_message(connection, run_id)
            plan = make_plan(connection, find_campaign(connection, run.campaign_id), run.revision, says=says)
        batches = plan.cut()
        crash_point("plan.cut")
        with store.write() as connection:
            wait_briefly(connection)  # a worker has few threads for plans, and the next tick tries again
            suppressions = lock_lanes(connection, [plan.account_id])[plan.account_id]
            requeue_behind_open_run(connection, run_id)
            if must_wait(connection, run_id):
                return False
            if suppressions == plan.suppressions:
                act = Act(connection, store.now(connection), actor)
                count = None if plan.users is None else len(plan.users)
                # We send a run ourselves when it was to be handed over but is planned after its time.
                says_now = as_sent(plan.message, act.now) if plan.revision.times.handoff else plan.message
                if skip_faulty(act, run_id, says_now, recipients=count, batches=plan.batch_count):
                    return False
                return write_plan(act, run_id, plan, batches, scheduled_for=run.scheduled_for)


def write_plan(
    act: Act, run_id: int, plan: Plan, batches: list[UserSet], *, scheduled_for: datetime | None = None
) -> bool:
    """Write a plan for a due run; False when it was planned before.

    The caller holds the lane's lock and has checked the suppression number. A run that is to be spread begins at once,
    or at its occurrence if that is in the future.
    """
    over, start = plan.revision.times.over_seconds, max(scheduled_for or act.now, act.now)
    return freeze_plan(
        act,
        run_id,
        batches=batches,
        whole_list=plan.whole_list,
        excluded=plan.excluded,
        recipients=plan.recipients,
        suppressions=plan.suppressions,
        plan_sha256=plan.sha256,
        available_at=spread_over(plan.windows, start, over, plan.batch_count) if over else (),
    )


def text_faults(revision: RevisionRow) -> list[str]:
    """The doubtful parts of a revision's texts, unless somebody confirmed them: for what is sent without a launch."""
    return [] if revision.as_written else launch_faults(doubts_of(revision.message, revision.contents))


def confirm_texts(revision: RevisionRow) -> tuple[Remedy, ...]:
    """What a person can do about `text_faults`."""
    if revision.as_written:
        return ()
    doubts = doubts_of(revision.message, revision.contents)
    return text_remedies(doubts, campaign_id=revision.campaign_id, confirm=Do.CONFIRM_TEXT_IN_EDIT)


def refuse_faults(campaign_id: int, faults: list[str], *remedies: Remedy) -> None:
    """Raise NotAllowed that names every fault, with what a person can do about them."""
    if faults:
        ways = (*remedies, *fault_remedies(campaign_id, faults))
        raise NotAllowed(f"Campaign {campaign_name(campaign_id)} cannot be launched: {'; '.join(faults)}.", *ways)


def fault_remedies(campaign_id: int, faults: list[str]) -> tuple[Remedy, ...]:
    """What a person can do about faults of a plan without changing what is sent, or to whom."""
    return (Remedy(Do.ACCEPT_SUPPRESSED, campaign=campaign_id),) if SUPPRESSED_UNSEEN in faults else ()
