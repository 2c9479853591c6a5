"""Campaigns to write and changes to make, from what people gave. Recipients of a file are added by the caller."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from campaigns.domain.messages.message import from_json
from campaigns.flow.campaigns.drafts import Changes, Draft
from campaigns.inputs.fields import Given
from campaigns.inputs.when import TIME_KEYS, When, read_when
from campaigns.inputs.written import message_of, mode_of, name_of
from campaigns.store.accounts.bindings import upstream_to_send, zone_of_account
from campaigns.store.campaigns.campaigns import find_campaign, find_revision
from campaigns.store.database.engine import Store

UNCHANGED = ("name", "batch_size", "on_unknown", "accept_suppressed", "mark", "as_written", "often", "contents")
"""Fields that go into a campaign as they were given."""


def draft_of(store: Store, given: Given, *, batch_size: int) -> Draft:
    """The draft without its recipients; `batch_size` unless one was given. Raises UsageError, NotFound, NotAllowed.

    Fast, so that a caller refuses what is wrong before a long file is read.
    """
    values: dict[str, Any] = {key: given.values[key] for key in UNCHANGED if key in given.values}
    account_id = given.values["account_id"]
    message = message_of(given)
    with store.read() as connection:
        upstream_to_send(connection, account_id)
    when = _when(store, given, account_id)
    return Draft(
        **{"batch_size": batch_size, **values, "name": name_of(given)},
        account_id=account_id,
        message=message,
        audience=None,
        starts_at=when.starts_at,
        zone=when.zone,
        timing=when.timing,
    )


def changes_of(store: Store, campaign_id: int, given: Given, cleared: Collection[str]) -> Changes:
    """The changes without new recipients. Raises UsageError, NotFound."""
    with store.read() as connection:
        campaign = find_campaign(connection, campaign_id)
        current = find_revision(connection, campaign_id, campaign.revision)
    changes: dict[str, Any] = {key: given.values[key] for key in UNCHANGED if key in given.values}
    if given.times or TIME_KEYS & set(cleared):
        old = When(current.starts_at, current.zone, current.times)
        when = _when(store, given, campaign.account_id, old=old, cleared=cleared)
        changes |= {"starts_at": when.starts_at, "zone": when.zone, "timing": when.timing}
        changes["drop_start"] = when.starts_at is None
    mode = from_json(current.message).text_mode
    if given.message or set(cleared) - TIME_KEYS - {"users", "contents"} or mode_of(given, mode) is not mode:
        changes["message"] = message_of(given, current.message, cleared)
    if "contents" in cleared:
        changes["contents"] = ()
    return Changes(**changes, drop_audience="users" in cleared)


def _when(
    store: Store, given: Given, account_id: str, *, old: When | None = None, cleared: Collection[str] = ()
) -> When:
    with store.read() as connection:
        now, account_zone = store.now(connection), zone_of_account(connection, account_id)
    return read_when(given, now=now, account_zone=account_zone, old=old, cleared=cleared)
