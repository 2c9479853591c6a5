"""Checks of `doctor`: what is paused, and messages of probes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from campaigns.checks.check import REFUSED, Check
from campaigns.cli.kit.output import moment
from campaigns.cli.kit.ways_on import way_on
from campaigns.domain.ids import run_name

if TYPE_CHECKING:
    from campaigns.store.database.engine import Store
    from campaigns.store.views.limits import OpenPause

LISTED = 10
"""At most this many holds are listed one by one."""


def paused_checks(store: Store) -> Iterator[Check]:
    """Each open hold and each open circuit: a refusal of the vendor that stops open runs is a fault, the rest notes."""
    from campaigns.store.views.limits import open_pauses, tripped_circuits

    with store.read() as connection:
        circuits = tripped_circuits(connection, now=store.now(connection))
        holds = [(pause, pause.kind.is_vendors and pause.holds_runs) for pause in open_pauses(connection)]
    holds.sort(key=lambda judged: not judged[1])  # faults first
    for hold, is_fault in holds[:LISTED]:
        fact = f"{_name(hold)}: {hold.kind}: {hold.reason}"
        yield Check("hold", "fault" if is_fault else "note", fact, _way_on(hold), REFUSED if is_fault else 0)
    if len(holds) > LISTED:
        yield Check("hold", "note", f"and {len(holds) - LISTED} more", "`campaigns runs show RUN` names a run's")
    for circuit in circuits:
        until = "now" if circuit.until is None else moment(circuit.until)
        fact = f"{circuit.account}: {circuit.failures} requests in a row came to nothing ({circuit.why})"
        yield Check("circuit", "note", fact, f"nothing: it is tried again, next at {until}")


def probe_checks(store: Store) -> Iterator[Check]:
    """Each message of a probe that may still be scheduled at the vendor."""
    from campaigns.store.views.probes import probes_left

    with store.read() as connection:
        left = probes_left(connection)
    for each in left:
        which = "a message whose ID is not known" if each.message_id is None else f"message {each.message_id}"
        why = f" ({each.waits_for})" if each.waits_for else ""
        found = f"{which} is scheduled for {moment(each.scheduled_for)} to user {each.user_id}, not seen gone yet{why}"
        by_hand = (
            f"nothing: a worker deletes it. If it stays, delete it at the vendor; it is of run {run_name(each.run_id)}"
        )
        if each.ended is not None:
            by_hand = f"delete it at the vendor: its answer came after run {run_name(each.run_id)} was decided"
        elif each.message_id is None and not each.is_searched:
            by_hand = (
                f"look for it at the vendor, then `campaigns runs decide {run_name(each.run_id)} --all` with its ID"
            )
        yield Check(f"probe of {each.account_id}", "note", found, by_hand)


def _way_on(hold: OpenPause) -> str:
    return way_on(hold.kind, hold.held.scope, run_id=hold.held.run_id, account_id=hold.held.account_id)


def _name(pause: OpenPause) -> str:
    held = pause.held
    if held.run_id is not None:
        return f"run {run_name(held.run_id)}"
    return f"account {held.account_id}" if held.account_id is not None else f"every account of {held.upstream}"
