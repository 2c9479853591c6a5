"""The plan of a campaign, and the page that asks once before a launch and launches what it showed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK, Principal
from campaigns.domain.errors import CampaignsError, InputFault, InvalidInput, NotAllowed, UsageError
from campaigns.domain.remedies import Do
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.access.four_eyes import refuse_own_edit
from campaigns.flow.campaigns.launch import Launched, launch
from campaigns.flow.campaigns.launch_checks import LARGE_LAUNCH, How, LaunchPreview, preview_launch
from campaigns.flow.planning.preview import Preview, preview
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import campaign_of
from campaigns.web.desk import Desk, Here, Sender, Viewer
from campaigns.web.kit.acts import acted
from campaigns.web.kit.pages import done, page
from campaigns.web.pages.campaigns.ahead import runs_ahead
from campaigns.web.pages.campaigns.possible import SENDER
from campaigns.web.pages.campaigns.shown import CampaignId
from campaigns.web.problems import STATUSES

routes = APIRouter(prefix="/campaigns/{campaign_id}")

CHOICES = {
    Do.LAUNCH_AT_ONCE: ("now", "Send at once, in addition to the schedule"),
    Do.LAUNCH_AGAIN: ("again", "Send a second time, with a reason: fans may get it again"),
    Do.CONFIRM_TEXT_AT_LAUNCH: ("as_written", "Confirm that fans are to see the text as it is written"),
    Do.LAUNCH_ALTHOUGH_CLOSED: ("although_closed", "Launch it although it expires before its sending hours open"),
}
"""What a person can choose at a launch when a refusal names it: the parameter, and its words."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, by the parameters of the address."""

    now: Annotated[bool, Query()] = False
    again: Annotated[bool, Query()] = False
    as_written: Annotated[bool, Query()] = False
    although_closed: Annotated[bool, Query()] = False

    def address(self, campaign_id: int, besides: str = "") -> str:
        """The page with these choices, and one more."""
        names = [name for name in ("now", "again", "as_written", "although_closed") if getattr(self, name)]
        names += [besides] if besides else []
        query = "&".join(f"{name}=1" for name in names)
        return f"/campaigns/{campaign_id}/launch{f'?{query}' if query else ''}"

    def how(self, upstream: str) -> How:
        """How to preview it: the reason of a second launch is not known yet."""
        return How(
            upstream,
            at_once=self.now,
            again_reason="preview" if self.again else None,
            as_written=self.as_written,
            although_closed=self.although_closed,
        )


Choices = Annotated[Chosen, Depends()]


@routes.get("/plan")
def show_plan(request: Request, desk: Here, by: Viewer, campaign_id: CampaignId) -> Response:
    """What a launch would do. Sends nothing."""
    allow_campaign(desk.store, by, LOOK, campaign_id)
    plan = _plan(desk, campaign_id)
    return page(
        request,
        "campaigns/plan.html",
        by=by,
        plan=plan,
        ahead=runs_ahead(plan.next_runs, plan.zone),
        may_launch=by.may(SENDER),
    )


