"""The rule of four eyes: whoever wrote the newest revision of a campaign may not launch it.

It is a rule of the desk and its API. A shell that has the database's password is outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.errors import Forbidden
from campaigns.domain.ids import campaign_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.states import CampaignState
from campaigns.store.access.rules import author_of_newest, has_four_eyes, set_four_eyes
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.campaigns.campaigns import find_campaign
from campaigns.store.database.engine import Store
from campaigns.store.runs.runs import find_run


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
        f"{by.name} wrote the newest revision of campaign {campaign_name(campaign_id)}, and here nobody launches what "
        "they wrote. Ask somebody else to look at it and launch it.",
        Remedy(Do.SHOW_CAMPAIGN, campaign=campaign_id),
        code="own_edit",
    )


def refuse_own_content(store: Store, by: Principal, run_id: int) -> None:
    """The same before a rerun that sends the campaign's newest content in place of what its run said."""
    with store.read() as connection:
        campaign_id = find_run(connection, run_id).campaign_id
    refuse_own_edit(store, by, campaign_id)


def refuse_armed_edit(store: Store, by: Principal, campaign_id: int) -> None:
    """Raise Forbidden for an edit that would be sent although `by` may not send it.

    The schedule of an armed campaign sends the newest revision, and nobody launches that. So an edit of it needs the
    right to send, and where the rule is on nobody may do it alone. Call it before each edit at the desk or by the API.
    """
    with store.read() as connection:
        if find_campaign(connection, campaign_id).state is not CampaignState.SCHEDULED:
            return
        is_on = has_four_eyes(connection)
    if not by.may(frozenset({Right.SENDER})):
        raise Forbidden(
            f"Campaign {campaign_name(campaign_id)} is armed: what is written now is sent by its schedule. "
            "That needs the right sender.",
            Remedy(Do.COPY_CAMPAIGN, campaign=campaign_id),
        )
    if is_on:
        raise Forbidden(
            f"Campaign {campaign_name(campaign_id)} is armed: its schedule would send what {by.name} writes now, "
            "and here nobody sends alone what they wrote. Archive it, edit a copy, and let somebody else launch that.",
            Remedy(Do.COPY_CAMPAIGN, campaign=campaign_id),
            code="own_edit",
        )
