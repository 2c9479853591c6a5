"""`runs recall`: unsend what the vendor has accepted of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.output import counted, json_option, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.runs.recipients import runs
from campaigns.cli.runs.runs import run_argument, with_reason
from campaigns.domain.ids import campaign_name, run_name

if TYPE_CHECKING:
    from campaigns.flow.recall.recall import RecallAnswer
    from campaigns.store.views.runs import RunView

__all__ = ["runs"]


@runs.command()
@run_argument
@with_reason
@click.option("--dry-run", is_flag=True, help="Show what it would unsend; ask for nothing.")
@yes_option
@json_option
def recall(run_id: int, *, reason: str, dry_run: bool, is_agreed: bool, as_json: bool) -> None:
    """Take back what was accepted of a run.

    Every accepted batch is unsent, the newest first, by one request each; fans keep what they bought. A rerun never
    sends again to those whose message was unsent.
    """
    from campaigns.flow.recall.recall import recall_run
    from campaigns.store.views.runs import run_of

    with opened() as parts:
        answer = recall_run(parts.store, run_id, reason=reason, actor=actor(), dry_run=True)
        with parts.store.read() as connection:
            run = run_of(connection, run_id)
        if not dry_run:
            agree(_summary(run, answer), f"Recall run {run_name(run_id)}?", people=_people(run), is_agreed=is_agreed)
            answer = recall_run(parts.store, run_id, reason=reason, actor=actor())
    text = _would(run, answer) if dry_run else _asked(answer)
    show(answer, as_json=as_json, people=lambda: click.echo(text))


def _people(run: RunView) -> int | None:
    return None if run.whole_list else run.accepted - run.recalled


def _who(run: RunView) -> str:
    people = _people(run)
    return "whole lists" if people is None else counted(people, "recipient")


def _summary(run: RunView, answer: RecallAnswer) -> list[str]:
    lines = [
        f"Run {run_name(run.id)} of campaign {campaign_name(run.campaign_id)} on {run.account}, vendor {run.upstream}.",
        f"{counted(answer.batches, 'message')} to {_who(run)} will be unsent, by one request each.",
    ]
    if answer.unknown:
        lines.append(f"{counted(answer.unknown, 'unknown batch')} cannot be unsent.")
    return lines


def _would(run: RunView, answer: RecallAnswer) -> str:
    unknown = f"; {counted(answer.unknown, 'unknown batch')} cannot be unsent" if answer.unknown else ""
    batches = counted(answer.batches, "batch")
    return f"A recall of run {run_name(run.id)} would unsend {batches} ({_who(run)}){unknown}; nothing was asked for."


def _asked(answer: RecallAnswer) -> str:
    out = f"{counted(answer.batches, 'batch')} of run {run_name(answer.run_id)} will be unsent"
    begins = "" if answer.state != "cancelling" else ", once the request in flight has ended"
    unknown = f"; {counted(answer.unknown, 'unknown batch')} cannot be" if answer.unknown else ""
    return f"{out}{begins}{unknown}. `campaigns runs watch {run_name(answer.run_id)}` shows its progress."
