"""Ask for a probe of an account: one message to one test user, scheduled a year ahead.

A probe is a campaign of its own kind with one run, so its request is an attempt like any other: with a permit, a fence,
a mark, and a search if its answer is lost.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection

from campaigns.domain.audience.user_sets import pack
from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.messages.message import make_message, to_json
from campaigns.domain.probe.reading import AHEAD, PRICE, TEXT
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.sending_hours import opens_at, windows_of
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.sending.lifting import lifted_by
from campaigns.domain.states import RunKind
from campaigns.store.accounts.bindings import hours_of_account, upstream_to_send
from campaigns.store.audience.suppressions import suppressed_users
from campaigns.store.audience.versions import add_audience
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import Revision, add_campaign, add_revision
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, holds_on
from campaigns.store.probe.probes import add_probe, open_probe
from campaigns.store.runs.runs import add_run, freeze_plan
from campaigns.store.sending.lanes import lock_lanes

PATIENCE = timedelta(hours=1)
"""A probe that was not sent within this time is cancelled: nobody expects its message a day later."""


@dataclass(frozen=True, slots=True)
class AskedProbe:
    """A probe that a worker will carry out."""

    probe_id: int
    run_id: int
    account_id: str
    scheduled_for: datetime


def ask_probe(
    store: Store, account_id: str, user: int, *, upstream: str, media: str | None = None, actor: str
) -> AskedProbe:
    """Have an account probed by a worker; `media`: the vault ID of a file, to learn how the vendor shows a price.

    Raises NotFound, UsageError, or NotAllowed: for a suppressed user, and for an account that belongs to another
    vendor, is on hold, or has an open probe. Nothing is changed then.
    """
    with store.write() as connection:
        bound_to, _ = upstream_to_send(connection, account_id)
        suppressions = lock_lanes(connection, [account_id])[account_id]
        act = Act(connection, store.now(connection), actor)
        _refuse(connection, account_id, user, bound_to=bound_to, upstream=upstream)
        due = _scheduled_for(connection, account_id, act.now)
        message = to_json(make_message(_message(due, media)))
        campaign_id, run_id = _open(act, account_id, user, message, upstream=upstream)
        _plan(act, run_id, user, message, suppressions)
        columns: dict[str, Any] = {"campaign_id": campaign_id, "run_id": run_id, "user_id": user, "scheduled_for": due}
        probe_id = add_probe(act, account_id, media=media, **columns)
        act.record(
            EventKind.PROBE_ASKED,
            account_id=account_id,
            campaign_id=campaign_id,
            run_id=run_id,
            detail={"user": str(user), "scheduled_for": due.isoformat()},
        )
    return AskedProbe(probe_id, run_id, account_id, due)


def _refuse(connection: Connection, account_id: str, user: int, *, bound_to: str, upstream: str) -> None:
    if bound_to != upstream:
        raise NotAllowed(
            f"Account {account_id} belongs to {bound_to}, but the settings name {upstream}.",
            Remedy(Do.USE_ITS_KEY, account=account_id),
        )
    if user in suppressed_users(connection, None) | suppressed_users(connection, account_id):
        raise NotAllowed(
            f"User {user} is suppressed and must not get a message.", Remedy(Do.PROBE_OTHER_USER, account=account_id)
        )
    if open_probe(connection, account_id) is not None:
        raise NotAllowed(f"A probe of account {account_id} has not ended yet.", Remedy(Do.CHECK))
    holds = [*holds_on(connection, Held(account_id=account_id)), *holds_on(connection, Held(upstream=upstream))]
    if holds:
        reason = holds[0].reason.rstrip(".")
        raise NotAllowed(
            f"Account {account_id} is paused, so it cannot be probed: {reason}.",
            *dict.fromkeys(lifted_by(hold.kind, hold.held.scope, account_id=account_id) for hold in holds),
        )


def _scheduled_for(connection: Connection, account_id: str, now: datetime) -> datetime:
    """A year ahead, in whole seconds, within the account's sending hours: otherwise the lane would wait for those."""
    hours, zone = hours_of_account(connection, account_id)
    wanted = (now + AHEAD).replace(microsecond=0)
    return opens_at(windows_of(Timing(), account_hours=hours, account_zone=zone), wanted) or wanted


def _message(due: datetime, media: str | None) -> dict[str, Any]:
    priced = {} if media is None else {"price": PRICE, "media_files": [_vault_id(media)]}
    return {"text": TEXT, "scheduled_date": due, **priced}


def _vault_id(media: str) -> str:
    if not (media.isascii() and media.isdigit()):
        raise UsageError(f"'{media}' is not a valid vault ID of a media file; it is a number.")
    return media


def _open(act: Act, account_id: str, user: int, message: dict[str, Any], *, upstream: str) -> tuple[int, int]:
    """Add the campaign of a probe and its run, which is not planned yet; returns their IDs."""
    campaign_id = add_campaign(act, name=f"Probe of {account_id}", account_id=account_id, kind="probe", launches=1)
    users = pack(BitMap64([user]))
    audience = add_audience(
        act.connection, campaign_id, users, source="a probe", lines=1, duplicates=0, skipped_bad=0, now=act.now
    )
    add_revision(act, Revision(campaign_id, 1, message=message, audience=audience, batch_size=1, mark=True))
    run_id = add_run(
        act,
        reason="a probe",
        campaign_id=campaign_id,
        revision=1,
        audience_version_id=audience[0],
        account_id=account_id,
        upstream=upstream,
        kind=RunKind.LAUNCH,
        launch=1,
        message=message,  # a run has a message of its own when the vendor is to send it later
        expires_at=act.now + PATIENCE,
    )
    return campaign_id, run_id


def _plan(act: Act, run_id: int, user: int, message: dict[str, Any], suppressions: int) -> None:
    identity = json.dumps([run_id, user, message], sort_keys=True)
    freeze_plan(
        act,
        run_id,
        batches=[pack(BitMap64([user]))],
        whole_list=False,
        excluded={},
        recipients=1,
        suppressions=suppressions,
        plan_sha256=hashlib.sha256(identity.encode()).hexdigest(),
    )
