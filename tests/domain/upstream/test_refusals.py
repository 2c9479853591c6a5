"""What a refusal blames, and the cure that its words bring."""

from __future__ import annotations

from typing import Any

import pytest

from campaigns.domain.upstream.outcome import OutcomeKind, classify
from campaigns.domain.upstream.reply import Reply

RF = "set it to the other of array and string"
PRICE = "try whole dollars"


@pytest.mark.parametrize(
    ("body", "cure"),
    [
        ({"error": "VALIDATION_ERROR", "message": "No.", "errors": {"rfTag": ["must be a string"]}}, RF),
        ({"error": "VALIDATION_ERROR", "message": "No.", "errors": {"rfGuest.0": ["must be an integer"]}}, RF),
        ({"message": "The rfPartner field must be a string."}, RF),
        ({"message": "No.", "errors": {"price": ["must be an integer"]}}, PRICE),
        ({"message": "The price field must be an integer."}, PRICE),
    ],
)
def test_a_refused_field_of_two_descriptions_brings_its_cure(body: dict[str, Any], cure: str) -> None:
    outcome = classify(Reply(422, body, words=body["message"]))
    assert outcome.kind is OutcomeKind.REJECTED
    assert outcome.error is not None
    assert cure in outcome.error
    assert body["message"] in outcome.error


def test_any_other_refusal_stays_as_it_was_said() -> None:
    words = "The text field is required."
    body = {"message": words, "errors": {"text": ["required"]}}
    assert classify(Reply(422, body, words=words)).error == f"HTTP 422: {words}"
