"""What people save as a recipient file: separators, encodings, headers and values of spreadsheets."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.audience import file_blocks
from campaigns.domain.audience.gathering import FileBooks, FileForm, Reading
from campaigns.domain.audience.user_sets import read_users
from campaigns.domain.errors import UsageError
from tests.domain.audience.drawn import unhurried, user_ids


def read(content: bytes | str, *, skip_bad: bool = False) -> Reading:
    raw = content.encode() if isinstance(content, str) else content
    return read_users(io.BytesIO(raw), name="fans.csv", skip_bad=skip_bad)


@pytest.mark.parametrize(
    ("content", "form"),
    [
        ("user_id;name\r\n1;Ann\r\n2;Bob, B\r\n", FileForm("CSV", "UTF-8", "semicolon", "user_id")),
        ('name;user_id;price\n"A;B";1;3,50\nBob;2;4,00\n', FileForm("CSV", "UTF-8", "semicolon", "user_id")),
        ("name\tuser_id\nAnn\t1\nBob\t2\n", FileForm("CSV", "UTF-8", "tab", "user_id")),
        ("user_id|name\n1|Ann\n2|Bob\n", FileForm("CSV", "UTF-8", "vertical bar", "user_id")),
        ("sep=;\r\nuser_id;name\r\n1;Ann\r\n2;Bob\r\n", FileForm("CSV", "UTF-8", "semicolon", "user_id")),
        ('"sep=,"\nuser_id,a;b\n1,x\n2,y\n', FileForm("CSV", "UTF-8", "comma", "user_id")),
        ("SEP=\t\n\nuser_id\tname\n1\tAnn\n2\tBob\n", FileForm("CSV", "UTF-8", "tab", "user_id")),
        ("sep=;\nuser_id\n1\n2\n", FileForm("CSV", "UTF-8", None, "user_id")),
        ("sep=;\n1\n2\n", FileForm("one ID a line", "UTF-8")),
        ("1;2\n", FileForm("IDs on one line", "UTF-8", "semicolon")),
        ("\n\n 1\t2\t \n\n", FileForm("IDs on one line", "UTF-8", "tab")),
        (";;\nname;User ID\nAnn;1\nBob;2\n;\n", FileForm("CSV", "UTF-8", "semicolon", "User ID")),
        ("userId,name\n1,Ann\n2,Bob\n", FileForm("CSV", "UTF-8", "comma", "userId")),
        (" USER-ID \n1\n2\n", FileForm("CSV", "UTF-8", None, " USER-ID ")),
        ('{"user_id": 1}\n{"user_id": 2}\n', FileForm("JSON Lines", "UTF-8")),
        ("1\n2\n", FileForm("one ID a line", "UTF-8")),
        ("user_id,name\n1,José\n2,Zoë\n".encode("cp1252"), FileForm("CSV", "Windows-1252", "comma", "user_id")),
        ("user_id\n1\n2\n".encode("utf-16"), FileForm("CSV", "UTF-16-LE", None, "user_id")),
        ("\ufeffname\tuser_id\nЮля\t1\nZoë\t2\n".encode("utf-16-be"), FileForm("CSV", "UTF-16-BE", "tab", "user_id")),
        ("user_id\n1\n2\n".encode("utf-16-le"), FileForm("CSV", "UTF-16-LE", None, "user_id")),
        ("1\r\n2".encode("utf-16-be"), FileForm("one ID a line", "UTF-16-BE")),
        ("user_id\n1\n2\n".encode("utf-32"), FileForm("CSV", "UTF-32-LE", None, "user_id")),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 3, 2**20])
def test_what_spreadsheets_save_is_read_and_said(
    content: bytes | str, form: FileForm, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
    found = read(content)
    assert (list(found.users), found.form) == ([1, 2], form)
    assert found.books.balanced


def test_bytes_that_are_no_utf8_are_seen_however_late_they_come() -> None:
    rows = "".join(f"{n},Ann\n" for n in range(1, 200_000))
    found = read(b"user_id,name\n" + rows.encode() + b"200000,Jos\xe9\n")
    assert found.form == FileForm("CSV", "Windows-1252", "comma", "user_id")
    assert len(found.users) == 200_000


@pytest.mark.parametrize(
    ("content", "books"),
    [
        ("user_id,name\n7,Al\n,,\n,\n\n", FileBooks(5, 1, 0, 0, 3, 0, 1)),
        ("user_id\n7\n,\n;;\n\t\n8\n", FileBooks(6, 2, 0, 0, 3, 0, 1)),
        ('user_id;name\n7;Al\n"";""\n;""\n', FileBooks(4, 1, 0, 0, 2, 0, 1)),
        ("sep=;\r\n\r\nuser_id;name\r\n7;Al\r\n", FileBooks(4, 1, 0, 0, 1, 0, 2)),
        ("\n7;8;7;\n\n", FileBooks(5, 2, 1, 0, 2, 0, 0)),
    ],
)
def test_rows_of_separators_alone_are_blank(content: str, books: FileBooks) -> None:
    assert read(content).books == books


@pytest.mark.parametrize("skip_bad", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("user_id,user_id\n1,2\n", r"2 columns of user IDs, 'user_id' \(column 1\) and 'user_id' \(column 2\)"),
        ("name;userId;User ID\nA;1;2\n", r"'userId' \(column 2\) and 'User ID' \(column 3\); keep one"),
        ("user_id,x;user_id\n1,2;3\n", "can be read with a comma or a semicolon as separator; put `sep=,`"),
        ("ID,Username\n1,ann\n", r"found 'ID', 'Username'\) with a comma .*; if 'ID' holds the user IDs, rename it"),
        ("Users ID;Name\n1;Ann\n", "if 'Users ID' holds the user IDs, rename it to user_id"),
        ("Kunde;Name\n1;Ann\n", r"found 'Kunde', 'Name'\) with a semicolon as separator; name the column user_id"),
        ("1001,Ann\n1002,Bob\n", "put a line before it that names the columns"),
        ("1001,1002,1003\n", r"found '1001', '1002', '1003'\) with a comma .* one a line"),
        ("1001;1002\n1003;1004\n", r"found '1001', '1002'\) with a semicolon .* put a line before it"),
        ("1001;Ann\n", r"found '1001', 'Ann'\) with a semicolon"),
        ("sep=:\nuser_id:name\n1:Ann\n", "names the separator ':'; use a comma, a semicolon, a tab or a vertical bar"),
        ("sep=;\nsep=;\n1\n", r"the header has no user_id column \(found 'sep=', ''\) with a semicolon"),
        ("[1, 2]", "one JSON list; give JSON Lines"),
        ('user_id;name\n1;"open\n2;Bob\n', "opens on line 2 is never closed"),
        ('user_id;name\n1;"a"b\n2;Bob\n', "is followed by 'b', not by a semicolon or the line's end"),
        ('name;user_id\n"open;1\nBob;2\nEve";3\n', r"reads like a row of its own \(user 1\)"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_way_out(content: str, words: str, *, skip_bad: bool) -> None:
    with pytest.raises(UsageError, match=rf"fans\.csv.*{words}"):
        read(content, skip_bad=skip_bad)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1001.0", "has written decimals or thousands"),
        ("1001,00", "has written decimals or thousands"),
        ('"123,456,789"', "has written decimals or thousands"),
        ("123 456 789", "has written decimals or thousands"),
        ("123.456", "has written decimals or thousands"),
        ("123'456", "has written decimals or thousands"),
        ("123\u202f456", "has written decimals or thousands"),
        ("1.23457E+14", "has rounded the number"),
        ("1,23457E+14", "has rounded the number"),
        ("'1001", "take away the sign"),
        ("+7", "take away the sign"),
        ('="1001"', "take away the sign"),
        ("=A2", "paste it as values"),
        ("@ann", "a user name is not an ID"),
        ("onlyfans.com/u1002", "a user name is not an ID"),
        ("u1001", "a user name is not an ID"),
        ("-5", r"9223372036854775807\)\. Nothing"),
        ("0", r"9223372036854775807\)\. Nothing"),
    ],
)
def test_a_bad_value_is_named_with_the_way_out(value: str, words: str) -> None:
    with pytest.raises(UsageError, match="line 3 '.*' holds no user ID .*" + words):
        read(f"user_id\n1\n{value}\n")


@pytest.mark.parametrize("quoted", [False, True], ids=["at once", "with care"])
@pytest.mark.parametrize("block_bytes", [1, 2**20])
@pytest.mark.parametrize(
    ("header", "row", "mark"),
    [
        ("spent,user_id", "150", "(1 cell, 2 in the header)"),
        ("spent,user_id,name", "12,50", "(2 cells, 3 in the header)"),
        ("user_id,name", "50", "(1 cell, 2 in the header)"),
        ("name,spent,user_id", "Bo,12,50,5002", "(4 cells, 3 in the header)"),
        ("user_id,name", "5,001,Ann", "(3 cells, 2 in the header)"),
        ("spent,user_id", "12,50,", None),
        ("user_id,spent,", "50,12", None),
        ("user_id,spent,", "50,12,,", None),
    ],
)
def test_an_id_is_taken_from_its_own_column_and_from_no_row_whose_cells_may_have_moved(
    header: str, row: str, mark: str | None, block_bytes: int, monkeypatch: pytest.MonkeyPatch, *, quoted: bool
) -> None:
    monkeypatch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
    good = ",".join("7" if name == "user_id" else '"x"' if quoted else "x" for name in header.split(","))
    content = f"{header}\n{good}\n{row}\n{good}\n"
    if mark is None:
        assert list(read(content).users) == [7, 50]
        return
    with pytest.raises(UsageError) as refusal:
        read(content)
    assert f"fans.csv: line 3 '{row} {mark}' holds no user ID" in str(refusal.value)
    assert "a row needs one cell for each column of the header: put a cell that holds" in str(refusal.value)
    found = read(content, skip_bad=True)
    assert (list(found.users), found.bad_count) == ([7], 1)


@st.composite
def saved(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """A table as some tool saves it, and the users in it."""
    users = draw(st.lists(user_ids, min_size=1, max_size=20))
    separator = draw(st.sampled_from(",;\t|"))
    column = draw(st.integers(0, 3))
    others = st.sampled_from(["", "x", "Zoë", "3.5", '"a ""b"""', f'"a{separator}b"', '"a\nb"'])
    head = ["name", "note", "price"]
    head.insert(column, draw(st.sampled_from(["user_id", "User ID", '"userId"'])))
    lines = [separator.join(head)]
    for user in users:
        row = [draw(others) for _ in range(3)]
        row.insert(column, draw(st.sampled_from(["{}", " {} ", '"{}"', "00{}"])).format(user))
        lines.append(separator.join(row))
        if draw(st.booleans()):
            lines.append(separator * 3)
    if draw(st.booleans()):
        lines.insert(0, f"sep={separator}")
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    return text.encode(
        draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]))
    ), users


@unhurried
@given(saved(), st.sampled_from([1, 7, 2**20]))
def test_any_table_is_read_as_it_was_saved(table: tuple[bytes, list[int]], block_bytes: int) -> None:
    content, users = table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        found = read(content)
    assert list(found.users) == sorted(set(users))
    assert (found.lines, found.bad_count) == (len(users), 0)
