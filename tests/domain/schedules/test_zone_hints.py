"""What is typed for a zone: an abbreviation or an offset is never taken for a zone with another one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.clocks import zone_names, zone_of
from campaigns.domain.zone_hints import ABBREVIATIONS, PARTS_OF_AN_HOUR, WITHOUT_SUMMER_TIME, hint, zone_note


def refusal(name: str) -> str:
    with pytest.raises(ValueError, match="is not a known time zone") as refused:
        zone_of(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CEST", "did you mean Europe/Berlin?"),
        ("edt", "did you mean America/New_York?"),
        ("PST", "did you mean America/Los_Angeles?"),
        ("CST", "did you mean America/Chicago or Asia/Shanghai?"),
        ("IST", "did you mean Asia/Kolkata or Europe/Dublin or Asia/Jerusalem?"),
        ("UTC+2", "Etc/GMT-2 keeps that offset all year (Etc/GMT-2 counts with the opposite sign)"),
        ("GMT-5", "Etc/GMT+5 keeps that offset"),
        ("+02:00", "Etc/GMT-2 keeps that offset"),
        ("UTC+05:30", "did you mean Asia/Kolkata?"),
        ("UTC+0", "UTC keeps that offset all year"),
        ("UTC+20", "no zone is so far from UTC"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("europe/berlin", "did you mean Europe/Berlin?"),
        ("utc", "did you mean UTC?"),
        ("Europe/Belrin", "did you mean Europe/Berlin?"),
        ("new york", "did you mean America/New_York?"),
        ("XYZT", "use a name such as Europe/Berlin or UTC"),
    ],
)
def test_what_is_meant_is_named(name: str, said: str) -> None:
    assert said in refusal(name)


def test_every_zone_that_is_named_is_one() -> None:
    named = {zone for zones in ABBREVIATIONS.values() for zone in zones} | set(PARTS_OF_AN_HOUR.values())
    named |= {place for place in WITHOUT_SUMMER_TIME.values() if place is not None}
    assert named <= zone_names()
    assert not ABBREVIATIONS.keys() & zone_names()


@given(
    st.sampled_from(["UTC", "GMT", "", "utc", "Z"]), st.integers(-30, 30), st.sampled_from(["", ":00", ":30", ":45"])
)
def test_an_offset_is_never_answered_by_another_one(before: str, hours: int, minutes: str) -> None:
    name = f"{before}{hours:+}{minutes}"
    if name in zone_names():
        return
    said = hint(name, zone_names())
    wanted = timedelta(hours=hours) + (1 if hours >= 0 else -1) * timedelta(minutes=int(minutes[1:] or 0))
    for zone in zone_names():
        if f"mean {zone}?" in said or f", {zone} keeps" in said:
            offsets = {datetime(2026, month, 1, tzinfo=UTC).astimezone(zone_of(zone)).utcoffset() for month in (1, 7)}
            assert wanted in offsets, said


@given(st.text(st.sampled_from("ABCDEGHIKLMNPRSTUW"), min_size=2, max_size=5))
def test_letters_alone_are_never_answered_by_other_letters(name: str) -> None:
    said = hint(name, zone_names())
    assert "did you mean" not in said or "/" in said or f"did you mean {name}?" in said


@pytest.mark.parametrize(
    ("zone", "note"),
    [
        ("EST", "EST has no summer time; America/New_York has"),
        ("MST", "MST has no summer time; America/Denver has"),
        ("HST", "HST has no summer time"),
        ("Etc/GMT+2", "Etc/GMT+2 is 2 h behind UTC, and has no summer time"),
        ("Etc/GMT-2", "Etc/GMT-2 is 2 h ahead of UTC, and has no summer time"),
        ("Etc/GMT+0", None),
        ("Europe/Berlin", None),
        ("UTC", None),
    ],
)
def test_zones_that_never_change_are_noted(zone: str, note: str | None) -> None:
    assert zone_note(zone) == note
