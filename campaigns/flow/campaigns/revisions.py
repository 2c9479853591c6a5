"""The revision that a draft or an edit makes, before it is stored: for whoever writes it, and for previews."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Connection

from campaigns.domain.messages.message import to_json
from campaigns.flow.campaigns.draft_faults import has_same_texts
from campaigns.store.audience.versions import audience_reference
from campaigns.store.campaigns.campaigns import Revision, RevisionRow
from campaigns.store.probe.results import marks_survive

if TYPE_CHECKING:
    from campaigns.flow.campaigns.drafts import Changes, Draft

Value = TypeVar("Value")


def first_revision(connection: Connection, draft: Draft) -> Revision:
    """The first revision of a draft, without its audience and the number of its campaign, which are stored first."""
    return Revision(
        campaign_id=0,  # not known yet
        number=1,
        message=to_json(draft.message),
        audience=None,
        batch_size=draft.batch_size,
        on_unknown=draft.on_unknown,
        starts_at=draft.starts_at,
        zone=draft.zone,
        accept_local_suppressions=draft.accept_suppressed,
        timing=draft.timing,
        contents=draft.contents,
        mark=marks_survive(connection, draft.account_id) if draft.mark is None else draft.mark,
        as_written=draft.as_written,
        often=draft.often,
    )


def changed_revision(connection: Connection, old: RevisionRow, changes: Changes) -> Revision:
    """The next revision, without a new audience, which is stored later."""
    keeps_audience = changes.audience is None and not changes.drop_audience
    new = Revision(
        campaign_id=old.campaign_id,
        number=old.number + 1,
        message=old.message if changes.message is None else to_json(changes.message),
        audience=audience_reference(connection, old.audience_version_id) if keeps_audience else None,
        batch_size=_chosen(changes.batch_size, old.batch_size),
        on_unknown=_chosen(changes.on_unknown, old.on_unknown),
        starts_at=None if changes.drop_start else _chosen(changes.starts_at, old.starts_at),
        zone=changes.zone or old.zone,
        accept_local_suppressions=_chosen(changes.accept_suppressed, old.accept_local_suppressions),
        timing=_chosen(changes.timing, old.times),
        contents=_chosen(changes.contents, tuple(old.contents or ())),
        mark=_chosen(changes.mark, old.mark),
        as_written=bool(changes.as_written),
        often=bool(_chosen(changes.often, old.often)),
    )
    # A confirmation of doubtful texts holds for those texts alone.
    keeps_confirmation = changes.as_written is None and has_same_texts(old, new)
    return replace(new, as_written=bool(old.as_written)) if keeps_confirmation else new


def _chosen(new: Value | None, before: Value) -> Value:
    return before if new is None else new
