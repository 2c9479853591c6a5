"""Campaigns: `/api/v1/campaigns`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from campaigns.as_json import plain
from campaigns.domain.access.rights import LOOK, Right
from campaigns.domain.audience.user_sets import Reading, set_digest
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.domain.states import CampaignState
from campaigns.flow.access.allow import allow_account, allow_campaign
from campaigns.flow.access.four_eyes import refuse_armed_edit
from campaigns.flow.campaigns.drafts import create_campaign, edit_campaign
from campaigns.flow.campaigns.show import show_campaign
from campaigns.inputs.drafts import changes_of, draft_of
from campaigns.inputs.json_fields import FromJson, naming_json, read_json, with_file
from campaigns.inputs.written import require_changes, require_new
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import CampaignLine, CampaignView, Wanted, campaign_of, campaigns
from campaigns.web.desk import Editor, Here, Viewer
from campaigns.web.kit.answers import answer
from campaigns.web.kit.lists import After, Limit, Page, paged, place
from campaigns.web.kit.once import IdempotencyKey, done_once
from campaigns.web.kit.revisions import ETAG, IfMatch, etag, require_if_match, require_match
from campaigns.web.kit.sent.campaign_bodies import CHANGES, CREATION
from campaigns.web.kit.sent.recipients import FileRead, read_recipients_of
from campaigns.web.kit.sent.uploads import Sent, SentCampaign
from campaigns.web.kit.sent.warned import warned, with_warnings

routes = APIRouter(prefix="/campaigns", tags=["campaigns"])

EDIT = frozenset({Right.EDITOR})

CampaignId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Written:
    """A campaign that was written or changed."""

    id: int
    name: str
    state: CampaignState
    revision: int
    note: str | None  # from when an edit holds
    warnings: Sequence[str]
    file: FileRead | None  # what was read from a file of recipients


ShownCampaign = with_warnings("ShownCampaign", CampaignView)


@routes.get("", response_model=Page[CampaignLine])
def list_campaigns(
    desk: Here,
    by: Viewer,
    *,
    state: CampaignState | None = None,
    account: Annotated[str | None, Query(max_length=200)] = None,
    name: Annotated[str | None, Query(max_length=200, description="With this text in the name.")] = None,
    archived: Annotated[bool, Query(description="Archived campaigns too.")] = False,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Campaigns, the newest first. Archived ones are left out unless asked for."""
    if account is not None:
        allow_account(by, LOOK, account)
    of = None if by.accounts is None else sorted(by.accounts)
    filters = {"state": state, "account": account, "name": name, "archived": archived, "of": of}
    at = place(desk, "campaigns", filters, cursor)
    wanted = Wanted(
        state=state,
        account_id=account,
        archived=archived,
        newest=limit + 1,
        accounts=by.accounts,
        below=at.after,
        name_has=name,
    )
    with desk.store.read() as connection:
        rows = campaigns(connection, wanted)
    return answer(paged(at, rows, limit, lambda row: row.id))


@routes.get("/{campaign_id}", response_model=ShownCampaign, responses={200: {"headers": ETAG}})
def show(desk: Here, by: Viewer, campaign_id: CampaignId) -> Response:
    """One campaign with its newest revision, its audience, its runs, and the runs to come."""
    allow_campaign(desk.store, by, LOOK, campaign_id)
    shown = show_campaign(desk.store, campaign_id)
    return answer(warned(shown.campaign, shown.warnings), headers={"ETag": etag(desk.store, shown.campaign.revision)})


@routes.post("", status_code=201, response_model=Written, responses={201: {"headers": ETAG}}, openapi_extra=CREATION)
def create(request: Request, desk: Here, by: Editor, sent: SentCampaign, key: IdempotencyKey = None) -> Response:
    """Write a draft campaign; nothing is sent.

    The names are those of a campaign file. Recipients are `users`, a list of IDs as text, or a file: then the body is
    multipart with the parts `campaign` (the JSON) and `users` (CSV, JSON Lines, one ID a line, or a workbook).
    """
    read = read_json(sent.body)
    with naming_json():
        given = require_new(_with_upload(read, sent).given)
        allow_account(by, EDIT, given.values["account_id"])
        draft = draft_of(desk.store, given, batch_size=desk.parts.settings.batch_size)
        reading, source = read_recipients_of(read.given, sent.upload)

    def verb(store: Store) -> Written:
        tick = desk.parts.settings.tick_seconds
        new = replace(draft, audience=reading, audience_source=source)
        made = create_campaign(store, new, actor=by.actor, tick_seconds=tick)
        return Written(made.id, made.name, made.state, 1, None, made.warnings, FileRead.of(reading))

    reply = done_once(request, desk.store, by, key, _body(sent, reading), verb, status=201, required=False)
    return _with_etag(desk.store, reply)


@routes.patch("/{campaign_id}", response_model=Written, responses={200: {"headers": ETAG}}, openapi_extra=CHANGES)
def edit(
    request: Request,
    desk: Here,
    by: Editor,
    campaign_id: CampaignId,
    *,
    sent: SentCampaign,
    if_match: IfMatch = None,
    key: IdempotencyKey = None,
) -> Response:
    """Change a campaign: only the fields in the body, and null takes a field away.

    Runs that were opened before keep what they were opened with. Recipients are given as for a new campaign.
    """
    allow_campaign(desk.store, by, EDIT, campaign_id)
    seen = require_if_match(campaign_id, if_match)
    read = read_json(sent.body, is_edit=True)
    with naming_json():
        given = _with_upload(read, sent).given
        require_changes(given)
        if not given.values and not read.cleared:
            raise InvalidInput(InputFault("The body names no field, so there is nothing to change"))
        reading, source = read_recipients_of(read.given, sent.upload)

    def verb(store: Store) -> Written:
        revision = revision_of(store, campaign_id)
        require_match(store, campaign_id, seen, revision)
        with naming_json():
            changes = changes_of(store, campaign_id, given, read.cleared)
        changes = replace(changes, audience=reading, audience_source=source, made_from=revision)
        refuse_armed_edit(store, by, campaign_id)
        made = edit_campaign(store, campaign_id, changes, actor=by.actor, tick_seconds=desk.parts.settings.tick_seconds)
        return Written(made.id, made.name, made.state, made.revision, made.note, made.warnings, FileRead.of(reading))

    reply = done_once(request, desk.store, by, key, _body(sent, reading), verb, required=False)
    return _with_etag(desk.store, reply)


def revision_of(store: Store, campaign_id: int) -> int:
    """The newest revision of a campaign."""
    with store.read() as connection:
        return campaign_of(connection, campaign_id).revision


def _with_etag(store: Store, reply: Response) -> Response:
    """The reply with the ETag of the revision that it names: also when it is the first answer, returned again."""
    reply.headers["ETag"] = etag(store, json.loads(bytes(reply.body))["revision"])
    return reply


def _with_upload(read: FromJson, sent: Sent) -> FromJson:
    """What was given, with the uploaded file as its users, so that the rules for both are the same."""
    return read if sent.upload is None else with_file(read, sent.upload.name)


def _body(sent: Sent, reading: Reading | None) -> Any:
    """What makes two requests with one key the same: the JSON, and whom a file names."""
    body = plain(sent.body)
    return body if sent.upload is None or reading is None else {"campaign": body, "users": set_digest(reading.users)}
