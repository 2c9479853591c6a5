"""New and Edit: what was typed is never lost by a fault, nor by somebody else who edits at the same time.

A form with a file is sent below /campaigns/new, where the guard lets files through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import CampaignsError, KeyReused, NotAllowed, Outdated
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import CampaignState
from campaigns.flow.access.allow import allow_campaign
from campaigns.flow.access.four_eyes import refuse_armed_edit
from campaigns.flow.campaigns.drafts import create_campaign, edit_campaign
from campaigns.inputs.field_table import FIELDS
from campaigns.inputs.forms import Typed, difference, merged, typed_of_campaign
from campaigns.store.database.engine import Store
from campaigns.store.views.campaigns import campaign_of
from campaigns.web.desk import Desk, Editor, Here
from campaigns.web.kit.acts import acted
from campaigns.web.kit.pages import done
from campaigns.web.kit.sent.uploads import SentForm
from campaigns.web.pages.campaigns.form.controls import label_of, typed_of
from campaigns.web.pages.campaigns.form.drafting import changes_in, draft_in
from campaigns.web.pages.campaigns.form.page import Compared, Form, form_page
from campaigns.web.pages.campaigns.form.placed import Faults
from campaigns.web.pages.campaigns.form.sent import DROP_USERS, MORE, identity_of, recipients_of, revision_of
from campaigns.web.pages.campaigns.possible import EDITOR
from campaigns.web.pages.campaigns.shown import CampaignId
from campaigns.web.problems import STATUSES

routes = APIRouter(prefix="/campaigns")

FAULTY = 422


@routes.get("/new")
@routes.get("/new/preview", name="new_after_preview")
def new(request: Request, desk: Here, by: Editor) -> Response:
    """An empty form."""
    return form_page(request, desk, by, Form(Typed()))


@routes.post("/new")
def create(request: Request, desk: Here, by: Editor, form: SentForm) -> Response:
    """Write the draft, or show the form again with its faults."""
    typed, faults, recipients = typed_of(form), Faults(), recipients_of(form)
    if MORE in form:
        return form_page(request, desk, by, Form(typed, more=True, file_again=recipients.upload is not None))
    draft = draft_in(desk, by, typed, recipients, faults)
    if draft is not None and not faults:
        tick, written = desk.parts.settings.tick_seconds, draft

        def verb(store: Store) -> Any:
            return create_campaign(store, written, actor=by.actor, tick_seconds=tick)

        answer = _stored(request, desk, by, form, verb, faults)
        if answer is not None:
            return _next(request, answer, f"Campaign c{answer['id']} is written. Nothing is sent before a launch.")
    shown = Form(typed, faults, file_again=recipients.upload is not None)
    return form_page(request, desk, by, shown, status=FAULTY)


@routes.get("/{campaign_id}/edit")
@routes.get("/new/revision/{campaign_id}", name="edit_again")
def edit(request: Request, desk: Here, by: Editor, campaign_id: CampaignId) -> Response:
    """The form with the newest revision."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    _refuse_archived(desk, campaign_id)
    typed, revision = typed_of_campaign(desk.store, campaign_id)
    return form_page(request, desk, by, Form(typed, campaign_id=campaign_id, revision=revision))


@routes.post("/new/revision/{campaign_id}")
def store_edit(request: Request, desk: Here, by: Editor, campaign_id: CampaignId, form: SentForm) -> Response:
    """Write a revision, or show the form again with its faults, or with what somebody else changed meanwhile."""
    allow_campaign(desk.store, by, EDITOR, campaign_id)
    has_file = recipients_of(form).upload is not None
    shown = Form(typed_of(form), Faults(), campaign_id, revision_of(form), MORE in form, has_file)
    if MORE in form:
        return form_page(request, desk, by, shown)
    try:
        answer = _edited(request, desk, by, form, shown)
    except Outdated:
        return _both(request, desk, by, shown)
    if answer is None:
        return form_page(request, desk, by, shown, status=FAULTY)
    note = f" {answer['note'][:1].upper()}{answer['note'][1:]}." if answer["note"] else ""
    return _next(request, answer, f"Campaign c{campaign_id} has revision {answer['revision']} now.{note}")


