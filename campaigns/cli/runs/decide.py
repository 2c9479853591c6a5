"""`runs decide`: an operator's decision about what is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from campaigns.cli.kit.agree import agree, yes_option
from campaigns.cli.kit.in_force import vendor_in_force
from campaigns.cli.kit.output import counted, json_option, note, one_line, print_json
from campaigns.cli.kit.session import actor, opened
from campaigns.cli.runs.recall import runs
from campaigns.cli.runs.runs import batch_numbers, batch_option, run_argument, with_reason
from campaigns.domain.errors import UsageError
from campaigns.domain.ids import campaign_name, run_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from campaigns.flow.reconcile.decide import Decided, Verdict
    from campaigns.wiring import Parts

__all__ = ["runs"]

FIRST_WORDS = 60
"""Characters of a message that the question shows."""


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
@with_reason
@yes_option
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
    is_agreed: bool,
    as_json: bool,
) -> None:
    """Decide what became of unknown batches.

    Your name and your reason are kept. `--as resend` may reach fans twice, so it asks first; off a terminal it needs
    --yes.
    """
    from campaigns.flow.reconcile.decide import decide as decide_run

    if all_batches == bool(batch):
        raise UsageError("Name the unknown batches: --batch SEQ, or --all of them.")
    if message_id is not None and verdict != "accepted":
        raise UsageError(f"--message-id belongs to --as accepted; {verdict} has none.")
    seqs: Sequence[int] | None = batch_numbers(batch)
    with opened() as parts:
        if verdict == "resend":
            seqs = _agreed(parts, run_id, seqs, despite, is_agreed=is_agreed)
        decided = decide_run(
            parts.store,
            run_id,
            seqs=seqs,
            verdict=verdict,
            message_id=message_id,
            despite=despite,
            reason=reason,
            actor=actor(),
        )
    if as_json:
        print_json(_documented(decided))
    else:
        click.echo(f"Decided as {verdict}: {counted(len(decided.batches), 'batch')} of run {run_name(run_id)}.")


def _agreed(
    parts: Parts, run_id: int, seqs: Sequence[int] | None, despite: Sequence[str], *, is_agreed: bool
) -> list[int]:
    """The batches that are agreed to be sent again; what may not be sent again is refused before the question.

    A batch that becomes unknown while the question is open is not among them.
    """
    from campaigns.flow.reconcile.resend import preview_resend

    resend = preview_resend(parts.store, run_id, seqs=seqs, despite=despite)
    campaign = f"{campaign_name(resend.campaign_id)} ({resend.campaign})"
    price = "free" if resend.price is None else f"price {resend.price}"
    waits = [] if resend.stopped is None else [f"It is sent after `campaigns go`: it is stopped ({resend.stopped})."]
    summary = [
        vendor_in_force(parts.settings),
        *waits,
        f"Run {run_name(run_id)} of campaign {campaign} on account {resend.account_id}, {price}.",
        f"Message: {resend.text[:FIRST_WORDS]}",
        f"It costs {counted(len(resend.batches), 'request')}, a credit each.",
        "Nobody knows whether these fans have the message: those who have it get it twice.",
    ]
    batches = counted(len(resend.batches), "unknown batch")
    question = f"Send {batches} again to {counted(resend.recipients, 'fan')} of {resend.account_id}?"
    agree(summary, question, people=resend.recipients, is_agreed=is_agreed)
    for sentence in waits if is_agreed else []:
        note(one_line(sentence))
    return resend.batches


def _documented(decided: Decided) -> dict[str, object]:
    """The documented JSON; `as` is not a name in Python."""
    return {
        "run_id": decided.run_id,
        "as": decided.verdict,
        "batches": decided.batches,
        "recipients": decided.recipients,
        "state": decided.state,
    }
