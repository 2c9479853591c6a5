"""What an expression does that its writer may not expect is noted, and what does as it reads is not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from campaigns.domain.schedules.recurrence import read_cron, read_every
from campaigns.domain.schedules.timing import Timing
from campaigns.domain.schedules.words import schedule_notes

SHORT = "February, April, June, September and November"


@pytest.mark.parametrize(
    ("cron", "notes"),
    [
        ("*/90 * * * *", ["*/90 in the minute field is minute 0 alone: the step is longer than the field"]),
        ("5/90 * * * *", ["5/90 in the minute field is minute 5 alone: the step is longer than the field"]),
        ("*/25 * * * *", ["*/25 in the minute field starts again each hour: 0, 25, 50, then 0 again"]),
        ("*/7 * * * *", ["*/7 in the minute field starts again each hour: 0, 7, 14, 21, …, 56, then 0 again"]),
        ("0 */5 * * *", ["*/5 in the hour field starts again each day: 0, 5, 10, 15, 20, then 0 again"]),
        ("0 9 */2 * *", ["*/2 in the day of month field starts again each month: 1, 3, 5, 7, …, 31, then 1 again"]),
        ("0 9 1 */5 *", ["*/5 in the month field starts again each year: 1, 6, 11, then 1 again"]),
        ("0 9 * * */2", ["*/2 in the weekday field starts again each week: 0, 2, 4, 6, then 0 again"]),
        (
            "0 9 31 * *",
            [f"{SHORT} have no 31st, so nothing runs for it; L is the last day of each month"],
        ),
        ("0 9 30 * *", ["February has no 30th, so nothing runs for it; L is the last day of each month"]),
        ("0 9 29 2 *", ["February has a 29th in leap years alone; L is the last day of each month"]),
        ("0 9 31 1,7 *", []),
        ("0 9 L * *", []),
        ("0 9 28 * *", []),
        ("*/15 */6 * * *", []),
        ("0,30 9-17/2 * * MON-FRI", []),
        ("* * * * *", []),
        ("*/1 */1 * * *", []),
    ],
)
def test_what_may_surprise_is_noted(cron: str, notes: list[str]) -> None:
    assert schedule_notes(Timing(cron=cron, zone="Europe/Berlin")) == notes


def test_a_zone_without_summer_time_is_noted_with_the_schedule() -> None:
    assert schedule_notes(Timing(cron="0 9 * * *", zone="EST")) == ["EST has no summer time; America/New_York has"]
    assert schedule_notes(Timing(), "MST") == ["MST has no summer time; America/Denver has"]


def refusal(read: Callable[[str], object], text: str) -> str:
    with pytest.raises(ValueError, match=r"cron|every") as refused:
        read(text)
    return str(refused.value)


def test_a_question_mark_names_the_way() -> None:
    said = refusal(read_cron, "0 9 ? * MON")
    assert "the day of month is '?'" in said
    assert "write * in place of ?" in said
    assert "the weekday is '?'" in refusal(read_cron, "0 9 * * ?")


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("1 month", ["0 18 1 * *", "0 18 L * *"]),
        ("every 2 hours", ["0 */2 * * *"]),
        ("15 minutes", ["*/15 * * * *"]),
        ("every year", ["0 18 24 12 *"]),
    ],
)
def test_another_step_names_the_way(text: str, ways: list[str]) -> None:
    said = refusal(read_every, text)
    assert "use cron, such as" in said
    assert re.findall(r"'(\S+ \S+ \S+ \S+ \S+)'", said) == ways
    assert all(map(read_cron, ways))
