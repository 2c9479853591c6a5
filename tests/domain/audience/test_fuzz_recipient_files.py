"""Recipient files of any bytes: each is read with books that balance, or refused in one sentence.

What is found is kept as a file of the corpus; tests/fuzz.py says how to go on for an hour.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.adapters.disk.workbook import Workbook
from campaigns.domain.audience import file_blocks
from campaigns.domain.audience.gathering import Reading
from campaigns.domain.audience.sheet_rows import read_sheet
from campaigns.domain.audience.user_sets import read_users
from campaigns.domain.errors import UsageError
from tests.fuzz import FUZZ, damaged, keep_on, seeds
from tests.workbooks import cell, with_part, with_rows, with_strings

CORPUS = seeds(Path(__file__).parent / "corpus")

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TEXT = 't="s"'
BOOK = with_strings(
    with_rows(
        f"<row r='1'>{cell('A1', '0', TEXT)}{cell('B1', '1', TEXT)}</row>"
        f"<row r='2' hidden='1'>{cell('A2', '7')}<c r='B2' t='inlineStr'><is><t>Ann</t></is></c></row>"
        f"<row r='4'><c r='A4'><f>A2+1</f><v>8</v></c>{cell('C4', '1')}</row>"
    ),
    f"<sst {MAIN}><si><t>user_id</t></si><si><r><t>na</t></r><r><t>me</t></r></si></sst>",
)


def check(found: Reading) -> None:
    assert found.books.balanced
    assert found.users
    assert found.books.ids == len(found.users)
    assert found.form is not None


def check_refusal(refusal: UsageError) -> None:
    sentence = str(refusal)
    assert sentence.isprintable(), sentence
    assert len(sentence) < 2000, sentence


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_any_bytes_are_read_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @FUZZ
    @given(damaged(CORPUS), st.sampled_from([1, 7, 2**20]), st.booleans())
    def play(content: bytes, block_bytes: int, skip_bad: bool) -> None:
        monkeypatch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        try:
            check(read_users(io.BytesIO(content), name="fans.csv", skip_bad=skip_bad))
        except UsageError as refusal:
            check_refusal(refusal)

    keep_on(play)


def parts() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


PARTS = parts()


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_workbook_with_any_damage_is_read_or_refused() -> None:
    @FUZZ
    @given(st.data())
    def play(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(PARTS)))
        content = with_part(BOOK, name, data.draw(damaged([PARTS[name]])))
        if data.draw(st.booleans()):
            content = data.draw(damaged([content]))
        try:
            book = Workbook(io.BytesIO(content), "fans.xlsx")
            for sheet in book.sheets:
                check(read_sheet(book.rows(sheet), name="fans.xlsx", sheet=sheet, skip_bad=True))
        except UsageError as refusal:
            check_refusal(refusal)

    keep_on(play)
