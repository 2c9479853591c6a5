"""`runs recipients`: write the user IDs of a run into a file, by the state of their batch."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from campaigns.cli.kit.output import counted, note
from campaigns.cli.kit.session import opened
from campaigns.cli.runs.listed import runs
from campaigns.cli.runs.runs import batch_numbers, batch_option, run_argument
from campaigns.domain.errors import UsageError
from campaigns.domain.states import BatchState
from campaigns.private_files import FULL_DISK

if TYPE_CHECKING:
    from pyroaring import BitMap64

__all__ = ["runs"]

STATES = [state.value for state in BatchState if state is not BatchState.SPLIT]


@runs.command()
@run_argument
@click.option("--state", type=click.Choice(STATES), help="Recipients of the batches in this state.")
@click.option("--left-out", metavar="REASON", help="Users whom the run left out for this reason, such as `suppressed`.")
@batch_option
@click.option("--output", required=True, metavar="FILE", help="Write to this new file, or - for standard output.")
def recipients(run_id: int, *, state: str | None, left_out: str | None, batch: tuple[str, ...], output: str) -> None:
    """Write the user IDs of a run, one a line.

    The file is new, and only you may read it. A run to whole lists has no IDs here: only the vendor knows them.
    """
    from campaigns.store.runs.recipients import recipients_in_state, recipients_left_out

    if (state is None) == (left_out is None):
        raise UsageError("Name either --state or --left-out.")
    if left_out is not None and batch:
        raise UsageError("--batch belongs to --state; users who were left out are in no batch.")
    with opened() as parts, parts.store.read() as connection:
        sets: Iterable[BitMap64] = []
        if left_out is not None:
            sets = [recipients_left_out(connection, run_id, left_out)]
        elif state is not None:
            sets = recipients_in_state(connection, run_id, BatchState(state), seqs=batch_numbers(batch))
        if output == "-":
            _write(sets, sys.stdout)
            return
        count = _write_file(sets, output)
    note(f"Wrote {counted(count, 'user ID')} to {output}.")


def _write_file(sets: Iterable[BitMap64], output: str) -> int:
    """Write the IDs to a new file that only our own user may read; returns how many. Raises UsageError.

    A list that cannot be written whole is deleted.
    """
    if not output:
        raise UsageError("--output is empty; name a file, or - for standard output.")
    path, is_made = Path(output), False
    try:
        with open(path, "x", encoding="ascii", opener=_private) as stream:
            is_made = True
            return _write(sets, stream)
    except BaseException as fault:
        if is_made:
            path.unlink(missing_ok=True)
        if not isinstance(fault, OSError):
            raise
        raise UsageError(f"--output '{output}' cannot be written: {_cause(fault, path)}.") from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, mode=0o600)


def _cause(fault: OSError, path: Path) -> str:
    if isinstance(fault, FileExistsError):
        return "it exists already; name a new file"
    if isinstance(fault, FileNotFoundError):
        return f"there is no folder '{path.parent}'; make it first"
    if fault.errno in FULL_DISK:
        return "its disk is full; make room, or name a file on another disk"
    return fault.strerror or str(fault)


def _write(sets: Iterable[BitMap64], stream: TextIO) -> int:
    count = 0
    for users in sets:
        count += len(users)
        stream.writelines(f"{user}\n" for user in users)
    return count
