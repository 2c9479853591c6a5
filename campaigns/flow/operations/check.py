"""Prove the books and the audit outside of a request, with progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from campaigns.domain.people import Actor
from campaigns.store.audit.events import Act
from campaigns.store.audit.seals import Head
from campaigns.store.database.engine import Store
from campaigns.store.operations.operations import OperationRow, end_if_done, note_steps
from campaigns.store.proof.verify import verify


class _Ended(Exception):
    """The operation was aborted, or somebody else carries it out."""


def verify_as_operation(store: Store, row: OperationRow, *, owner: str) -> int:
    """Prove everything, and keep the result; returns how many proofs were made. A crash lets it begin again."""

    def note(steps: int, total: int) -> None:
        with store.write() as connection:
            if not note_steps(connection, row.id, owner, steps=steps, total=total, now=store.now(connection)):
                raise _Ended

    try:
        with store.read() as connection:
            verified = verify(
                connection, _heads(row.options.get("heads")), every_chain=row.options["every_chain"], progress=note
            )
    except _Ended:
        return 0
    with store.write() as connection:
        end_if_done(Act(connection, store.now(connection), Actor(owner)), row.id, result=asdict(verified))
    return 1


def _heads(given: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Head] | None:
    if given is None:
        return None
    return {name: Head(head["position"], head["sha256"]) for name, head in given.items()}
