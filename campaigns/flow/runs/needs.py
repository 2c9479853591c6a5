"""What needs a person now: each need states a fact, and a remedy says as data what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaigns.domain.ids import run_name
from campaigns.domain.remedies import Do, Remedy
from campaigns.domain.sending.lifting import lifted_by
from campaigns.domain.sending.pacing import circuit_is_open
from campaigns.domain.states import RUN_OPEN, HoldKind, RunState
from campaigns.domain.upstream.outcome import HoldScope
from campaigns.store.health.heartbeats import QUIET, Serves, Service
from campaigns.store.views.tonight.accounts import AccountRow
from campaigns.store.views.tonight.runs import RunOfTonight
from campaigns.store.views.tonight.troubles import FailedRecall, HoldRow, UnknownOfRun

WHY_PAUSED = {
    HoldKind.STOP: "a person stopped it",
    HoldKind.OPERATOR: "a person paused it",
    HoldKind.KEY: "the vendor refuses the key",
    HoldKind.CREDITS: "the vendor says that the credits are used up",
    HoldKind.ACCOUNT: "the vendor refuses the account",
    HoldKind.CONFIGURATION: "something in front of the vendor refuses every request",
    HoldKind.REFUSED: "the vendor refuses its requests",
    HoldKind.SUPPRESSIONS: "its lists would reach users who were suppressed since its plan",
    HoldKind.RECIPIENTS: "a request of it would reach more people than planned",
    HoldKind.RECALL: "the run before it could not be recalled",
    HoldKind.HANDOVER: "the vendor did not send what was handed to it",
    HoldKind.ERRORS: "too many of its requests were rejected",
    HoldKind.LATE_ANSWER: "a late answer shows that a message may be there twice",
    HoldKind.RESTORED: "the database was restored from a backup",
    HoldKind.UNREADABLE: "its message cannot be read",
    HoldKind.HOURS: "its sending hours cannot be read",
    HoldKind.BOOKS: "its sums do not add up",
}


class Matter(StrEnum):
    """The kinds of needs, the most urgent first."""

    STOPPED = "stopped"
    NOT_SERVED = "not_served"
    PAUSED = "paused"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    RECALL = "recall"
    OTHER_VENDOR = "other_vendor"
    CIRCUIT = "circuit"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs a person. The sentence names no command; `remedies` say what to do."""

    matter: Matter
    sentence: str
    account: str | None = None
    run_id: int | None = None
    remedies: tuple[Remedy, ...] = ()
    hold: HoldKind | None = None  # the kind of the hold that it is about: each edge says how its cause is removed


@dataclass(frozen=True, slots=True)
class Picture:
    """What needs are found in."""

    now: datetime
    upstream: str
    accounts: list[AccountRow]
    holds: list[HoldRow]
    runs: list[RunOfTonight]
    unknowns: list[UnknownOfRun]
    recalls: list[FailedRecall]
    beat_seen_at: datetime | None
    service: Service


def beat_is_missing(seen_at: datetime | None, now: datetime) -> bool:
    """Whether no beat is running, by its last sign of life."""
    return seen_at is None or now - seen_at > QUIET


def needs_of(picture: Picture) -> list[Need]:
    """Everything that needs a person, the most urgent first."""
    order = list(Matter)
    needs = [*_parts(picture), *_holds(picture), *_unknowns(picture), *_rejections(picture), *_others(picture)]
    return sorted(needs, key=lambda each: order.index(each.matter))


def _parts(picture: Picture) -> Iterator[Need]:
    missing = ["beat"] if beat_is_missing(picture.beat_seen_at, picture.now) else []
    if picture.service.serves is Serves.NO:
        missing.append(f"worker for {picture.upstream}")
    if missing:
        sentence = f"Nothing is sent, because no {' and no '.join(missing)} is running."
        yield Need(Matter.NOT_SERVED, sentence, remedies=(Remedy(Do.START),))


def _holds(picture: Picture) -> Iterator[Need]:
    is_stop_shown = False
    for each in picture.holds:
        if each.kind is HoldKind.STOP and each.upstream is not None:
            if not is_stop_shown:
                sentence = f"Everything is stopped by {_person(each.actor)}: {_ended(each.reason)}"
                yield Need(Matter.STOPPED, sentence, remedies=(lifted_by(each.kind, each.scope),), hold=each.kind)
            is_stop_shown = True  # one hold for each vendor, of one stop
        else:
            yield _hold(picture, each)


def _hold(picture: Picture, held: HoldRow) -> Need:
    """A hold on a run, on an account, or by the vendor on every account."""
    if held.kind is HoldKind.STOP:
        sentence = f"Account {held.account} is stopped by {_person(held.actor)}: {_ended(held.reason)}"
        lift = lifted_by(held.kind, held.scope, account_id=held.account)
        return Need(Matter.STOPPED, sentence, held.account, remedies=(lift,), hold=held.kind)
    subject, remedies = _run_held(picture, held) if held.scope is HoldScope.RUN else _account_held(picture, held)
    if held.kind is HoldKind.OPERATOR:
        sentence = f"{subject} by {_person(held.actor)}: {_ended(held.reason)}"
    else:
        sentence = f"{subject}: {WHY_PAUSED[held.kind]} ({held.reason.rstrip('.')})."
    return Need(Matter.PAUSED, sentence, held.account, held.run_id, remedies, held.kind)


