"""What is read from the echo of a probe's message, and what is not claimed when the vendor does not show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.domain.messages.marks import with_mark
from campaigns.domain.probe.reading import TEXT, ProbeReading, Shown, TextEcho, read_echo, read_shown, skew_seconds
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

MARK, OTHER = "00112233445566ff", "ffffffffffffffff"
DUE = datetime(2027, 3, 2, 12, tzinfo=UTC)
NOTHING = Shown([], None, [], 1.0, None)


def read(shown: Shown) -> ProbeReading:
    return read_shown(shown, message_id="7", scheduled_for=DUE, mark=MARK, priced=False)


def test_what_is_not_shown_is_not_claimed() -> None:
    found = read(NOTHING)

    assert found.text == TextEcho(None, None, None)
    assert (found.shown_for, found.date_kept, found.is_free, found.price) == (None, None, None, None)
    assert (found.in_item, found.in_overview, found.list_lag_seconds) == (False, False, None)


def test_the_text_is_that_of_the_item_and_else_of_the_overview() -> None:
    by_id, listed = ItemContent("7", with_mark(TEXT, MARK), True, 0), ItemContent("7", TEXT, True, 0)

    assert read(replace(NOTHING, content=by_id, overview=[listed])).text.mark is True
    assert read(replace(NOTHING, content=replace(by_id, text=None), overview=[listed])).text.mark is False
    assert read(replace(NOTHING, overview=[listed])).in_overview is True


def test_only_the_mark_of_its_own_attempt_counts() -> None:
    assert read_echo(with_mark(TEXT, OTHER), MARK).mark is False
    assert read_echo(with_mark(TEXT, MARK), None).mark is False


def test_the_item_itself_is_none_of_the_list_s_others() -> None:
    old = DUE - timedelta(days=400)
    items = [QueueItem("7", DUE), QueueItem("5", old), QueueItem("6", None)]

    found = read(replace(NOTHING, items=items))

    assert (found.list_size, found.list_reaches_back_to, found.list_lag_seconds) == (2, old, 1.0)
    assert (found.shown_for, found.date_kept) == (DUE, True)


@pytest.mark.parametrize(("days", "kept"), [(0, True), (1, True), (1.5, False), (-365, False)])
def test_a_message_that_is_shown_for_another_day_did_not_keep_its_date(days: float, *, kept: bool) -> None:
    shown = ItemContent("7", TEXT, True, 0, DUE + timedelta(days=days))
    assert read(replace(NOTHING, content=shown)).date_kept is kept


def test_the_skew_is_taken_at_the_middle_of_the_question() -> None:
    asked, heard = DUE, DUE + timedelta(seconds=4)
    answered = (DUE + timedelta(seconds=182)).replace(microsecond=0)

    assert skew_seconds(answered, asked=asked, heard=heard) == pytest.approx(180.5)
    assert skew_seconds(None, asked=asked, heard=heard) is None


@pytest.mark.parametrize(
    ("tail", "mark_up"),
    [
        ("line.<br>Third &amp; last.", True),
        ("line.<br />Third &amp; last.</p>", True),
        ("line.</p><p>Third & last.", True),
        ("line.\nThird & last.", True),  # shown as plain text, with the tag read
        ("line.&lt;br&gt;Third &amp;amp; last.", False),
        ("line.<br>Third &amp;amp; last.", False),  # a text of ours would be shown with its entities
        ("line.Third &amp; last.", None),  # the tag was taken out
        ("line.", None),  # a probe of an earlier release
    ],
)
def test_mark_up_is_read_or_shown_as_characters(tail: str, mark_up: bool | None) -> None:
    text = read_echo(f"One < two > three & four.\nSecond {tail}", MARK)
    assert text.mark_up is mark_up
    if mark_up is not None:
        assert text.takes_mark_up is mark_up
