"""Marks: what goes in comes out, nothing else changes, and nothing of a user's is read as one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.contents import content_message
from campaigns.domain.messages.marks import EDGE, LENGTH, SYMBOLS, new_mark, read_marks, with_mark, without_marks
from campaigns.domain.messages.message import Message, make_message, marked, to_json
from campaigns.domain.reconcile.search import normalised
from tests.domain.messages.samples import texts

marks = st.binary(min_size=8, max_size=8).map(bytes.hex)
MARK, OTHER = "00112233445566ff", "a5a5a5a5a5a5a5a5"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CHANCE = bytes(range(16))

invisible = st.text(st.sampled_from(EDGE + SYMBOLS), max_size=60)
odd_texts = st.lists(st.one_of(texts, invisible, st.sampled_from([" ", "\n", "<b>", "</b>", "&amp;"]))).map("".join)


def tail(text: str) -> str:
    """The text with a bar where its mark stands."""
    drawn = with_mark("", MARK)
    return with_mark(text, MARK).replace(drawn, "|")


@given(odd_texts, marks)
def test_a_mark_comes_back_whatever_the_text_and_only_adds_its_own_characters(text: str, mark: str) -> None:
    sent = with_mark(text, mark)

    assert len(sent) == len(text) + LENGTH
    assert mark in read_marks(sent)
    assert without_marks(sent) == without_marks(text)
    assert normalised(sent) == normalised(text)


@given(texts, marks)
def test_a_mark_survives_paragraphs_tags_for_line_breaks_and_entities(text: str, mark: str) -> None:
    sent = with_mark(text.replace("\n", "<br />"), mark)

    assert mark in read_marks(f"<p>{sent}</p>")
    assert mark in read_marks("".join(f"&#{ord(char)};" if char in EDGE + SYMBOLS else char for char in sent))


@given(st.text())
def test_nothing_that_people_write_is_read_as_a_mark(text: str) -> None:
    assert read_marks(text) == ()


@given(invisible)
def test_nor_are_the_same_characters_without_the_check_number(run: str) -> None:
    assert read_marks(f"Hello{run} you") == ()


@pytest.mark.parametrize("at", range(LENGTH))
def test_a_damaged_mark_is_none_and_is_left_out_of_the_comparison(at: int) -> None:
    drawn = with_mark("", MARK)
    for other in ("", *SYMBOLS, EDGE):
        echo = f"Hello{drawn[:at]}{other}{drawn[at + 1 :]} you"
        assert read_marks(echo) == ((MARK,) if other == drawn[at] else ())
        assert normalised(echo) == "Hello you"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Hello you", "Hello| you"),
        ("Hello, you", "Hello,| you"),
        ("<p>Hello <b>you</b></p>", "<p>Hello| <b>you</b></p>"),
        ('<span class="m-editor-fs__l">Hi</span> you there', '<span class="m-editor-fs__l">Hi</span> you| there'),
        ("https://example.org/a is it", "https://example.org/a is| it"),
        ("@anna hello you", "@anna hello| you"),
        ("Tom &amp; Anna", "Tom| &amp; Anna"),
        ("you < me > them", "you| < me > them"),
        ("Hello", "Hello|"),
        ("<p>Hello</p>", "<p>Hello|</p>"),
        ("Hello  ", "Hello|  "),
        ("\N{WAVING HAND SIGN}", "\N{WAVING HAND SIGN}|"),
        ("https://example.org/a", "|https://example.org/a"),
        ("  example.org www.example.org", "  |example.org www.example.org"),
    ],
)
def test_a_mark_stands_inside_the_text_beside_a_word_and_never_beside_a_link(text: str, shown: str) -> None:
    assert tail(text) == shown


def test_a_text_that_was_copied_from_a_marked_message_goes_out_without_that_mark() -> None:
    copied = with_mark("Hello you", OTHER)
    message = make_message({"text": copied})

    assert message.text == "Hello you"
    assert read_marks(marked(message, MARK).text) == (MARK,)
    assert content_message(to_json(make_message({"text": "Hi"})), {"text": copied}).text == "Hello you"
    assert marked(Message(copied), None).text == "Hello you", "a release without marks had stored it"
    assert read_marks(marked(Message(copied), MARK).text) == (MARK,)
    with pytest.raises(UsageError, match="contains the invisible mark of another message"):
        make_message({"text": "".join(f"&#{ord(char)};" for char in copied)})
    with pytest.raises(UsageError, match="text is empty"):
        make_message({"text": with_mark("", OTHER)})


def test_characters_of_marks_that_are_none_stay_as_they_were_written() -> None:
    written = f"no{EDGE}break {SYMBOLS}"
    assert make_message({"text": written}).text == written


def test_a_message_without_a_mark_is_unchanged() -> None:
    message = make_message({"text": "Hello you"})
    assert marked(message, None) == message


def test_several_marks_are_read_in_their_order_and_each_once() -> None:
    text = with_mark("", MARK) + with_mark("", OTHER) + with_mark("", MARK)
    assert read_marks(text) == (MARK, OTHER)


def test_marks_of_two_attempts_differ_even_when_chance_repeats_itself() -> None:
    def mark(account: str = "acct_one", fence: int = 7, at: datetime = NOW, chance: bytes = CHANCE) -> str:
        return new_mark(account_id=account, fence=fence, at=at, chance=chance)

    found = {mark(), mark("acct_two"), mark(fence=8), mark(at=NOW.replace(minute=1)), mark(chance=bytes(16))}
    assert len(found) == 5
    assert all(read_marks(with_mark("Hello you", each)) == (each,) for each in found)
    with pytest.raises(ValueError, match="needs 16 random bytes"):
        mark(chance=b"short")
