"""Workbooks (.xlsx): the rows of a sheet as a stream, with a limit on everything that is unpacked.

openpyxl reads the structure, the strings and each row; `defusedxml`, which it uses when that is installed, refuses
entities. Rows come from openpyxl's parser, not from its read-only sheet: that one trusts the size that the file states,
and leaves out rows that are not in order, both without an error.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any, BinaryIO

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from campaigns.domain.audience.sheet_rows import SheetRow
from campaigns.domain.errors import UsageError

MIB = 1 << 20
MOST_ROWS = 1 << 20
"""Most rows and columns of a sheet."""

ROWS_AT_ONCE = 500

PART_BYTES = 8 * MIB
STRINGS_BYTES = 128 * MIB
SHEET_BYTES = 1024 * MIB
"""Most bytes to unpack of the small parts, the texts, and a sheet. A million users with a name take 110 MiB."""

AS_CSV = "save the sheet as CSV (UTF-8) and give that file"
SAVE_AGAIN = f"open it in a spreadsheet and save it as .xlsx (not Strict), or {AS_CSV}"

UNREADABLE = "(unreadable)"
"""Is appended to a value that no spreadsheet can have, so that it is never taken for a user ID."""

CELL_TYPES = frozenset({"n", "s", "b", "d", "e", "str", "inlineStr"})
ENCRYPTED = 1
STRICT = b"purl.oclc.org/ooxml"
"""A text in the parts of a workbook that was saved as `Strict Open XML`."""

FOREIGN = {
    "content.xml": "is an OpenDocument workbook (.ods)",
    "xl/workbook.bin": "is a binary workbook (.xlsb)",
    "Index/Document.iwa": "is a workbook of Numbers",
}
"""Other kinds of zip files, by a part that only they have."""


class Workbook:
    """An open workbook. Raises UsageError when it cannot be read, or is too large unpacked.

    The stream must be seekable; the caller closes it.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._name = name
        stream.seek(0)
        with _refusing(name):
            self._reader = _Reader(stream, read_only=True, data_only=True, keep_links=False)
            self._reader.archive = _Archive(stream)
            _refuse_foreign(self._reader.archive)
            self._reader.read()
            self._sheets = {sheet.title: sheet for sheet in self._reader.wb.worksheets}
            if not self._sheets:
                raise _NotOurs(_why_empty(self._reader.archive))

    @property
    def sheets(self) -> list[str]:
        """The names of its sheets, also of hidden ones."""
        return list(self._sheets)

    def rows(self, sheet: str, progress: Callable[[int], None] | None = None) -> Iterator[SheetRow]:
        """The stored rows of a sheet, in order. `progress` is called with the number of bytes unpacked so far.

        Raises UsageError when the sheet cannot be read, is too large, or has rows that are not in order.
        """
        with _refusing(self._name):
            parser = self._parser(sheet, progress)
            parsed = parser.parse()
        before = 0
        while True:
            with _refusing(self._name):
                rows = list(islice(parsed, ROWS_AT_ONCE))
            if not rows:
                return
            for number, cells in rows:
                hidden = parser.row_dimensions.pop(str(number), {}).get("hidden") in {"1", "true"}
                columns = {cell["column"]: cell["value"] for cell in cells}
                if not before < number <= MOST_ROWS or len(columns) < len(cells):
                    raise UsageError(
                        f"{self._name}: row {number} comes after row {before}, or has a cell twice, so its rows cannot "
                        f"be told apart; {AS_CSV}."
                    )
                before = number
                yield SheetRow(number, {at: value for at, value in columns.items() if value != ""}, hidden)

    def _parser(self, sheet: str, progress: Callable[[int], None] | None) -> _Parser:
        reader: Any = self._reader  # the attributes that openpyxl's own sheets read with are private
        sheets: dict[str, Any] = self._sheets
        reader.archive.allow(SHEET_BYTES, progress)
        return _Parser(
            reader.archive.open(sheets[sheet]._worksheet_path),  # noqa: SLF001
            reader.shared_strings,
            data_only=True,
            epoch=reader.wb.epoch,
            date_formats=reader.wb._date_formats,  # noqa: SLF001
            timedelta_formats=reader.wb._timedelta_formats,  # noqa: SLF001
        )


