"""Ask for an act on many runs at once, look at what it would do, and abort it.

The caller names the filter, the moment of the picture that a person saw, and how many that picture showed. An operation
acts on what fits the filter and was there at that moment, and on nothing else; when that is another number than the
person saw, nothing is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import InputFault, InvalidInput, NotAllowed, OtherCount
from campaigns.domain.operations import NEEDS, BulkFilter, OperationAct
from campaigns.domain.people import Reason
from campaigns.store.audit.events import Act, EventKind
from campaigns.store.database.engine import Store
from campaigns.store.operations.as_of import AsOf, parse_as_of, read_as_of
from campaigns.store.operations.operations import NewOperation, abort, add_operation, find_operation, set_total
from campaigns.store.operations.targets import Wanted, find_targets, fix_targets, refuse_unknown

BulkVerdict = Literal["accepted", "not-sent", "resend"]

SHOWN = 200
"""At most this many runs are listed by a preview."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """An act on the runs that fit a filter."""

    act: OperationAct
    which: BulkFilter
    verdict: BulkVerdict | None = None  # of a decision


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What an operation would act on."""

    act: OperationAct
    as_of: str
    count: int  # runs, or unknown batches for a decision
    runs: Sequence[int]  # the first of them, by ID


@dataclass(frozen=True, slots=True)
class OperationAsked:
    """An operation that workers carry out from now on."""

    operation_id: int
    act: OperationAct
    total: int


@dataclass(frozen=True, slots=True)
class Aborted:
    """An operation of which nothing more is done."""

    operation_id: int


def preview_bulk(store: Store, by: Principal, bulk: Bulk, *, as_of: str | None) -> BulkPreview:
    """What an operation would act on, of what was there at the moment `as_of`; None: now. Changes nothing.

    Raises Forbidden, InvalidInput, Outdated, NotFound.
    """
    _allow(by, bulk)
    with store.read() as connection:
        wanted = _wanted(connection, by, bulk, as_of, store.now(connection))
        targets = find_targets(connection, wanted)
    count = sum(size for _, size in targets)
    return BulkPreview(bulk.act, str(wanted.as_of), count, [run_id for run_id, _ in targets[:SHOWN]])


def ask_bulk(store: Store, by: Principal, bulk: Bulk, *, as_of: str, count: int, reason: str) -> OperationAsked:
    """Fix what an operation acts on, and let workers carry it out, one run at a time.

    Raises OtherCount when something else than `count` fits; Forbidden, InvalidInput, Outdated, NotFound.
    """
    why = Reason(reason)
    _allow(by, bulk)
    with store.write() as connection:
        act = Act(connection, store.now(connection), by.actor)
        wanted = _wanted(connection, by, bulk, as_of, act.now)
        options = {} if bulk.verdict is None else {"verdict": bulk.verdict}
        shown = _shown(bulk.which)
        operation_id = add_operation(act, NewOperation(bulk.act, shown, options, str(wanted.as_of), why))
        total = fix_targets(connection, operation_id, wanted)
        if total != count:
            raise OtherCount(
                f"You were shown {count:,}, and {total:,} of what was there then fit now. Nothing was done; look again."
            )
        if not total:
            raise NotAllowed("Nothing fits the filter, so there is nothing to do.")
        set_total(connection, operation_id, total)
        detail = {"operation": operation_id, "act": bulk.act.value, "filter": shown, "as_of": as_of, "total": total}
        act.record(EventKind.OPERATION_ASKED, reason=why, detail={**detail, **options})
    return OperationAsked(operation_id, bulk.act, total)


def ask_verify(store: Store, by: Principal, *, every_chain: bool, heads: dict[str, Any] | None) -> OperationAsked:
    """Let a worker prove the books and the audit. It concerns every account. Raises Forbidden."""
    by.require(NEEDS[OperationAct.VERIFY])
    by.require_every_account()
    options = {"every_chain": every_chain, "heads": heads}
    with store.write() as connection:
        act = Act(connection, store.now(connection), by.actor)
        operation_id = add_operation(act, NewOperation(OperationAct.VERIFY, {}, options, None, "asked to verify"))
        detail = {"operation": operation_id, "act": OperationAct.VERIFY.value}
        act.record(EventKind.OPERATION_ASKED, detail=detail)
    return OperationAsked(operation_id, OperationAct.VERIFY, 0)


def abort_operation(store: Store, by: Principal, operation_id: int) -> Aborted:
    """Leave what is not done yet of an operation. What a worker does at this moment is done. Raises NotAllowed.

    Whoever may ask for such an operation may also end it. Raises Forbidden, NotFound.
    """
    with store.write() as connection:
        by.require(NEEDS[find_operation(connection, operation_id).act])
        if not abort(Act(connection, store.now(connection), by.actor), operation_id):
            raise NotAllowed(f"Operation {operation_id} has ended, so there is nothing to abort.")
    return Aborted(operation_id)


def _allow(by: Principal, bulk: Bulk) -> None:
    by.require(NEEDS[bulk.act])
    if bulk.act is OperationAct.VERIFY:
        raise InvalidInput(InputFault("is about no runs; verify the audit instead", "act"))
    if (bulk.act is OperationAct.DECIDE) != (bulk.verdict is not None):
        raise InvalidInput(InputFault("belongs to a decision, and a decision needs one", "verdict"))


def _wanted(connection: Connection, by: Principal, bulk: Bulk, as_of: str | None, now: datetime) -> Wanted:
    refuse_unknown(connection, bulk.which, by.accounts)
    moment: AsOf = read_as_of(connection, now) if as_of is None else parse_as_of(connection, as_of, now)
    return Wanted(bulk.act, bulk.which, by.accounts, moment)


def _shown(which: BulkFilter) -> dict[str, Any]:
    """The filter as JSON, without what leaves nothing out."""
    fields = {
        "campaign": which.campaign,
        "account": which.account,
        "state": None if which.state is None else which.state.value,
        "since": None if which.since is None else which.since.isoformat(),
        "runs": None if which.runs is None else list(which.runs),
    }
    return {name: value for name, value in fields.items() if value is not None}
