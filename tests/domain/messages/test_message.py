from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.errors import UsageError
from campaigns.domain.messages.message import (
    FILTER_ALONE,
    Message,
    from_json,
    make_message,
    message_faults,
    request_body,
    to_json,
)
from tests.domain.messages.samples import message_fields, messages, user_ids

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def fault_of(**fields: Any) -> str:
    with pytest.raises(UsageError) as refused:
        make_message({"text": "Hello", **fields})
    return str(refused.value)


def body_of(message: Message, users: list[int] | None = None, **how: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(request_body(message, users, **how))
    return body


# What may stand in a message


@pytest.mark.parametrize("price", ["0", "3", "3.5", "3.50", "199.99", "200", "200.00", 3, 6.97, Decimal("6.97")])
def test_a_price_of_0_or_from_3_to_200_is_taken(price: Any) -> None:
    message = make_message({"text": "Hello", "price": price, "media_files": ["1"]})
    assert message.price == Decimal(str(price))


@pytest.mark.parametrize(
    "price",
    ["0.01", "2.99", "200.01", "201", "-5", "1e2", "nan", "inf", "", "5 dollars", "6.975", "1_0", True],
)
def test_any_other_price_is_refused(price: Any) -> None:
    assert "price is" in fault_of(price=price, media_files=["1"])


def test_a_price_needs_media_and_a_free_message_does_not() -> None:
    assert "price needs media_files" in fault_of(price="5")
    assert "price needs media_files" in fault_of(price="5", giphy_id="abc")
    assert make_message({"text": "Hello", "price": "0"}).price == 0


def test_previews_must_stand_in_the_media_files_too() -> None:
    assert "previews must be in media_files" in fault_of(media_files=["1", "2"], previews=["2", "3"])
    assert make_message({"text": "Hello", "media_files": ["1", "2"], "previews": ["2"]}).previews == ("2",)


@pytest.mark.parametrize("media", ["photo.jpg", "-1", "1.5", "ofapi_media_", "ofapi_media_a b", "", "\uff11"])
def test_media_that_is_neither_a_vault_id_nor_an_upload_is_refused(media: str) -> None:
    assert "media_files" in fault_of(media_files=[media])


def test_media_ids_may_be_numbers_however_long() -> None:
    assert make_message({"text": "Hello", "media_files": [2**62 + 1]}).media_files == (str(2**62 + 1),)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"media_files": ["7", 7]}, "media_files has '7' twice"),
        ({"media_files": ["007"]}, "media_files has '007', but a vault ID does not begin with 0"),
        ({"media_files": ["1" * 20]}, "but a vault ID has at most 19 digits"),
        ({"rf_tag": ["hello"]}, "rf_tag has 'hello', which is not a valid ID: digits alone"),
        ({"rf_guest": ["1,2"]}, "rf_guest has '1,2', which is not a valid ID"),
        ({"rf_partner": ["4", "4"]}, "rf_partner has '4' twice"),
        ({"giphy_id": "https://giphy.com/gifs/cat-abc"}, "an address; give the ID alone"),
        ({"giphy_id": "a b"}, "giphy_id is 'a b', which is not a valid Giphy ID"),
        (
            {"user_lists": ["fans,recent"]},
            "user_lists has 'fans,recent', which is not a valid list ID: give each list by itself",
        ),
        ({"excluded_lists": ["7;8"]}, "excluded_lists has '7;8'"),
        ({"user_lists": ["fans recent"]}, "user_lists has 'fans recent', which is not a valid list ID"),
        ({"user_lists": ["fans", "7"], "excluded_lists": ["7"]}, "user_lists and excluded_lists name the same list"),
        ({"text": "\u200b\u2063 \ufe0f\u3164"}, "text shows nothing"),
        ({"text": "<p>&nbsp;<br></p>", "text_mode": "html"}, "text shows nothing"),
        ({"text_mode": "markdown"}, "text_mode is 'markdown', but must be one of plain, html"),
    ],
)
def test_what_the_vendor_would_misread_is_refused_with_what_to_do(fields: dict[str, Any], fault: str) -> None:
    assert fault in fault_of(**fields)


def test_an_emoji_of_several_characters_is_text() -> None:
    assert make_message({"text": "\u2764\ufe0f\u200d\U0001f525"}).text


@pytest.mark.parametrize("days", [1, 30, "7"])
def test_a_look_back_of_1_to_30_days_is_taken(days: Any) -> None:
    message = make_message({"text": "Hello", "subscribed_within_last_days": days})
    assert message.subscribed_within_last_days == int(days)


@pytest.mark.parametrize("days", [0, 31, -1, "x", 2.5, True, "1" * 5000])
def test_any_other_look_back_is_refused(days: Any) -> None:
    assert "must be a whole number from 1 to 30" in fault_of(subscribed_within_last_days=days)


