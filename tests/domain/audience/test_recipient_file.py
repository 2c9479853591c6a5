"""Recipient files: every form that is read, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.audience import file_blocks, gathering
from campaigns.domain.audience.user_sets import (
    LARGEST_USER_ID,
    Reading,
    parse_user,
    read_users,
)
from campaigns.domain.errors import UsageError
from tests.domain.audience.drawn import unhurried, user_ids

line_ends = st.sampled_from(["\n", "\r\n", "\r"])
no_ids = st.sampled_from(
    [
        "0",
        "000",
        "-1",
        "1.5",
        "1e5",
        "x",
        "12x",
        "1 2",
        "٣",
        str(LARGEST_USER_ID + 1),
        str(2**64),
        "9" * 30,
        "\x00",
        "é",
    ]
)


def read(content: bytes | str, *, skip_bad: bool = False) -> Reading:
    raw = content.encode() if isinstance(content, str) else content
    return read_users(io.BytesIO(raw), name="fans.csv", skip_bad=skip_bad)


def users_of(content: bytes | str) -> list[int]:
    return list(read(content).users)


@pytest.mark.parametrize(
    "content",
    [
        "1\n2\n3\n",
        "1\n2\n3",
        "1\r\n2\r\n3\r\n",
        "1\r2\r3\r",
        "\n\n1\n\n2\n3\n\n",
        "\ufeff1\n2\n3\n",
        " 1 \n\t2\n3\n",
        "001\n2\n3\n",
        f"{'1'.zfill(5000)}\n2\n3\n",
        "user_id\n1\n2\n3\n",
        "\ufeffuser_id\r\n1\r\n2\r\n3\r\n",
        '"user_id"\n"1"\n"2"\n"3"\n',
        '""\n1\n2\n3\n',
        '"1"\n"2"\n"3"\n',
        "USER_ID , name\n1,Anna\n2,Bo\n3,Cy\n",
        "name,user_id\nAnna,1\nBo,2\n\nCy,3\n",
        'name,user_id\n"Anna, ""A""",1\n"Bo\nBo",2\nCy,3\n',
        'name,user_id\nAnna,"1"\nBo, 2\nCy,3\n',
        "name,user_id,x\nAnna,1,\nBo,2,\nCy,3,\n",
        '{"user_id": 1}\n{"user_id": "2"}\n\n{"x": [1], "user_id": 3}\n',
        '\ufeff{"user_id": 1}\r\n{"user_id": "2"}\r\n{"user_id": 3}',
    ],
)
def test_every_form_of_a_file_is_read(content: str) -> None:
    found = read(content)
    assert list(found.users) == [1, 2, 3]
    assert (found.lines, found.duplicates, found.bad) == (3, 0, [])


def test_duplicates_are_counted_and_dropped() -> None:
    found = read("5\n5\n7\n5\n")
    assert list(found.users) == [5, 7]
    assert (found.lines, found.duplicates) == (4, 2)


