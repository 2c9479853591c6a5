"""The page of one campaign: its newest revision, its audience, its schedule, its runs, and what can be done."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.campaigns.show import show_campaign
from campaigns.inputs.field_table import BY_KEY
from campaigns.inputs.lengths import length_words
from campaigns.store.views.campaigns import CampaignView
from campaigns.store.views.run_lines import RunFilter, runs
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.pages import page
from campaigns.web.pages.campaigns.ahead import runs_ahead
from campaigns.web.pages.campaigns.own_clocks import from_now, on_its_clock
from campaigns.web.pages.campaigns.possible import acts_on

routes = APIRouter(prefix="/campaigns")

CampaignId = Annotated[int, Path(ge=1, le=2**63 - 1)]

NEWEST_RUNS = 10

OF_THE_SCHEDULE = ("begins", "until", "max_runs", "starting", "cron", "every", "zone")
"""Fields of the timing that the schedule in words says already."""


@routes.get("/{campaign_id}")
def show(request: Request, desk: Here, by: Viewer, campaign_id: CampaignId) -> Response:
    """One campaign."""
    allow_campaign(desk.store, by, LOOK, campaign_id)
    shown = show_campaign(desk.store, campaign_id)
    view = shown.campaign
    with desk.store.read() as connection:
        newest = runs(connection, RunFilter(campaign_id=campaign_id, limit=NEWEST_RUNS))
        now = desk.store.now(connection)
    return page(
        request,
        "campaigns/campaign.html",
        by=by,
        campaign=view,
        facts=_facts(view),
        ahead=runs_ahead(view.next_runs, view.zone),
        runs=newest,
        newest_runs=NEWEST_RUNS,
        warnings=shown.warnings,
        acts=acts_on(
            by,
            campaign_id,
            view.state,
            is_paused=view.paused is not None,
            recurs="cron" in view.timing or "every" in view.timing,
        ),
        its_clock=None if view.next_at is None else on_its_clock(view.next_at, view.zone, now),
        from_now=None if view.next_at is None else from_now(view.next_at, now),
        now_there=on_its_clock(now, view.zone, now),
    )


def _facts(view: CampaignView) -> list[tuple[str, str]]:
    """The fields that are set, by the names that people know them by; the text and the media have their own place."""
    facts = [("Batch size", f"{view.batch_size:,} users a request"), ("On unknown", view.on_unknown)]
    facts += [("Mark", "each request's text carries an invisible mark")] if view.mark else []
    facts += [("As written", "doubtful characters in its texts are meant")] if view.as_written else []
    facts += [("Often", "more than one run in 24 hours is meant")] if view.often else []
    facts += _set_fields({key: value for key, value in view.message.items() if key not in {"text", "text_mode"}})
    return facts + _set_fields({key: value for key, value in view.timing.items() if key not in OF_THE_SCHEDULE})


def _set_fields(values: dict[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for key, value in values.items():
        field = BY_KEY.get(key)
        if field is not None and value not in (None, [], False):
            facts.append((field.name.replace("-", " ").capitalize(), _words(key, value)))
    return facts


def _words(key: str, value: Any) -> str:
    if BY_KEY[key].kind == "duration":
        return length_words(value)
    if value is True:
        return "yes"
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"${shown}" if key == "price" else shown
