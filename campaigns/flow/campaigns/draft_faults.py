"""What forbids keeping a draft or an edit, and what is doubtful in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import NotAllowed, UsageError
from campaigns.domain.messages.campaign_names import name_faults
from campaigns.domain.messages.contents import texts_of
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.message import Message, message_faults, to_json
from campaigns.domain.messages.text_checks import doubts_of, launch_faults
from campaigns.domain.schedules.occurrences import schedule_faults
from campaigns.domain.schedules.sending_hours import hours_faults
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.split import count_batches
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow


def draft_warnings(message: Message, contents: Sequence[Mapping[str, Any]]) -> list[str]:
    """What an operator should know about a draft or an edit; nothing of it forbids keeping it."""
    return [each.words for each in doubts_of(to_json(message), contents)] + list_doubts(message)


def says_the_same(old: RevisionRow, message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the texts of a campaign and their mode are those of an earlier revision."""
    mode = old.message.get("text_mode")
    return mode == message.get("text_mode") and texts_of(old.message, old.contents) == texts_of(message, contents)


def refuse_doubtful(
    campaign: CampaignRow, message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]], *, as_written: bool
) -> None:
    """Refuse new texts of an armed campaign that a launch would refuse: no launch comes between them and the fans."""
    if campaign.state is not CampaignState.SCHEDULED or as_written:
        return
    way = "edit with --as-written too"
    faults = launch_faults(doubts_of(message, contents), campaign_id=campaign.id, way=way)
    if faults:
        raise NotAllowed(
            f"Campaign {campaign.id} is armed, and its new text would go out without a launch: {'; '.join(faults)}. "
            "Nothing was changed."
        )


def time_faults(
    connection: Connection, account_id: str, timing: Timing, now: datetime, *, starts_at: datetime | None
) -> list[str]:
    """What forbids its times."""
    of_any = schedule_faults(timing, now, starts_at=starts_at)
    return of_any or hours_faults(timing, now, account=hours_of_account(connection, account_id))


def refuse_faults(
    message: Message,
    users: int | None,
    batch_size: int,
    starts_at: datetime | None,
    now: datetime,
    *,
    name: str | None,
    also: list[str],
) -> None:
    """Refuse a campaign that cannot be kept, with every fault named; `name` None: it is not given a new one."""
    batches = 1 if users is None else count_batches(users, max(batch_size, 1))
    faults = message_faults(message, user_count=users, batch_count=batches, now=now) + also
    faults += [] if name is None else name_faults(name)
    if batch_size < 1:
        faults.append(f"a batch of {batch_size} users is no batch")
    if starts_at is not None and starts_at <= now:
        faults.append(f"its time {starts_at.isoformat()} has passed")
    if faults:
        raise UsageError(f"The campaign cannot be kept: {'; '.join(faults)}. Nothing was changed.")
