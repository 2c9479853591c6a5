"""Workbooks of recipients: every stored row is read or refused, and a hostile one costs no more than its bounds."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from datetime import date

import openpyxl
import pytest

from campaigns.adapters.disk import workbook as module
from campaigns.adapters.disk.workbook import Workbook
from campaigns.domain.audience.gathering import FileBooks, FileForm, Reading
from campaigns.domain.audience.sheet_rows import read_sheet
from campaigns.domain.errors import UsageError
from tests.workbooks import SHEET, STRINGS, STYLES, Rows, cell, saved, with_part, with_rows, with_strings, workbook


def read(content: bytes, *, skip_bad: bool = False) -> Reading:
    book = Workbook(io.BytesIO(content), "fans.xlsx")
    (sheet,) = book.sheets
    return read_sheet(book.rows(sheet), name="fans.xlsx", sheet=sheet, skip_bad=skip_bad)


def of(*rows: object) -> bytes:
    table: Rows = [row if isinstance(row, tuple) else (row,) for row in rows]
    return workbook({"Fans": table})


@pytest.mark.parametrize(
    "content",
    [
        of("user_id", 1, 2, 3),
        of("user_id", "1", " 2", "003"),
        of(1, 2, 3),
        of(("name", "User ID"), ("Ann", 1), ("Bob", 2.0), ("Cy", "3")),
        of((), (None, "name", "user_id"), (None, "Ann", 1), (), (None, None, ""), (None, "Bob", 2), (None, "Cy", 3)),
        of("user_id", 3, 1, 2, 3),
    ],
)
def test_the_forms_of_a_sheet_are_read(content: bytes) -> None:
    found = read(content)
    assert list(found.users) == [1, 2, 3]
    assert found.books.balanced


def test_the_books_of_a_sheet_count_rows_and_say_what_was_read() -> None:
    found = read(of((), ("Ann", "User ID"), ("Bob", 7), (), ("Cy", 7), ("Di", "x"), ("Ed", 8)), skip_bad=True)
    assert found.books == FileBooks(lines=7, ids=2, duplicates=1, bad=1, blank=2, inside_quotes=0, header=1)
    assert found.form == FileForm("workbook", column="User ID", sheet="Fans")
    assert found.bad == [(6, "x")]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (10**15, r"line 3 '1000000000000000 \(rounded\)' .* a spreadsheet has rounded the number"),
        (1234567890123456789, r"line 3 '1.234567890123457e\+18 \(rounded\)' .* formatted as text"),
        (1001.5, "line 3 '1001.5'"),
        (True, "line 3 'TRUE'"),
        (date(2026, 1, 2), "line 3 '2026-01-02 00:00:00'"),
        ("=A2", r"line 3 '\(formula\)' .* paste it as values"),
        ("@ann", "line 3 '@ann' .* a user name is not an ID"),
        (-5, "line 3 '-5'"),
        ("#REF!", "line 3 '#REF!'"),
    ],
)
def test_a_cell_that_is_no_user_id_is_a_bad_line(value: object, words: str) -> None:
    content = of("user_id", 999_999_999_999_999, value, "9223372036854775807")
    with pytest.raises(UsageError, match=words):
        read(content)
    assert list(read(content, skip_bad=True).users) == [999_999_999_999_999, 2**63 - 1]


def test_a_row_without_an_id_is_a_bad_line_and_never_a_blank_one() -> None:
    with pytest.raises(UsageError, match=r"line 3 'Bob \(no cell in the column of user IDs\)'"):
        read(of(("name", "user_id"), ("Ann", 1), ("Bob", None)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("user_id", "n", "spent"), (7, "A", 10), (None, None, 30)], r"'30 \(no cell .*remove rows without a user"),
        ([7, 8, (None, 30)], r"line 3 '30 \(a cell right of the header\)'"),
        ([(None, 7), (None, 8), (30,)], r"line 3 '30 \(no cell"),
        (
            [("name", "spent", "user_id"), ("A", 1, 7), ("B", 12, 50, 5002)],
            r"'B 12 50 5002 \(a cell right .* name their",
        ),
    ],
)
def test_a_cell_of_another_column_is_never_a_user(rows: list[object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(of(*rows))
    assert set(read(of(*rows), skip_bad=True).users) <= {7, 8}


def test_a_formula_with_a_result_is_read_by_its_result() -> None:
    row = '<row r="1"><c r="A1"><f>6+1</f><v>7</v></c></row><row r="2"><c r="A2" t="str"><f>"8"</f><v>8</v></c></row>'
    assert list(read(with_rows(row)).users) == [7, 8]


def test_texts_that_cells_share_are_read() -> None:
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    strings = f"<sst {main}><si><t>User ID</t></si><si><r><t>12</t></r><r><t>34</t></r></si></sst>"
    rows = f"<row r='1'>{cell('A1', '0', TEXT)}</row><row r='2'>{cell('A2', '1', TEXT)}</row>"
    assert list(read(with_strings(with_rows(rows), strings)).users) == [1234]


def test_rows_beyond_the_size_that_the_file_states_are_read() -> None:
    rows = "".join(f'<row r="{n}">{cell(f"A{n}", str(n))}</row>' for n in (1, 2, 3, 9))
    assert list(read(with_rows(rows)).users) == [1, 2, 3, 9]


def test_hidden_rows_are_read_and_counted() -> None:
    rows = f'<row r="1">{cell("A1", "7")}</row><row r="2" hidden="1">{cell("A2", "8")}</row>'
    found = read(with_rows(f"{rows}<row r='3' hidden='1' ht='9'>{cell('A3', '9')}</row>"))
    assert (list(found.users), found.hidden) == ([7, 8, 9], 2)


@pytest.mark.parametrize(
    "rows",
    [
        f'<row r="2">{cell("A2", "7")}</row><row r="1">{cell("A1", "8")}</row>',
        f'<row r="1">{cell("A1", "7")}</row><row r="1">{cell("A1", "8")}</row>',
        f'<row r="1">{cell("A1", "7")}{cell("A1", "8")}</row>',
        f'<row r="0">{cell("A1", "7")}</row><row r="1">{cell("A1", "8")}</row>',
        f'<row r="1048577">{cell("A1048577", "7")}</row>',
    ],
)
def test_rows_that_cannot_be_told_apart_refuse_the_file(rows: str) -> None:
    with pytest.raises(UsageError, match="cannot be told apart; save the sheet as CSV"):
        read(with_rows(rows), skip_bad=True)


FANS = of("user_id", "1", "2")
TEXT = 't="s"'


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04binary",
        FANS[:-40],
        FANS[: len(FANS) // 2],
        with_part(FANS, "[Content_Types].xml", "<Types/>"),
        with_part(FANS, "xl/workbook.xml", "<workbook>"),
        with_part(FANS, SHEET, "<worksheet"),
        with_part(FANS, STYLES, "<a><b></a>"),
        with_rows(f"<row r='1'>{cell('A1', '7', TEXT)}</row>"),
        with_rows(f'<row r="1">{cell("A1", "&a;")}</row>', before='<!DOCTYPE x [<!ENTITY a "7">]>'),
        with_rows(f'<row r="x">{cell("A1", "7")}</row>'),
        with_rows(f'<row r="1">{cell("7A", "x")}</row>'),
        with_strings(with_rows(f"<row r='1'>{cell('A1', '-1', TEXT)}</row>"), "<sst><si><t>7</t></si></sst>"),
    ],
    ids=range(12),
)
def test_a_damaged_workbook_is_refused_in_one_sentence(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"fans\.xlsx cannot be read as an \.xlsx workbook: .*save the sheet as CSV"):
        read(content, skip_bad=True)


@pytest.mark.parametrize(
    ("value", "more"),
    [
        ("NaN", ""),
        ("abc", ""),
        ("7_0", ""),
        ("9" * 5000, ""),
        ("-INF", ""),
        ("7", 't="zzz"'),
        ("7", 's="x"'),
        ("#REF!", 't="b"'),
        ("7", 't="d"'),
    ],
)
def test_a_cell_that_no_spreadsheet_could_mean_is_a_bad_line(value: str, more: str) -> None:
    cells = (cell("A1", "5"), cell("A2", value, more), cell("A3", "6"))
    rows = "".join(f'<row r="{number}">{each}</row>' for number, each in enumerate(cells, start=1))
    with pytest.raises(UsageError, match=r"fans\.xlsx: line 2 '.* holds no user ID"):
        read(with_rows(rows))
    assert list(read(with_rows(rows), skip_bad=True).users) == [5, 6]


def test_a_bad_cell_without_a_place_stays_in_its_column() -> None:
    header = "<row r='1'><c><v>x</v></c><c t='inlineStr'><is><t>user_id</t></is></c></row>"
    rows = f"{header}<row r='2'><c><v>x</v></c><c><v>7</v></c></row>"
    assert list(read(with_rows(rows)).users) == [7]


def zipped(*parts: str) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for part in parts:
            archive.writestr(part, "user_id")
    return written.getvalue()


def strict() -> bytes:
    """As `Strict Open XML` names its parts."""
    with zipfile.ZipFile(io.BytesIO(FANS)) as archive:
        xml = archive.read("xl/workbook.xml")
    return with_part(FANS, "xl/workbook.xml", xml.replace(b"schemas.openxmlformats.org", b"purl.oclc.org/ooxml"))


def charts_alone() -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    book.create_chartsheet("Chart")
    return saved(book)


def without_a_part() -> bytes:
    """One of two sheets is left, and must not be taken for the only one."""
    content = workbook({"Fans": [["user_id"], [1]], "More": [["user_id"], [2]]})
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        for name in old.namelist():
            if name != SHEET:
                new.writestr(name, old.read(name))
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped("mimetype", "content.xml"), r"is an OpenDocument workbook \(\.ods\)"),
        (zipped("[Content_Types].xml", "xl/workbook.bin"), r"is a binary workbook \(\.xlsb\)"),
        (zipped("fans.csv"), r"is a zip file, but not an \.xlsx workbook"),
        (strict(), "is saved as Strict Open XML, which is not read here"),
        (charts_alone(), "has no sheet with cells"),
        (without_a_part(), "is damaged: the part with its sheet 'Fans' is missing"),
    ],
    ids=range(6),
)
def test_what_is_no_workbook_of_ours_is_named_with_the_way_out(content: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=rf"^fans\.xlsx {what}; open it .* as \.xlsx \(not Strict\), or save .* CSV"):
        Workbook(io.BytesIO(content), "fans.xlsx")


def test_a_workbook_with_a_password_is_named() -> None:
    """The flag stands in each entry of the zip's list."""
    content = bytearray(FANS)
    at = -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 8] |= 1
    with pytest.raises(UsageError, match="is locked by a password; open it"):
        Workbook(io.BytesIO(bytes(content)), "fans.xlsx")


