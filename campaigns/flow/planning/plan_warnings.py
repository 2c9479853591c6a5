"""What a plan warns of: codes and facts. None of them forbids a launch, except `cannot_launch`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from campaigns.domain.clocks import on_clocks
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.text_checks import doubts_of
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.schedules.handoff import LEAD
from campaigns.domain.schedules.often import runs_often
from campaigns.domain.schedules.words import schedule_notes
from campaigns.domain.sending.forecast import Forecast
from campaigns.domain.states import CampaignState
from campaigns.store.campaigns.campaigns import CampaignRow, RevisionRow

if TYPE_CHECKING:
    from campaigns.flow.planning.plan import Plan


class Caution(StrEnum):
    """What a warning is about; for programs, so none is ever renamed."""

    CANNOT_LAUNCH = "cannot_launch"
    SCHEDULE = "schedule"
    OFTEN = "often"
    TEXT = "text"
    NOBODY_LEFT = "nobody_left"
    AT_LEAST_ONCE = "at_least_once"
    LISTS = "lists"
    WHOLE_LIST = "whole_list"
    HANDOFF = "handoff"
    SAVED = "saved"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class PlanWarning:
    """Something to know before a launch: a code, the fact in one clause, and what a person can do about it."""

    code: Caution
    fact: str
    remedies: tuple[Remedy, ...] = ()


def late_warnings(plan: Plan, expected: Forecast, zone: str | None) -> list[PlanWarning]:
    """That the run cannot be finished before its expiry."""
    if not expected.late:
        return []
    left = max(0, plan.recipients - (plan.batch_count - expected.late) * plan.revision.batch_size)
    who = "it" if plan.whole_list else f"{left:,} recipients"
    at = on_clocks(expected.ends_at.replace(microsecond=0), zone)
    return [PlanWarning(Caution.LATE, f"it will not be finished by its expiry at {at}: {who} would be cancelled")]


def often_warnings(campaign: CampaignRow, revision: RevisionRow, now: datetime) -> list[PlanWarning]:
    """That a schedule sends to the same people more than once in 24 hours without being allowed to.

    One that was armed before this was asked goes on; another cannot be armed.
    """
    if revision.often or not runs_often(revision.times, now):
        return []
    is_armed = campaign.state is CampaignState.SCHEDULED
    fact = "it sends to the same people more than once in 24 hours, and its field 'often' does not allow that"
    ends = "; it was armed before that was asked, so it goes on" if is_armed else ""
    return [PlanWarning(Caution.OFTEN, fact + ends, (Remedy(Do.ALLOW_OFTEN, campaign=campaign.id),))]


def plan_warnings(plan: Plan, zone: str | None) -> list[PlanWarning]:
    """What an operator should know before a launch; `zone` is the one whose clocks the schedule follows."""
    revision, message = plan.revision, plan.message
    warnings = [PlanWarning(Caution.SCHEDULE, note) for note in schedule_notes(revision.times, zone)]
    warnings += [PlanWarning(Caution.TEXT, doubt.words) for doubt in doubts_of(revision.message, revision.contents)]
    if plan.nobody_left:
        warnings.append(PlanWarning(Caution.NOBODY_LEFT, "nobody is left to send to"))
    if revision.on_unknown == "resend":
        twice = "an unknown batch may be sent again: some fans may get this twice (at-least-once)"
        warnings.append(PlanWarning(Caution.AT_LEAST_ONCE, twice))
    warnings += [PlanWarning(Caution.LISTS, doubt) for doubt in list_doubts(message)]
    if plan.whole_list:
        unseen = "the vendor alone knows who is on its lists: this product cannot list who got it"
        warnings.append(PlanWarning(Caution.WHOLE_LIST, unseen))
    if revision.times.handoff:
        held = (
            f"the vendor sends at the time: runs are handed over up to {LEAD.total_seconds() / 3600:g} hours "
            "ahead, and who is suppressed after that still gets them"
        )
        warnings.append(PlanWarning(Caution.HANDOFF, held))
    if message.save_for_later:
        stored = "the vendor only stores it, but its own automatic messaging may still send it"
        warnings.append(PlanWarning(Caution.SAVED, stored))
    return warnings
