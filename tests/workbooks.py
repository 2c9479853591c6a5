"""Workbooks for tests: made by openpyxl, with parts written by hand where it would not write such a thing."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from openpyxl import Workbook

SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"

Rows = Sequence[Sequence[Any]]


def workbook(sheets: Mapping[str, Rows]) -> bytes:
    """A workbook with these sheets, in order."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    return saved(book)


def saved(book: Workbook) -> bytes:
    """The bytes of a workbook."""
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_part(content: bytes, name: str, part: bytes | str) -> bytes:
    """The workbook with one of its parts replaced, or added."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        new.writestr(name, part)
    return written.getvalue()


def with_strings(content: bytes, strings: bytes | str) -> bytes:
    """The workbook with a table of shared texts, as spreadsheets keep them; openpyxl writes each into its cell."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    types = types.replace("</Types>", f'<Override PartName="/{STRINGS}" ContentType="{kind}"/></Types>')
    return with_part(with_part(content, "[Content_Types].xml", types), STRINGS, strings)


def with_rows(rows: str, *, before: str = "") -> bytes:
    """A workbook with one sheet whose rows are written as XML, such as `<row r="1"><c r="A1"><v>7</v></c></row>`."""
    xml = (
        f'<?xml version="1.0"?>{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<dimension ref='A1:A2'/><sheetData>{rows}</sheetData></worksheet>"
    )
    return with_part(workbook({"Fans": []}), SHEET, xml)


def cell(place: str, value: str, more: str = "") -> str:
    """A cell with a value, as XML."""
    return f'<c r="{place}" {more}><v>{value}</v></c>'