@pytest.mark.parametrize("other", [{"scheduled_date": "2027-01-01T00:00:00Z"}, {"save_for_later": True}])
def test_a_look_back_goes_with_neither_a_scheduled_date_nor_saving(other: dict[str, Any]) -> None:
    assert "subscribed_within_last_days cannot be combined" in fault_of(subscribed_within_last_days=7, **other)


def test_saving_may_be_combined_with_a_scheduled_date_since_the_vendor_forbids_nothing_there() -> None:
    assert make_message({"text": "Hello", "save_for_later": True, "scheduled_date": "2027-01-01T00:00:00Z"})


@pytest.mark.parametrize("level", ["strict_ban", "risky", "replace_soften"])
def test_the_vendors_levels_of_banned_words_are_taken(level: str) -> None:
    assert make_message({"text": "Hello", "block_banned_words": level}).block_banned_words == level


@pytest.mark.parametrize("level", ["strict", "", 1, ["risky"]])
def test_any_other_level_is_refused(level: Any) -> None:
    assert "must be one of strict_ban, risky, replace_soften" in fault_of(block_banned_words=level)


@pytest.mark.parametrize("text", [None, "", "  \n", 5, "a\x00b", "\ud800"])
def test_a_message_without_usable_text_is_refused(text: Any) -> None:
    assert "text" in fault_of(text=text)


@pytest.mark.parametrize("when", ["2027-01-01", "2027-01-01T00:00:00", "soon", 5, NOW.replace(tzinfo=None)])
def test_a_scheduled_date_without_an_offset_is_refused(when: Any) -> None:
    assert "scheduled_date is" in fault_of(scheduled_date=when)


def test_flags_are_true_or_false_and_lists_are_lists() -> None:
    said = fault_of(locked_text="yes", save_for_later=1, user_lists="fans", rf_tag=[True])
    assert all(name in said for name in ("locked_text", "save_for_later", "user_lists", "rf_tag"))


def test_every_fault_is_told_in_one_sentence() -> None:
    with pytest.raises(UsageError) as refused:
        make_message({"price": "2", "previews": ["9"], "block_banned_words": "x", "texd": "Hello"})
    said = str(refused.value)
    expected = (
        "price is 2",
        "previews must be in media_files",
        "block_banned_words is 'x'",
        "text is missing",
        "did you mean text?",
    )
    assert all(each in said for each in expected)
    assert "\n" not in said


def test_a_field_with_a_fault_of_its_own_is_not_blamed_twice() -> None:
    assert "needs media_files" not in fault_of(price="5", media_files=["photo.jpg"])


def test_a_field_that_is_none_was_not_given() -> None:
    assert make_message({"text": "Hello", "price": None, "user_lists": None}) == Message("Hello")


# What the audience has to do with it


def test_nobody_to_send_to_is_a_fault() -> None:
    message = Message("Hello", excluded_lists=("fans",))
    for count in (None, 0):
        assert ["there are no recipients" in fault for fault in faults(message, user_count=count)] == [True]


def faults(message: Message, *, user_count: int | None = 10, batch_count: int | None = 1) -> list[str]:
    return message_faults(message, user_count=user_count, batch_count=batch_count, now=NOW)


def test_whole_lists_are_recipients_with_or_without_user_ids() -> None:
    message = Message("Hello", user_lists=("fans",))
    assert message.vendor_chooses
    assert faults(message, user_count=None) == []
    assert faults(message, user_count=10) == []


@pytest.mark.parametrize("chosen", [{"user_lists": ("fans",)}, {"subscribed_within_last_days": 7}])
def test_what_the_vendor_chooses_takes_one_request_only(chosen: dict[str, Any]) -> None:
    assert "these 10 user IDs take 2" in faults(Message("Hello", **chosen), batch_count=2)[0]


def test_a_look_back_names_no_recipients_but_narrows_ids_and_lists() -> None:
    message = Message("Hello", subscribed_within_last_days=7)
    assert message.vendor_chooses
    assert faults(message, user_count=10) == []
    assert faults(replace(message, user_lists=("fans",)), user_count=None) == []
    assert faults(message, user_count=None) == [FILTER_ALONE]


@pytest.mark.parametrize("where", ["media_files", "previews"])
def test_one_use_media_goes_into_one_batch_only(where: str) -> None:
    fields: dict[str, Any] = {where: ("7", "ofapi_media_a")}
    message = Message("Hello", **fields)
    assert message.uses_one_use_media
    assert faults(message, batch_count=1) == []
    assert "2 requests" in faults(message, batch_count=2)[0]
    assert faults(message, batch_count=None) == []


def test_vault_media_goes_into_any_number_of_batches() -> None:
    assert faults(Message("Hello", media_files=("123",)), batch_count=900) == []


