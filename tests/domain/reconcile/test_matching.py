"""What joint matching agrees on, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaigns.domain.reconcile.judging import Listed, judge
from campaigns.domain.reconcile.matching import Item, Matched, Request, match
from campaigns.domain.reconcile.search import Finding
from campaigns.domain.reconcile.windows import ARRIVES_WITHIN, LostTime, Skew, VendorDate, measured
from campaigns.domain.upstream.queue_items import ItemContent, QueueItem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SURE = Skew(timedelta(0), timedelta(seconds=1), is_measured=True)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def asked(number: int, start: float, end: float, **changes: object) -> Request:
    made = Request((number, 1), "Hello", is_free=True, size=2, started_at=at(start), arrives_until=at(end))
    return replace(made, **changes)  # type: ignore[arg-type]


def listed(number: int, date: float, *, text: str = "<p>Hello</p>", sent: int = 2, marks: tuple[str, ...] = ()) -> Item:
    return Item(str(number), at(date), ItemContent(str(number), text, is_free=True, sent_count=sent), marks)


def test_two_requests_that_were_open_at_the_same_time_share_their_items() -> None:
    found = match([asked(1, 0, 90), asked(2, 50, 140)], [listed(5, 60), listed(6, 70)], SURE)

    assert found.together == [(((1, 1), (2, 1)), ("5", "6"))]
    assert found.found == {}


def test_one_after_the_other_have_theirs_in_order_even_when_dates_cannot_tell() -> None:
    found = match([asked(1, 0, 9), asked(2, 10, 19)], [listed(6, 9), listed(5, 9)], SURE)

    assert found.found == {(1, 1): "5", (2, 1): "6"}


def test_ids_that_are_no_numbers_tell_no_order() -> None:
    items = [replace(listed(0, 9), id="a"), replace(listed(0, 9), id="b")]

    assert match([asked(1, 0, 9), asked(2, 10, 19)], items, SURE).together == [(((1, 1), (2, 1)), ("a", "b"))]


def test_dates_against_the_order_of_the_ids_tell_no_order() -> None:
    found = match([asked(1, 0, 9), asked(2, 10, 19)], [listed(5, 12), listed(6, 6)], SURE)

    assert found.found == {}
    assert len(found.together) == 1


def test_one_item_too_many_is_taken_by_nobody() -> None:
    found = match([asked(1, 0, 9)], [listed(5, 3), listed(6, 4)], SURE)

    assert (found.found, found.together) == ({}, [])
    assert found.possible == {(1, 1): ("5", "6")}


def test_a_message_that_was_answered_pins_those_around_it() -> None:
    """Both could be dated so, but the message that was answered between them says which is whose."""
    requests = [asked(1, 0, 9, below=50), asked(2, 12, 20, above=50)]

    assert match(requests, [listed(40, 10)], SURE).found == {(1, 1): "40"}
    assert match(requests, [listed(60, 10)], SURE).found == {(2, 1): "60"}


def test_what_went_to_more_fans_than_asked_makes_all_near_it_uncertain() -> None:
    found = match([asked(1, 0, 9)], [listed(5, 3), listed(6, 4, sent=3)], SURE)

    assert found.found == {}
    assert found.strays == {(1, 1): "6"}


def test_a_mark_names_its_request_whatever_else_fits() -> None:
    requests = [asked(1, 0, 90, mark="m1"), asked(2, 50, 140, mark="m2")]

    found = match(requests, [listed(5, 500, marks=("m2",)), listed(6, 60)], SURE)

    assert found.found == {(2, 1): "5", (1, 1): "6"}
    assert found.by_mark == {(2, 1)}


def test_a_mark_of_somebody_elses_is_no_item_of_ours() -> None:
    found = match([asked(1, 0, 9, mark="m1")], [listed(5, 3, marks=("m7",))], SURE)

    assert (found.found, found.foreign) == ({}, {"5"})


def test_one_mark_on_two_items_is_for_a_person() -> None:
    found = match([asked(1, 0, 9, mark="m1")], [listed(5, 3, marks=("m1",)), listed(6, 4, marks=("m1",))], SURE)

    assert found.found == {}
    assert found.strays == {(1, 1): "5"}


def test_what_an_operator_has_denied_is_not_asked_of_that_request_again() -> None:
    found = match([asked(1, 0, 9, denied=frozenset({"5"}))], [listed(5, 3)], SURE)

    assert (found.found, found.strays, found.possible) == ({}, {}, {})


def test_the_skew_is_what_the_measurements_agree_on_or_what_holds_them_all() -> None:
    told = [VendorDate(at(100), at(0), at(2)), VendorDate(at(205), at(100), at(101))]

    skew = measured(told)

    assert (skew.low, skew.high) == (timedelta(seconds=98), timedelta(seconds=106)), "a clock was set in between"
    assert skew.is_measured
    narrower = measured([told[0], VendorDate(at(100), at(0.5), at(30))])
    assert (narrower.low, narrower.high) == (timedelta(seconds=98), timedelta(seconds=100.5))
    assert not measured([]).is_measured


def test_an_item_that_a_lost_request_may_have_made_is_taken_by_nobody_without_a_mark() -> None:
    """Nor is one that shares requests with it, nor a set."""
    one = replace(listed(5, 3), may_be_lost=True)
    assert match([asked(1, 0, 9)], [one], SURE).possible == {(1, 1): ("5",)}
    assert match([asked(1, 0, 9)], [one], SURE).lost == {"5"}

    several = match([asked(1, 0, 90), asked(2, 50, 140)], [one, listed(6, 60)], SURE)
    assert (several.found, several.together) == ({}, [])

    marked = match([asked(1, 0, 9, mark="m")], [replace(one, marks=("m",))], SURE)
    assert marked.found == {(1, 1): "5"}


def test_what_was_handed_over_has_twins_that_were_handed_over_for_the_same_time() -> None:
    due = at(3600)
    request = asked(1, 0, 9, scheduled_date=due)
    assert match([request], [listed(5, 3600)], SURE).found == {(1, 1): "5"}

    assert match([replace(request, has_lost_twins=True)], [listed(5, 3600)], SURE).found == {}


def test_the_lost_time_is_as_wide_as_the_clocks_and_late_arrivals_leave_open() -> None:
    lost = LostTime(at(0), at(60))
    far = 60 + ARRIVES_WITHIN.total_seconds() + 6

    assert [lost.may_hold(at(second), SURE) for second in (-7, -5, 60, far, far + 1)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert lost.may_hold(None, SURE)
    assert LostTime(None, at(60)).may_hold(at(-(10**6)), SURE)


def test_nothing_from_before_a_restore_is_called_absent() -> None:
    request = asked(1, 0, 9)
    old = Listed([QueueItem("1", at(-3600))], [], SURE)

    assert judge(request, {}, Matched(), old).finding is Finding.ABSENT
    assert judge(replace(request, was_restored=True), {}, Matched(), old).finding is Finding.UNCLEAR


def test_an_item_without_a_mark_is_not_of_a_request_whose_mark_is_shown() -> None:
    marked = asked(1, 0, 9, mark="m", shows_mark=True)

    alone = match([marked], [listed(5, 3)], SURE)
    assert (alone.found, alone.strays) == ({}, {(1, 1): "5"})
    assert judge(marked, {}, alone, Listed([QueueItem("1", at(-3600))], [], SURE)).finding is Finding.UNCLEAR

    beside = match([marked, asked(2, 0, 9)], [listed(5, 3)], SURE)
    assert beside.found == {(2, 1): "5"}, "the other request has no mark"
    assert match([marked], [listed(5, 3, marks=("m",))], SURE).found == {(1, 1): "5"}
