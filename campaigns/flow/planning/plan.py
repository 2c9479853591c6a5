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
from campaigns.domain.clocks import on_clocks
from campaigns.domain.errors import NotAllowed
from campaigns.domain.messages.contents import texts_of, variable_warnings
from campaigns.domain.messages.message import Message, from_json, message_faults
from campaigns.domain.schedules.handoff import LEAD, as_sent, handoff_faults
from campaigns.domain.schedules.sending_hours import Window, advance, hours_faults, spread_over, windows_of
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.schedules.words import schedule_notes
from campaigns.domain.sending.forecast import Forecast, forecast
from campaigns.domain.sending.pacing import Limits
from campaigns.domain.states import RunState
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.planning.skip_faulty import skip_faulty
from campaigns.flow.planning.split import count_batches, split
from campaigns.flow.planning.upcoming import occurrences_ahead, schedule_told, texts_ahead
from campaigns.store.accounts.bindings import find_upstream, hours_of_account
from campaigns.store.audience.suppressions import anybody_suppressed, suppressed_users
from campaigns.store.audience.versions import audience_users
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow, find_campaign, find_revision
from campaigns.store.database.engine import Store
from campaigns.store.database.postgresql import wait_briefly
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
    users: BitMap64 | None  # None: whole lists, only the vendor knows who is on them
    excluded: dict[str, UserSet]
    suppressions: int  # the lane's suppression number when the sets were read
    sha256: str
    windows: tuple[Window, ...] = ()  # its sending hours and its account's

    @property
    def whole_list(self) -> bool:
        """Whether the vendor chooses the recipients."""
        return self.users is None

    @property
    def recipients(self) -> int:
        """Recipients in the books; a whole list counts one unit."""
        return 1 if self.users is None else len(self.users)

    @property
    def batch_count(self) -> int:
        """How many requests it takes."""
        return 1 if self.users is None else count_batches(len(self.users), self.revision.batch_size)

    def cut(self) -> list[UserSet]:
        """The batches."""
        return [] if self.users is None else split(self.users, self.revision.batch_size)


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
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    message = from_json(says or revision.message)
    return Plan(account_id, upstream, revision, message, users, excluded, seen, digest, windows)


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


def preview(store: Store, campaign_id: int, limits: Limits) -> dict[str, Any]:
    """What a launch would do now, exactly; sends nothing, changes nothing."""
    with store.read() as connection:
        now = store.now(connection)
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        said = what_is_said(connection, campaign, revision, now)
        plan = make_plan(connection, campaign, campaign.revision, says=said.message)
        faults = plan_faults(connection, plan, now)
        ahead = occurrences_ahead(campaign, revision, now)
        texts = texts_ahead(connection, campaign, revision, ahead, now)
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
        "warnings": faults
        + schedule_notes(plan.revision.times, told["zone"])
        + _warnings(plan)
        + _late_warnings(plan, expected, told["zone"]),
        **told,
        "next_runs": [moment.isoformat() for moment in ahead],
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
        connection,
        run_id,
        batches=batches,
        whole_list=plan.whole_list,
        excluded=plan.excluded,
        recipients=plan.recipients,
        suppressions=plan.suppressions,
        plan_sha256=plan.sha256,
        now=now,
        actor=actor,
        available_at=spread_over(plan.windows, start, over, plan.batch_count) if over else (),
    )


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


def _late_warnings(plan: Plan, expected: Forecast, zone: str | None) -> list[str]:
    if not expected.late:
        return []
    left = max(0, plan.recipients - (plan.batch_count - expected.late) * plan.revision.batch_size)
    who = "it" if plan.whole_list else f"{left:,} recipients"
    at = on_clocks(expected.ends_at.replace(microsecond=0), zone)
    return [f"it will not be finished by its expiry at {at}: {who} would be cancelled"]


def _warnings(plan: Plan) -> list[str]:
    warnings = variable_warnings(texts_of(plan.revision.message, plan.revision.contents))
    if plan.users is not None and not plan.users:
        warnings.append("nobody is left to send to")
    if plan.revision.on_unknown == "resend":
        warnings.append("an unknown batch may be sent again: some fans may get this twice (at-least-once)")
    if plan.message.excluded_lists and not plan.whole_list:
        warnings.append("no source says that the vendor applies excluded lists to explicit user IDs")
    if plan.whole_list:
        warnings.append("the vendor alone knows who is on its lists: who got it cannot be told here")
    if plan.revision.times.handoff:
        warnings.append(
            f"the vendor holds the clock: runs are handed over up to {LEAD.total_seconds() / 3600:g} hours ahead, and "
            "who is suppressed after that gets them all the same"
        )
    if plan.message.save_for_later:
        warnings.append("the vendor only stores it, but its own automatic messaging may still send it")
    return warnings
