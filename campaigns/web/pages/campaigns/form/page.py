"""The page with the form, filled with what was typed, and with the fault of each field."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from fastapi import Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.clocks import zone_names
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.forms import Typed
from campaigns.store.views.accounts import accounts
from campaigns.store.views.campaigns import CampaignView, campaign_of
from campaigns.web.desk import Desk
from campaigns.web.kit.pages import page
from campaigns.web.pages.campaigns.form.controls import content_controls, label_of, parts
from campaigns.web.pages.campaigns.form.placed import Faults
from campaigns.web.pages.campaigns.form.shown_plan import ShownPlan


@dataclass(frozen=True, slots=True)
class Compared:
    """A field that somebody else changed since the form was opened."""

    label: str
    began: str  # when the form was opened
    now: str
    typed: str


@dataclass(frozen=True, slots=True)
class Form:
    """A form to show. Without a campaign it is that of a new one."""

    typed: Typed
    faults: Faults = field(default_factory=Faults)
    campaign_id: int | None = None
    revision: int = 0  # the one that an edit is made from
    more: bool = False  # with one more empty content
    file_again: bool = False  # a file was sent, and a browser does not keep the choice
    compared: Sequence[Compared] = ()


def form_page(request: Request, desk: Desk, by: Principal, form: Form, *, status: int = 200) -> Response:
    """The page."""
    is_new = form.campaign_id is None
    with desk.store.read() as connection:
        known = [(each.id, each.name or each.id) for each in accounts(connection) if by.sees(each.id)]
        view: CampaignView | None = None if form.campaign_id is None else campaign_of(connection, form.campaign_id)
    account = form.typed.of("account_id")
    listed = known if account in {"", *(each for each, _ in known)} else [*known, (account, account)]
    count = len(form.typed.contents) + (1 if form.more or not form.typed.contents else 0)
    return page(
        request,
        "campaigns/form.html",
        by=by,
        campaign=view,
        revision=form.revision,
        action="/campaigns/new" if is_new else f"/campaigns/new/revision/{form.campaign_id}",
        parts=parts(form.typed, form.faults.of_fields, accounts=[("", "choose one"), *listed], is_new=is_new),
        contents=[
            (number, content_controls(form.typed, number), form.faults.of_contents.get(number, ()))
            for number in range(1, count + 1)
        ],
        has_contents=bool(form.typed.contents) or form.more,
        faults=form.faults,
        faulty=[(each.key, label_of(each.key)) for each in FIELDS if each.key in form.faults.of_fields],
        file_again=form.file_again and bool(form.faults or form.compared),
        compared=form.compared,
        batch_size=desk.parts.settings.batch_size,
        zones=sorted(zone_names()),
        plan=ShownPlan(),
        key=secrets.token_urlsafe(24),
        status_code=status,
    )
