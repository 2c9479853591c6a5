"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.domain.errors import UsageError
from campaigns.inputs.times import parse_moment, parse_zone, require_future

BERLIN = "Europe/Berlin"


def test_a_time_with_an_offset_needs_no_zone() -> None:
    assert parse_moment("2026-12-24T18:00:00+01:00", None) == datetime(2026, 12, 24, 17, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-12-24T17:00:00Z", "2026-12-24t17:00z", " 2026-12-24 17:00:00.000+00:00 "])
def test_the_forms_of_rfc_3339_are_read(text: str) -> None:
    assert parse_moment(text, None) == datetime(2026, 12, 24, 17, tzinfo=UTC)


def test_a_local_time_is_read_in_the_zone_beside_it() -> None:
    read = parse_moment("2026-12-24 18:00", BERLIN)
    assert read == datetime(2026, 12, 24, 17, tzinfo=UTC)
    assert read.utcoffset() == timedelta(hours=1)


def test_an_offset_wins_over_the_zone_that_it_is_shown_in() -> None:
    read = parse_moment("2026-07-01T12:00:00Z", BERLIN)
    assert read == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert read.utcoffset() == timedelta(hours=2)


def test_a_local_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match=r"does not say in which zone; add an offset .* or give a zone"):
        parse_moment("2026-12-24T18:00:00", None)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-24", "2026-13-01 00:00Z", "24.12.2026 18:00", "2026-W52-4"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a valid time.*write it as 2026-12-24T18:00:00\+01:00"):
        parse_moment(text, None)


@pytest.mark.parametrize(
    "text", ["9999-12-31 23:59", "0001-01-01 00:00", "1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z"]
)
def test_a_time_out_of_all_proportion_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is too far away; give a year from 1970 to 2999"):
        parse_moment(text, BERLIN)


def test_a_time_that_the_clocks_skip_is_refused_with_both_its_readings() -> None:
    with pytest.raises(UsageError) as refused:
        parse_moment("2026-03-29 02:30", BERLIN)
    assert "does not exist in Europe/Berlin" in str(refused.value)
    assert "2026-03-29T02:30:00+01:00 or 2026-03-29T02:30:00+02:00" in str(refused.value)


def test_a_time_that_comes_twice_is_refused_with_both_its_readings() -> None:
    with pytest.raises(UsageError) as refused:
        parse_moment("2026-10-25 02:30", BERLIN)
    assert "comes twice in Europe/Berlin" in str(refused.value)
    assert "2026-10-25T02:30:00+01:00 or 2026-10-25T02:30:00+02:00" in str(refused.value)


@pytest.mark.parametrize("text", ["2026-03-29 01:59", "2026-03-29 03:00", "2026-10-25 01:59", "2026-10-25 03:00"])
def test_the_minutes_beside_a_change_of_clocks_are_plain_times(text: str) -> None:
    assert parse_moment(text, BERLIN)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("berlin", "Europe/Berlin"),
    ],
)
def test_an_unknown_zone_gets_the_nearest_name(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}\\?"):
        parse_zone(typed)


@pytest.mark.parametrize("typed", ["", "../../etc/passwd", "xyzzy", "Europe"])
def test_what_is_like_no_zone_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="is not a known time zone"):
        parse_zone(typed)


def test_a_time_that_has_passed_is_refused() -> None:
    now = datetime(2026, 12, 24, 17, tzinfo=UTC)
    require_future(now + timedelta(seconds=1), now)
    with pytest.raises(UsageError, match="has passed"):
        require_future(now, now)
