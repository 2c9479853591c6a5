"""Show what a launch would do now, exactly. Sends nothing, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from campaigns.domain.messages.message import from_json, request_fields
from campaigns.domain.messages.text_modes import TextAs, TextFate
from campaigns.domain.schedules.sending_hours import advance
from campaigns.domain.schedules.timing import expires_at
from campaigns.domain.sending.forecast import Forecast, forecast
from campaigns.domain.sending.pacing import Limits
from campaigns.flow.planning.content import what_is_said
from campaigns.flow.planning.plan import Plan, fault_remedies, make_plan, plan_faults
from campaigns.flow.planning.plan_warnings import Caution, PlanWarning, late_warnings, often_warnings, plan_warnings
from campaigns.flow.planning.upcoming import (
    SHOWN_RUNS,
    SHOWN_TEXTS,
    ContentAhead,
    ScheduleInWords,
    contents_ahead,
    occurrences_ahead,
    schedule_in_words,
)
from campaigns.store.campaigns.campaigns import CampaignRow, find_campaign, find_revision
from campaigns.store.database.engine import Store


@dataclass(frozen=True, slots=True)
class OpenHours:
    """Hours of each day in which a run may send, on the clocks of a zone."""

    hours: str
    zone: str


@dataclass(frozen=True, slots=True)
class TextAhead:
    """What one coming run would say."""

    at: datetime
    content: int | None  # None: the campaign has none to rotate
    text: str  # as it was written, variables filled in
    sent: str  # as it is sent, without a mark
    seen: str  # as fans see it
    request: dict[str, Any]  # every field of the request by the vendor's names, without the user IDs


@dataclass(frozen=True, slots=True)
class Preview:
    """What a launch would do now."""

    hash: str
    campaign_id: int
    revision: int
    account: str
    upstream: str
    whole_list: bool
    recipients: int | None  # None: the vendor alone knows who is on its lists
    batches: int
    batch_size: int
    excluded: dict[str, int]
    requests: int
    credits: int
    starts_at: datetime
    ends_at: datetime
    bound_by: str
    mark: bool
    clock: str  # vendor, or campaigns
    sending_hours: tuple[OpenHours, ...]
    warnings: tuple[PlanWarning, ...]
    schedule: str
    zone: str | None
    next_runs: tuple[datetime, ...]
    text_mode: str
    texts: tuple[TextAhead, ...]
    often: bool  # more than one run in 24 hours is allowed


def preview(
    store: Store,
    campaign_id: int,
    limits: Limits,
    *,
    text_as: TextAs = "html",
    rf_as: Literal["array", "string"] = "array",
    at_once: bool = False,
) -> Preview:
    """What a launch would do now. Raises NotFound.

    `text_as`: how plain text travels where no probe of the account has measured it; `rf_as`: how release-form IDs do.
    `at_once`: a launch beside the schedule.
    """
    with store.read() as connection:
        now = store.now(connection)
        campaign = find_campaign(connection, campaign_id)
        revision = find_revision(connection, campaign_id, campaign.revision)
        content = what_is_said(connection, campaign, revision, now)
        plan = make_plan(connection, campaign, campaign.revision, says=content.message)
        return preview_of(connection, campaign, plan, now, Sending(limits, text_as, rf_as), at_once=at_once)


@dataclass(frozen=True, slots=True)
class Sending:
    """How this installation sends: its limits, and how plain text and release-form IDs travel."""

    limits: Limits
    text_as: TextAs = "html"
    rf_as: Literal["array", "string"] = "array"


def preview_of(
    connection: Connection,
    campaign: CampaignRow,
    plan: Plan,
    now: datetime,
    sending: Sending,
    *,
    at_once: bool = False,
    each_content: bool = False,
) -> Preview:
    """What a launch of this plan would do now. `each_content`: what each content of a rotation says, at most ten."""
    revision = plan.revision
    ahead = [] if at_once else occurrences_ahead(campaign, revision, now)
    opens_at = now if at_once else _opens_at(campaign, ahead, now)
    moments, most = list(ahead), SHOWN_TEXTS
    if each_content:
        most = min(max(SHOWN_TEXTS, len(revision.contents or ())), SHOWN_RUNS)
        lacking = min(len(revision.contents or ()), most) - len(moments)
        moments += [moments[-1] if moments else now] * max(0, lacking)
    contents = contents_ahead(connection, campaign, revision, moments, now, most=most)
    schedule = schedule_in_words(connection, campaign, revision)
    cautions = [*_launch_faults(connection, plan, now), *often_warnings(campaign, revision, now)]
    fate = TextFate(plan.message.text_mode, plan.takes_mark_up, sending.text_as)
    expected = _forecast(plan, sending.limits, opens_at, ahead)
    cautions += [*plan_warnings(plan, schedule.zone), *late_warnings(plan, expected, schedule.zone)]
    texts = tuple(_text(content, fate, sending.rf_as) for content in contents)
    return _preview(campaign, plan, expected, schedule, ahead, warnings=tuple(cautions), mode=fate, texts=texts)


def _preview(
    campaign: CampaignRow,
    plan: Plan,
    expected: Forecast,
    schedule: ScheduleInWords,
    ahead: Sequence[datetime],
    *,
    warnings: tuple[PlanWarning, ...],
    mode: TextFate,
    texts: tuple[TextAhead, ...],
) -> Preview:
    return Preview(
        hash=plan.sha256,
        campaign_id=campaign.id,
        revision=campaign.revision,
        account=plan.account_id,
        upstream=plan.upstream,
        whole_list=plan.whole_list,
        recipients=None if plan.whole_list else plan.recipients,
        batches=plan.batch_count,
        batch_size=plan.revision.batch_size,
        excluded={reason: users.size for reason, users in plan.excluded.items()},
        requests=plan.batch_count,
        credits=plan.batch_count,
        starts_at=expected.starts_at,
        ends_at=expected.ends_at,
        bound_by=expected.bound_by,
        mark=bool(plan.revision.mark),
        clock="vendor" if plan.revision.times.handoff else "campaigns",
        sending_hours=tuple(OpenHours(str(window.hours), window.zone.key) for window in plan.windows),
        warnings=warnings,
        schedule=schedule.schedule,
        zone=schedule.zone,
        next_runs=tuple(ahead),
        text_mode=mode.mode_in_words,
        texts=texts,
        often=bool(plan.revision.often),
    )


def _launch_faults(connection: Connection, plan: Plan, now: datetime) -> list[PlanWarning]:
    return [
        PlanWarning(Caution.CANNOT_LAUNCH, fault, fault_remedies(plan.revision.campaign_id, [fault]))
        for fault in plan_faults(connection, plan, now)
    ]


def _text(content: ContentAhead, fate: TextFate, rf_as: Literal["array", "string"]) -> TextAhead:
    shown = fate.of(content.text)
    message = replace(from_json(content.message), text=shown.sent)
    request = request_fields(message, rf_as=rf_as)
    return TextAhead(content.at, content.content, content.text, shown.sent, shown.seen, request)


def _forecast(plan: Plan, limits: Limits, opens_at: datetime, ahead: Sequence[datetime]) -> Forecast:
    times, count = plan.revision.times, plan.batch_count
    last = times.over_seconds * max(count - 1, 0) / max(count, 1)
    return forecast(
        count,
        limits,
        opens_at,
        windows=plan.windows,
        last_at=advance(plan.windows, opens_at, last) if times.over_seconds else None,
        expires_at=expires_at(times, ahead[0] if ahead else opens_at),
    )


def _opens_at(campaign: CampaignRow, ahead: Sequence[datetime], now: datetime) -> datetime:
    """When a run opens: as the schedule is armed, else at the next occurrence, else at once."""
    wanted = campaign.due_at or (ahead[0] if ahead else now)
    return max(wanted, now)
