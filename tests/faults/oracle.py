"""The judgement after a storm, from the vendor's own ledger and from SQL; never from what the code counted itself."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from campaigns.domain.audience.user_sets import unpack
from campaigns.store.database.engine import Store
from campaigns.store.proof import verify

MAY_HAVE_REACHED = {"accepted", "unknown"}


@dataclass(frozen=True)
class Item:
    """One send that the vendor accepted."""

    message_id: str
    account: str
    at: float
    sha256: str
    users: frozenset[int]


@dataclass(frozen=True)
class Batch:
    """One batch as SQL has it at the end."""

    id: int
    name: str
    lineage: int
    state: str
    message_id: str | None
    on_unknown: str
    users: frozenset[int]


@dataclass
class Verdict:
    """What was found; each fault is a sentence."""

    accepted: int = 0
    users: int = 0
    duplicates: list[str] = field(default_factory=list)  # I1
    losses: list[str] = field(default_factory=list)  # I2, I11, and accepted sends that no batch shows
    wrong_ids: list[str] = field(default_factory=list)  # I3
    unannounced: list[str] = field(default_factory=list)  # I4
    crowded: list[str] = field(default_factory=list)  # I5
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
        return [*self.duplicates, *self.losses, *self.wrong_ids, *self.unannounced, *self.crowded]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


UNSENT = text(
    "SELECT account_id, message_id FROM unsend JOIN unsend_outcome USING (recall_id, batch_id, number)"
    " WHERE kind = 'unsent'"
)


def judge(store: Store, ledger: Path, *, unfinished: list[str], most_in_flight: int) -> Verdict:
    """Compare what the vendor accepted with what SQL says."""
    items = list(read_ledger(ledger))
    verdict = Verdict(accepted=len(items), users=len({(i.account, user) for i in items for user in i.users}))
    with store.read() as connection:
        batches = {batch.id: batch for batch in _batches(connection)}
        attempts = _attempts(connection)
        verdict.losses += verify.verify(connection)["faults"]
        said = {(row.account_id, row.message_id) for row in connection.execute(UNSENT)}
    taken_back = set(read_taken_back(ledger))
    verdict.taken_back = len(said)
    verdict.wrong_ids += [f"item {one} of {account} is said to be taken back" for account, one in said - taken_back]
    verdict.losses += [f"{one}, long after the last fault" for one in unfinished]
    if most_in_flight > 1:
        verdict.crowded.append(f"{most_in_flight} sends of one account were in flight at once")
    _nobody_twice(verdict, items, attempts, batches)
    _every_id_is_right(verdict, items, attempts, batches)
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
            users = frozenset(map(int, entry["request"]["userIds"])) - set(entry["skipped"])
            yield Item(str(entry["id"]), entry["account"], entry["at"], entry["sha256"], users)


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
        "SELECT batch.id, batch.seq, batch.run_id, coalesce(run.root_run_id, run.id) AS lineage, batch.state,"
        " batch.message_id, revision.on_unknown, batch.users FROM batch JOIN run ON run.id = batch.run_id"
        " JOIN revision ON revision.campaign_id = run.campaign_id AND revision.number = run.revision"
    )
    for row in connection.execute(statement):
        users = frozenset(unpack(bytes(row.users)))
        name = f"batch {row.seq} of run {row.run_id}"
        yield Batch(row.id, name, row.lineage, row.state, row.message_id, row.on_unknown, users)


def _nobody_twice(verdict: Verdict, items: list[Item], attempts: Attempts, batches: dict[int, Batch]) -> None:
    """I1 for each lineage, I4 for each item."""
    reached: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for item in items:
        committed = attempts.get((item.account, item.sha256), [])
        if not any(at <= item.at for _, at in committed):
            verdict.unannounced.append(f"item {item.message_id} was accepted without an attempt committed before it")
            continue
        batch = batches[committed[0][0]]
        reached[batch.lineage, batch.on_unknown].update(item.users)
    for (lineage, policy), times in reached.items():
        twice = sum(1 for count in times.values() if count > 1)
        if twice and policy == "resend":
            verdict.doubled_by_policy += twice
        elif twice:
            verdict.duplicates.append(f"run {lineage}: {twice} users were messaged more than once")


def _every_id_is_right(verdict: Verdict, items: list[Item], attempts: Attempts, batches: dict[int, Batch]) -> None:
    """I3 in both directions."""
    by_id = {item.message_id: item for item in items}
    for batch in batches.values():
        if batch.message_id is None:
            continue
        found = by_id.get(batch.message_id)
        if found is None or not found.users <= batch.users:
            verdict.wrong_ids.append(f"{batch.name} has message ID {batch.message_id}, which is not its own")
    for item in items:
        owners = [batches[batch_id] for batch_id, _ in attempts.get((item.account, item.sha256), [])]
        shown = [owner for owner in owners if owner.state in MAY_HAVE_REACHED]
        if owners and not shown:
            verdict.losses.append(f"item {item.message_id} was accepted, but {owners[0].name} is {owners[0].state}")
        others = [one for one in shown if one.on_unknown == "hold" and one.message_id not in {None, item.message_id}]
        if others:
            verdict.wrong_ids.append(f"item {item.message_id} is not the one that {others[0].name} has recorded")


def seconds_of(moment: Any) -> float:
    """A moment of either database as seconds; SQLite's come as text, in UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    known: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return known.timestamp()
