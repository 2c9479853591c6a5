"""Ask for a probe of an account: one message to one test user, scheduled a year ahead.

It is put on the books as a campaign of its own kind with one run, so that what it sends is an attempt like any other:
with a permit, a fence, a mark, and a search should its answer be lost.
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
from campaigns.domain.schedules.sending_hours import opens_at, windows_of
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import RunKind
from campaigns.store.accounts.bindings import find_upstream, hours_of_account
from campaigns.store.audience.suppressions import suppressed_users
from campaigns.store.audience.versions import add_audience
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import add_campaign, add_revision
from campaigns.store.database.engine import Store
from campaigns.store.holds.holds import Held, open_holds
from campaigns.store.probe.probes import add_probe, open_probe
from campaigns.store.runs.runs import add_run, freeze_plan
from campaigns.store.sending.lanes import lock_lanes

PATIENCE = timedelta(hours=1)
"""What has not left by then is cancelled: nobody expects the message of a probe the day after."""


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
    """Have an account probed by a worker; `media`: the vault ID of a file to learn how a price is echoed.

    Raises NotFound, UsageError, or NotAllowed: for a suppressed user, and for an account that is another vendor's, is
    held, or has an open probe. Nothing is changed then.
    """
    with store.write() as connection:
        bound_to, _ = find_upstream(connection, account_id)
        suppressions = lock_lanes(connection, [account_id])[account_id]
        now = store.now(connection)
        _refuse(connection, account_id, user, bound_to=bound_to, upstream=upstream)
        due = _scheduled_for(connection, account_id, now)
        message = to_json(make_message(_message(due, media)))
        campaign_id, run_id = _open(connection, account_id, user, message, upstream=upstream, actor=actor, now=now)
        _plan(connection, run_id, user, message, suppressions, actor=actor, now=now)
        columns: dict[str, Any] = {"campaign_id": campaign_id, "run_id": run_id, "user_id": user, "scheduled_for": due}
        probe_id = add_probe(connection, account_id, media=media, actor=actor, now=now, **columns)
        Act(connection, now, actor).record(
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
            f"Account {account_id} belongs to {bound_to}, but the settings name {upstream}; set the key and "
            "CAMPAIGNS_UPSTREAM_URL that it was added with."
        )
    if user in suppressed_users(connection, None) | suppressed_users(connection, account_id):
        raise NotAllowed(f"User {user} is suppressed and must not be sent to; name a test user of your own with --to.")
    if open_probe(connection, account_id) is not None:
        raise NotAllowed(
            f"A probe of account {account_id} has not ended yet; `campaigns doctor` shows where it stands."
        )
    holds = [*open_holds(connection, Held(account_id=account_id)), *open_holds(connection, Held(upstream=upstream))]
    if holds:
        raise NotAllowed(f"Account {account_id} is held: {holds[0][2]}. Release it first, then probe it.")


def _scheduled_for(connection: Connection, account_id: str, now: datetime) -> datetime:
    """A year ahead, in whole seconds, and within the account's sending hours: else the lane would wait for those."""
    hours, zone = hours_of_account(connection, account_id)
    wanted = (now + AHEAD).replace(microsecond=0)
    return opens_at(windows_of(Timing(), account_hours=hours, account_zone=zone), wanted) or wanted


def _message(due: datetime, media: str | None) -> dict[str, Any]:
    priced = {} if media is None else {"price": PRICE, "media_files": [_vault_id(media)]}
    return {"text": TEXT, "scheduled_date": due, **priced}


def _vault_id(media: str) -> str:
    if not (media.isascii() and media.isdigit()):
        raise UsageError(f"--media is '{media}', not the vault ID of a media file (a number).")
    return media


def _open(
    connection: Connection,
    account_id: str,
    user: int,
    message: dict[str, Any],
    *,
    upstream: str,
    actor: str,
    now: datetime,
) -> tuple[int, int]:
    """The campaign of a probe and its run, which nobody has planned yet."""
    campaign_id = add_campaign(
        connection, name=f"Probe of {account_id}", account_id=account_id, now=now, kind="probe", launches=1
    )
    users = pack(BitMap64([user]))
    audience = add_audience(
        connection, campaign_id, users, source="--to", lines=1, duplicates=0, skipped_bad=0, now=now
    )
    add_revision(
        connection,
        campaign_id,
        1,
        message=message,
        audience=audience,
        batch_size=1,
        on_unknown="hold",
        starts_at=None,
        zone=None,
        accept_local_suppressions=False,
        timing=Timing(),
        contents=None,
        mark=True,
        actor=actor,
        now=now,
    )
    run_id = add_run(
        Act(connection, now, actor),
        reason="a probe",
        campaign_id=campaign_id,
        revision=1,
        audience_version_id=audience[0],
        account_id=account_id,
        upstream=upstream,
        kind=RunKind.LAUNCH,
        launch=1,
        message=message,  # its own, which is what a run says that the vendor is to send later
        expires_at=now + PATIENCE,
    )
    return campaign_id, run_id


def _plan(
    connection: Connection,
    run_id: int,
    user: int,
    message: dict[str, Any],
    suppressions: int,
    *,
    actor: str,
    now: datetime,
) -> None:
    identity = json.dumps([run_id, user, message], sort_keys=True)
    freeze_plan(
        Act(connection, now, actor),
        run_id,
        batches=[pack(BitMap64([user]))],
        whole_list=False,
        excluded={},
        recipients=1,
        suppressions=suppressions,
        plan_sha256=hashlib.sha256(identity.encode()).hexdigest(),
    )
