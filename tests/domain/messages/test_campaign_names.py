"""What a campaign may be called."""

from __future__ import annotations

import pytest

from campaigns.domain.messages.campaign_names import LONGEST_NAME, name_faults


@pytest.mark.parametrize(
    "name", ["Friday", "Freitag \U0001f469\u200d\U0001f4bb", "\u05e9\u05dc\u05d5\u05dd", "n" * LONGEST_NAME, "a\u00a0b"]
)
def test_ordinary_names_may_be_used(name: str) -> None:
    assert name_faults(name) == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "shows nothing"),
        (" \u200b", "shows nothing"),
        ("n" * (LONGEST_NAME + 1), "201 characters, but may have at most 200"),
        ("a\tb", "U+0009"),
        ("a\x9bb", "U+009B"),
        ("a\u2028b", "U+2028"),
        ("a\u2066b", "U+2066"),
        ("a\ud800b", "U+D800"),
    ],
)
def test_what_no_screen_can_draw_in_one_line_is_refused(name: str, fault: str) -> None:
    assert any(fault in each for each in name_faults(name))