def test_a_scheduled_date_must_lie_ahead() -> None:
    assert "has passed" in faults(Message("Hello", scheduled_date=NOW))[0]
    assert faults(Message("Hello", scheduled_date=NOW + timedelta(seconds=1))) == []


# What is stored


@given(messages())
def test_any_message_comes_back_from_its_row(message: Message) -> None:
    assert from_json(json.loads(json.dumps(to_json(message)))) == message


@given(message_fields())
def test_equal_messages_are_stored_equally(fields: dict[str, Any]) -> None:
    again = dict(reversed(list(fields.items())))
    if fields["price"] is not None:
        again["price"] = f"{fields['price']:.2f}"
    if fields["scheduled_date"] is not None:
        again["scheduled_date"] = fields["scheduled_date"].astimezone(timezone(timedelta(hours=5))).isoformat()
    assert json.dumps(to_json(make_message(again))) == json.dumps(to_json(make_message(fields)))


def test_a_row_of_a_newer_release_is_refused_rather_than_sent_in_part() -> None:
    with pytest.raises(ValueError, match="voice_note"):
        from_json({**to_json(Message("Hello")), "voice_note": "1"})


def test_a_row_of_an_older_release_lacks_fields_and_is_read() -> None:
    assert from_json({"text": "Hello"}) == Message("Hello")


# What is sent


@pytest.mark.parametrize("users", [None, [], iter(())])
def test_a_body_without_recipients_is_never_made(users: Any) -> None:
    with pytest.raises(ValueError, match="without recipients"):
        request_body(Message("Hello", excluded_lists=("fans",)), users)


def test_a_body_with_a_look_back_alone_is_never_made() -> None:
    with pytest.raises(ValueError, match="without recipients"):
        request_body(Message("Hello", subscribed_within_last_days=7), None)


def test_user_ids_and_lists_go_out_in_one_body() -> None:
    body = body_of(Message("Hello", user_lists=("fans",), subscribed_within_last_days=7), [1])
    assert (body["userLists"], body["userIds"], body["subscribedWithinLastDays"]) == (["fans"], ["1"], 7)


def test_absent_fields_are_left_out_and_the_order_is_fixed() -> None:
    assert request_body(Message("Hé <b>"), [7, 2**63 - 1]) == (
        '{"text":"Hé <b>","userIds":["7","9223372036854775807"]}'.encode()
    )


def test_every_field_has_its_name_and_form_on_the_wire() -> None:
    message = make_message(
        {
            "text": "Hello",
            "locked_text": False,
            "price": "6.97",
            "media_files": ["ofapi_media_a", 12],
            "previews": [12],
            "giphy_id": "g1",
            "rf_tag": [1, 2],
            "rf_partner": [3],
            "rf_guest": [4],
            "scheduled_date": "2027-01-01T01:30:00.5+01:00",
            "save_for_later": True,
            "block_banned_words": "risky",
            "user_lists": ["fans", 99],
            "excluded_lists": ["recent"],
        }
    )
    assert body_of(message) == {
        "text": "Hello",
        "lockedText": False,
        "price": 6.97,
        "mediaFiles": ["ofapi_media_a", "12"],
        "previews": ["12"],
        "giphyId": "g1",
        "rfTag": ["1", "2"],
        "rfPartner": ["3"],
        "rfGuest": ["4"],
        "scheduledDate": "2027-01-01T00:30:00.500Z",
        "saveForLater": True,
        "blockBannedWords": "risky",
        "userLists": ["fans", "99"],
        "excludedLists": ["recent"],
    }


def test_release_form_ids_can_travel_as_text() -> None:
    body = body_of(Message("Hello", rf_tag=("1", "2")), [1], rf_as="string")
    assert body["rfTag"] == "1,2"
    assert "rfGuest" not in body


@given(st.integers(300, 20_000))
def test_a_price_on_the_wire_is_the_amount_to_the_cent(cents: int) -> None:
    message = make_message({"text": "Hello", "price": f"{cents / 100:.2f}", "media_files": ["1"]})
    written = json.loads(request_body(message, [1]), parse_float=Decimal)["price"]
    assert Decimal(written) * 100 == cents
    assert isinstance(written, int) == (cents % 100 == 0)


@given(messages(whole_lists=False), st.lists(user_ids, min_size=1, max_size=50))
def test_user_ids_arrive_exactly(message: Message, users: list[int]) -> None:
    assert [int(user) for user in body_of(message, users)["userIds"]] == users


@given(messages(whole_lists=False), st.lists(user_ids, min_size=1, max_size=5))
def test_the_same_message_and_users_give_the_same_bytes(message: Message, users: list[int]) -> None:
    assert request_body(message, users) == request_body(from_json(to_json(message)), iter(users))