def _edited(request: Request, desk: Desk, by: Principal, form: FormData, shown: Form) -> Any | None:
    """The answer of the edit; None with faults. Raises Outdated for a form that was made from another revision."""
    assert shown.campaign_id is not None
    campaign_id, faults = shown.campaign_id, shown.faults
    base, newest = typed_of_campaign(desk.store, campaign_id)
    if newest != shown.revision:
        raise Outdated(f"Campaign {campaign_id} has revision {newest} now.")
    try:
        changed = difference(base, shown.typed)
    except CampaignsError as refusal:
        faults.add(refusal)
        return None
    drops = DROP_USERS in form
    changes = changes_in(desk, campaign_id, changed, recipients_of(form), faults, drops_users=drops)
    if changes is None or faults:
        return None
    tick, own = desk.parts.settings.tick_seconds, replace(changes, made_from=newest)

    def verb(store: Store) -> Any:
        refuse_armed_edit(store, by, campaign_id)
        return edit_campaign(store, campaign_id, own, actor=by.actor, tick_seconds=tick)

    return _stored(request, desk, by, form, verb, faults)


def _both(request: Request, desk: Desk, by: Principal, shown: Form) -> Response:
    """The form with both edits: a field that only one of them changed has that value, and each difference is listed."""
    assert shown.campaign_id is not None
    now, newest = typed_of_campaign(desk.store, shown.campaign_id)
    base = typed_of_campaign(desk.store, shown.campaign_id, shown.revision)[0] if 0 < shown.revision < newest else now
    rows = [
        Compared(label_of(each.key), base.of(each.key), now.of(each.key), shown.typed.of(each.key))
        for each in FIELDS
        if len({base.of(each.key), now.of(each.key), shown.typed.of(each.key)}) > 1 and each.key != "contents"
    ]
    if base.contents != now.contents:
        rows.append(Compared("Contents", *(_in_words(each) for each in (base, now, shown.typed))))
    faults = Faults()
    faults.add(
        NotAllowed(
            f"Campaign c{shown.campaign_id} was edited meanwhile: this form was made from revision {shown.revision}, "
            f"and revision {newest} is the newest. Nothing was stored. Fields that you left alone have their newest "
            "value now; yours are kept. Compare, and store it again."
        )
    )
    both = replace(
        shown, typed=merged(base, now, shown.typed), faults=faults, revision=newest, compared=rows, more=False
    )
    return form_page(request, desk, by, both, status=STATUSES[Outdated])


def _in_words(typed: Typed) -> str:
    return "\n".join(
        f"{number}: " + ", ".join(f"{key} {text}" for key, text in content.items())
        for number, content in enumerate(typed.contents, start=1)
    )


def _refuse_archived(desk: Desk, campaign_id: int) -> None:
    with desk.store.read() as connection:
        view = campaign_of(connection, campaign_id)
    if view.state is CampaignState.ARCHIVED:
        raise NotAllowed(
            f"Campaign {campaign_id} is archived and cannot be edited.",
            Remedy(Do.UNARCHIVE_CAMPAIGN, campaign=campaign_id),
            Remedy(Do.COPY_CAMPAIGN, campaign=campaign_id),
        )


def _stored(
    request: Request, desk: Desk, by: Principal, form: FormData, verb: Callable[[Store], Any], faults: Faults
) -> Any | None:
    """The answer of the verb, which is done once for the form; None with faults. Raises Outdated."""
    try:
        return acted(request, desk.store, by, identity_of(form), verb)
    except Outdated:
        raise
    except KeyReused:
        faults.of_all.append("This form was stored before, with other values. Store it again if that is meant.")
    except CampaignsError as refusal:
        faults.add(refusal)
    return None


def _next(request: Request, answer: Any, sentence: str) -> Response:
    """The page of the campaign, which says what was done and what its author should know."""
    return done(request, f"/campaigns/{answer['id']}", " ".join([sentence, *map(_as_sentence, answer["warnings"])]))


def _as_sentence(clause: str) -> str:
    return f"Note: {clause}."
