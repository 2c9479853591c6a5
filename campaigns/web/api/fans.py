"""One fan: what became of them in every run, and why a run did not reach them: `/api/v1/fans`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK
from campaigns.domain.audience.user_sets import LARGEST_USER_ID, parse_user
from campaigns.domain.errors import UsageError
from campaigns.flow.access.allow import allow_account, allow_campaign, allow_run
from campaigns.store.views.suppressions import SuppressionView, suppressions_of
from campaigns.store.views.who import Mention, WhyNot, who, why_not
from campaigns.web.api.runs import LARGEST_ID, RunId, moment_of
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.answers import answer

routes = APIRouter(prefix="/fans", tags=["fans"])

User = Annotated[str, Path(max_length=40, description="The vendor's ID of the user.")]

NEWEST = 1000
"""At most this many runs of one fan; `is_whole` says whether these are all."""


@dataclass(frozen=True, slots=True)
class Fan:
    """Everything about one fan, the newest run first. Runs to whole lists are not among them."""

    user_id: str
    mentions: Sequence[Mention]
    suppressions: Sequence[SuppressionView]
    is_whole: bool  # False: there are older runs, which `since` and the other filters can show


@routes.get("/{user}", response_model=Fan)
def show_fan(
    desk: Here,
    by: Viewer,
    user: User,
    *,
    account: str | None = None,
    campaign: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    since: Annotated[str | None, Query(description="What changed since: 24h, 7d, or a time with its offset.")] = None,
) -> Response:
    """What became of a fan in each run, and who suppressed them."""
    number = _number(user)
    if account is not None:
        allow_account(by, LOOK, account)
    if campaign is not None:
        allow_campaign(desk.store, by, LOOK, campaign)
    with desk.store.read() as connection:
        begins = None if since is None else moment_of(since, desk.store.now(connection))
        mentions = who(connection, number, account_id=account, campaign_id=campaign, since=begins, accounts=by.accounts)
        suppressed = suppressions_of(connection, number, account, accounts=by.accounts)
    return answer(Fan(str(number), mentions[:NEWEST], suppressed, len(mentions) <= NEWEST))


@routes.get("/{user}/why-not/{run_id}", response_model=WhyNot)
def show_why_not(desk: Here, by: Viewer, user: User, run_id: RunId) -> Response:
    """Why a run did not reach a fan."""
    number = _number(user)
    allow_run(desk.store, by, LOOK, run_id)
    with desk.store.read() as connection:
        return answer(why_not(connection, number, run_id))


def _number(user: str) -> int:
    number = parse_user(user)
    if number is None:
        raise UsageError(f"'{user}' is not a valid user ID; give a whole number from 1 to {LARGEST_USER_ID}.")
    return number
