"""No line of a recipient file is lost: quotes are read strictly, and each line stands in the books of its file once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.audience import file_blocks
from campaigns.domain.audience.user_sets import FileBooks, Reading, read_users
from campaigns.domain.errors import UsageError
from tests.domain.audience.drawn import unhurried


def read(content: bytes | str, *, skip_bad: bool = False) -> Reading:
    raw = content.encode() if isinstance(content, str) else content
    return read_users(io.BytesIO(raw), name="fans.csv", skip_bad=skip_bad)


def fans(first: int, last: int) -> str:
    return "".join(f"{user},Fan {user}\n" for user in range(first, last))


@pytest.mark.parametrize("skip_bad", [False, True])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('user_id,name\n1,"open\n2,Bob\n3,Eve\n', "opens on line 2 is never closed"),
        ('user_id,name\r\n1,Al\r\n2,"open\r\n3,Eve', "opens on line 3 is never closed"),
        ('name,user_id\r"Al, A",1\r"open,2\rEve,3\r', "opens on line 3 is never closed"),
        ('user_id,a,b\n1,"x\ny","open\n2,b,c\n', "opens on line 3 is never closed"),
        (f'user_id,name\n{fans(1, 900)}900,"Big D\n{fans(901, 1500)}', "opens on line 901 is never closed"),
        (f'user_id,name\n1,"Big D\n{fans(2, 20_000)}', "opens on line 2 is longer than 131072 characters"),
        ('user_id,name\n1,"' + "x" * 140_000 + '"\n2,Bob\n', "opens on line 2 is longer than 131072 characters"),
        ('user_id,name\n1,"6" display\n2,Bob\n', "opens on line 2 is followed by 'display', not by a comma"),
        ('user_id,name\n1,"open\n2,Bob\n3,"Eve"\n', "opens on line 2 is followed by 'Eve\"', not by a comma"),
        (
            'user_id,name\n1,"open\n2,Bob\n3,Eve"\n4,x\n',
            r"line 3 is inside .* opens on line 2, .* row of its own \(user 2\)",
        ),
        (
            'name,user_id\n"open,1\nBob,2\nEve",3\n',
            r"line 2 is inside .* opens on line 2, .* row of its own \(user 1\)",
        ),
        ('user_id,a,b\n1,"x","open\n2,b,c,\n"\n', r"line 3 is inside .* opens on line 2, .* row of its own \(user 2\)"),
        ('user_id,"name\n1,Bob\n2,Eve\n', "line 1 opens a quote that does not end there"),
        ('"user_id\n1\n2\n', "line 1 opens a quote that does not end there"),
        ('\n\n"1\n2\n', "line 3 opens a quote that does not end there"),
    ],
)
def test_a_fault_in_a_quoted_field_refuses_the_file_and_names_where_the_quote_opens(
    content: str, words: str, *, skip_bad: bool
) -> None:
    with pytest.raises(UsageError, match=rf"fans\.csv: .*{words}"):
        read(content, skip_bad=skip_bad)


@pytest.mark.parametrize("block_bytes", [1, 8, 2**20])
def test_a_quote_is_found_open_wherever_a_block_ends(block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
    with pytest.raises(UsageError, match="opens on line 3 is never closed"):
        read('user_id,name\n1,Al\n2,"open\n3,Eve\n4,Dan\n', skip_bad=True)


@pytest.mark.parametrize(
    "content",
    [
        'user_id,name\n1,5" display\n2,Bob\n',
        'user_id,name\n1,5" display; 6" display\n2,"Bob ""B"""\n',
        'user_id,name\n1,"Al\nCologne, 5"\n2,""\n',
        'name,user_id\n"Al\nAl",1\n"Bob, ""B""\r\nB",2\n',
    ],
)
def test_quotes_that_hide_no_line_are_read(content: str) -> None:
    assert list(read(content).users) == [1, 2]


@pytest.mark.parametrize(
    ("content", "books"),
    [
        ("7\n8\n7\n", FileBooks(3, 2, 1, 0, 0, 0, 0)),
        ("\n\r\n7\n\n\n8\r\n\r\n", FileBooks(7, 2, 0, 0, 5, 0, 0)),
        ("user_id\r\r7\r\rx\r8", FileBooks(6, 2, 0, 1, 2, 0, 1)),
        ('\n{"user_id": 7}\n \n{"user": 8}\n{"user_id": 7}\n', FileBooks(5, 1, 1, 1, 2, 0, 0)),
        ('user_id,name\n7,"Al\nA"\n\n8,Bo\n7,x\n-,y\n', FileBooks(7, 2, 1, 1, 1, 1, 1)),
        ("user_id,name\n7,Al\n8,Bo\n7,x", FileBooks(4, 2, 1, 0, 0, 0, 1)),
    ],
)
def test_the_books_say_where_each_line_went(content: str, books: FileBooks) -> None:
    assert read(content, skip_bad=True).books == books


def test_a_reader_that_loses_a_line_is_caught_by_the_books(monkeypatch: pytest.MonkeyPatch) -> None:
    true_reader = csv.reader

    def forgetful(lines: Iterable[str], **options: Any) -> Iterator[list[str]]:
        return (row for row in true_reader(lines, **options) if row != ["lost"])

    monkeypatch.setattr(csv, "reader", forgetful)
    with pytest.raises(UsageError, match=r"fans\.csv has 4 lines, but its books do not add up .*\(2 IDs.* 0 inside"):
        read('user_id,name\n7,"Al"\nlost\n9,Cy\n', skip_bad=True)


def naive_lines(content: bytes) -> list[bytes]:
    """The lines of a file, the slow and obvious way."""
    lines = re.split(rb"\r\n|\r|\n", content)
    return lines if lines[-1] else lines[:-1]


def naive_user(cell: bytes) -> int | None:
    """The user that one cell names, bare or in quotes of its own."""
    found = re.fullmatch(rb'(?P<quote>"?)0*(?P<user>[0-9]{1,19})(?P=quote)', cell.strip())
    user = int(found["user"]) if found else 0
    return user if 0 < user < 2**63 else None


def naive_rows(lines: list[bytes], column: int) -> set[int]:
    """Users of the lines that are rows when each is looked at by itself, and that hold no quote but round their ID."""
    cells = [line.split(b",") for line in lines]
    plain = [row for row in cells if len(row) == 2 and (column == 0 or b'"' not in b",".join(row))]
    return {user for user in (naive_user(row[column]) for row in plain) if user is not None}


@unhurried
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [b'"', b'""', b",", b"\n", b"\r", b"\r\n", b"7", b"12", b"0", b"x", b" ", b"\xff", b"\x00"]
            ),
            st.sampled_from([b'31,"', b"\n32,Al\n", b'"\n33,Bo\n', b'\nCy",34\n', b'\n"35",Di\n', b'\nx"\n36,"y']),
            st.binary(max_size=4),
        )
    ),
    st.sampled_from([b"user_id,name", b"name,user_id"]),
    st.sampled_from([1, 5, 2**20]),
)
def test_of_any_bytes_nobody_is_dropped_without_a_word(parts: list[bytes], header: bytes, block_bytes: int) -> None:
    content = header + b"\n" + b"".join(parts) + b"\n8,8\n"
    lines = naive_lines(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        try:
            found = read(content, skip_bad=True)
        except UsageError:
            return
    books = found.books
    assert books.balanced
    assert books.lines == len(lines)
    assert books.ids == len(found.users)
    # A row of several lines that has not the cells of the header is one bad line, and takes the user of one line along.
    assert len(naive_rows(lines[1:], header.split(b",").index(b"user_id")) - set(found.users)) <= books.bad
