from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from campaigns.domain.errors import UsageError
from campaigns.sandbox.faults import FAULTS
from campaigns.sandbox.setup import parse_setup, read_setup


def _faults(text: str, *accounts: str, kind: str = "send") -> list[str | None]:
    plan = parse_setup(text, source="x").fault_plan()
    return [plan.choose(kind, account).words for account in accounts]


def test_the_nth_request_of_an_account_is_struck() -> None:
    script = "script: [{fault: lost_answer, account: acct_a, nth: 3}]"
    struck = _faults(script, "acct_a", "acct_b", "acct_a", "acct_b", "acct_b", "acct_a", "acct_a")
    assert struck == [None, None, None, None, None, "lost_answer", None]


def test_the_next_requests_are_struck_in_the_order_of_the_script() -> None:
    script = "script: [{fault: html_502, times: 2}, {fault: hang}, {fault: drip, nth: 2}]"
    assert _faults(script, *["acct_a"] * 5) == ["html_502", "drip", "html_502", "hang", None]


def test_nth_and_times_make_a_stretch_and_always_never_ends() -> None:
    assert _faults("script: [{fault: hang, nth: 2, times: 2}]", *["a"] * 4) == [None, "hang", "hang", None]
    assert _faults("script: [{fault: hang, nth: 2, times: always}]", *["a"] * 4) == [None, "hang", "hang", "hang"]
    assert _faults("script: [{fault: hang, times: always}]", *["a"] * 3) == ["hang"] * 3


def test_faults_strike_sends_only_unless_told_otherwise() -> None:
    assert _faults("script: [{fault: hang}]", "a", kind="list") == [None]
    assert _faults("script: [{fault: hang, request: list}]", "a", kind="list") == ["hang"]
    assert _faults("script: [{fault: hang, request: any}]", "a", kind="overview") == ["hang"]


def test_faults_of_items_join_a_fault_of_the_answer() -> None:
    script = "script: [{fault: late_in_list}, {fault: lost_answer}, {fault: foreign_item}, {fault: hang}]"
    assert _faults(script, "a", "a") == ["lost_answer+late_in_list+foreign_item", "hang"]


def test_rates_strike_about_as_often_as_they_say() -> None:
    struck = Counter(_faults("{seed: 3, rates: {lost_answer: 0.2, html_502: 0.3}}", *["acct_a"] * 5000))
    assert struck["lost_answer"] == pytest.approx(1000, rel=0.1)
    assert struck["html_502"] == pytest.approx(1500, rel=0.1)


def test_a_rate_of_one_always_strikes_and_of_nought_never() -> None:
    assert set(_faults("rates: {lost_answer: 1}", *["a"] * 100)) == {"lost_answer"}
    assert set(_faults("rates: {lost_answer: 0, late_in_list: 0}", *["a"] * 100)) == {None}


def test_a_seed_gives_the_same_faults_however_accounts_interleave() -> None:
    text = "{seed: 5, rates: {hang: 0.5, late_in_list: 0.5}}"
    one = parse_setup(text, source="x").fault_plan()
    other = parse_setup(text, source="x").fault_plan()
    first = {(account, n): one.choose("send", account).words for n in range(50) for account in ("a", "b")}
    second = {(account, n): other.choose("send", account).words for account in ("b", "a") for n in range(50)}
    assert first == second
    assert len(set(first.values())) == 4
    assert [first["a", n] for n in range(50)] != [first["b", n] for n in range(50)]
    changed = _faults("{seed: 6, rates: {hang: 0.5, late_in_list: 0.5}}", *["a"] * 50)
    assert changed != [first["a", n] for n in range(50)]


def test_rates_may_have_parameters() -> None:
    plan = parse_setup(
        "rates: {throttled_by_vendor: {rate: 1, retry_after: 7, account: acct_a}}", source="x"
    ).fault_plan()
    assert plan.choose("send", "acct_b").answer is None
    effect = plan.choose("send", "acct_a").answer
    assert effect is not None
    assert effect.retry_after_seconds == 7


def test_scripts_come_before_rates() -> None:
    assert _faults("{script: [{fault: hang}], rates: {drip: 1}}", "a", "a") == ["hang", "drip"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("script: [{fault: lost_anser}]", "did you mean 'lost_answer'"),
        ("script: [{fault: html_502, seconds: 3}]", "html_502 takes no seconds"),
        ("script: [{fault: late_in_list, request: list}]", "for the request 'send' only"),
        ("script: [{fault: hang, nth: 0}]", "script.0.nth"),
        ("script: [{fault: hang, times: 0}]", "script.0.times"),
        ("script: [{fault: hang, request: post}]", "script.0.request"),
        ("rates: {hang: 2}", "rates.0.rate"),
        ("rates: {hang: 0.6, drip: 0.5}", "more than 1"),
        ("rates: {hang: often}", "rates.0.rate"),
        ("limit_per_minute: 0", "limit_per_minute"),
        ("limit: 60", "limit: there is no such entry"),
        ("bad_users: [0]", "0 is not a user ID"),
        ("lists: {fans: [x]}", "lists.fans.0"),
        ("[1, 2]", "named entries"),
        ("a: [", "is not YAML"),
        ("answer_seconds: .inf", "answer_seconds"),
    ],
)
def test_a_wrong_faults_file_is_refused_in_one_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_setup(text, source="The faults file")
    assert words in str(refused.value)
    assert str(refused.value).startswith("The faults file")
    assert "\n" not in str(refused.value)


def test_all_faults_of_a_file_are_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"window.*credits.*colour"):
        parse_setup("{credits: -1, window: round, colour: red}", source="The faults file")


def test_a_missing_file_is_refused_and_an_empty_one_is_a_healthy_vendor(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_setup(tmp_path / "none.yaml")
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    assert read_setup(tmp_path / "empty.yaml") == read_setup(None)
    with pytest.raises(UsageError, match="not UTF-8"):
        read_setup(tmp_path / "bytes.yaml")


def test_every_fault_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    assert [name for name in FAULTS if f"`{name}`" not in page] == []
