"""2. Freeze who gets a run: the audience minus everybody who must be left out, each with the reason.

The sets are read and cut without a lock, since that takes seconds for ten million users. What was read is then
checked and written in one short transaction; when a suppression came in between, it is done again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection

from campaigns.crashpoint import crash_point
from campaigns.domain.audience import UserSet, pack, subtract, unpack
from campaigns.domain.errors import NotAllowed
from campaigns.domain.message import Message, from_json, message_faults
from campaigns.domain.pacing import Limits, estimate
from campaigns.domain.states import CampaignState, RunState
from campaigns.flow.skip import skip_faulty
from campaigns.flow.split import count_batches, split
from campaigns.store.campaigns import (
    CampaignRow,
    RevisionRow,
    audience_users,
    find_campaign,
    find_revision,
    find_upstream,
)
from campaigns.store.engine import Store
from campaigns.store.lanes import lane_suppressions, lock_lanes
from campaigns.store.runs import find_run, freeze_plan
from campaigns.store.suppressions import anybody_suppressed, suppressed_users


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


def make_plan(connection: Connection, campaign: CampaignRow, revision_number: int) -> Plan:
    """Read the sets of one revision and work out who is left."""
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
        campaign.id,
        campaign.launches,
        account_id,
        upstream,
        revision.sha256,
        audience_sha256,
        sorted((reason, out.sha256) for reason, out in excluded.items()),
    ]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    return Plan(account_id, upstream, revision, from_json(revision.message), users, excluded, seen, digest)


def plan_faults(connection: Connection, plan: Plan, now: datetime) -> list[str]:
    """Why a run of this plan must not be opened; empty when it may."""
    count = None if plan.users is None else len(plan.users)
    faults = message_faults(plan.message, user_count=count, batch_count=plan.batch_count, now=now)
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
        plan = make_plan(connection, campaign, campaign.revision)
        faults = plan_faults(connection, plan, now)
    starts_at = _starts_at(campaign, plan.revision, now)
    expected = estimate(plan.batch_count, limits)
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
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(seconds=expected.seconds)).isoformat(),
        "bound_by": expected.bound_by,
        "warnings": faults + _warnings(plan),
        "next_runs": [starts_at.isoformat()] if campaign.due_at or plan.revision.starts_at else [],
    }


def plan_run(store: Store, run_id: int, *, actor: str) -> bool:
    """Freeze a due run; False when it was planned before, is due no longer, or is skipped for its message's faults.

    Safe to call twice and to kill anywhere: a run is either due, with nothing written, or planned whole.
    """
    while True:
        with store.read() as connection:
            found = find_run(connection, run_id)
            if found.state is not RunState.DUE:
                return False
            plan = make_plan(connection, find_campaign(connection, found.campaign_id), found.revision)
        batches = plan.cut()
        crash_point("plan.cut")
        with store.write() as connection:
            if lock_lanes(connection, [plan.account_id])[plan.account_id] == plan.suppressions:
                now = store.now(connection)
                count = None if plan.users is None else len(plan.users)
                how: dict[str, Any] = {"now": now, "actor": actor}
                if skip_faulty(connection, run_id, plan.message, recipients=count, batches=plan.batch_count, **how):
                    return False
                return write_plan(connection, run_id, plan, batches, **how)


def write_plan(
    connection: Connection, run_id: int, plan: Plan, batches: list[UserSet], *, now: datetime, actor: str
) -> bool:
    """Write a plan for a due run; the caller holds the lane's lock and has checked the suppression number."""
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
    )


def refuse_faults(campaign_id: int, faults: list[str]) -> None:
    """Raise NotAllowed that names every fault."""
    if faults:
        raise NotAllowed(f"Campaign {campaign_id} cannot be launched: {'; '.join(faults)}.")


def _starts_at(campaign: CampaignRow, revision: RevisionRow, now: datetime) -> datetime:
    wanted = campaign.due_at if campaign.state is CampaignState.SCHEDULED else revision.starts_at
    return max(wanted, now) if wanted else now


def _warnings(plan: Plan) -> list[str]:
    warnings = []
    if plan.users is not None and not plan.users:
        warnings.append("nobody is left to send to")
    if plan.revision.on_unknown == "resend":
        warnings.append("an unknown batch may be sent again: some fans may get this twice (at-least-once)")
    if plan.message.excluded_lists and not plan.whole_list:
        warnings.append("no source says that the vendor applies excluded lists to explicit user IDs")
    if plan.whole_list:
        warnings.append("the vendor alone knows who is on its lists: who got it cannot be told here")
    if plan.message.save_for_later:
        warnings.append("the vendor only stores it, but its own automatic messaging may still send it")
    return warnings
