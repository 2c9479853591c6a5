"""Schedules: `/api/v1/schedules`, and what is done to the schedule of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, LOOK
from campaigns.domain.errors import NotAllowed
from campaigns.domain.schedules.explanation import Explanation
from campaigns.domain.schedules.explanation import explain as explain_schedule
from campaigns.domain.states import CampaignState
from campaigns.flow.access.allow import allow_account, allow_campaign
from campaigns.flow.access.four_eyes import refuse_own_edit
from campaigns.flow.schedules.backfill import Backfill, preview_backfill
from campaigns.flow.schedules.backfill import backfill as open_missed
from campaigns.flow.schedules.calendar import Calendar, ScheduleAhead, schedules_ahead
from campaigns.flow.schedules.calendar import calendar as runs_of_period
from campaigns.flow.schedules.gaps import Period
from campaigns.flow.schedules.pause_resume_skip import (
    NextSkipped,
    SchedulePaused,
    ScheduleResumed,
    pause_schedule,
    resume_schedule,
    skip_next,
)
from campaigns.inputs.expressions import read_expression
from campaigns.inputs.times import parse_moment
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import Wanted
from campaigns.web.api.campaign_acts import SEND
from campaigns.web.api.campaigns import CampaignId
from campaigns.web.desk import Here, Holder, Sender, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.sent.bodies import STRICT, WithReason

routes = APIRouter(prefix="/schedules", tags=["schedules"])
of_campaigns = APIRouter(prefix="/campaigns/{campaign_id}", tags=["schedules"])

Time = Annotated[str, Query(max_length=60, description="RFC 3339 with an offset, or a local time and its zone.")]
Zone = Annotated[str | None, Query(max_length=100, description="Of times without an offset: Europe/Berlin.")]
Overlap = Literal["queue", "skip"]


@dataclass(frozen=True, slots=True)
class Skip:
    """Which occurrence to skip, and why."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    reason: str | None = None
    occurrence: str | None = None  # the one that was looked at; another one is refused


@dataclass(frozen=True, slots=True)
class BackfillOf:
    """The period to backfill."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    from_: Annotated[str, Field(alias="from")]
    to: str
    zone: str | None = None
    overlap: Overlap = "queue"
    before_created: bool = False  # times before the campaign was written are meant
    runs: int | None = None  # how many were shown; another number is refused
    reason: str | None = None


@routes.get("", response_model=Page[ScheduleAhead])
def list_schedules(
    desk: Here,
    by: Viewer,
    *,
    account: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Armed campaigns of all accounts with their next runs, the newest campaign first."""
    if account is not None:
        allow_account(by, LOOK, account)
    of = None if by.accounts is None else sorted(by.accounts)
    at = place(desk, "schedules", {"account": account, "of": of}, cursor)
    wanted = Wanted(
        state=CampaignState.SCHEDULED,
        account_id=account,
        newest=limit + 1,
        accounts=by.accounts,
        below=at.after,
    )
    return answer(paged(at, schedules_ahead(desk.store, wanted), limit, lambda row: row.campaign.id))


@routes.get("/explain", response_model=Explanation)
def explain(
    desk: Here,
    by: Viewer,  # noqa: ARG001 - whoever may look
    *,
    expression: Annotated[str, Query(max_length=200, examples=["0 18 * * 5"])],
    zone: Annotated[str, Query(max_length=100, examples=["Europe/Berlin"])],
    starting: Annotated[str | None, Query(max_length=60, description="The first local time of `2 weeks`.")] = None,
    since: Annotated[str | None, Query(alias="from", max_length=60)] = None,
    count: Annotated[int, Query(ge=1, le=1000)] = 10,
) -> Response:
    """A cron expression of five fields, or a step such as `2 weeks`, in words, with its next runs."""
    with desk.store.read() as connection:
        now = desk.store.now(connection)
    start = now if since is None else parse_moment(since, zone, field="from")
    return answer(explain_schedule(read_expression(expression, zone, starting, now=start), start, count))


