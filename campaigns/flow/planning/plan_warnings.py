"""What a plan warns of: nothing of it forbids a launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaigns.domain.clocks import on_clocks
from campaigns.domain.messages.list_checks import list_doubts
from campaigns.domain.messages.text_checks import doubts_of
from campaigns.domain.schedules.handoff import LEAD
from campaigns.domain.schedules.words import schedule_notes
from campaigns.domain.sending.forecast import Forecast

if TYPE_CHECKING:
    from campaigns.flow.planning.plan import Plan


def late_warnings(plan: Plan, expected: Forecast, zone: str | None) -> list[str]:
    """That it will not be finished before its expiry."""
    if not expected.late:
        return []
    left = max(0, plan.recipients - (plan.batch_count - expected.late) * plan.revision.batch_size)
    who = "it" if plan.whole_list else f"{left:,} recipients"
    at = on_clocks(expected.ends_at.replace(microsecond=0), zone)
    return [f"it will not be finished by its expiry at {at}: {who} would be cancelled"]


def plan_warnings(plan: Plan, zone: str | None) -> list[str]:
    """What an operator should know before a launch; `zone` is the one that the schedule follows."""
    warnings = schedule_notes(plan.revision.times, zone)
    warnings += [each.words for each in doubts_of(plan.revision.message, plan.revision.contents)]
    if plan.nobody_left:
        warnings.append("nobody is left to send to")
    if plan.revision.on_unknown == "resend":
        warnings.append("an unknown batch may be sent again: some fans may get this twice (at-least-once)")
    warnings += list_doubts(plan.message)
    if plan.whole_list:
        warnings.append("the vendor alone knows who is on its lists: who got it cannot be told here")
    if plan.revision.times.handoff:
        warnings.append(
            f"the vendor holds the clock: runs are handed over up to {LEAD.total_seconds() / 3600:g} hours ahead, and "
            "who is suppressed after that gets them all the same"
        )
    if plan.message.save_for_later:
        warnings.append("the vendor only stores it, but its own automatic messaging may still send it")
    return warnings
