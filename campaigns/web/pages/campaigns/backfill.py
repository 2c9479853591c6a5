"""Backfill: choose a past period, look at what would be sent, and send exactly that."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from campaigns.as_json import to_json
from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import CampaignsError, InputFault, InvalidInput, NotAllowed, Outdated, UsageError
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.access.four_eyes import refuse_own_edit
from campaigns.flow.schedules.backfill import Backfill, backfill, preview_backfill, refuse_often
from campaigns.flow.schedules.gaps import Period
from campaigns.inputs.times import parse_moment
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import CampaignView, campaign_of
from campaigns.web.desk import Desk, Here, Sender
from campaigns.web.kit.acts import acted
from campaigns.web.kit.pages import done, page
from campaigns.web.pages.campaigns.back import back_of
from campaigns.web.pages.campaigns.launch import must_type
from campaigns.web.pages.campaigns.possible import SENDER
from campaigns.web.pages.campaigns.shown import CampaignId
from campaigns.web.problems import STATUSES

routes = APIRouter(prefix="/campaigns/{campaign_id}/backfill")

Overlap = Literal["queue", "skip"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The period, as it was typed."""

    since: Annotated[str, Query(alias="from", max_length=50)] = ""
    until: Annotated[str, Query(alias="to", max_length=50)] = ""
    zone: Annotated[str, Query(max_length=64)] = ""
    overlap: Annotated[Overlap, Query()] = "queue"

    def period(self, zone: str | None) -> Period:
        """The period. Raises InvalidInput."""
        chosen = self.zone or zone
        start = parse_moment(self.since, chosen, field="from")
        return Period(start, parse_moment(self.until, chosen, field="to"), self.overlap)


AskedPeriod = Annotated[Asked, Depends()]


@routes.get("")
def ask_for_backfill(request: Request, desk: Here, by: Sender, campaign_id: CampaignId, asked: AskedPeriod) -> Response:
    """The form for a period; with one, what would be sent. Changes nothing."""
    allow_campaign(desk.store, by, SENDER, campaign_id)
    return _shown(request, desk, by, campaign_id, asked)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the form sends: its key, what was shown, and what was typed."""

    key: Annotated[str, Form(max_length=200)]
    seen: Annotated[str, Form(max_length=64)]
    reason: Annotated[str, Form(max_length=500)] = ""
    before_created: Annotated[str, Form(max_length=10)] = ""
    typed: Annotated[str, Form(max_length=1000)] = ""

    @property
    def form(self) -> dict[str, str]:
        """The form, for the key."""
        texts = (self.reason, self.before_created, self.typed)
        return {"key": self.key, "seen": self.seen, "typed": "\n".join(texts)}


@routes.post("")
def backfill_it(
    request: Request,
    desk: Here,
    by: Sender,
    campaign_id: CampaignId,
    asked: AskedPeriod,
    agreed: Annotated[Agreed, Depends()],
) -> Response:
    """Open the runs that were shown, and no others."""
    allow_campaign(desk.store, by, SENDER, campaign_id)

    def verb(store: Store) -> Backfill:
        return _backfilled(store, desk, by, campaign_id, asked, agreed)

    form = agreed.form | {"period": to_json([asked.since, asked.until, asked.zone, asked.overlap])}
    try:
        answer = acted(request, desk.store, by, form, verb)
    except (UsageError, NotAllowed) as refusal:
        return _shown(request, desk, by, campaign_id, asked, refusal=refusal, reason=agreed.reason)
    runs = len(answer["runs"])
    sentence = f"The backfill of campaign c{campaign_id} opened {runs} {'run' if runs == 1 else 'runs'}."
    return done(request, back_of(request, f"/campaigns/{campaign_id}"), sentence)


def _backfilled(store: Store, desk: Desk, by: Principal, campaign_id: int, asked: Asked, agreed: Agreed) -> Backfill:
    refuse_own_edit(store, by, campaign_id)
    view = _view(store, campaign_id)
    period, upstream = asked.period(view.zone), desk.parts.upstream_name
    now = preview_backfill(store, campaign_id, period, upstream=upstream, actor=by.actor)
    if digest_of(now) != agreed.seen:
        raise Outdated(
            f"The backfill of campaign {campaign_id} has changed since it was shown. Nothing was opened; look again.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        )
    if must_type(_people(now)) and agreed.typed.strip() != view.name:
        raise InvalidInput(InputFault(f"is not the name of the campaign, '{view.name}'", "typed"))
    return backfill(
        store,
        campaign_id,
        period,
        upstream=upstream,
        reason=agreed.reason.strip() or None,
        actor=by.actor,
        before_created=bool(agreed.before_created),
        agreed=now,
    )


def digest_of(shown: Backfill) -> str:
    """What a person agrees to: the runs and the revision that they send."""
    identity: list[Any] = [shown.revision, [(run.scheduled_for, run.was) for run in shown.runs]]
    return hashlib.sha256(to_json(identity).encode()).hexdigest()


def _people(shown: Backfill) -> int | None:
    """How many messages it sends; None: whole lists."""
    return None if shown.recipients is None else shown.recipients * len(shown.runs)


def _view(store: Store, campaign_id: int) -> CampaignView:
    with store.read() as connection:
        return campaign_of(connection, campaign_id)


def _shown(
    request: Request,
    desk: Desk,
    by: Principal,
    campaign_id: int,
    asked: Asked,
    *,
    refusal: CampaignsError | None = None,
    reason: str = "",
) -> Response:
    view, shown = _view(desk.store, campaign_id), None
    refused = [] if refusal is None else [refusal]
    try:
        if asked.since or asked.until:
            period = asked.period(view.zone)
            shown = preview_backfill(desk.store, campaign_id, period, upstream=desk.parts.upstream_name)
            refuse_often(shown)
    except (UsageError, NotAllowed) as why:
        refused.append(why)
    people = None if shown is None else _people(shown)
    return page(
        request,
        "campaigns/backfill.html",
        by=by,
        campaign=view,
        asked=asked,
        shown=shown,
        people=people,
        may_send=shown is not None and bool(shown.runs) and not shown.needs_often,
        must_type=shown is not None and must_type(people),
        seen="" if shown is None else digest_of(shown),
        refused=list({str(each): each for each in refused}.values()),
        reason=reason,
        back=back_of(request, f"/campaigns/{campaign_id}"),
        key=secrets.token_urlsafe(24),
        status_code=STATUSES[type(refused[0])] if refused else 200,
    )
