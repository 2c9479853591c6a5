"""Freeze who gets a run: the audience minus everybody who must be left out, each with the reason.

The sets are read and cut without a lock, since that takes seconds for ten million users. What was read is then
checked and written in one short transaction; when a suppression came in between, it is done again.
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
from campaigns.domain.messages.message import Message, from_json, message_faults
from campaigns.domain.messages.text_checks import doubts_of, launch_faults
from campaigns.domain.messages.text_modes import TextAs, TextFate, TextMode
from campaigns.domain.schedules.handoff import as_sent, handoff_faults
from campaigns.domain.schedules.sending_hours import Window, advance, hours_faults, spread_over, windows_of
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.sending.forecast import Forecast, forecast
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import RunState
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.planning.plan_warnings import late_warnings, plan_warnings
from campaigns.flow.planning.skip_faulty import skip_faulty
from campaigns.flow.planning.split import count_batches, split
from campaigns.flow.planning.upcoming import occurrences_ahead, schedule_told, texts_ahead
from campaigns.store.accounts.bindings import find_upstream, hours_of_account
from campaigns.store.audience.suppressions import anybody_suppressed, suppressed_users
from campaigns.store.audience.versions import audience_users
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.probe.results import takes_mark_up
from campaigns.store.runs.content import find_own_message
from campaigns.store.runs.runs import find_run, freeze_plan
from campaigns.store.schedules.occurrences import must_wait
from campaigns.store.sending.lanes import lane_suppressions, lock_lanes

PLAN_VERSION = "plan 2"
"""Part of each plan hash. The hashes of version 1 depended on how a set came about, so they are no longer taken."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who would get a run now, exactly, and what that was read from."""

    account_id: str
    upstream: str
    revision: RevisionRow
    message: Message
    users: BitMap64 | None  # None: nobody is named one by one
    excluded: dict[str, UserSet]
    suppressions: int  # the lane's suppression number when the sets were read
    sha256: str
    windows: tuple[Window, ...] = ()  # its sending hours and its account's
    takes_mark_up: bool | None = None  # what the account's newest probe measured

    @property
    def nobody_left(self) -> bool:
        """Whether all who were named one by one are left out, and no list is named."""
        return self.users is not None and not self.users and not self.message.user_lists

    @property
    def whole_list(self) -> bool:
        """Whether the vendor alone knows who gets it: it is one request then, also with user IDs beside a list."""
        return self.message.vendor_chooses and not self.nobody_left

    @property
    def recipients(self) -> int:
        """Recipients in the books; a whole list counts one unit, whoever is named beside it."""
        return 1 if self.whole_list else len(self.users or ())

    @property
    def batch_count(self) -> int:
        """How many requests it takes."""
        least = 1 if self.whole_list else 0
        return max(least, count_batches(len(self.users or ()), self.revision.batch_size))

    def cut(self) -> list[UserSet]:
        """The batches."""
        return [] if self.whole_list or self.users is None else split(self.users, self.revision.batch_size)


