"""Words and links of the pages of the evening: numbers, lengths, what removes the cause of a hold, who may do what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from markupsafe import Markup

from campaigns.domain.access.rights import HOLD_BACK, LOOK, Principal, Right
from campaigns.domain.printable import printable
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.sending import lifting
from campaigns.domain.states import HoldKind
from campaigns.flow.runs.needs import Need
from campaigns.flow.runs.words import Words
from campaigns.web.kit.remedies import Link, links
from campaigns.web.kit.times import Clock

SENDS = frozenset({Right.SENDER})

FIX: dict[HoldKind, str] = {
    **lifting.FIX,
    HoldKind.OPERATOR: "",
    HoldKind.STOP: "",
    HoldKind.CONFIGURATION: "Check the address of the vendor in the settings, and any proxy in front of the vendor.",
    HoldKind.RECALL: "See on its page what the run before it still has at the vendor.",
    HoldKind.ERRORS: "Look at its rejected batches, and fix the cause.",
    HoldKind.LATE_ANSWER: "Decide about the batch that the reason names.",
    HoldKind.UNREADABLE: "Bring every host to the newest release, and verify the audit.",
    HoldKind.BOOKS: "Verify the audit, and report what it shows.",
}
"""What removes the cause of a hold, as the desk says it; empty where a person wished it so."""

ACTS: dict[Do, frozenset[Right]] = {
    **dict.fromkeys((Do.PAUSE_RUN, Do.CANCEL_RUN), HOLD_BACK),
    **dict.fromkeys((Do.RESUME_RUN, Do.RERUN, Do.DECIDE, Do.RECALL, Do.GO, Do.GO_ACCOUNT), SENDS),
    **dict.fromkeys((Do.RELEASE_ACCOUNT, Do.RELEASE_TEAM), SENDS),
    **dict.fromkeys((Do.SHOW_ATTEMPTS, Do.START, Do.CHECK), LOOK),
}
"""The rights that a remedy of a need takes; a link to any other is shown to an admin only."""

UNITS = ((86_400, "day"), (3_600, "h"), (60, "min"))


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 batch`, `2 batches`."""
    plural = many or (f"{one}es" if one.endswith(("s", "ch")) else f"{one}s")
    return f"{number:,} {one if number == 1 else plural}"


def people(recipients: int, *, whole_list: bool) -> str:
    """How many a run concerns; of whole lists only the vendor knows that."""
    return "whole lists" if whole_list else counted(recipients, "recipient")


def length(seconds: float) -> str:
    """About how long: `40 s`, `12 min`, `3 h`, `2 days`."""
    for size, unit in UNITS:
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'s' if unit == 'day' and number != 1 else ''}"
    return f"{max(0, round(seconds))} s"


def worded(words: Words, clock: Clock, *, now: datetime, zone: str | None) -> Markup:
    """A sentence of the flow with its time in the zone of the reader; what people wrote in it is text."""
    left = 0.0 if words.until is None else (words.until - now).total_seconds()
    values = {name: printable(value) for name, value in words.values.items()}
    return Markup.escape(words.text).format(until=clock.print(words.until, zone), left=length(left), **values)


def acts_of(need: Need, by: Principal) -> list[Link]:
    """The remedies of a need that `by` may use, as links."""
    return links(_usable(need, by))


def _usable(need: Need, by: Principal) -> Iterable[Remedy]:
    """What concerns every account is not for somebody who has some of them."""
    for remedy in need.remedies:
        concerns_all = remedy.do in {Do.GO, Do.RELEASE_TEAM}
        if by.may(ACTS.get(remedy.do, frozenset())) and not (concerns_all and by.accounts is not None):
            yield remedy


def fix_of(need: Need) -> str:
    """What removes the cause of the hold that a need is about; empty for every other need."""
    return "" if need.hold is None else FIX[need.hold]
