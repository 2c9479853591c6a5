"""The rules of a draft and of an edit: what refuses it, and what its author is warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.domain.errors import NotAllowed, Outdated, UsageError
from campaigns.domain.messages.contents import contents_faults, rotate_faults, texts_of
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.message import Message, from_json, message_faults
from campaigns.domain.messages.text_checks import doubts_of, launch_faults, text_remedies
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.handoff import handoff_faults
from campaigns.domain.schedules.occurrences import schedule_faults
from campaigns.domain.schedules.sending_hours import hours_faults
from campaigns.domain.sending.pacing import LARGEST_BATCH
from campaigns.domain.states import CampaignState
from campaigns.flow.planning.split import count_batches
from campaigns.store.accounts.bindings import hours_of_account
from campaigns.store.audit.events import Act
from campaigns.store.campaigns.campaigns import CampaignRow, Revision, RevisionRow

ON_UNKNOWN = ("hold", "resend")
"""What may become of a batch whose answer is lost for good: a person decides, or it is sent again."""

USUAL_TICK_SECONDS = 1.0
"""How often somebody looks for what is due, unless the settings differ. A shorter grace time would skip every run."""


def draft_warnings(new: Revision) -> list[str]:
    """What the author of a draft or an edit should know; nothing of it refuses the draft."""
    doubts = doubts_of(new.message, new.contents)
    return [doubt.words for doubt in doubts] + list_doubts(from_json(new.message))


def draft_faults(
    act: Act,
    account_id: str,
    new: Revision,
    *,
    users: int | None,
    tick_seconds: float = USUAL_TICK_SECONDS,
    checks_times: bool = True,
) -> list[str]:
    """Why a revision cannot be stored, a clause each; empty when it can.

    `users` counts its user IDs, None for whole lists alone. `checks_times` is false for an edit that leaves the times
    as they are: those of an armed campaign may have passed.
    """
    message = from_json(new.message)
    faults = _size_faults(message, new, users, act)
    if new.on_unknown not in ON_UNKNOWN:
        faults.append(f"on_unknown is '{new.on_unknown}', but must be {' or '.join(ON_UNKNOWN)}")
    faults += rotate_faults(new.timing.rotate)
    faults += contents_faults(message, new.contents, recurs=new.timing.recurs)
    account = hours_of_account(act.connection, account_id)
    times = _time_faults(act, new, account, tick_seconds) if checks_times else []
    if not times:
        times = handoff_faults(new.timing, message, act.now, account, starts_at=new.starts_at)
    return faults + times


def refuse_faults(faults: Sequence[str]) -> None:
    """Raise UsageError that names every fault."""
    if faults:
        clauses = "; ".join(faults)
        end = "" if clauses.endswith("?") else "."
        raise UsageError(f"The campaign cannot be stored: {clauses}{end} Nothing was changed.")


def refuse_other_revision(campaign: CampaignRow, made_from: int | None) -> None:
    """Raise Outdated for an edit or a launch that was made from another revision than the newest; None: from any."""
    if made_from is not None and made_from != campaign.revision:
        raise Outdated(
            f"Campaign {campaign.id} was edited meanwhile: it has revision {campaign.revision} now, and this request "
            f"was made from revision {made_from}. Nothing was changed.",
            Remedy(Do.SHOW_CAMPAIGN, campaign=campaign.id),
            revision=campaign.revision,
        )


def has_same_texts(old: RevisionRow, new: Revision) -> bool:
    """Whether two revisions have the same texts in the same mode."""
    is_same_mode = old.message.get("text_mode") == new.message.get("text_mode")
    return is_same_mode and texts_of(old.message, old.contents) == texts_of(new.message, new.contents)


def refuse_doubtful(
    campaign: CampaignRow, message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]], *, as_written: bool
) -> None:
    """Refuse new texts of an armed campaign that a launch would refuse: they would go out without a launch."""
    if campaign.state is not CampaignState.SCHEDULED or as_written:
        return
    doubts = doubts_of(message, contents)
    faults = launch_faults(doubts)
    if faults:
        raise NotAllowed(
            f"Campaign {campaign.id} is armed, and its new text would go out without a launch: {'; '.join(faults)}. "
            "Nothing was changed.",
            *text_remedies(doubts, campaign_id=campaign.id, confirm=Do.CONFIRM_TEXT_IN_EDIT),
        )


def _size_faults(message: Message, new: Revision, users: int | None, act: Act) -> list[str]:
    batches = 1 if users is None else count_batches(users, max(new.batch_size, 1))
    faults = message_faults(message, user_count=users, batch_count=batches, now=act.now)
    if not 1 <= new.batch_size <= LARGEST_BATCH:
        faults.append(f"batch_size is {new.batch_size:,}, but a request takes 1 to {LARGEST_BATCH:,} user IDs")
    return faults


def _time_faults(act: Act, new: Revision, account: tuple[str | None, str | None], tick_seconds: float) -> list[str]:
    faults = schedule_faults(new.timing, act.now, starts_at=new.starts_at, tick_seconds=tick_seconds)
    if new.starts_at is not None and new.starts_at <= act.now:
        faults.append(f"at {new.starts_at.isoformat(sep=' ', timespec='seconds')} has passed")
    return faults or hours_faults(new.timing, act.now, account=account)