@routes.get("/launch")
def ask_to_launch(request: Request, desk: Here, by: Sender, campaign_id: CampaignId, chosen: Choices) -> Response:
    """Show the plan and ask once. A refusal is shown with the choices that it names."""
    allow_campaign(desk.store, by, SENDER, campaign_id)
    return _asked(request, desk, by, campaign_id, chosen)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the form sends: the key of the form, what was shown, and what was typed."""

    key: Annotated[str, Form(max_length=200)]
    plan: Annotated[str, Form(max_length=64)]
    revision: Annotated[int, Form(ge=1, le=2**31)]
    reason: Annotated[str, Form(max_length=500)] = ""
    typed: Annotated[str, Form(max_length=1000)] = ""

    @property
    def form(self) -> dict[str, str]:
        """The form, for the key."""
        return {
            "key": self.key,
            "plan": self.plan,
            "revision": str(self.revision),
            "reason": self.reason,
            "typed": self.typed,
        }


@routes.post("/launch")
def launch_it(
    request: Request,
    desk: Here,
    by: Sender,
    campaign_id: CampaignId,
    chosen: Choices,
    agreed: Annotated[Agreed, Depends()],
) -> Response:
    """Launch the plan that was shown, and no other; a second click and a second tab launch nothing."""
    allow_campaign(desk.store, by, SENDER, campaign_id)
    how = chosen.how(desk.parts.upstream_name)
    try:
        answer = acted(
            request,
            desk.store,
            by,
            agreed.form | {"chosen": chosen.address(campaign_id)},
            lambda store: _launched(store, by, campaign_id, how, agreed),
        )
    except (UsageError, NotAllowed) as refusal:
        return _asked(request, desk, by, campaign_id, chosen, refusal=refusal, reason=agreed.reason)
    if answer["run_id"] is None:
        sentence = f"Campaign c{campaign_id} is armed: {answer['schedule']}."
        return done(request, f"/campaigns/{campaign_id}", sentence)
    return done(
        request, f"/runs/{answer['run_id']}", f"Campaign c{campaign_id} is launched as run r{answer['run_id']}."
    )


def _launched(store: Store, by: Principal, campaign_id: int, how: How, agreed: Agreed) -> Launched:
    """Launch what was agreed to. Raises what refuses it; nothing is changed then."""
    refuse_own_edit(store, by, campaign_id)
    with store.read() as connection:
        view = campaign_of(connection, campaign_id)
    if how.again_reason is not None and not agreed.reason.strip():
        raise InvalidInput(InputFault("is missing: a second launch needs a reason", "reason"))
    seen = preview_launch(store, campaign_id, how)
    if must_type(seen.recipients) and agreed.typed.strip() != view.name:
        raise InvalidInput(InputFault(f"is not the name of the campaign, '{view.name}'", "typed"))
    return launch(
        store,
        campaign_id,
        upstream=how.upstream,
        plan_hash=agreed.plan,
        made_from=agreed.revision,
        at_once=how.at_once,
        again_reason=agreed.reason if how.again_reason is not None else None,
        as_written=how.as_written,
        although_closed=how.although_closed,
        actor=by.actor,
    )


def must_type(recipients: int | None) -> bool:
    """Whether the name must be typed before a launch to so many; None: whole lists, whose size nobody knows."""
    return recipients is None or recipients >= LARGE_LAUNCH


def _plan(desk: Desk, campaign_id: int, *, at_once: bool = False) -> Preview:
    settings = desk.parts.settings
    return preview(
        desk.store,
        campaign_id,
        desk.parts.limits,
        text_as=settings.text_as,
        rf_as=settings.rf_as,
        at_once=at_once,
    )


def _asked(
    request: Request,
    desk: Desk,
    by: Principal,
    campaign_id: int,
    chosen: Chosen,
    *,
    refusal: CampaignsError | None = None,
    reason: str = "",
) -> Response:
    """The page with the plan and the question; `refusal` is that of a form that was sent."""
    plan, seen = _plan(desk, campaign_id, at_once=chosen.now), None
    refused = [] if refusal is None else [refusal]
    try:
        refuse_own_edit(desk.store, by, campaign_id)
        seen = preview_launch(desk.store, campaign_id, chosen.how(desk.parts.upstream_name))
    except NotAllowed as why:
        refused.append(why)
    return page(
        request,
        "campaigns/launch.html",
        by=by,
        plan=plan,
        seen=seen,
        refused=list({str(each): each for each in refused}.values()),
        choices=_choices(campaign_id, chosen, refused, seen),
        chosen=chosen,
        words=dict(CHOICES.values()),
        whom=_whom(desk),
        must_type=seen is not None and must_type(seen.recipients),
        reason=reason,
        key=secrets.token_urlsafe(24),
        ahead=runs_ahead(plan.next_runs, plan.zone),
        status_code=STATUSES[type(refused[0])] if refused else 200,
    )


def _choices(
    campaign_id: int, chosen: Chosen, refused: list[CampaignsError], seen: LaunchPreview | None
) -> list[tuple[str, str]]:
    """What can be chosen, with the address that chooses it. A choice that was made is not offered again."""
    named = [remedy.do for each in refused for remedy in each.remedies]
    if seen is not None and seen.expires_closed is not None:
        named.append(Do.LAUNCH_ALTHOUGH_CLOSED)
    possible = [CHOICES[do] for do in dict.fromkeys(named) if do in CHOICES]
    return [(words, chosen.address(campaign_id, name)) for name, words in possible if not getattr(chosen, name)]


def _whom(desk: Desk) -> str:
    """Whether fans get it. An address on this machine with a key may be a tunnel to the vendor."""
    if desk.parts.settings.is_live:
        return "LIVE: fans get it"
    if desk.parts.settings.has_key:
        return "A vendor on this machine, with your key: fans may get it"
    return "The sandbox: no fan gets it"
