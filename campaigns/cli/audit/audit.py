"""`audit`: what happened, who did it and why, and the proof that the books balance."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from campaigns.as_lines import Form, header, lines
from campaigns.cli.kit.output import counted, json_option, note, one_line, print_json_list, show
from campaigns.cli.kit.recipient_files import reason
from campaigns.cli.kit.session import CAMPAIGN, LARGEST_ID, RUN, actor, opened
from campaigns.cli.kit.tables import Column, Kind, print_table
from campaigns.closing import closed_after
from campaigns.domain.errors import UsageError
from campaigns.private_files import FULL_DISK

if TYPE_CHECKING:
    from campaigns.store.proof.verify import Verified
    from campaigns.store.views.events import EventView
    from campaigns.wiring import Parts

COLUMNS = (
    Column("event", Kind.NUMBER),
    Column("at", Kind.TIME),
    Column("by", Kind.NAME, rank=3),
    Column("kind", Kind.NAME),
    Column("account", Kind.NAME, rank=4),
    Column("run", Kind.RUN, rank=1),
    Column("batch", Kind.NUMBER, rank=5),
    Column("reason", rank=2),
    Column("detail", rank=6),
)

MOST_LISTED = 100_000
"""`list` holds at most this many events in memory; `export` has no such limit."""

CREDITS = 100
"""`verify --vendor` spends at most this many credits, unless `--credits` gives another number."""

run_option = click.option("--run", "run_id", type=RUN, metavar="RUN", help="Only events of this run.")
campaign_option = click.option("--campaign", "campaign_id", type=CAMPAIGN, metavar="ID", help="Only of this campaign.")
after_option = click.option(
    "--after", type=click.IntRange(0, LARGEST_ID), default=0, metavar="ID", help="Only later events."
)


@click.group()
def audit() -> None:
    """List and export the audit log, and verify the books."""


@audit.command("list")
@run_option
@campaign_option
@after_option
@click.option(
    "--limit",
    type=click.IntRange(1, MOST_LISTED),
    default=100,
    show_default=True,
    metavar="N",
    help="At most this many.",
)
@json_option
def list_events(run_id: int | None, campaign_id: int | None, *, after: int, limit: int, as_json: bool) -> None:
    """List events, the newest first.

    With --after, and in --json, the oldest first.
    """
    from campaigns.store.views import events as event_views

    newest_first = not after and not as_json
    with opened() as parts, parts.store.read() as connection:
        stream = event_views.events(connection, run_id, campaign_id, after, newest_first=newest_first)
        listed = list(islice(stream, limit + 1))
    if as_json:
        print_json_list(listed[:limit])
    else:
        print_table(COLUMNS, map(_row, listed[:limit]), empty="No events yet.")
    if len(listed) <= limit:
        return
    if newest_first:
        note(f"There are older ones; --limit N lists more, at most {MOST_LISTED:,}; `campaigns audit export` all.")
    else:
        note(f"There are more; --after {listed[limit - 1].id} goes on, and `campaigns audit export` gives all.")


@audit.command()
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True)
@click.option("--output", metavar="FILE", help="Write to this file instead of standard output.")
@run_option
@campaign_option
@after_option
def export(form: Form, output: str | None, run_id: int | None, campaign_id: int | None, *, after: int) -> None:
    """Write every event as CSV or JSON Lines.

    Streamed. In CSV, a text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    from campaigns.store.views import events as event_views

    with opened() as parts, parts.store.read() as connection:
        stream = event_views.events(connection, run_id=run_id, campaign_id=campaign_id, after=after)
        if output is None or output == "-":
            _write(stream, sys.stdout, form)
            return
        count = _write_file(stream, output, form)
    note(f"Wrote {count:,} events to {output}.")


