"""Acts on a campaign and its schedule that ask once: copy, archive, bring back, pause, resume, skip the next run."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from markupsafe import Markup
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK
from campaigns.domain.errors import InputFault, InvalidInput, NotAllowed
from campaigns.domain.remedies import Do, Remedy
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.campaigns.archive import (
    archive_campaign,
    copy_campaign,
    refuse_to_archive,
    unarchive_campaign,
)
from campaigns.flow.schedules.pause_resume_skip import pause_schedule, resume_schedule, skip_next
from campaigns.store.views.campaigns import CampaignView, campaign_of
from campaigns.web.desk import Desk, Editor, Here, Holder, Sender
from campaigns.web.kit.acts import Question, act_once, acted, ask
from campaigns.web.kit.pages import done, page
from campaigns.web.kit.times import clock_of
from campaigns.web.pages.campaigns.back import back_of
from campaigns.web.pages.campaigns.possible import EDITOR, SENDER
from campaigns.web.pages.campaigns.shown import CampaignId

routes = APIRouter(prefix="/campaigns/{campaign_id}")

Key = Annotated[str, Form(max_length=200)]
Reason = Annotated[str, Form(max_length=500)]


def _view(desk: Desk, campaign_id: int) -> CampaignView:
    with desk.store.read() as connection:
        return campaign_of(connection, campaign_id)


def _named(view: CampaignView) -> str:
    return f"Campaign c{view.id} '{view.name}' of account {view.account}"


def _next_at(request: Request, view: CampaignView) -> Markup:
    return clock_of(request).print(view.next_at, view.zone)


def _page(campaign_id: int) -> str:
    return f"/campaigns/{campaign_id}"


@routes.get("/copy")
def ask_to_copy(request: Request, desk: Here, by: Editor, campaign_id: CampaignId) -> Response:
    """Ask for the name of the copy."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    view = _view(desk, campaign_id)
    back = back_of(request, _page(campaign_id))
    return page(request, "campaigns/copy.html", by=by, campaign=view, back=back, key=secrets.token_urlsafe(24))


@routes.post("/copy")
def copy(
    request: Request,
    desk: Here,
    by: Editor,
    campaign_id: CampaignId,
    key: Key,
    name: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Write the copy, and go to it."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    tick = desk.parts.settings.tick_seconds
    answer = acted(
        request,
        desk.store,
        by,
        {"key": key, "name": name},
        lambda store: copy_campaign(store, campaign_id, name=name or None, actor=by.actor, tick_seconds=tick),
    )
    sentence = f"Campaign c{answer['id']} is a copy of c{campaign_id}; it is a draft, and nothing is sent."
    return done(request, _page(answer["id"]), sentence)


@routes.get("/archive")
def ask_to_archive(request: Request, desk: Here, by: Editor, campaign_id: CampaignId) -> Response:
    """Ask whether the campaign is to be archived."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    refuse_to_archive(desk.store, campaign_id)
    view = _view(desk, campaign_id)
    armed = "" if view.next_at is None else Markup(" Its next run at {} will not come.").format(_next_at(request, view))
    sentence = Markup("{} opens no more runs and leaves the list.{} It can be brought back, not armed.").format(
        _named(view), armed
    )
    back = back_of(request, _page(campaign_id))
    return ask(request, by, Question(f"Archive campaign c{campaign_id}", sentence, "Archive", back, needs_reason=False))


@routes.post("/archive")
def archive(request: Request, desk: Here, by: Editor, campaign_id: CampaignId, key: Key) -> Response:
    """Archive the campaign."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: archive_campaign(store, campaign_id, actor=by.actor),
        to=back_of(request, _page(campaign_id)),
        sentence=f"Campaign c{campaign_id} is archived.",
    )


@routes.get("/unarchive")
def ask_to_unarchive(request: Request, desk: Here, by: Editor, campaign_id: CampaignId) -> Response:
    """Ask whether the campaign is to come back."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    sentence = f"{_named(_view(desk, campaign_id))} comes back to the list. Nothing of it is scheduled."
    question = Question(
        f"Bring campaign c{campaign_id} back",
        sentence,
        "Bring back",
        back_of(request, _page(campaign_id)),
        needs_reason=False,
    )
    return ask(request, by, question)


@routes.post("/unarchive")
def unarchive(request: Request, desk: Here, by: Editor, campaign_id: CampaignId, key: Key) -> Response:
    """Bring the campaign back."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    return act_once(
        request,
        desk.store,
        by,
        {"key": key},
        lambda store: unarchive_campaign(store, campaign_id, actor=by.actor),
        to=back_of(request, _page(campaign_id)),
        sentence=f"Campaign c{campaign_id} is back, and nothing of it is scheduled.",
    )


