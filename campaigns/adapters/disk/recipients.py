"""Recipient files of every kind as one reader: workbooks, and the texts that the domain reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from campaigns.domain.audience.gathering import Reading, shown
from campaigns.domain.audience.recipient_file import read_users
from campaigns.domain.audience.sheet_rows import read_sheet
from campaigns.domain.errors import InputFault, InvalidInput, UsageError

HEAD_BYTES = 8
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How workbooks before 2007 begin, and those that are locked by a password."""

WORKBOOKS = (b"PK\x03\x04", OLD_WORKBOOK)

SHOWN_SHEETS = 8

Progress = Callable[[int], None]


def read_recipients(
    stream: BinaryIO, *, name: str, skip_bad: bool = False, sheet: str | None = None, progress: Progress | None = None
) -> Reading:
    """The user IDs in a file that can be read from any place; `sheet` names that of a workbook with several.

    Raises UsageError that names the file by `name`, InvalidInput for the sheet.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(-len(head), os.SEEK_CUR)
    if head.startswith(WORKBOOKS):
        return read_workbook(head, stream, name=name, skip_bad=skip_bad, sheet=sheet, progress=progress)
    refuse_sheet(sheet, name)
    return read_users(stream, name=name, skip_bad=skip_bad, progress=progress)


def refuse_sheet(sheet: str | None, name: str) -> None:
    """Raise InvalidInput when a sheet is named for a file that has none."""
    if sheet is not None:
        text = f"'{shown(sheet)}' is a sheet of a workbook, but {name} is not a workbook"
        raise InvalidInput(InputFault(text, "sheet"))


def read_workbook(
    head: bytes,
    stream: BinaryIO,
    *,
    name: str,
    skip_bad: bool = False,
    sheet: str | None = None,
    progress: Progress | None = None,
) -> Reading:
    """The user IDs in a sheet of a workbook; `head` is how it begins. Raises as `read_recipients` does."""
    from campaigns.adapters.disk.workbook import AS_CSV, Workbook

    if head == OLD_WORKBOOK:
        raise UsageError(f"{name} is an .xls workbook, or is locked by a password; save it as .xlsx, or {AS_CSV}.")
    workbook = Workbook(stream, name)
    chosen = _chosen(workbook.sheets, sheet, name)
    return read_sheet(workbook.rows(chosen, progress), name=name, sheet=chosen, skip_bad=skip_bad)


def _chosen(sheets: list[str], sheet: str | None, name: str) -> str:
    if sheet is None and len(sheets) == 1:
        return sheets[0]
    if sheet in sheets:
        return sheet
    listed = ", ".join(f"'{shown(each)}'" for each in sheets[:SHOWN_SHEETS])
    if sheet is None:
        text = f"is missing: {name} has {len(sheets):,} sheets ({listed}); say which one"
        raise InvalidInput(InputFault(text, "sheet"))
    raise UsageError(f"{name} has no sheet '{shown(sheet)}'; it has {listed}.")
