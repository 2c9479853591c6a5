"""The acts on a campaign that its state and the rights of the reader allow, as links."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.domain.access.rights import HOLD_BACK, Principal, Right
from campaigns.domain.states import CampaignState

EDITOR = frozenset({Right.EDITOR})
SENDER = frozenset({Right.SENDER})


@dataclass(frozen=True, slots=True)
class ActLink:
    """A link to the page of an act."""

    text: str
    address: str
    is_grave: bool = False  # it messages fans


def acts_on(
    by: Principal, campaign_id: int, state: CampaignState, *, is_paused: bool, recurs: bool, query: str = ""
) -> list[ActLink]:
    """All acts, those that are asked for most first. `query` goes behind each address."""
    every = [*_sending(state, is_paused=is_paused, recurs=recurs), *_holding(state, is_paused=is_paused)]
    return _links(by, campaign_id, [*every, *_writing(state)], query)


def schedule_acts(
    by: Principal, campaign_id: int, state: CampaignState, *, is_paused: bool, query: str = ""
) -> list[ActLink]:
    """The acts on a schedule: run it now, resume or pause it, skip the next run."""
    acts = [*_sending(state, is_paused=is_paused, recurs=False), *_holding(state, is_paused=is_paused)]
    return _links(by, campaign_id, acts, query)


def writing_acts(by: Principal, campaign_id: int, state: CampaignState, *, query: str = "") -> list[ActLink]:
    """The acts that message nobody: what a row of a list has room for."""
    return _links(by, campaign_id, _writing(state), query)


Act = tuple[str, str, frozenset[Right]]


def _sending(state: CampaignState, *, is_paused: bool, recurs: bool) -> list[Act]:
    if state is CampaignState.ARCHIVED:
        return []
    acts: list[Act] = []
    if state is CampaignState.SCHEDULED:
        acts.append(("Run now, beside the schedule", "launch?now=1", SENDER))
        if is_paused:
            acts.append(("Resume the schedule", "resume", SENDER))
    else:
        is_first = state is CampaignState.DRAFT or recurs
        acts.append(("Launch", "launch", SENDER) if is_first else ("Launch again", "launch?again=1", SENDER))
    if recurs and state is not CampaignState.DRAFT:
        acts.append(("Backfill", "backfill", SENDER))
    return acts


def _holding(state: CampaignState, *, is_paused: bool) -> list[Act]:
    if state is not CampaignState.SCHEDULED:
        return []
    pause: list[Act] = [] if is_paused else [("Pause the schedule", "pause", HOLD_BACK)]
    return [*pause, ("Skip the next run", "skip-next", HOLD_BACK)]


def _writing(state: CampaignState) -> list[Act]:
    if state is CampaignState.ARCHIVED:
        return [("Copy", "copy", EDITOR), ("Bring back", "unarchive", EDITOR)]
    return [("Edit", "edit", EDITOR), ("Copy", "copy", EDITOR), ("Archive", "archive", EDITOR)]


def _joined(path: str, query: str) -> str:
    return query.replace("?", "&", 1) if "?" in path else query


def _links(by: Principal, campaign_id: int, acts: list[Act], query: str) -> list[ActLink]:
    return [
        ActLink(text, f"/campaigns/{campaign_id}/{path}{_joined(path, query)}", is_grave=rights is SENDER)
        for text, path, rights in acts
        if by.may(rights)
    ]
