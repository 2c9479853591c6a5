"""The judgement after a storm: the vendor's own ledger against what was ordered and what SQL says.

It never goes by what the code counted itself.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pyroaring import BitMap64
from sqlalchemy import Connection, text

from campaigns.domain.audience.user_sets import unpack
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify
from tests.faults.lost import Lost
from tests.faults.moments import seconds_of
from tests.faults.orders import Orders

MAY_HAVE_REACHED = {"accepted", "unknown"}


@dataclass(frozen=True)
class Item:
    """One send that the vendor accepted."""

    message_id: str
    account: str
    at: float
    sha256: str
    text: str
    users: BitMap64


@dataclass(frozen=True)
class Batch:
    """One batch as SQL has it at the end."""

    id: int
    name: str
    account: str
    state: str
    message_id: str | None
    on_unknown: str
    campaign: str
    users: BitMap64


@dataclass
class Verdict:
    """What was found; each fault is a sentence."""

    accepted: int = 0
    users: int = 0
    duplicates: list[str] = field(default_factory=list)  # I1
    losses: list[str] = field(default_factory=list)  # I2, I11, and accepted sends that no batch shows
    wrong_ids: list[str] = field(default_factory=list)  # I3
    wrong_texts: list[str] = field(default_factory=list)  # the message, or the account, is not the one that was ordered
    unannounced: list[str] = field(default_factory=list)  # I4
    crowded: list[str] = field(default_factory=list)  # I5
    questions: list[str] = field(default_factory=list)  # more requests than the budget allows
    surprises: list[str] = field(default_factory=list)  # what a worker did not see coming
    taken_back: int = 0  # messages that SQL says were unsent
    unknown: int = 0  # batches that are left to an operator
    unknown_accepted: int = 0  # of them, those that the vendor had accepted
    doubled_by_policy: int = 0  # users of campaigns that chose to resend unknowns: at least once, as they were told

    @property
    def ok(self) -> bool:
        """Whether the law held."""
        return not self.faults

    @property
    def faults(self) -> list[str]:
        """All faults together."""
        wrong = [*self.wrong_ids, *self.wrong_texts]
        besides = [*self.unannounced, *self.crowded, *self.questions, *self.surprises]
        return [*self.duplicates, *self.losses, *wrong, *besides]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


UNSENT = text(
    "SELECT account_id, message_id FROM unsend JOIN unsend_outcome USING (recall_id, batch_id, number)"
    " WHERE kind = 'unsent'"
)


def judge(
    store: Store,
    ledger: Path,
    *,
    orders: Orders,
    unfinished: list[str],
    most_in_flight: int,
    lost: Lost | None = None,
    given_up: BitMap64 | None = None,
) -> Verdict:
    """Compare what the vendor accepted with what was ordered, and both with what SQL says.

    `lost`: what databases knew that were put back since. `given_up`: users whom an operator knowingly left out.
    """
    items = list(read_ledger(ledger))
    verdict = Verdict(accepted=len(items), users=len({(i.account, user) for i in items for user in i.users}))
    with store.read() as connection:
        batches = {batch.id: batch for batch in _batches(connection)}
        attempts = _attempts(connection)
        verdict.losses += verify.verify(connection).faults
        said = {(row.account_id, row.message_id) for row in connection.execute(UNSENT)}
    taken_back = set(read_taken_back(ledger))
    verdict.taken_back = len(said)
    verdict.wrong_ids += [f"item {one} of {account} is said to be taken back" for account, one in said - taken_back]
    verdict.losses += [f"{one}, long after the last fault" for one in unfinished]
    if most_in_flight > 1:
        verdict.crowded.append(f"{most_in_flight} sends of one account were in flight at once")
    _every_text_is_right(verdict, items, orders)
    _nobody_twice(verdict, items, orders)
    _nobody_lost(verdict, items, orders, batches, given_up or BitMap64())
    _every_send_was_announced(verdict, items, attempts, lost or Lost())
    every_id_is_right(verdict, items, attempts, batches, lost or Lost())
    reached = {batch_id for item in items for batch_id, _ in attempts.get((item.account, item.sha256), [])}
    left = {batch.id for batch in batches.values() if batch.state == "unknown"}
    verdict.unknown, verdict.unknown_accepted = len(left), len(left & reached)
    return verdict


def read_ledger(path: Path) -> Iterator[Item]:
    """Every accepted send of this product; a last line that is not whole was never answered for."""
    for line in path.read_bytes().splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        entry = json.loads(line)
        if entry["kind"] == "accepted":
            users = BitMap64(map(int, entry["request"]["userIds"])) - BitMap64(entry["skipped"])
            text_sent = entry["request"]["text"]
            yield Item(str(entry["id"]), entry["account"], entry["at"], entry["sha256"], text_sent, users)


def read_taken_back(path: Path) -> Iterator[tuple[str, str]]:
    """Account and message ID of everything that the vendor took back."""
    for line in path.read_bytes().splitlines():
        if b'"cancelled"' in line and (entry := json.loads(line))["kind"] == "cancelled":
            yield entry["account"], str(entry["id"])


Attempts = dict[tuple[str, str], list[tuple[int, float]]]
"""Account and SHA-256 of a request: the batches that committed it, and when."""


def _attempts(connection: Connection) -> Attempts:
    found: Attempts = defaultdict(list)
    for row in connection.execute(text("SELECT account_id, request_sha256, batch_id, started_at FROM attempt")):
        found[row.account_id, row.request_sha256].append((row.batch_id, seconds_of(row.started_at)))
    return found


def _batches(connection: Connection) -> Iterator[Batch]:
    statement = text(
        "SELECT batch.id, batch.seq, batch.run_id, batch.account_id, batch.state, batch.message_id, batch.users,"
        " revision.on_unknown, campaign.name FROM batch JOIN run ON run.id = batch.run_id"
        " JOIN campaign ON campaign.id = run.campaign_id"
        " JOIN revision ON revision.campaign_id = run.campaign_id AND revision.number = run.revision"
    )
    for row in connection.execute(statement):
        name, users = f"batch {row.seq} of run r{row.run_id}", unpack(bytes(row.users))
        yield Batch(row.id, name, row.account_id, row.state, row.message_id, row.on_unknown, row.name, users)


def _every_text_is_right(verdict: Verdict, items: list[Item], orders: Orders) -> None:
    """Each fan got the text that was ordered for them, from the account that it was ordered from."""
    for item in items:
        order = orders.said(item.text)
        if order is None:
            verdict.wrong_texts.append(f"item {item.message_id} says {item.text!r}, which nobody ordered")
        elif order.account != item.account:
            verdict.wrong_texts.append(f"item {item.message_id} of {item.account} says {order.account}'s {item.text!r}")
        elif strangers := item.users - order.users:
            verdict.wrong_texts.append(
                f"item {item.message_id} says {item.text!r} to {len(strangers)} users for whom it was not ordered"
            )


def _nobody_twice(verdict: Verdict, items: list[Item], orders: Orders) -> None:
    """I1, across every database that there ever was."""
    reached: Counter[int] = Counter()
    for item in items:
        reached.update(item.users)
    twice: Counter[str] = Counter()
    for user, count in reached.items():
        order = orders.of_user(user)
        if count > 1 and order is not None and order.on_unknown == "resend":
            verdict.doubled_by_policy += 1
        elif count > 1:
            twice["a text that nobody ordered" if order is None else order.text] += 1
    for name, count in twice.items():
        verdict.duplicates.append(f"{name}: {count} users were messaged more than once")


def _nobody_lost(
    verdict: Verdict, items: list[Item], orders: Orders, batches: dict[int, Batch], given_up: BitMap64
) -> None:
    """I2 for each order: whoever was not reached stands in a batch, and in none that says so."""
    reached = BitMap64.union(BitMap64(), *(item.users for item in items))
    listed: dict[str, BitMap64] = defaultdict(BitMap64)
    taken: dict[str, BitMap64] = defaultdict(BitMap64)
    for batch in batches.values():
        listed[batch.campaign] |= batch.users
        if batch.state == "accepted":
            taken[batch.campaign] |= batch.users
    for order in orders.all():
        unreached = order.users - reached
        if lost := unreached - listed[order.text]:
            verdict.losses.append(f"{order.text}: {len(lost)} users were not reached, and stand in no batch")
        if untrue := (unreached & taken[order.text]) - given_up:
            verdict.losses.append(f"{order.text}: {len(untrue)} users are accepted, but were not reached")


def _every_send_was_announced(verdict: Verdict, items: list[Item], attempts: Attempts, lost: Lost) -> None:
    """I4."""
    for item in items:
        request = item.account, item.sha256
        committed = [at for _, at in attempts.get(request, [])]
        committed += lost.requests.get(request, ())
        if not any(at <= item.at for at in committed):
            verdict.unannounced.append(f"item {item.message_id} was accepted without an attempt committed before it")


def every_id_is_right(
    verdict: Verdict, items: list[Item], attempts: Attempts, batches: dict[int, Batch], lost: Lost
) -> None:
    """I3 in both directions. What a request of a lost database became belongs to no batch that is here."""
    by_id = {(item.account, item.message_id): item for item in items}
    for batch in batches.values():
        if batch.message_id is None:
            continue
        found = by_id.get((batch.account, batch.message_id))
        if found is None or not found.users <= batch.users:
            verdict.wrong_ids.append(f"{batch.name} has message ID {batch.message_id}, which is not its own")
    for item in items:
        request = item.account, item.sha256
        here = [at for _, at in attempts.get(request, []) if at <= item.at]
        gone = [at for at in lost.requests.get(request, ()) if at <= item.at]
        if max(gone, default=0.0) > max(here, default=0.0):
            continue
        owners = [batches[batch_id] for batch_id, _ in attempts.get(request, [])]
        strict = [owner for owner in owners if owner.on_unknown == "hold"]
        shown = [owner for owner in strict if owner.state in MAY_HAVE_REACHED]
        if strict and not shown:
            verdict.losses.append(f"item {item.message_id} was accepted, but {strict[0].name} is {strict[0].state}")
        others = [one for one in shown if one.message_id not in {None, item.message_id}]
        if others:
            verdict.wrong_ids.append(f"item {item.message_id} is not the one that {others[0].name} has recorded")
