"""The rule of four eyes: whoever wrote the newest revision of a campaign may not launch it.

It is a rule of the desk and its API. A shell that has the database's password is outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import Forbidden
from campaigns.domain.remedies import Do, Remedy
from campaigns.store.access.rules import author_of_newest, has_four_eyes, set_four_eyes
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store


@dataclass(frozen=True, slots=True)
class FourEyes:
    """Whether the rule is on, and whether it was changed just now."""

    is_on: bool
    is_changed: bool


def choose_four_eyes(store: Store, *, is_on: bool, actor: str) -> FourEyes:
    """Turn the rule on or off for the whole installation."""
    with store.write() as connection:
        act = Act(connection, store.now(connection), actor)
        is_changed = set_four_eyes(act, is_on=is_on)
        if is_changed:
            act.record(EventKind.ACCESS_RULE_CHANGED, detail={"four_eyes": is_on})
    return FourEyes(is_on, is_changed)


def refuse_own_edit(store: Store, by: Principal, campaign_id: int) -> None:
    """Raise Forbidden when the rule is on and `by` wrote the newest revision of the campaign.

    Call it before each launch that was asked for at the desk or by the API. A token counts as its operator. An edit
    between this and the launch is refused by the revision that the launch names.
    """
    with store.read() as connection:
        if not has_four_eyes(connection) or author_of_newest(connection, campaign_id) != by.actor:
            return
    raise Forbidden(
        f"{by.name} wrote the newest revision of campaign {campaign_id}, and here nobody launches what they wrote. "
        "Ask somebody else to look at it and launch it.",
        Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        code="own_edit",
    )
