"""What is done to a campaign: `/api/v1/campaigns/{id}/copy`, archive, unarchive, plan and launch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from pydantic import ConfigDict
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK, Right
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.access.four_eyes import refuse_own_edit
from campaigns.flow.campaigns.archive import Moved, archive_campaign, copy_campaign, unarchive_campaign
from campaigns.flow.campaigns.drafts import Created
from campaigns.flow.campaigns.launch import Launched
from campaigns.flow.campaigns.launch import launch as launch_campaign
from campaigns.flow.planning.preview import Preview, preview
from campaigns.store.database.engine import Store
from campaigns.web.api.campaigns import EDIT, CampaignId, revision_of
from campaigns.web.desk import Editor, Here, Sender, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.revisions import ETAG, IfMatch, etag, require_if_match, require_match
from campaigns.web.kit.sent.bodies import STRICT
from campaigns.web.kit.sent.warned import warned, with_warnings

routes = APIRouter(prefix="/campaigns/{campaign_id}", tags=["campaigns"])

SEND = frozenset({Right.SENDER})


@dataclass(frozen=True, slots=True)
class Copy:
    """How to copy a campaign."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str | None = None  # null: that of the original, with an addition


@dataclass(frozen=True, slots=True)
class Launch:
    """How to launch a campaign."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    plan: str | None = None  # the hash of the plan that was looked at
    now: bool = False  # at once, beside the schedule of a scheduled campaign
    again: bool = False  # it was launched before, and fans may get it a second time
    reason: str | None = None  # why it is launched again
    as_written: bool = False  # braces, %words% and tags in the text are meant
    although_closed: bool = False  # also when it expires before its sending hours open


@routes.post("/copy", status_code=201, response_model=Created)
def copy(
    request: Request, desk: Here, by: Editor, campaign_id: CampaignId, body: Copy, key: IdempotencyKey = None
) -> Response:
    """Write a new draft with the content, the audience and the schedule of a campaign."""
    allow_campaign(desk.store, by, EDIT, campaign_id)
    tick = desk.parts.settings.tick_seconds

    def verb(store: Store) -> Created:
        return copy_campaign(store, campaign_id, name=body.name, actor=by.actor, tick_seconds=tick)

    return done_once(request, desk.store, by, key, body, verb, status=201, required=False)


@routes.post("/archive", response_model=Moved)
def archive(request: Request, desk: Here, by: Editor, campaign_id: CampaignId, key: IdempotencyKey = None) -> Response:
    """Archive a campaign: it opens no more runs and leaves the list. Nothing of it is deleted."""
    allow_campaign(desk.store, by, EDIT, campaign_id)

    def verb(store: Store) -> Moved:
        return archive_campaign(store, campaign_id, actor=by.actor)

    return done_once(request, desk.store, by, key, None, verb, required=False)


@routes.post("/unarchive", response_model=Moved)
def unarchive(
    request: Request, desk: Here, by: Editor, campaign_id: CampaignId, key: IdempotencyKey = None
) -> Response:
    """Bring an archived campaign back, as a draft or as launched; nothing of it is scheduled."""
    allow_campaign(desk.store, by, EDIT, campaign_id)

    def verb(store: Store) -> Moved:
        return unarchive_campaign(store, campaign_id, actor=by.actor)

    return done_once(request, desk.store, by, key, None, verb, required=False)


@routes.get("/plan", response_model=with_warnings("Planned", Preview), responses={200: {"headers": ETAG}})
def plan(desk: Here, by: Viewer, campaign_id: CampaignId) -> Response:
    """What a launch would do, exactly; sends nothing.

    The hash covers all of it: a launch that names it is refused when anything has changed, or the database was
    restored.
    """
    allow_campaign(desk.store, by, LOOK, campaign_id)
    settings = desk.parts.settings
    seen = preview(desk.store, campaign_id, desk.parts.limits, text_as=settings.text_as, rf_as=settings.rf_as)
    return answer(warned(seen, seen.warnings), headers={"ETag": etag(desk.store, seen.revision)})


@routes.post("/launch", response_model=Launched)
def launch(
    request: Request,
    desk: Here,
    by: Sender,
    campaign_id: CampaignId,
    *,
    body: Launch,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Start a campaign now, or arm its schedule.

    If-Match and Idempotency-Key are required. From 10,000 recipients on, and for whole lists, `plan` is required, too.
    `again` and `reason` go together.
    """
    allow_campaign(desk.store, by, SEND, campaign_id)
    seen = require_if_match(campaign_id, if_match)
    if body.again != bool((body.reason or "").strip()):
        raise InvalidInput(InputFault("goes together with again: a second launch needs a reason", "reason"))

    def verb(store: Store) -> Launched:
        revision = revision_of(store, campaign_id)
        require_match(store, campaign_id, seen, revision)
        refuse_own_edit(store, by, campaign_id)
        return launch_campaign(
            store,
            campaign_id,
            upstream=desk.parts.upstream_name,
            plan_hash=body.plan,
            at_once=body.now,
            again_reason=body.reason,
            as_written=body.as_written,
            although_closed=body.although_closed,
            made_from=revision,
            needs_plan=True,
            actor=by.actor,
        )

    return done_once(request, desk.store, by, key, body, verb)