@routes.get("/calendar", response_model=Calendar)
def calendar(
    desk: Here,
    by: Viewer,
    *,
    since: Annotated[Time, Query(alias="from")],
    until: Annotated[Time, Query(alias="to")],
    zone: Zone = None,
    account: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The runs of a period and the occurrences to come, of all accounts: at most 62 days, and 1,000 entries."""
    if account is not None:
        allow_account(by, LOOK, account)
    start, end = parse_moment(since, zone, field="from"), parse_moment(until, zone, field="to")
    return answer(runs_of_period(desk.store, start, end, by.accounts, account_id=account))


@of_campaigns.post("/pause", response_model=SchedulePaused)
def pause(
    request: Request, desk: Here, by: Holder, campaign_id: CampaignId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Pause a schedule: what comes due is skipped. Open runs go on."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)

    def verb(store: Store) -> SchedulePaused:
        return pause_schedule(store, campaign_id, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@of_campaigns.post("/resume", response_model=ScheduleResumed)
def resume(
    request: Request, desk: Here, by: Sender, campaign_id: CampaignId, body: WithReason, key: IdempotencyKey = None
) -> Response:
    """Let a paused schedule go on. What was skipped meanwhile stays skipped."""
    allow_campaign(desk.store, by, SEND, campaign_id)

    def verb(store: Store) -> ScheduleResumed:
        return resume_schedule(store, campaign_id, reason=body.reason, actor=by.actor)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@of_campaigns.post("/skip-next", response_model=NextSkipped)
def skip(
    request: Request, desk: Here, by: Holder, campaign_id: CampaignId, body: Skip, key: IdempotencyKey = None
) -> Response:
    """Skip the next occurrence; those after it are sent. Each call without `occurrence` skips one more."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)
    seen = None if body.occurrence is None else parse_moment(body.occurrence, None, field="occurrence")

    def verb(store: Store) -> NextSkipped:
        return skip_next(store, campaign_id, reason=body.reason, actor=by.actor, seen=seen)

    return done_once(request, desk.store, by, key, body, verb, required=False)


@of_campaigns.get("/backfill", response_model=Backfill)
def preview(
    desk: Here,
    by: Viewer,
    campaign_id: CampaignId,
    *,
    since: Annotated[Time, Query(alias="from")],
    until: Annotated[Time, Query(alias="to")],
    zone: Zone = None,
    overlap: Overlap = "queue",
) -> Response:
    """What a backfill of a past period would open; changes nothing."""
    allow_campaign(desk.store, by, LOOK, campaign_id)
    period = _period(since, until, zone, overlap)
    return answer(preview_backfill(desk.store, campaign_id, period, upstream=desk.parts.upstream_name))


@of_campaigns.post("/backfill", response_model=Backfill)
def backfill(
    request: Request, desk: Here, by: Sender, campaign_id: CampaignId, body: BackfillOf, key: IdempotencyKey = None
) -> Response:
    """Send the occurrences of a past period that were not sent, one after the other. Idempotency-Key is required."""
    allow_campaign(desk.store, by, SEND, campaign_id)
    period, upstream = _period(body.from_, body.to, body.zone, body.overlap), desk.parts.upstream_name

    def verb(store: Store) -> Backfill:
        refuse_own_edit(store, by, campaign_id)
        seen = preview_backfill(store, campaign_id, period, upstream=upstream)
        if body.runs not in {None, len(seen.runs)}:
            raise NotAllowed(
                f"The backfill of campaign {campaign_id} would open {len(seen.runs)} runs now, not {body.runs}. Look "
                "at it again.",
                code="changed",
            )
        return open_missed(
            store,
            campaign_id,
            period,
            upstream=upstream,
            reason=body.reason,
            actor=by.actor,
            before_created=body.before_created,
            agreed=None if body.runs is None else seen,
        )

    return done_once(request, desk.store, by, key, body, verb)


def _period(since: str, until: str, zone: str | None, overlap: Overlap) -> Period:
    return Period(parse_moment(since, zone, field="from"), parse_moment(until, zone, field="to"), overlap)