def make_plan(
    connection: Connection, campaign: CampaignRow, revision_number: int, *, says: dict[str, Any] | None = None
) -> Plan:
    """Read the sets of one revision and work out who is left. `says`: the message, where it is not the revision's."""
    account_id = campaign.account_id
    upstream, _ = find_upstream(connection, account_id)
    revision = find_revision(connection, campaign.id, revision_number)
    seen = lane_suppressions(connection, account_id)
    users: BitMap64 | None = None
    left_out: dict[str, BitMap64] = {}
    audience_sha256 = None
    if revision.audience_version_id is not None:
        blob, audience_sha256 = audience_users(connection, revision.audience_version_id)
        users, left_out = subtract(
            unpack(blob),
            [
                ("suppressed", lambda: suppressed_users(connection, None)),
                ("suppressed_on_account", lambda: suppressed_users(connection, account_id)),
            ],
        )
    excluded = {reason: pack(out) for reason, out in left_out.items()}
    identity = [
        PLAN_VERSION,
        campaign.id,
        campaign.launches,
        account_id,
        upstream,
        revision.sha256,
        audience_sha256,
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
        faults.append(
            "users are suppressed here, but the vendor alone knows who is on its lists and would message them too; "
            "accept that with --accept-suppressed, or send to user IDs"
        )
    return faults


def preview(store: Store, campaign_id: int, limits: Limits, *, text_as: TextAs = "html") -> dict[str, Any]:
    """What a launch would do now, exactly; sends nothing, changes nothing.

    `text_as`: how plain text travels where no probe of the account says it.
    """
    with store.read() as connection:
        now = store.now(connection)
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        said = what_is_said(connection, campaign, revision, now)
        plan = make_plan(connection, campaign, campaign.revision, says=said.message)
        faults = plan_faults(connection, plan, now)
        ahead = occurrences_ahead(campaign, revision, now)
        how = TextFate(plan.message.text_mode, plan.takes_mark_up, text_as)
        texts = [{**each, **how.of(each["text"])} for each in texts_ahead(connection, campaign, revision, ahead, now)]
        told = schedule_told(connection, campaign, revision)
    opens_at = _opens_at(campaign, ahead, now)
    expected = _forecast(plan, limits, opens_at, expires_at(plan.revision.times, ahead[0] if ahead else opens_at))
    return {
        "hash": plan.sha256,
        "campaign_id": campaign.id,
        "revision": campaign.revision,
        "account": plan.account_id,
        "upstream": plan.upstream,
        "whole_list": plan.whole_list,
        "recipients": None if plan.whole_list else plan.recipients,
        "batches": plan.batch_count,
        "batch_size": plan.revision.batch_size,
        "excluded": {reason: out.size for reason, out in plan.excluded.items()},
        "requests": plan.batch_count,
        "credits": plan.batch_count,
        "starts_at": expected.starts_at.isoformat(),
        "ends_at": expected.ends_at.isoformat(),
        "bound_by": expected.bound_by,
        "mark": bool(plan.revision.mark),
        "clock": "vendor" if plan.revision.times.handoff else "campaigns",
        "sending_hours": [window.shown for window in plan.windows],
        "warnings": faults + plan_warnings(plan, told["zone"]) + late_warnings(plan, expected, told["zone"]),
        **told,
        "next_runs": [moment.isoformat() for moment in ahead],
        "text_mode": how.mode_in_words,
        "texts": texts,
    }


def plan_run(store: Store, run_id: int, *, actor: str) -> bool:
    """Freeze a due run; False when it was planned before, is due no longer, waits for another, or has a faulty message.

    Safe to call twice and to kill anywhere: a run is either due, with nothing written, or planned whole. Raises
    DatabaseBusy when somebody keeps the account's lock.
    """
    while True:
        with store.read() as connection:
            found = find_run(connection, run_id)
            if found.state is not RunState.DUE:
                return False
            says = find_own_message(connection, run_id)
            plan = make_plan(connection, find_campaign(connection, found.campaign_id), found.revision, says=says)
        batches = plan.cut()
        crash_point("plan.cut")
        with store.write() as connection:
            wait_briefly(connection)  # a worker has few threads for plans, and the next tick asks again
            suppressions = lock_lanes(connection, [plan.account_id])[plan.account_id]
            if must_wait(connection, run_id):
                return False
            if suppressions == plan.suppressions:
                now = store.now(connection)
                count = None if plan.users is None else len(plan.users)
                how: dict[str, Any] = {"now": now, "actor": actor}
                # What was to be handed over, and is planned after its time, is sent by us like any other.
                says_now = as_sent(plan.message, now) if plan.revision.times.handoff else plan.message
                if skip_faulty(connection, run_id, says_now, recipients=count, batches=plan.batch_count, **how):
                    return False
                return write_plan(connection, run_id, plan, batches, scheduled_for=found.scheduled_for, **how)


def write_plan(
    connection: Connection,
    run_id: int,
    plan: Plan,
    batches: list[UserSet],
    *,
    scheduled_for: datetime | None = None,
    now: datetime,
    actor: str,
) -> bool:
    """Write a plan for a due run; the caller holds the lane's lock and has checked the suppression number.

    A run that is to be spread begins at once, or at its occurrence if that is still to come.
    """
    over, start = plan.revision.times.over_seconds, max(scheduled_for or now, now)
    return freeze_plan(
        Act(connection, now, actor),
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
    """What is doubtful in the texts of a revision that goes out without a launch, unless somebody said it is meant."""
    if revision.as_written:
        return []
    way = f"use `campaigns edit {revision.campaign_id} --as-written`"
    doubts = doubts_of(revision.message, revision.contents)
    return launch_faults(doubts, campaign_id=revision.campaign_id, way=way)


def refuse_faults(campaign_id: int, faults: list[str]) -> None:
    """Raise NotAllowed that names every fault."""
    if faults:
        raise NotAllowed(f"Campaign {campaign_id} cannot be launched: {'; '.join(faults)}.")


def _forecast(plan: Plan, limits: Limits, opens_at: datetime, expires: datetime | None) -> Forecast:
    over, count = plan.revision.times.over_seconds, plan.batch_count
    last = over * max(count - 1, 0) / max(count, 1)
    return forecast(
        count,
        limits,
        opens_at,
        windows=plan.windows,
        last_at=advance(plan.windows, opens_at, last) if over else None,
        expires_at=expires,
    )


def _opens_at(campaign: CampaignRow, ahead: list[datetime], now: datetime) -> datetime:
    """When a run opens: as the schedule is armed, else at the next occurrence, else at once."""
    wanted = campaign.due_at or (ahead[0] if ahead else now)
    return max(wanted, now)