def _run_held(picture: Picture, held: HoldRow) -> tuple[str, tuple[Remedy, ...]]:
    run = next((each for each in picture.runs if each.id == held.run_id), None)
    of = "" if run is None else f' of "{run.campaign}" ({run.account})'
    return f"Run {run_name(held.run_id)}{of} is paused", (lifted_by(held.kind, held.scope, run_id=held.run_id),)


def _account_held(picture: Picture, held: HoldRow) -> tuple[str, tuple[Remedy, ...]]:
    """Of a hold on every account of a vendor, one without a hold of its own is named: a release lifts that, too."""
    whom = f"Account {held.account}" if held.account else "Every account"
    named = held.account or _without_own_hold(picture, held.upstream)
    also = ""
    if named is None:
        named = next((each.id for each in picture.accounts if each.upstream == held.upstream), None)
        also = f", and a release of {named} lifts its own hold, too"
    ways = () if named is None else (lifted_by(held.kind, held.scope, account_id=named),)
    return f"{whom} is paused{_waiting(picture, held)}{also if ways else ''}", ways


def _without_own_hold(picture: Picture, upstream: str | None) -> str | None:
    """An account of a vendor whose release lifts no hold on that account alone."""
    held = {each.account for each in picture.holds if each.kind is not HoldKind.STOP}
    mine = (each.id for each in picture.accounts if each.upstream == upstream and not each.is_removed)
    return next((account for account in mine if account not in held), None)


def _waiting(picture: Picture, held: HoldRow) -> str:
    """How many runs a wider hold pauses."""
    runs = sum(
        1
        for each in picture.runs
        if each.state in RUN_OPEN and (each.account == held.account or each.upstream == held.upstream)
    )
    return "" if not runs else ", and 1 run waits" if runs == 1 else f", and {runs:,} runs wait"


def _unknowns(picture: Picture) -> Iterator[Need]:
    """Batches that are no longer searched for: only a person can say what became of them."""
    for each in picture.unknowns:
        waiting = each.batches - each.searched
        if waiting:
            of = f"{waiting} of its {each.batches} unknown batches" if each.searched else _counted(waiting, "batch")
            sentence = (
                f'Run {run_name(each.run_id)} of "{each.campaign}" ({each.account}): nobody knows whether {of} '
                "reached the "
                f"fans ({_people(each.recipients, each.whole_list)}). The search at the vendor has ended without proof."
            )
            remedies = (Remedy(Do.SHOW_ATTEMPTS, run=each.run_id), Remedy(Do.DECIDE, run=each.run_id))
            yield Need(Matter.UNKNOWN, sentence, each.account, each.run_id, remedies)


def _people(recipients: int, whole_list: bool) -> str:
    if whole_list:
        return "whole lists"
    return "1 recipient" if recipients == 1 else f"{recipients:,} recipients"


def _rejections(picture: Picture) -> Iterator[Need]:
    for each in picture.runs:
        if not each.batches_rejected or each.is_rerun_already or each.state is RunState.CANCELLED:
            continue
        words = f" ({each.rejection.rstrip('.')})" if each.rejection else ""
        people = _people(each.rejected, each.whole_list)
        sentence = (
            f'Run {run_name(each.id)} of "{each.campaign}" ({each.account}): the vendor rejected '
            f"{_counted(each.batches_rejected, 'batch')}, {people}{words}."
        )
        if each.state in RUN_OPEN:
            yield Need(
                Matter.REJECTED, f"{sentence} They can be sent again when the run has ended.", each.account, each.id
            )
        else:
            yield Need(Matter.REJECTED, sentence, each.account, each.id, (Remedy(Do.RERUN, run=each.id),))


def _others(picture: Picture) -> Iterator[Need]:
    for failed in picture.recalls:
        batches = _counted(failed.batches, "batch")
        sentence = (
            f"Run {run_name(failed.run_id)} ({failed.account}): {batches} could not be recalled and are still out."
        )
        yield Need(Matter.RECALL, sentence, failed.account, failed.run_id, (Remedy(Do.RECALL, run=failed.run_id),))
    busy = {each.account for each in picture.runs if each.state in RUN_OPEN}
    for row in picture.accounts:
        has_runs = row.id in busy
        if has_runs and row.upstream != picture.upstream:
            sentence = f"Account {row.id} has runs, but belongs to {row.upstream}, which is not the vendor in force."
            yield Need(Matter.OTHER_VENDOR, sentence, row.id, remedies=(Remedy(Do.CHECK),))
        is_waiting = row.is_sending or (row.available_at is not None and row.available_at > picture.now)
        if has_runs and circuit_is_open(row.failures) and is_waiting:
            sentence = (
                f"Account {row.id}: {row.failures} requests in a row did not get through. They are tried again by "
                "themselves, less and less often."
            )
            yield Need(Matter.CIRCUIT, sentence, row.id, remedies=(Remedy(Do.CHECK),))


def _person(actor: str) -> str:
    return actor.removeprefix("operator:")


def _ended(reason: str) -> str:
    return f"{reason.rstrip('.')}."


def _counted(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}es"