@audit.command()
@click.option("--heads", "heads_file", metavar="FILE", help="Compare with the heads in this file, of an earlier proof.")
@click.option("--every-chain", is_flag=True, help="Print the head of each run and account too.")
@click.option("--vendor", "run_id", type=RUN, metavar="RUN", help="First ask the vendor for this run's sent counts.")
@click.option(
    "--credits",
    "most",
    type=click.IntRange(1, LARGEST_ID),
    metavar="N",
    help=f"The most to spend. [default: {CREDITS}]",
)
@json_option
def verify(heads_file: str | None, *, every_chain: bool, run_id: int | None, most: int | None, as_json: bool) -> None:
    """Prove the books and the sealed log.

    Of every run: that its books balance, that nobody is in two of its batches, and that each request carried the run's
    message to the batch's users. Of the log: that no sealed row was edited, removed or moved. Exit 1 when one of these
    is not so. Keep what --json prints somewhere else, and pass it with --heads: only that shows a log that was cut off
    or rewritten as a whole.

    Sent counts of the vendor are compared: a batch that more fans got than it holds is a fault. --vendor asks for
    those that are not known; each batch costs a credit.
    """
    from campaigns.cli.audit.kept_heads import read_heads
    from campaigns.store.proof import verify as proof

    earlier = read_heads(heads_file) if heads_file is not None else None
    if most is not None and run_id is None:
        raise UsageError("--credits belongs to --vendor RUN.")
    with opened() as parts:
        if run_id is not None:
            _ask_vendor(parts, run_id, most or CREDITS)
        with parts.store.read() as connection:
            verified = proof.verify(connection, earlier, every_chain=every_chain)
    show(verified, as_json=as_json, people=lambda: _print_verified(verified))
    click.get_current_context().exit(0 if verified.ok else 1)


def _ask_vendor(parts: Parts, run_id: int, most: int) -> None:
    from campaigns.flow.reconcile.sent_counts import ask_sent_counts

    def say(questions: int) -> None:
        note(f"Asking the vendor for {counted(questions, 'sent count')}: {counted(questions, 'credit')}.")

    sender = parts.sender(stopping=threading.Event())
    with closed_after(sender.gateway), closed_after(sender.pacer), closed_after(sender.fences):
        ask_sent_counts(sender, run_id, most=most, actor=actor(), beforehand=say)


def _write_file(events: Iterable[EventView], output: str, form: Form) -> int:
    """Write the events to a new file; a file that is not whole is removed again. Raises UsageError."""
    if not output:
        raise UsageError("--output is empty; name a file, or - for standard output.")
    path, is_made = Path(output), False
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            is_made = True
            return _write(events, stream, form)
    except BaseException as fault:
        if is_made:
            path.unlink(missing_ok=True)
        if not isinstance(fault, OSError):
            raise
        why = reason(fault)
        if isinstance(fault, FileExistsError):
            why = "it exists already; name a new file"
        elif isinstance(fault, FileNotFoundError):
            why = f"there is no folder '{path.parent}'; make it first"
        elif fault.errno in FULL_DISK:
            why = "its disk is full; make room, or name a file on another disk"
        raise UsageError(f"--output '{output}' cannot be written: {why}.") from None


def _write(events: Iterable[EventView], stream: TextIO, form: Form) -> int:
    from campaigns.store.views.events import EventView

    count = 0
    stream.write(header(EventView, form))
    for line in lines(EventView, events, form):
        count += 1
        stream.write(line)
    return count


def _row(event: EventView) -> list[Any]:
    where = [event.account, event.run_id, event.batch]
    return [event.id, event.at, event.actor, event.kind, *where, event.reason, event.detail]


def _print_verified(verified: Verified) -> None:
    unsealed = f" ({verified.unsealed:,} not sealed yet)" if verified.unsealed else ""
    click.echo(
        f"{counted(verified.events, 'event')}{unsealed}, {counted(verified.runs, 'run')}: "
        + ("the books balance, and the log is whole." if verified.ok else "WRONG:")
    )
    for fault in verified.faults:
        click.echo(f"  {one_line(fault)}")
    bodies = verified.bodies
    if bodies.checked or bodies.not_checkable:
        click.echo(
            f"{counted(bodies.checked, 'request')} compared with the message and users of its batch; "
            f"{bodies.not_checkable:,} not checkable (an earlier release made them, or users were taken out since)."
        )
    sent = verified.sent_counts
    if sent.told:
        click.echo(f"The vendor has given the sent counts of {sent.told:,} of {sent.accepted:,} accepted batches.")
    for below in sent.below:
        click.echo(f"  {one_line(below)}")
    for name, head in verified.heads.items():
        click.echo(f"head of {one_line(name)}: {head.position} {head.sha256}")
