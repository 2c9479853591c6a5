"""Runs, their batches, their requests and their recipients: `/api/v1/runs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from campaigns.domain.access.rights import LOOK
from campaigns.domain.errors import InputFault, InvalidInput, UsageError
from campaigns.domain.states import BatchState, RunState
from campaigns.flow.access.allow import allow_account, allow_campaign, allow_run
from campaigns.flow.runs.outlook import ShownRun
from campaigns.flow.runs.outlook import show_run as shown_run
from campaigns.inputs.times import parse_duration, parse_moment
from campaigns.store.database.parts import Part
from campaigns.store.runs.recipients import recipients_in_state, recipients_left_out
from campaigns.store.views.batches import AttemptView, BatchView, attempts, batches
from campaigns.store.views.desk.operations import as_of_now
from campaigns.store.views.recalls import UnsendView, requests_to_unsend
from campaigns.store.views.run_lines import RunFilter, RunLine, runs
from campaigns.web.desk import Here, Viewer
from campaigns.web.kit.answers import answer, streamed
from campaigns.web.kit.lists import After, Limit, Page, paged, place

routes = APIRouter(prefix="/runs", tags=["runs"])

LARGEST_ID = 2**63 - 1

RunId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
Seq = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The number of a batch."""

Seqs = Annotated[list[Seq] | None, Query(alias="batch", description="Only these batches; may be given again.")]

AS_OF = "As-Of"
"""The header of a list with the moment that it shows; a bulk act acts on nothing that came later."""


@routes.get("", response_model=Page[RunLine])
def list_runs(
    desk: Here,
    by: Viewer,
    *,
    campaign: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    account: str | None = None,
    state: RunState | None = None,
    since: Annotated[str | None, Query(description="Opened since: 24h, 7d, or a time with its offset.")] = None,
    limit: Limit = 50,
    cursor: After = None,
) -> Response:
    """Runs, the newest first."""
    if account is not None:
        allow_account(by, LOOK, account)
    if campaign is not None:
        allow_campaign(desk.store, by, LOOK, campaign)
    of = None if by.accounts is None else sorted(by.accounts)
    filters = {"campaign": campaign, "account": account, "state": state, "since": since, "of": of}
    at = place(desk, "runs", filters, cursor)
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        which = RunFilter(
            campaign_id=campaign,
            account=account,
            state=state,
            since=None if since is None else moment_of(since, now),
            accounts=by.accounts,
            below=at.after,
            limit=limit + 1,
        )
        rows, as_of = runs(connection, which), as_of_now(connection, now)
    return answer(paged(at, rows, limit, lambda row: row.id), headers={AS_OF: as_of})


@routes.get("/{run_id}", response_model=ShownRun)
def show_run(desk: Here, by: Viewer, run_id: RunId) -> Response:
    """One run with its books, what it waits for, and when it will end."""
    allow_run(desk.store, by, LOOK, run_id)
    with desk.store.read() as connection:
        now = desk.store.now(connection)
        return answer(shown_run(connection, run_id, limits=desk.parts.limits, now=now))


@routes.get("/{run_id}/batches", response_model=Page[BatchView])
def list_batches(
    desk: Here, by: Viewer, run_id: RunId, *, state: BatchState | None = None, limit: Limit = 50, cursor: After = None
) -> Response:
    """The batches of a run, by their number."""
    allow_run(desk.store, by, LOOK, run_id)
    at = place(desk, f"batches of run {run_id}", {"state": state}, cursor)
    with desk.store.read() as connection:
        rows = batches(connection, run_id, state, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: row.seq))


@routes.get("/{run_id}/attempts", response_model=Page[AttemptView])
def list_attempts(desk: Here, by: Viewer, run_id: RunId, *, limit: Limit = 50, cursor: After = None) -> Response:
    """The requests that were made to send a run, by batch."""
    allow_run(desk.store, by, LOOK, run_id)
    at = place(desk, f"attempts of run {run_id}", {}, cursor)
    with desk.store.read() as connection:
        rows = attempts(connection, run_id, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: [row.batch, row.number]))


@routes.get("/{run_id}/unsend-attempts", response_model=Page[UnsendView])
def list_unsend_attempts(desk: Here, by: Viewer, run_id: RunId, *, limit: Limit = 50, cursor: After = None) -> Response:
    """The requests that were made to unsend messages of a run, by batch."""
    allow_run(desk.store, by, LOOK, run_id)
    at = place(desk, f"unsend attempts of run {run_id}", {}, cursor)
    with desk.store.read() as connection:
        rows = requests_to_unsend(connection, run_id, Part(at.after, limit + 1))
    return answer(paged(at, rows, limit, lambda row: [row.batch, row.number, row.started_at.isoformat()]))


@routes.get("/{run_id}/recipients", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def list_recipients(
    desk: Here,
    by: Viewer,
    run_id: RunId,
    *,
    state: BatchState | None = None,
    left_out: Annotated[str | None, Query(description="Those whom the run left out for this reason.")] = None,
    batch: Seqs = None,
) -> Response:
    """The user IDs of one part of a run's books, one a line."""
    allow_run(desk.store, by, LOOK, run_id)
    if (state is None) == (left_out is None):
        raise UsageError("Name either a state or a reason to be left out.")
    if left_out is not None and batch is not None:
        raise UsageError("A user who was left out is in no batch; name batches beside a state only.")

    def lines(connection: Any) -> Iterator[str]:
        sets: Iterable[Iterable[int]] = []
        if left_out is not None:
            sets = [recipients_left_out(connection, run_id, left_out)]
        elif state is not None:
            sets = recipients_in_state(connection, run_id, state, seqs=batch)
        return (f"{user}\n" for users in sets for user in users)

    return streamed(desk.store, lines, media_type="text/plain; charset=utf-8", file_name=f"run-{run_id}.txt")


def moment_of(since: str, now: datetime) -> datetime:
    """The time that a filter means: so long ago, or a time. Raises InvalidInput."""
    try:
        return now - timedelta(seconds=parse_duration(since))
    except ValueError:
        return parse_moment(since, None, field="since")
    except OverflowError:
        raise InvalidInput(InputFault(f"'{since}' is longer ago than there are dates", "since")) from None