@pytest.mark.parametrize(
    ("content", "number", "value"),
    [
        (b"1\n2\nx3\n4\n", 3, "x3"),
        (b"1\r\n\r\n0\r\n", 3, "0"),
        (b"1\r\rtwo\r", 3, "two"),
        (b"\n\nuser_id\n1\n-5\n", 5, "-5"),
        (b"\r\n\r\n12ab\r\n1\r\n", 3, "12ab"),
        (b"1\n9223372036854775808\n", 2, "9223372036854775808"),
        (b"1\n18446744073709551617\n", 2, "18446744073709551617"),
        (b"1\n" + b"9" * 5000 + b"\n", 2, "9" * 40),
        (b"1\n\xff\xfe2\n", 2, "\u00ff\u00fe2"),
        (b"1\n2\x003\n", 2, "2\ufffd3"),
        (b"1\n\x1b[31m\n", 2, "\ufffd[31m"),
        (b"name,user_id\nAnna,1\nBo\n", 3, "Bo (1 cell, 2 in the header)"),
        (b"name,user_id\nAnna,1\nBo,\n", 3, ""),
        (b'name,user_id\n"An\nna",1\nBo,x\n', 4, "x"),
        (b'name,user_id\nBo,x\n"An\nna",1\n', 2, "x"),
        (b"name,user_id\nAn\xe9,1\nBo,\xe9\n", 3, "\u00e9"),
        (b"name,user_id\nAnna,1\n" + b"x" * 140_000 + b",2\n", 3, "field larger than field limit (131072)"),
        (b'{"user_id": 1}\n{"user_id": 1.0}\n', 2, '{"user_id": 1.0}'),
        (b'{"user_id": 1}\n{"user_id": true}\n', 2, '{"user_id": true}'),
        (b'{"user_id": 1}\n{"user": 2}\n', 2, '{"user": 2}'),
        (b'{"user_id": 1}\n[2]\n', 2, "[2]"),
        (b'{"user_id": 1}\n2\n', 2, "2"),
        (b'{"user_id": 1}\n{"user_id": 2, "user_id": 3}\n', 2, '{"user_id": 2, "user_id": 3}'),
        (b'{"user_id": 1}\n{"user_id": \n', 2, '{"user_id":'),
        (b'{"user_id": 1}\n' + b"[" * 100_000 + b"\n", 2, "[" * 40),
        (b'{"user_id": 1}\n{"user_id": "\xff"}\n', 2, "\u00ff"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_value(content: bytes, number: int, value: str) -> None:
    with pytest.raises(UsageError, match="Nothing was imported") as refusal:
        read(content)
    assert f"line {number} '{value}'" in str(refusal.value)
    found = read(content, skip_bad=True)
    assert 1 in found.users
    assert found.bad == [(number, value)]
    assert found.bad_count == 1


def test_many_bad_lines_are_counted_and_the_first_few_shown() -> None:
    with pytest.raises(UsageError, match=r"line 2 'x', .*line 6 'x' and 3 more hold no user ID"):
        read("1\n" + "x\n" * 8)


@pytest.mark.parametrize("content", ["", "\n\n", "user_id\n", "name,user_id\n", "\ufeff"])
def test_a_file_without_users_is_refused(content: str) -> None:
    with pytest.raises(UsageError, match=r"fans\.csv names no user"):
        read(content)


def test_a_file_of_bad_lines_only_is_refused_even_when_they_may_be_skipped() -> None:
    with pytest.raises(UsageError, match="names no user"):
        read("user_id\nx\n", skip_bad=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,mail\nAnna,a@b\n", r"no user_id column \(found 'name', 'mail'\)"),
        (b"Anna\n", r"no user_id column \(found 'Anna'\)"),
        (b"a\xff,b\n1,2\n", r"found 'a\u00ff', 'b'\) with a comma as separator"),
        (b"x" * 140_000 + b"\n", "the first line is not CSV"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_the_way_out(content: bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(content, skip_bad=True)


def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_blocks, "LONGEST_LINE_BYTES", 1000)
    monkeypatch.setattr(file_blocks, "BLOCK_BYTES", 600)
    stream = io.BytesIO(b"1\n" + b"7" * 1_000_000)
    with pytest.raises(UsageError, match="more than 1000 bytes"):
        read_users(stream, name="fans.csv", skip_bad=True)
    assert stream.tell() < 3000


def test_progress_is_told_the_bytes_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_blocks, "BLOCK_BYTES", 4)
    told: list[int] = []
    read_users(io.BytesIO(b"\xef\xbb\xbf1\n2\n3\n"), name="fans.csv", progress=told.append)
    assert told == [4, 8, 9]


@pytest.mark.parametrize(("text", "user"), [(" 7 ", 7), ("007", 7), (str(LARGEST_USER_ID), LARGEST_USER_ID)])
def test_a_user_id_is_parsed(text: str, user: int) -> None:
    assert parse_user(text) == user


@unhurried
@given(no_ids)
def test_what_is_no_user_id_is_none(text: str) -> None:
    assert parse_user(text) is None


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, list[int], list[int]]:
    """A file with what a reader must find in it: the IDs in order, and the numbers of the bad lines."""
    form = draw(st.sampled_from(["plain", "column", "csv", "json"]))
    lines, users, bad = (
        {"plain": ["1"], "column": ["user_id"], "csv": ["name,user_id,note"], "json": ['{"user_id":1}']}[form],
        [1] if form in {"plain", "json"} else [],
        [],
    )
    end = draw(line_ends)
    for _ in range(draw(st.integers(0, 30))):
        kind = draw(st.sampled_from(["good"] * 6 + ["bad", "blank"]))
        number = 1 + sum(1 + line.count(end) for line in lines)
        if kind == "blank":
            lines.append("")
            continue
        value = str(draw(user_ids)) if kind == "good" else draw(no_ids)
        if form == "json":
            lines.append(
                json.dumps({"user_id": value, "n": draw(st.sampled_from(["", "é\u2028"]))}, ensure_ascii=False)
            )
        elif form == "csv":
            note = draw(st.sampled_from(["", "x", 'a "b"', "c,d", f"two{end}lines"]))
            row = io.StringIO()
            csv.writer(row).writerow(["Anna", value, note])
            lines.append(row.getvalue().removesuffix("\r\n"))
        else:
            lines.append(draw(st.sampled_from(["{}", " {}", '"{}"' if form == "column" else "{} "])).format(value))
        if kind == "good":
            users.append(int(value))
        else:
            bad.append(number)
    text = end.join(lines) + draw(st.sampled_from(["", end]))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return mark + text.encode(), users, bad


@unhurried
@given(files(), st.sampled_from([2, 7, 64, 2**20]), st.sampled_from([1, 5, 1000]))
def test_any_file_is_read_as_it_was_written(
    written: tuple[bytes, list[int], list[int]], block_bytes: int, gathered: int
) -> None:
    content, users, bad = written
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        patch.setattr(gathering, "GATHERED_IDS", gathered)
        if not users:
            with pytest.raises(UsageError):
                read(content, skip_bad=True)
            return
        found = read(content, skip_bad=True)
    assert list(found.users) == sorted(set(users))
    assert (found.lines, found.duplicates) == (len(users), len(users) - len(set(users)))
    assert [number for number, _ in found.bad] == bad[:5]
    assert found.bad_count == len(bad)


def naive_plain(content: bytes) -> tuple[list[int], list[int]]:
    """IDs and bad line numbers of a file of one value a line, the slow and obvious way."""
    users, bad = [], []
    for number, line in enumerate(re.split(rb"\r\n|\r|\n", content), 1):
        value = line.strip()
        if re.fullmatch(rb'"[0-9 ]*"', value):
            value = value[1:-1].strip()
        if re.fullmatch(rb"[0-9]+", value) and 0 < int(value) < 2**63:
            users.append(int(value))
        elif line.strip():
            bad.append(number)
    return users, bad


@unhurried
@given(
    st.lists(st.sampled_from([b"0", b"1", b"42", b"\n", b"\r", b"\r\n", b" ", b"x", b"\xff", b"\x00", b'"'])),
    st.sampled_from([1, 2, 5, 2**20]),
)
def test_any_bytes_after_a_header_are_read_like_the_naive_reader_does(parts: list[bytes], block_bytes: int) -> None:
    content = b"user_id\n" + b"".join(parts) + b"\n8"
    users, bad = naive_plain(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        found = read(content, skip_bad=True)
    assert (list(found.users), found.lines) == (sorted(set(users)), len(users))
    assert ([number for number, _ in found.bad], found.bad_count) == (bad[1:6], len(bad) - 1)


@unhurried
@given(
    st.lists(
        st.sampled_from([b"user_id", b"{", b"}", b'"', b",", b":", b"7", b"12", b"0", b"\n", b"\r", b"\xff", b" "])
    ),
    st.integers(1, 9),
)
def test_where_blocks_end_changes_nothing(parts: list[bytes], block_bytes: int) -> None:
    content = b"".join(parts)

    def result() -> object:
        try:
            found = read(content, skip_bad=True)
        except UsageError as refusal:
            return str(refusal)
        return list(found.users), found.lines, found.bad, found.bad_count

    whole = result()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_blocks, "BLOCK_BYTES", block_bytes)
        assert result() == whole
