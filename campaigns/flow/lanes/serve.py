"""Serve an account's lane: one send after the other, until the lane is empty, must wait, or its turn ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import DatabaseBusy, FencesAway, PacerAway, VendorAway, VendorRefused
from campaigns.domain.sending.pacing import LONGEST_WAIT_IN_MEMORY
from campaigns.domain.states import HoldKind
from campaigns.flow.backup.detect_restore import Memory, Recognised, confirm, recognise
from campaigns.flow.handoff.follow import follow_handed_over
from campaigns.flow.probe.carry_out import carry_out_probe
from campaigns.flow.recall.unsend import carry_out_recalls
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.search import look_for_unknowns
from campaigns.flow.sending.circuit_breaker import team_waits
from campaigns.flow.sending.lane_context import LaneContext, Step
from campaigns.flow.sending.send import send_one
from campaigns.store.accounts.accounts import bind_team
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.backup.restored import LaneFence
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.holds.holds import Held, place_hold
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import LaneClaim, claim_lane, lane_has_work, lock_lanes, postpone_lane, release_lane

AWAY_SECONDS = 2.0
"""A lane waits this many seconds when the shared rate budget or the fence book cannot be reached."""


def serve_lane(context: LaneContext, account_id: str, goes_on: Callable[[], bool]) -> int:
    """Send for one account until its lane is empty, must wait, or `goes_on` is false; returns the number of requests.

    Searches come first, then recalls, then what is to be sent. Does nothing when somebody else has the lane. A crash
    leaves the lane claimed until its lease ends, and a request in flight unknown. Raises DatabaseAway; after any error
    `give_back_stranded` gives the lane back.
    """
    give_back_stranded(context)
    claim = _claim(context, account_id)
    if claim is None:
        return 0
    crash_point("lane.claimed")
    context = context.for_claim()
    step = Step(claim)
    requests = 0
    try:
        apart = look_for_unknowns(context, claim).apart_seconds
        step, requests = carry_out_recalls(context, claim, goes_on)
        if apart:
            step = replace(step, leave=True, wait_seconds=max(apart, step.wait_seconds), waits_for="the last search")
        follow_handed_over(context, account_id)
        while step.claim is not None and not step.leave and goes_on() and not context.stopping():
            step = _turn(context, step.claim, step.failures)
            requests += step.sent
        if step.claim is not None:
            carry_out_probe(context, account_id)
            _give_back(context, step)
    except Exception:  # after any error the lane must not wait until its lease ends
        context.stranded.setdefault(account_id, step)
        raise
    return requests


def give_back_stranded(context: LaneContext) -> None:
    """Give back the lanes that this process held when the database went away, before their leases end.

    A lane is given back by the owner and fence of its claim, so one that somebody else has claimed is left alone. A
    request in flight still keeps its lane closed. A lane whose lock somebody holds is given back another time. Raises
    DatabaseAway: it is still away.
    """
    for account_id, step in list(context.stranded.items()):
        with suppress(DatabaseBusy):
            if step.claim is not None:
                _give_back(context, step, briefly=True)
            context.stranded.pop(account_id, None)


def _turn(context: LaneContext, claim: LaneClaim, failures: int) -> Step:
    asked_at = context.monotonic()
    waiting = _take_permit(context, claim, failures)
    return send_one(context, claim, failures, asked_at) if waiting is None else waiting


def _claim(context: LaneContext, account_id: str) -> LaneClaim | None:
    checked = _team_and_lane(context, account_id)
    if checked is None:
        return None
    team, compared = checked
    claim = _claim_compared(context, team, compared.lane)
    return claim if claim is None or _is_confirmed(context, claim, compared) else None


def _claim_compared(context: LaneContext, team: str, lane: LaneFence) -> LaneClaim | None:
    account_id = lane.account_id
    expire_attempts(
        context.store, settle_seconds=context.limits.settle_seconds, actor=context.owner, account_id=account_id
    )
    with context.store.write() as connection:
        act = context.act(connection)
        upstream, bound_to = find_upstream(connection, account_id)
        if upstream != context.upstream or bound_to not in {None, team}:
            return None  # an account belongs to one vendor: another team's key never sends for it
        if bound_to is None:
            bind_team(act, account_id, team)
        if team_waits(connection, account_id, upstream=upstream, team=team, now=act.now):
            return None
        lease = timedelta(seconds=context.limits.lease_seconds)
        return claim_lane(
            connection,
            account_id,
            owner=context.owner,
            name=lane.name,
            now=act.now,
            lease=lease,
            seen=lane.fence,
            incarnation=lane.incarnation,
        )


def _is_confirmed(context: LaneContext, claim: LaneClaim, compared: Recognised) -> bool:
    """Whether the lane still agrees with the fence book; else it is given back."""
    try:
        doubt = confirm(_memory(context), claim, compared.hosts)
    except FencesAway:
        waits_for = "the fence book"
    except Exception:
        context.stranded[claim.account_id] = Step(claim, leave=True)
        raise
    else:
        if doubt is None:
            return True
        waits_for = _hosts_to_compare(doubt)  # a closed lane is no longer ours, and nothing is written
    _give_back(context, Step(claim, leave=True, wait_seconds=AWAY_SECONDS, waits_for=waits_for))
    return False


def _memory(context: LaneContext) -> Memory:
    return Memory(context.store, context.fences, context.spool, context.host_name, context.owner)


def _hosts_to_compare(compared: Recognised) -> str:
    return f"host {', '.join(sorted(host.name for host in compared.waits_for))} to compare its fences"


def _team_and_lane(context: LaneContext, account_id: str) -> tuple[str, Recognised] | None:
    """The team of the key, and the lane compared with the fence book; None: the lane cannot be served now."""
    try:
        team = context.team()
        compared = recognise(_memory(context), account_id)
    except VendorRefused as refusal:
        _hold_team(context, str(refusal))
        return None
    except VendorAway as away:
        _postpone(context, account_id, "the vendor", away.after_seconds)
        return None
    except PacerAway as away:
        _postpone(context, account_id, "the shared rate budget", away.after_seconds)
        return None
    except FencesAway:
        _postpone(context, account_id, "the fence book")
        return None
    if compared is not None and compared.waits_for:
        _postpone(context, account_id, _hosts_to_compare(compared))
        return None
    return None if compared is None else (team, compared)


def _hold_team(context: LaneContext, reason: str) -> None:
    with context.store.write() as connection:
        lock_lanes(connection)
        place_hold(context.act(connection), Held(upstream=context.upstream), HoldKind.KEY, reason=reason)


def _postpone(context: LaneContext, account_id: str, waits_for: str, seconds: float | None = None) -> None:
    with context.store.write() as connection:
        now = context.store.now(connection)
        until = now + timedelta(seconds=max(AWAY_SECONDS, seconds or 0.0))
        postpone_lane(connection, account_id, until=until, waits_for=waits_for, now=now)


def _take_permit(context: LaneContext, claim: LaneClaim, failures: int) -> Step | None:
    """Ask the pacer; None when the request may be made now."""
    key = permit_key(claim.name, claim.fence + 1, claim.incarnation)
    try:
        permit = context.pacer.acquire(key, claim.account_id, hold_seconds=context.limits.lease_seconds)
    except PacerAway:
        # Fail closed: without the shared count nobody knows whether the vendor's limit is reached.
        return Step(claim, leave=True, wait_seconds=AWAY_SECONDS, waits_for="the shared rate budget", failures=failures)
    if permit.granted:
        crash_point("lane.permitted")
        return None
    if permit.wait_seconds > LONGEST_WAIT_IN_MEMORY:
        return Step(claim, leave=True, wait_seconds=permit.wait_seconds, waits_for=permit.why, failures=failures)
    with context.store.read() as connection:
        now = context.store.now(connection)
        if not lane_has_work(connection, claim.account_id, upstream=context.upstream, now=now):
            return Step(claim, leave=True, failures=failures)
    context.sleep(permit.wait_seconds)
    return Step(claim, failures=failures)


def _give_back(context: LaneContext, step: Step, *, briefly: bool = False) -> None:
    assert step.claim is not None
    with context.store.write() as connection:
        if briefly:
            wait_briefly(connection)
        release_lane(
            connection,
            step.claim,
            now=context.store.now(connection),
            wait=timedelta(seconds=step.wait_seconds),
            waits_for=step.waits_for,
            failures=step.failures,
        )
