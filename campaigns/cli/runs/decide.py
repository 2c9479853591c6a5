"""`runs decide`: an operator's answer to what is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.output import json_option, show
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.runs.recall import runs
from campaigns.cli.runs.runs import batch_numbers, batch_option, given_reason, reason_option, run_argument
from campaigns.domain.errors import UsageError

if TYPE_CHECKING:
    from campaigns.flow.reconcile.decide import Verdict

__all__ = ["runs"]


@runs.command()
@run_argument
@batch_option
@click.option("--all", "all_batches", is_flag=True, help="Every unknown batch of the run.")
@click.option(
    "--as",
    "verdict",
    type=click.Choice(["accepted", "not-sent", "resend"]),
    required=True,
    help="It was accepted; it was not sent (ends as cancelled); or send it again.",
)
@click.option("--message-id", metavar="ID", help="The vendor's ID of the message that was accepted.")
@click.option(
    "--despite", multiple=True, metavar="ID", help="A message ID on record that is passed over; may be given again."
)
@reason_option
@json_option
def decide(
    run_id: int,
    *,
    batch: tuple[str, ...],
    all_batches: bool,
    verdict: Verdict,
    message_id: str | None,
    despite: tuple[str, ...],
    reason: str,
    as_json: bool,
) -> None:
    """Say what became of unknown batches.

    By name and with a reason, on the record.
    """
    from campaigns.flow.reconcile.decide import decide as decide_run

    if all_batches == bool(batch):
        raise UsageError("Say which unknown batches are meant: --batch SEQ, or --all of them.")
    if message_id is not None and verdict != "accepted":
        raise UsageError(f"--message-id belongs to --as accepted; {verdict} has none.")
    with opened() as parts:
        decided = decide_run(
            parts.store,
            run_id,
            seqs=batch_numbers(batch),
            verdict=verdict,
            message_id=message_id,
            despite=despite,
            reason=given_reason(reason),
            actor=actor(),
        )
    show(decided, as_json=as_json, people=lambda: click.echo(f"Decided as {verdict} in run {run_id}."))