@pytest.mark.parametrize("part", [STRINGS, STYLES, "xl/workbook.xml", "docProps/core.xml"])
def test_a_part_that_unpacks_to_more_than_its_bound_is_refused_before_it_fills_the_memory(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STRINGS_BYTES", 4 << 20)
    bomb = with_part(with_strings(FANS, "<sst/>"), part, b"<a>" + b" " * (40 << 20))
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match="larger unpacked than"):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_a_sheet_that_unpacks_to_more_than_its_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHEET_BYTES", 100_000)
    rows = "".join(f'<row r="{n}">{cell(f"A{n}", str(n))}</row>' for n in range(1, 5000))
    with pytest.raises(UsageError, match="larger unpacked than"):
        read(with_rows(rows))


def test_a_sheet_of_two_cells_far_apart_costs_nothing() -> None:
    rows = f'<row r="1">{cell("A1", "7")}</row><row r="1048576">{cell("A1048576", "9")}{cell("XFD1048576", "8")}</row>'
    tracemalloc.start()
    try:
        assert list(read(with_rows(rows), skip_bad=True).users) == [7]
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_progress_is_told_the_bytes_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    book = Workbook(io.BytesIO(FANS), "fans.xlsx")
    assert len(list(book.rows("Fans", told.append))) == 3
    assert told
    assert told == sorted(told)


def test_all_sheets_are_named_but_charts() -> None:
    book = openpyxl.Workbook()
    book.create_sheet("Old").sheet_state = "hidden"
    book.create_chartsheet("Chart")
    assert Workbook(io.BytesIO(saved(book)), "fans.xlsx").sheets == ["Sheet", "Old"]
