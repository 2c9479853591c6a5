"""Which content an occurrence takes, and what its text says: pure, and the same whenever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from campaigns.domain.messages.contents import (
    Rotate,
    content_number,
    contents_faults,
    message_at,
    rendered,
)
from campaigns.domain.messages.message import Message, from_json, make_message, message_faults, to_json
from campaigns.domain.messages.text_modes import TextMode

FRIDAY = datetime(2026, 11, 27, 23, 30, tzinfo=UTC)


def taken(count: int, occurrences: int, rotate: Rotate, campaign: int = 7) -> list[int]:
    return [content_number(campaign, number, count, rotate) for number in range(1, occurrences + 1)]


def said(text: str, contents: list[dict[str, Any]] | None = None, number: int = 1, **more: Any) -> Any:
    message = to_json(make_message({"text": text, "price": "5", "media_files": ["11"]}))
    return message_at(message, contents, campaign_id=7, number=number, at=FRIDAY, zone="Europe/Berlin", **more)


def test_contents_are_taken_in_turn() -> None:
    assert taken(3, 7, "turn") == [1, 2, 3, 1, 2, 3, 1]


@pytest.mark.parametrize("campaign", range(1, 21))
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_at_random_every_cycle_takes_each_once_and_none_twice_in_a_row(count: int, campaign: int) -> None:
    order = taken(count, count * 60, "random", campaign)
    cycles = [order[start : start + count] for start in range(0, len(order), count)]
    assert all(sorted(cycle) == list(range(1, count + 1)) for cycle in cycles)
    assert count == 1 or all(earlier != later for earlier, later in pairwise(order))


def test_the_order_at_random_differs_by_campaign_and_by_cycle_and_never_by_when_it_is_asked() -> None:
    assert taken(5, 10, "random") == [5, 2, 4, 3, 1, 4, 1, 5, 3, 2]
    assert len({tuple(taken(5, 5, "random", campaign)) for campaign in range(30)}) > 10
    order = taken(5, 200, "random")
    assert len({tuple(cycle) for cycle in cycles_of(order, 5)}) > 10


def cycles_of(order: list[int], count: int) -> Iterator[list[int]]:
    return (order[start : start + count] for start in range(0, len(order), count))


@pytest.mark.parametrize(
    ("text", "goes_out"),
    [
        ("It is {weekday}, {date}.", "It is Saturday, 28 November 2026."),
        ("No. {n}{n}", "No. 1212"),
        ("{{date}} {date}", "{date} 28 November 2026"),
        ("{{n}}{{weekday}}", "{n}{weekday}"),
        ("{ date } {Date} {name} {} {{ }} {{name}} {0}", "{ date } {Date} {name} {} {{ }} {{name}} {0}"),
        ("{{{date}}}", "{{date}}"),
        ("plain", "plain"),
    ],
)
def test_variables_are_those_of_the_local_day(text: str, goes_out: str) -> None:
    assert rendered(text, at=FRIDAY, number=12, zone="Europe/Berlin") == goes_out


def test_without_a_zone_the_day_is_that_of_utc() -> None:
    assert rendered("{weekday}, {date}", at=FRIDAY, number=1, zone=None) == "Friday, 27 November 2026"


def test_a_run_that_says_what_its_revision_says_keeps_no_message() -> None:
    assert said("Hello {name}") == (None, None)


def test_a_text_with_variables_is_kept_with_the_rest_of_the_message() -> None:
    content, message = said("It is {weekday}")
    assert content is None
    assert from_json(message) == make_message({"text": "It is Saturday", "price": "5", "media_files": ["11"]})


def test_a_content_falls_back_to_the_campaigns_own_fields() -> None:
    contents: list[dict[str, Any]] = [{"text": "One"}, {"price": "7.50", "media_files": ["22"], "previews": ["22"]}]
    assert from_json(said("Own {n}", contents)[1]) == make_message({"text": "One", "price": 5, "media_files": ["11"]})
    number, message = said("Own {n}", contents, number=2)
    assert number == 2
    assert from_json(message) == make_message(
        {"text": "Own 2", "price": "7.50", "media_files": ["22"], "previews": ["22"]}
    )


def test_a_message_that_the_vendor_is_to_send_later_names_its_time() -> None:
    _, message = said("Hello", scheduled_date=FRIDAY)
    assert from_json(message).scheduled_date == FRIDAY


def test_a_rendered_message_is_one_that_may_be_sent() -> None:
    _, message = said("{{n}} {n}", [{"price": "0"}])
    assert message_faults(from_json(message), user_count=3, batch_count=1, now=FRIDAY) == []


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ([{"text": "Hi"}, {"price": "2"}], "content 2: price is 2, but must be 0 or from 3 to 200"),
        ([{"price": "5"}], "content 1: price needs media_files"),
        ([{"user_lists": ["1"]}], "content 1: user_lists belongs to the campaign"),
        ([{"text": "a"}, {"txt": "b"}], "content 2: txt belongs to the campaign"),
        ([{"media_files": ["ofapi_media_1"]}], "content 1 has an ofapi_media_ ID, which the first run would use up"),
        ([{"text": "a"}] * 101, "101 contents are more than 100"),
    ],
)
def test_a_content_that_cannot_be_sent_is_named(contents: list[dict[str, Any]], said: str) -> None:
    faults = contents_faults(make_message({"text": "Own"}), contents, recurs=False)
    assert len(faults) == 1
    assert said in faults[0]


def test_one_use_media_is_refused_where_more_than_one_run_may_come() -> None:
    message = make_message({"text": "Own", "media_files": ["ofapi_media_1"]})
    assert contents_faults(message, [], recurs=False) == []
    assert contents_faults(message, [], recurs=True) == [
        "the message has an ofapi_media_ ID, which the first run would use up; use vault IDs"
    ]
    assert len(contents_faults(message, [{"text": "One"}, {"media_files": ["5"]}], recurs=False)) == 1


def test_a_content_that_an_earlier_release_took_still_goes_out() -> None:
    message = to_json(Message("Hello"))
    _, said = message_at(
        message, [{"media_files": ["7", "7"], "price": "5"}], campaign_id=1, number=1, at=FRIDAY, zone=None
    )
    assert said is not None
    assert (said["media_files"], said["price"]) == (["7", "7"], "5")


def test_the_mode_of_a_campaign_holds_for_all_its_contents() -> None:
    message = to_json(Message("Hello", text_mode=TextMode.PLAIN))
    _, said = message_at(message, [{"text": "Hi"}], campaign_id=1, number=1, at=FRIDAY, zone=None)
    assert said is not None
    assert from_json(said) == Message("Hi", text_mode=TextMode.PLAIN)
