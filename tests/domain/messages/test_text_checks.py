"""What is doubtful in a text before it goes to fans: mark-up in plain text, placeholders of other tools."""

from __future__ import annotations

import pytest

from campaigns.domain.messages.text_checks import doubts_of, launch_faults, text_remedies, text_warnings
from campaigns.domain.messages.text_modes import TextMode
from campaigns.domain.remedies import Do, Remedy

PLAIN, HTML = TextMode.PLAIN, TextMode.HTML


@pytest.mark.parametrize("text", ["<b>Hi</b>", "a<br>b", "x <y> z", "fish &amp; chips", "&#128293; hot", "&nbsp;"])
def test_mark_up_in_a_plain_text_is_named_and_stops_a_launch(text: str) -> None:
    warned = text_warnings(PLAIN, [text])
    assert [each.stops for each in warned] == [True]
    assert "is shown to fans as characters" in warned[0].words
    assert text_warnings(HTML, [text]) == []
    assert text_warnings(None, [text]) == []


@pytest.mark.parametrize("text", ["I <3 you", "2 < 3 > 1", "you & me", "AT&T;", "?a=1&copy=2", "<->", "Q&A: &foo;"])
def test_ordinary_signs_are_no_mark_up(text: str) -> None:
    assert text_warnings(PLAIN, [text]) == []


@pytest.mark.parametrize(
    "placeholder",
    ["{name}", "{displayName|my friend}", "{First Name}", "{user.name}", "{{ first_name }}", "*|FNAME|*", "{a|b}"],
)
@pytest.mark.parametrize("mode", [PLAIN, HTML, None])
def test_braces_that_are_no_variable_stop_a_launch(placeholder: str, mode: TextMode | None) -> None:
    warned = text_warnings(mode, [f"Hi {placeholder}!"])
    assert [each.stops for each in warned] == [True]
    assert "in the text is not a variable and goes out as written" in warned[0].words


@pytest.mark.parametrize("text", ["%name%", "Hi %FIRST_NAME%!", "%%fname%%", "%user.name%"])
def test_words_between_percent_signs_stop_a_launch(text: str) -> None:
    assert [each.stops for each in text_warnings(PLAIN, [text])] == [True]


def test_words_in_brackets_are_only_named() -> None:
    warned = text_warnings(PLAIN, ["Hi [name], see [First Name]"])
    assert [(each.words, each.stops) for each in warned] == [
        ("[name], [First Name] in the text goes out as written", False)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "50% off and 20% more",
        "100%",
        "see https://x.example/%C3%A9t%C3%A9?q=%20a%20",
        "{date} {weekday} {n} {{date}}",
        "{ } {1} {}",
        "[18+]",
    ],
)
def test_ordinary_text_and_our_own_variables_are_not_named(text: str) -> None:
    assert text_warnings(PLAIN, [text]) == []


def test_the_nearest_variable_is_named() -> None:
    assert [each.words for each in text_warnings(None, ["{Date} and {date}", "{name} {Date}"])] == [
        "{Date} in the text is not a variable and goes out as written; did you mean {date}?",
        "{name} in the text is not a variable and goes out as written; variables are {date}, {weekday}, {n}",
    ]


def test_every_text_of_a_campaign_is_read() -> None:
    message = {"text": "Hello", "text_mode": "plain"}
    assert doubts_of(message, None) == []
    assert doubts_of(message, [{"text": "Hi"}, {"text": "<i>Hi</i>"}])[0].is_mark_up
    assert doubts_of({"text": "<i>from before</i>"}, None) == []


@pytest.mark.parametrize(
    ("text", "remedies"),
    [
        ("<b>Hi</b>", [Do.CONFIRM_TEXT_AT_LAUNCH, Do.TEXT_IS_HTML]),
        ("{name}", [Do.CONFIRM_TEXT_AT_LAUNCH]),
        ("{name} <b>Hi</b>", [Do.CONFIRM_TEXT_AT_LAUNCH]),
        ("[name]", []),
    ],
)
def test_a_doubtful_text_is_confirmed_or_called_html_where_all_doubts_are_mark_up(
    text: str, remedies: list[Do]
) -> None:
    doubts = text_warnings(PLAIN, [text])

    offered = text_remedies(doubts, campaign_id=7, confirm=Do.CONFIRM_TEXT_AT_LAUNCH)

    assert offered == tuple(Remedy(do, campaign=7) for do in remedies)
    assert bool(launch_faults(doubts)) == bool(remedies)
