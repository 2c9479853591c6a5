"""Our request bodies, held to the vendor's description by a validator that is not ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.messages.message import Message, make_message, request_body
from tests.domain.messages.samples import messages, user_ids

SCHEMA = json.loads(Path(__file__).with_name("send_request.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())

FORMS: st.SearchStrategy[Literal["array", "string"]] = st.sampled_from(["array", "string"])


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(messages(whole_lists=False), st.lists(user_ids, min_size=1, max_size=20), FORMS)
def test_any_body_to_users_validates(message: Message, users: list[int], form: Literal["array", "string"]) -> None:
    VALIDATOR.validate(json.loads(request_body(message, users, rf_as=form)))


@given(messages(whole_lists=True), FORMS)
def test_any_body_to_whole_lists_validates(message: Message, form: Literal["array", "string"]) -> None:
    VALIDATOR.validate(json.loads(request_body(message, None, rf_as=form)))


def test_every_field_of_the_description_can_be_sent() -> None:
    most = make_message(
        {
            "text": "Hello",
            "locked_text": True,
            "price": 5,
            "media_files": [1],
            "previews": [1],
            "giphy_id": "g",
            "rf_tag": [1],
            "rf_partner": [1],
            "rf_guest": [1],
            "scheduled_date": "2027-01-01T00:00:00Z",
            "save_for_later": True,
            "block_banned_words": "risky",
            "excluded_lists": ["recent"],
        }
    )
    rest = make_message({"text": "Hello", "user_lists": ["fans"], "subscribed_within_last_days": 7})
    sent = json.loads(request_body(most, [1])).keys() | json.loads(request_body(rest, None)).keys()
    assert sent == SCHEMA["properties"].keys()


@pytest.mark.parametrize(
    "wrong",
    [
        {"userIds": [1]},
        {"price": "5", "mediaFiles": ["1"]},
        {"price": 2, "mediaFiles": ["1"]},
        {"price": 5},
        {"user_ids": ["1"]},
        {"scheduledDate": "2027-01-01T00:00:00+00:00"},
        {"subscribedWithinLastDays": 7, "scheduledDate": "2027-01-01T00:00:00Z"},
        {"subscribedWithinLastDays": 31},
        {"blockBannedWords": "strict"},
        {"text": None},
    ],
)
def test_the_validator_refuses_what_the_vendor_would(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid({"text": "Hello", **wrong})
