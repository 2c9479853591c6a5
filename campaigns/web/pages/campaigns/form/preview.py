"""The preview of the plan while a campaign is written: by a button with the file, live without it."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import CampaignsError
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.campaigns.preview_draft import DraftPreview, preview_changes, preview_draft
from campaigns.flow.planning.preview import Sending
from campaigns.inputs.forms import difference, typed_of_campaign
from campaigns.web.desk import Desk, Editor, Here
from campaigns.web.kit.pages import page
from campaigns.web.kit.sent.uploads import SentForm
from campaigns.web.pages.campaigns.form.controls import typed_of
from campaigns.web.pages.campaigns.form.drafting import Recipients, changes_in, draft_in
from campaigns.web.pages.campaigns.form.placed import Faults
from campaigns.web.pages.campaigns.form.sent import DROP_USERS, recipients_of
from campaigns.web.pages.campaigns.form.shown_plan import shown_plan
from campaigns.web.pages.campaigns.possible import EDITOR

routes = APIRouter(prefix="/campaigns")


@routes.post("/preview")
def preview_live(request: Request, desk: Here, by: Editor, form: SentForm) -> Response:
    """The region of the preview for what is typed. A file is never read here: this is asked at each pause of typing."""
    return _previewed(request, desk, by, form, replace(recipients_of(form), upload=None), is_region=True)


@routes.post("/new/preview")
def preview_with_file(request: Request, desk: Here, by: Editor, form: SentForm) -> Response:
    """A page with the preview, for a tab of its own: the form keeps the file that was chosen."""
    return _previewed(request, desk, by, form, recipients_of(form), is_region=False)


def _previewed(
    request: Request, desk: Desk, by: Principal, form: FormData, recipients: Recipients, *, is_region: bool
) -> Response:
    faults = Faults()
    try:
        seen = _seen(desk, by, form, recipients, faults)
    except CampaignsError as refusal:
        faults.add(refusal)
        seen = None
    plan = shown_plan(seen, faults)
    return page(request, "campaigns/preview.html", by=by, plan=plan, is_region=is_region)


def _seen(desk: Desk, by: Principal, form: FormData, recipients: Recipients, faults: Faults) -> DraftPreview | None:
    """What a launch would do; None while the form has a fault that hides it. Raises what hides the campaign."""
    settings, typed = desk.parts.settings, typed_of(form)
    sending = Sending(desk.parts.limits, settings.text_as, settings.rf_as)
    campaign = form.get("campaign")
    if not isinstance(campaign, str) or not campaign.isdigit():
        draft = draft_in(desk, by, typed, recipients, faults)
        return None if draft is None else preview_draft(desk.store, draft, sending, tick_seconds=settings.tick_seconds)
    campaign_id = int(campaign)
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    base, _ = typed_of_campaign(desk.store, campaign_id)
    changed, drops = difference(base, typed), DROP_USERS in form
    changes = changes_in(desk, campaign_id, changed, recipients, faults, drops_users=drops, may_be_nothing=True)
    if changes is None:
        return None
    return preview_changes(desk.store, campaign_id, changes, sending, tick_seconds=settings.tick_seconds)