@routes.get("/pause")
def ask_to_pause(request: Request, desk: Here, by: Holder, campaign_id: CampaignId) -> Response:
    """Ask whether the schedule is to wait."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)
    view = _view(desk, campaign_id)
    sentence = (
        f"{_named(view)} ({view.schedule}): what comes due from now on is skipped until somebody resumes the schedule. "
        "Open runs go on; runs that were handed over to the vendor are recalled."
    )
    back = back_of(request, _page(campaign_id))
    return ask(request, by, Question(f"Pause the schedule of c{campaign_id}", sentence, "Pause", back))


@routes.post("/pause")
def pause(request: Request, desk: Here, by: Holder, campaign_id: CampaignId, key: Key, reason: Reason) -> Response:
    """Let the schedule wait."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)
    return act_once(
        request,
        desk.store,
        by,
        {"key": key, "reason": reason},
        lambda store: pause_schedule(store, campaign_id, reason=reason, actor=by.actor),
        to=back_of(request, _page(campaign_id)),
        sentence=f"The schedule of campaign c{campaign_id} is paused: what comes due is skipped.",
    )


@routes.get("/resume")
def ask_to_resume(request: Request, desk: Here, by: Sender, campaign_id: CampaignId) -> Response:
    """Ask whether the schedule is to go on."""
    allow_campaign(desk.store, by, SENDER, campaign_id)
    view = _view(desk, campaign_id)
    at = "" if view.next_at is None else Markup(" Its next run is at {}.").format(_next_at(request, view))
    sentence = Markup("{} goes on ({}).{} What was skipped meanwhile stays skipped.").format(
        _named(view), view.schedule, at
    )
    question = Question(
        f"Resume the schedule of c{campaign_id}",
        sentence,
        "Resume",
        back_of(request, _page(campaign_id)),
        is_grave=True,
    )
    return ask(request, by, question)


@routes.post("/resume")
def resume(request: Request, desk: Here, by: Sender, campaign_id: CampaignId, key: Key, reason: Reason) -> Response:
    """Let the schedule go on."""
    allow_campaign(desk.store, by, SENDER, campaign_id)
    return act_once(
        request,
        desk.store,
        by,
        {"key": key, "reason": reason},
        lambda store: resume_schedule(store, campaign_id, reason=reason, actor=by.actor),
        to=back_of(request, _page(campaign_id)),
        sentence=f"The schedule of campaign c{campaign_id} goes on.",
    )


@routes.get("/skip-next")
def ask_to_skip(request: Request, desk: Here, by: Holder, campaign_id: CampaignId) -> Response:
    """Ask whether the next occurrence is to be skipped."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)
    view = _view(desk, campaign_id)
    if view.next_at is None:
        raise NotAllowed(
            f"Campaign {campaign_id} is {view.state}, and nothing of it is scheduled.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        )
    sentence = Markup("{}: the run at {} is skipped. Those after it are sent.").format(
        _named(view), _next_at(request, view)
    )
    question = Question(
        f"Skip the next run of c{campaign_id}",
        sentence,
        "Skip it",
        back_of(request, _page(campaign_id)),
        fields={"occurrence": view.next_at.isoformat()},
    )
    return ask(request, by, question)


@routes.post("/skip-next")
def skip(
    request: Request,
    desk: Here,
    by: Holder,
    campaign_id: CampaignId,
    *,
    key: Key,
    occurrence: Annotated[str, Form(max_length=50)],
    reason: Reason = "",
) -> Response:
    """Skip the occurrence that was shown, and no other."""
    allow_campaign(desk.store, by, HOLD_BACK, campaign_id)
    seen = _moment(occurrence)
    return act_once(
        request,
        desk.store,
        by,
        {"key": key, "reason": reason, "occurrence": occurrence},
        lambda store: skip_next(store, campaign_id, reason=reason or None, actor=by.actor, seen=seen),
        to=back_of(request, _page(campaign_id)),
        sentence=f"The next run of campaign c{campaign_id} is skipped.",
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(InputFault(f"'{text}' is not a valid time", "occurrence")) from None
    if moment.tzinfo is None:
        raise InvalidInput(InputFault(f"'{text}' has no offset", "occurrence"))
    return moment
