"""One run, its batches and its requests for people: facts and tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns.cli.kit.output import moment
from campaigns.cli.kit.tables import Column, Fact, Kind, print_table
from campaigns.cli.kit.ways_on import ways_on
from campaigns.cli.runs.progress import recall_text, wait_text
from campaigns.domain.ids import campaign_name, run_name
from campaigns.flow.runs.outlook import ShownRun, has_ended, is_recalled_now
from campaigns.store.views.batches import AttemptView, BatchView
from campaigns.store.views.recalls import UnsendView
from campaigns.store.views.runs import LaneView

BATCH_COLUMNS = (
    Column("seq", Kind.NUMBER),
    Column("state", Kind.NAME),
    Column("follow", Kind.NAME, 2),
    Column("size", Kind.COUNT),
    Column("message id", Kind.NAME, 1),
    Column("attempts", Kind.COUNT, 3),
    Column("available at", Kind.TIME, 4),
    Column("error", rank=1),
)

ATTEMPT_COLUMNS = (
    Column("batch", Kind.NUMBER),
    Column("number", Kind.NUMBER, 2),
    Column("started at", Kind.TIME),
    Column("outcome", Kind.NAME),
    Column("http status", Kind.NUMBER, 2),
    Column("message id", Kind.NAME, 1),
    Column("credits used", Kind.COUNT, 3),
    Column("error", rank=1),
)


def print_batches(batches: Sequence[BatchView]) -> None:
    """The table of `runs batches`."""
    rows = (
        (each.seq, each.state, each.follow, each.size, each.message_id, each.attempts, each.available_at, each.error)
        for each in batches
    )
    print_table(BATCH_COLUMNS, rows, empty="No batches of that kind yet.")


def print_attempts(requests: Sequence[AttemptView] | Sequence[UnsendView]) -> None:
    """The table of `runs attempts`."""
    rows = (
        (
            *(each.batch, each.number, each.started_at, each.outcome, each.http_status, each.message_id),
            *(each.credits_used, each.error),
        )
        for each in requests
    )
    print_table(ATTEMPT_COLUMNS, rows, empty="No request was made yet.")


def run_facts(run: ShownRun, now: datetime) -> list[Fact]:
    """The lines of `runs show`."""
    return [
        *_identity(run),
        *_counts(run),
        *_waits(run, now),
        *_history(run),
    ]


def _identity(run: ShownRun) -> list[Fact]:
    return [
        Fact("id", run_name(run.id), Kind.NAME),
        Fact("campaign", campaign_name(run.campaign_id), Kind.NAME),
        Fact("revision", run.revision, Kind.NUMBER),
        Fact("account", run.account, Kind.NAME),
        Fact("vendor", run.upstream, Kind.NAME),
        Fact("kind", run.kind, Kind.NAME),
        Fact("parent run", _run(run.parent_run_id), Kind.NAME),
        Fact("scheduled for", run.scheduled_for, Kind.TIME),
        Fact("state", run.state, Kind.NAME),
    ]


def _counts(run: ShownRun) -> list[Fact]:
    return [
        Fact("planned", run.planned, Kind.COUNT),
        Fact("recipients", run.recipients, Kind.COUNT),
        Fact("accepted", run.accepted, Kind.COUNT),
        Fact("saved", run.saved, Kind.COUNT),
        Fact("rejected", run.rejected, Kind.COUNT),
        Fact("unknown", run.unknown, Kind.COUNT),
        Fact("cancelled", run.cancelled, Kind.COUNT),
        Fact("waiting", run.waiting, Kind.COUNT),
        Fact("recalled", run.recalled, Kind.COUNT),
        Fact("recall", recall_text(run)),
        Fact("waits for recall of", [_run(other) for other in run.waits_for_recall_of], Kind.NAME),
        Fact("left out", run.excluded, Kind.COUNT),
        Fact("batches", run.batches, Kind.COUNT),
        Fact("whole list", run.whole_list),
        Fact("credits used", run.credits_used, Kind.COUNT),
        Fact("questions", run.questions, Kind.COUNT),
        Fact("question credits", run.question_credits, Kind.COUNT),
    ]


def _waits(run: ShownRun, now: datetime) -> list[Fact]:
    wait = wait_text(run, now)
    is_paused = not has_ended(run) or is_recalled_now(run)  # a hold on the account of a run that ended pauses others
    return [
        Fact("paused by", [f"{hold.kind}: {hold.reason}" for hold in run.holds] if is_paused else []),
        *(Fact("to go on", way) for way in (ways_on(run) if is_paused else [])),
        Fact("lane", None if run.lane is None else _lane_text(run.lane)),
        *([] if wait is None else [Fact("waits", wait)]),
        Fact("sending hours", [f"{each.hours} {each.zone}" for each in run.sending_hours]),
        Fact("next batch at", run.next_batch_at, Kind.TIME),
        Fact("last batch at", run.last_batch_at, Kind.TIME),
        Fact("expires at", run.expires_at, Kind.TIME),
        Fact("expired", run.expired, Kind.COUNT),
        Fact("eta", run.eta, Kind.TIME),
        Fact("limited by", run.bound_by),
    ]


def _history(run: ShownRun) -> list[Fact]:
    return [
        Fact("reason", run.reason),
        Fact("actor", run.actor),
        Fact("after run", _run(run.after_run_id), Kind.NAME),
        Fact("created at", run.created_at, Kind.TIME),
        Fact("planned at", run.planned_at, Kind.TIME),
        Fact("served at", run.served_at, Kind.TIME),
        Fact("finished at", run.finished_at, Kind.TIME),
        Fact("occurrence", run.occurrence, Kind.NUMBER),
        Fact("content", run.content, Kind.NUMBER),
        Fact("text", run.text),
        Fact("scheduled date", run.scheduled_date, Kind.TIME),
    ]


def _run(run_id: int | None) -> str | None:
    return None if run_id is None else run_name(run_id)


def _lane_text(lane: LaneView) -> str | None:
    return None if lane.waits_for is None else f"{lane.waits_for}, until {moment(lane.available_at)}"
