"""Serve an account's lane: one send after the other until it is empty, must wait, or its time is up."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from campaigns.crashpoint import crash_point
from campaigns.domain.errors import DatabaseBusy, FencesAway, PacerAway, VendorAway, VendorRefused
from campaigns.domain.states import HoldKind
from campaigns.flow.backup.detect_restore import Memory, Recognised, confirm, recognise
from campaigns.flow.handoff.follow import follow_handed_over
from campaigns.flow.probe.carry_out import carry_out_probe
from campaigns.flow.recall.unsend import carry_out_recalls
from campaigns.flow.reconcile.abandoned import expire_attempts
from campaigns.flow.reconcile.search import look_for_unknowns
from campaigns.flow.sending.circuit_breaker import team_waits
from campaigns.flow.sending.lane_context import LONGEST_WAIT_IN_MEMORY, Sender, Step
from campaigns.flow.sending.send import send_one
from campaigns.store.accounts.accounts import bind_team
from campaigns.store.accounts.bindings import find_upstream
from campaigns.store.audit.events import Act
from campaigns.store.backup.restored import LaneFence
from campaigns.store.database.postgresql import wait_briefly
from campaigns.store.holds.holds import Held, open_hold
from campaigns.store.sending.identity import permit_key
from campaigns.store.sending.lanes import LaneClaim, claim_lane, lane_has_work, lock_lanes, postpone_lane, release_lane

AWAY_SECONDS = 2.0
"""How long a lane stays away when the shared rate budget cannot be reached."""


def serve_lane(sender: Sender, account_id: str, goes_on: Callable[[], bool]) -> int:
    """Send for one account until its lane is empty, must wait, or `goes_on` says no; answers the requests made.

    What is to be taken back goes before what is to be sent.

    Does nothing when somebody else has the lane. A crash leaves the lane claimed until its lease ends, and a request
    in flight unknown. Raises DatabaseAway; whatever it raises, the lane is given back by `give_back_stranded`.
    """
    give_back_stranded(sender)
    claim = _claim(sender, account_id)
    if claim is None:
        return 0
    crash_point("lane.claimed")
    sender = replace(sender, messages={}, timings={}, mark_up={})  # what they hold is of this claim alone
    step = Step(claim)
    requests = 0
    try:
        apart = look_for_unknowns(sender, claim).apart_seconds
        step, requests = carry_out_recalls(sender, claim, goes_on)
        if apart:
            step = replace(step, leave=True, wait_seconds=max(apart, step.wait_seconds), waits_for="the last search")
        follow_handed_over(sender, account_id)
        while step.claim is not None and not step.leave and goes_on() and not sender.stopping():
            step = _turn(sender, step.claim, step.failures)
            requests += step.sent
        if step.claim is not None:
            carry_out_probe(sender, account_id)
            _give_back(sender, step)
    except Exception:  # whatever it is, the lane is not to wait for its lease to end
        sender.stranded.setdefault(account_id, step)
        raise
    return requests


def give_back_stranded(sender: Sender) -> None:
    """Give back the lanes that this process held when the database went away, instead of letting their leases end.

    Each by the owner and the fence it was claimed with: one that moved on is left alone. A request in flight keeps its
    lane closed all the same. One whose lock somebody keeps is given back another time. Raises DatabaseAway: it is still
    away.
    """
    for account_id, step in list(sender.stranded.items()):
        with suppress(DatabaseBusy):
            if step.claim is not None:
                _give_back(sender, step, briefly=True)
            sender.stranded.pop(account_id, None)


def _turn(sender: Sender, claim: LaneClaim, failures: int) -> Step:
    asked_at = sender.monotonic()
    waiting = _take_permit(sender, claim, failures)
    return send_one(sender, claim, failures, asked_at) if waiting is None else waiting


def _claim(sender: Sender, account_id: str) -> LaneClaim | None:
    known = _team_and_lane(sender, account_id)
    if known is None:
        return None
    team, compared = known
    claim = _claim_compared(sender, team, compared.lane)
    return claim if claim is None or _is_confirmed(sender, claim, compared) else None


def _claim_compared(sender: Sender, team: str, lane: LaneFence) -> LaneClaim | None:
    account_id = lane.account_id
    expire_attempts(
        sender.store, settle_seconds=sender.limits.settle_seconds, actor=sender.owner, account_id=account_id
    )
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        upstream, bound_to = find_upstream(connection, account_id)
        if upstream != sender.upstream or bound_to not in {None, team}:
            return None  # one vendor per account: another team's key never sends for it
        if bound_to is None:
            bind_team(Act(connection, now, sender.owner), account_id, team)
        if team_waits(connection, account_id, upstream=upstream, team=team, now=now):
            return None
        lease = timedelta(seconds=sender.limits.lease_seconds)
        return claim_lane(
            connection,
            account_id,
            owner=sender.owner,
            name=lane.name,
            now=now,
            lease=lease,
            seen=lane.fence,
            incarnation=lane.incarnation,
        )


def _is_confirmed(sender: Sender, claim: LaneClaim, compared: Recognised) -> bool:
    """Whether the lane still fits the fence book; else it is given back."""
    try:
        doubt = confirm(_memory(sender), claim, compared.hosts)
    except FencesAway:
        waits_for = "the fence book"
    except Exception:
        sender.stranded[claim.account_id] = Step(claim, leave=True)
        raise
    else:
        if doubt is None:
            return True
        waits_for = _hosts_to_compare(doubt)  # a lane that was closed is no longer ours, and nothing is written
    _give_back(sender, Step(claim, leave=True, wait_seconds=AWAY_SECONDS, waits_for=waits_for))
    return False


def _memory(sender: Sender) -> Memory:
    return Memory(sender.store, sender.fences, sender.spool, sender.host_name, sender.owner)


def _hosts_to_compare(compared: Recognised) -> str:
    return f"host {', '.join(sorted(one.name for one in compared.waits_for))} to compare its fences"


def _team_and_lane(sender: Sender, account_id: str) -> tuple[str, Recognised] | None:
    """Whom the key belongs to, and the lane as it was compared with the fence book; None: it cannot be served now."""
    try:
        team = sender.team()
        compared = recognise(_memory(sender), account_id)
    except VendorRefused as refusal:
        _hold_team(sender, str(refusal))
        return None
    except VendorAway as away:
        _postpone(sender, account_id, "the vendor", away.after_seconds)
        return None
    except PacerAway as away:
        _postpone(sender, account_id, "the shared rate budget", away.after_seconds)
        return None
    except FencesAway:
        _postpone(sender, account_id, "the fence book")
        return None
    if compared is not None and compared.waits_for:
        _postpone(sender, account_id, _hosts_to_compare(compared))
        return None
    return None if compared is None else (team, compared)


def _hold_team(sender: Sender, reason: str) -> None:
    with sender.store.write() as connection:
        lock_lanes(connection)
        now = sender.store.now(connection)
        open_hold(Act(connection, now, sender.owner), Held(upstream=sender.upstream), HoldKind.KEY, reason=reason)


def _postpone(sender: Sender, account_id: str, waits_for: str, seconds: float | None = None) -> None:
    with sender.store.write() as connection:
        now = sender.store.now(connection)
        until = now + timedelta(seconds=max(AWAY_SECONDS, seconds or 0.0))
        postpone_lane(connection, account_id, until=until, waits_for=waits_for, now=now)


def _take_permit(sender: Sender, claim: LaneClaim, failures: int) -> Step | None:
    """Ask the pacer; None when the request may be made now."""
    key = permit_key(claim.name, claim.fence + 1, claim.incarnation)
    try:
        permit = sender.pacer.acquire(key, claim.account_id, hold_seconds=sender.limits.lease_seconds)
    except PacerAway:
        # Fails closed: without the shared count nobody knows whether the vendor's limit is reached.
        return Step(claim, leave=True, wait_seconds=AWAY_SECONDS, waits_for="the shared rate budget", failures=failures)
    if permit.granted:
        crash_point("lane.permitted")
        return None
    if permit.wait_seconds > LONGEST_WAIT_IN_MEMORY:
        return Step(claim, leave=True, wait_seconds=permit.wait_seconds, waits_for=permit.why, failures=failures)
    with sender.store.read() as connection:
        now = sender.store.now(connection)
        if not lane_has_work(connection, claim.account_id, upstream=sender.upstream, now=now):
            return Step(claim, leave=True, failures=failures)
    sender.sleep(permit.wait_seconds)
    return Step(claim, failures=failures)


def _give_back(sender: Sender, step: Step, *, briefly: bool = False) -> None:
    assert step.claim is not None
    with sender.store.write() as connection:
        if briefly:
            wait_briefly(connection)
        release_lane(
            connection,
            step.claim,
            now=sender.store.now(connection),
            wait=timedelta(seconds=step.wait_seconds),
            waits_for=step.waits_for,
            failures=step.failures,
        )