class _Parser(WorkSheetParser):
    """Distinguishes a formula that was never calculated from an empty cell, which is left out as ""."""

    def parse_cell(self, element: Any) -> dict[str, Any]:
        place, before = element.get("r"), self.col_counter
        kind, raw = element.get("t", "n"), element.findtext(VALUE_TAG)
        try:
            if raw and not _is_plain(kind, raw):
                raise ValueError(raw)
            cell: dict[str, Any] = super().parse_cell(element)
        except (ValueError, LookupError, TypeError, OverflowError):
            if kind == "s":  # a text that is not in the table of texts: then nobody knows which texts are right
                raise
            # A wrong reference raises here, and the file is refused: nobody knows in which column the cell is.
            self.col_counter = coordinate_to_tuple(place)[1] if place else before + 1
            return {"column": self.col_counter, "value": f"{raw or ''} {UNREADABLE}"}
        if cell["value"] is None and element.find(FORMULA_TAG) is None:
            cell["value"] = ""
        return cell


def _is_plain(kind: str, raw: str) -> bool:
    """Whether a spreadsheet would read the value too: openpyxl takes -1 for the last text, and 1_0 for a number."""
    return kind in CELL_TYPES and not (kind == "s" and not raw.isdecimal()) and not (kind == "n" and "_" in raw)


class _Reader(ExcelReader):
    """Allows more for the texts of cells than for the other parts, and reads no charts."""

    archive: _Archive

    def read_strings(self) -> None:
        self.archive.allow(STRINGS_BYTES)
        super().read_strings()
        self.archive.allow(PART_BYTES)

    def read_worksheets(self) -> None:
        """As openpyxl's, but refuse a sheet whose part is missing: openpyxl leaves it out without an error."""
        for sheet, relation in self.parser.find_sheets():
            if relation.target not in self.valid_files and "chartsheet" not in relation.Type:
                raise _NotOurs(f"is damaged: the part with its sheet '{sheet.name}' is missing")
        super().read_worksheets()

    def read_chartsheet(self, sheet: Any, rel: Any) -> None:
        """Do not read charts and their pictures: they have no recipients."""


class _Archive(zipfile.ZipFile):
    """A zip file that unpacks at most what is allowed, whatever sizes it states."""

    left = PART_BYTES
    allowed = PART_BYTES
    progress: Callable[[int], None] | None = None

    def allow(self, bytes_unpacked: int, progress: Callable[[int], None] | None = None) -> None:
        """Allow this number of bytes to be unpacked from now on."""
        self.left = self.allowed = bytes_unpacked
        self.progress = progress

    def open(self, name: Any, mode: Any = "r", *args: Any, **options: Any) -> IO[bytes]:
        """A part of the workbook, as a stream that counts."""
        part = super().open(name, mode, *args, **options)
        plain = part.read

        def read(size: int | None = -1) -> bytes:
            wanted = self.left + 1 if size is None or size < 0 else min(size, self.left + 1)
            data = plain(wanted)
            self.left -= len(data)
            if self.left < 0:
                raise _TooLarge
            if self.progress is not None:
                self.progress(self.allowed - self.left)
            return data

        part.read = read  # type: ignore[method-assign]
        return part


class _TooLarge(Exception):
    """More was unpacked than is allowed."""


class _NotOurs(Exception):
    """Raised for a file that is not a workbook that can be read here. The text says what it is, after its name."""


def _refuse_foreign(archive: _Archive) -> None:
    names = set(archive.namelist())
    for part, what in FOREIGN.items():
        if part in names:
            raise _NotOurs(what)
    if "[Content_Types].xml" not in names:
        raise _NotOurs("is a zip file, but not an .xlsx workbook")
    if any(each.flag_bits & ENCRYPTED for each in archive.infolist()):
        raise _NotOurs("is locked by a password")


def _why_empty(archive: _Archive) -> str:
    if "xl/workbook.xml" in archive.namelist() and STRICT in archive.read("xl/workbook.xml"):
        return "is saved as Strict Open XML, which is not read here"
    return "has no sheet with cells"


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turn every exception that a damaged or hostile workbook causes into one sentence."""
    with warnings.catch_warnings(action="ignore"):
        try:
            yield
        except _TooLarge:
            raise UsageError(f"{name} is larger unpacked than a workbook of recipients may be; {AS_CSV}.") from None
        except _NotOurs as what:
            raise UsageError(f"{name} {what}; {SAVE_AGAIN}.") from None
        except Exception as fault:  # zip, XML and openpyxl raise many classes
            if isinstance(fault, OSError) and fault.errno is not None:
                raise
            raise UsageError(
                f"{name} cannot be read as an .xlsx workbook: it is damaged, or was not copied whole; {SAVE_AGAIN}."
            ) from None
