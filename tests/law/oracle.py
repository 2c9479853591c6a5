"""The law, read off after each step: what the database says, held against the vendor's ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.domain.states import RUN_OPEN, BatchState, RunState
from campaigns.store.proof import verify
from campaigns.store.sending.batches import anything_is_looked_for
from tests.law.ledger import Message
from tests.law.place import Place
from tests.law.records import Batch, Books

BOOKED = ("accepted", "saved", "rejected", "unknown", "cancelled", "waiting")
TAKEN = {BatchState.ACCEPTED.value, BatchState.SAVED.value}
SHOWS = TAKEN | {BatchState.UNKNOWN.value, BatchState.SENDING.value}
NOBODY_GOT = re.compile(r"message (\d+) went to 0 of")
UNSETTLED = {BatchState.READY.value, BatchState.SENDING.value, BatchState.UNKNOWN.value}
WAITS = {BatchState.READY.value, BatchState.SENDING.value}


def faults(place: Place) -> list[str]:
    """Everything that breaks the law now; the ledger's own findings first."""
    books = place.books()
    batches = [batch for run in books for batch in run.batches]
    found = [*place.ledger.faults]
    for run in books:
        found += _lost(place, run)
    found += _wrongly_taken(place, batches)
    found += _wrong_ids(place, batches)
    found += _hidden(place, batches)
    return found


def unended(place: Place) -> list[Books]:
    """The runs that have not come to their end, or have somebody of whom nobody knows."""
    return [run for run in place.books() if run.state in RUN_OPEN or {each.state for each in run.batches} & UNSETTLED]


def faults_at_the_end(place: Place) -> list[str]:
    """What may not be so once everything was given its time, and the operator's true word."""
    found = []
    for run in unended(place):
        states = [(batch.seq, batch.state) for batch in run.batches]
        shown = place.run(run.id)
        found.append(f"run r{run.id} is {run.state} for ever: {states}, held {shown['holds']}, lane {shown['lane']}")
    for run_id in place.runs():
        shown = place.run(run_id)
        if shown["planned"] != sum(shown[part] for part in BOOKED):
            found.append(f"the books of run r{run_id} do not balance: {[(part, shown[part]) for part in BOOKED]}")
    with place.store.read() as connection:
        found += [fault for fault in verify.verify(connection).faults if not _is_true(place, fault)]
    return found


def _is_true(place: Place, fault: str) -> bool:
    """Whether `audit verify` rightly shows a message that the vendor failed at, which an operator called accepted."""
    shown = NOBODY_GOT.search(fault)
    return shown is not None and place.ledger.messages[shown[1]].failed


def _lost(place: Place, run: Books) -> Iterator[str]:
    """The books balance, and a run whose end has come has nobody who waits."""
    states = {batch.state for batch in run.batches}
    if run.planned != sum(len(batch.users) for batch in run.batches) or run.planned != len(run.users):
        yield f"run r{run.id} was planned for {run.planned}, and its batches name {sorted(run.users)}"
    if not states <= {state.value for state in BatchState}:
        yield f"run r{run.id} has a batch in no legal state: {states}"
    if run.state not in RUN_OPEN and states & WAITS:
        yield f"run r{run.id} is {run.state}, but some of its batches wait"
    if run.state not in {RunState.CANCELLING, RunState.PLANNED, RunState.SENDING}:
        return
    with place.store.read() as connection:
        looked_for = anything_is_looked_for(connection, run.id)
    if run.state == RunState.CANCELLING and not (BatchState.SENDING in states or looked_for):
        yield f"run r{run.id} is cancelling, but nothing is in flight or looked for"
    if run.state != RunState.CANCELLING and not (states & WAITS or looked_for):
        yield f"run r{run.id} is {run.state}, but nothing of it waits"


def _wrongly_taken(place: Place, batches: list[Batch]) -> Iterator[str]:
    """Nobody counts as accepted whom no message reached, unless an operator said so."""
    taken = {message_user for message in place.ledger.messages.values() for message_user in _taken_by(message)}
    for batch in batches:
        missing = batch.users - taken - place.ledger.taken_for_sent if batch.state in TAKEN else set()
        if missing:
            yield f"run r{batch.run_id}, batch {batch.seq} is {batch.state}, but {sorted(missing)} never got a message"


def _taken_by(message: Message) -> frozenset[int]:
    return frozenset() if message.failed else message.users


def _wrong_ids(place: Place, batches: list[Batch]) -> Iterator[str]:
    """A batch's message is its own; of several of which one is its own, one is."""
    for batch in batches:
        named = [place.ledger.messages.get(each) for each in batch.message_ids]
        if not named or any(message is not None and message.users == batch.users for message in named):
            continue
        yield f"run r{batch.run_id}, batch {batch.seq} has message {batch.message_ids}, which is another's"


def _hidden(place: Place, batches: list[Batch]) -> Iterator[str]:
    """Whom a message reached since the last restore is accepted, unknown or in flight, unless an operator decided."""
    shown = {user for batch in batches if batch.state in SHOWS for user in batch.users}
    resent = {user for batch in batches if batch.state == BatchState.READY for user in batch.users}
    for message in place.ledger.messages.values():
        if message.turn < place.restored_turn or message.unsent_at is not None or message.failed:
            continue
        decided = {user for word in place.ledger.words if word.turn > message.turn for user in word.users}
        hidden = message.users - shown - decided - {user for user in resent if _resends(place, user)}
        if hidden:
            yield f"{sorted(hidden)} got message {message.id}, and no batch says so"


def _resends(place: Place, user: int) -> bool:
    return place.ledger.says[user // 1000].resends
