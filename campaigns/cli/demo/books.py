"""The end of the demo: compare our books with the sandbox's record."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyroaring import BitMap64

from campaigns.adapters.upstream.sandbox_record import AcceptedSend
from campaigns.domain.audience.user_sets import union, unpack
from campaigns.domain.ids import run_name
from campaigns.domain.states import BatchState
from campaigns.store.database.engine import Store
from campaigns.store.proof.verify import Verified, verify
from campaigns.store.sending.batches import batch_sets
from campaigns.store.views import batches as batch_views
from campaigns.store.views import runs as run_views
from campaigns.store.views.run_lines import runs as runs_of
from campaigns.store.views.runs import RunView

COUNTS = ("accepted", "rejected", "unknown", "cancelled")


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """What the sandbox has on record: requests that it accepted, and their users."""

    sends: int
    users: int
    users_accepted_twice: int


@dataclass(frozen=True, slots=True)
class Audit:
    """The books and the sandbox's record; `differences` is empty when they agree."""

    runs: list[RunView]
    sandbox: RecordCounts
    fans: int  # distinct users who are accepted in our books
    verified: Verified
    differences: list[str] = field(default_factory=list)

    @property
    def together(self) -> dict[str, int]:
        """The sums over all runs; a user counts in each run that planned them, reruns too."""
        return {name: sum(getattr(run, name) for run in self.runs) for name in ("planned", *COUNTS)}


def make_audit(store: Store, record: list[AcceptedSend]) -> Audit:
    """Compare every request and recipient of our books with everything that the sandbox accepted."""
    with store.read() as connection:
        runs = [run_views.run_of(connection, line.id) for line in reversed(runs_of(connection))]
        run_ids = [run.id for run in runs]
        ours = union(map(unpack, batch_sets(connection, run_ids=run_ids, states=[BatchState.ACCEPTED])))
        committed = {row.request_sha256 for run_id in run_ids for row in batch_views.attempts(connection, run_id)}
        verified = verify(connection)
    theirs, twice = _users_of(record)
    sandbox = RecordCounts(sends=len(record), users=len(theirs), users_accepted_twice=len(twice))
    strange = [send.message_id for send in record if send.request_sha256 not in committed]
    differences = [*_unbalanced(runs), *verified.faults, *_apart(ours, theirs, twice)]
    if strange:
        differences.append(f"the sandbox accepted {', '.join(strange)}, and no attempt of ours has that request")
    return Audit(runs, sandbox, len(ours), verified, differences)


def _users_of(record: list[AcceptedSend]) -> tuple[BitMap64, BitMap64]:
    """Everybody whom the sandbox accepted, and those whom it accepted more than once."""
    users, twice = BitMap64(), BitMap64()
    for send in record:
        twice |= users & send.users
        users |= send.users
    return users, twice


def _unbalanced(runs: list[RunView]) -> list[str]:
    differences = []
    for run in runs:
        settled = sum(getattr(run, name) for name in COUNTS)
        if settled != run.planned:
            differences.append(f"run {run_name(run.id)} planned {run.planned:,}, but {settled:,} are settled")
        if run.unknown:
            differences.append(f"run {run_name(run.id)} has {run.unknown:,} unknown after every decision")
    return differences


def _apart(ours: BitMap64, theirs: BitMap64, twice: BitMap64) -> list[str]:
    differences = (
        (ours - theirs, "our books count as accepted, but the sandbox did not accept"),
        (theirs - ours, "the sandbox accepted, but our books do not count as accepted"),
        (twice, "the sandbox accepted more than once"),
    )
    return [f"{len(users):,} users whom {words}" for users, words in differences if users]
