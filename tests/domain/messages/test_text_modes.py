"""Plain text on its way: what is escaped, where lines break, and what fans see of it."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.domain.messages.body_form import BodyForm, build_body, form_from_json, form_to_json
from campaigns.domain.messages.marks import read_marks, without_marks
from campaigns.domain.messages.message import Message, from_json, to_json
from campaigns.domain.messages.text_modes import LINE_BREAK, TextMode, as_seen, form_of_text, formed, mode_after_edit
from campaigns.domain.probe.reading import Escapes, LineBreaks, TextEcho
from campaigns.domain.reconcile.search import says_the_same
from campaigns.domain.upstream.queue_items import ItemContent

PLAIN = TextMode.PLAIN


@pytest.mark.parametrize(
    ("text", "travels"),
    [
        ("Hello you", "Hello you"),
        ("One\nTwo", "<p>One<br>Two</p>"),
        ("One\r\n\r\nTwo\rThree", "<p>One<br><br>Two<br>Three</p>"),
        ("I <3 you & x <y> z", "<p>I &lt;3 you &amp; x &lt;y&gt; z</p>"),
        ('say "it\'s"\n', 'say "it\'s"'),
        ("&amp;", "<p>&amp;amp;</p>"),
        ("One\u2028Two", "<p>One<br>Two</p>"),
    ],
)
def test_plain_text_travels_as_mark_up_where_it_needs_any(text: str, travels: str) -> None:
    assert formed(text, "escaped") == travels
    assert formed(text, "as_written") == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_fans_see_the_characters_that_were_typed(text: str) -> None:
    # A tag or an entity in the text is no tag or entity on its way: nothing but our own remains.
    travels = formed(text, "escaped")
    assert set(re.findall(r"<[^>]*>", travels)) <= {"<p>", "</p>", "<br>"}
    assert html.unescape(re.sub("<[^>]*>", "", travels)) == re.sub("[\u2028\u2029]", "", text)


@pytest.mark.parametrize(
    ("travels", "seen"),
    [
        ("<p>One<br>Two &lt;y&gt;</p>", "One\nTwo <y>"),
        ("One\nTwo", "One Two"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ('x <y> z <a href="b">link</a>', "x  z link"),
        ("I <3 you", "I <3 you"),
    ],
)
def test_mark_up_is_drawn_and_line_breaks_of_the_source_are_not(travels: str, seen: str) -> None:
    assert as_seen(travels) == seen
    assert as_seen(travels, is_mark_up=False) == travels


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t")))
def test_a_plan_says_what_was_typed_line_by_line_with_spaces_folded(text: str) -> None:
    lines = [re.sub("[ \t]+", " ", line).strip(" ") for line in LINE_BREAK.split(text)]
    assert as_seen(formed(text, "escaped")) == "\n".join(lines).strip("\n")


def test_a_probe_decides_over_the_setting() -> None:
    assert form_of_text(PLAIN, takes_mark_up=None, otherwise="html") == "escaped"
    assert form_of_text(PLAIN, takes_mark_up=None, otherwise="unchanged") == "as_written"
    assert form_of_text(PLAIN, takes_mark_up=True, otherwise="unchanged") == "escaped"
    assert form_of_text(PLAIN, takes_mark_up=False, otherwise="html") == "as_written"


@pytest.mark.parametrize("mode", [TextMode.HTML, None])
def test_html_and_what_was_stored_before_go_out_as_written_whatever_was_measured(mode: TextMode | None) -> None:
    assert form_of_text(mode, takes_mark_up=True, otherwise="html") == "as_written"


@pytest.mark.parametrize(
    ("escapes", "line_breaks", "takes"),
    [
        (Escapes.KEPT, LineBreaks.KEPT, True),
        (Escapes.CHANGED, LineBreaks.TAG, True),
        (Escapes.ESCAPED, LineBreaks.TAG, False),
        (Escapes.ESCAPED, LineBreaks.PARAGRAPH, False),
        (Escapes.ESCAPED, LineBreaks.KEPT, None),
        (None, None, None),
    ],
)
def test_what_an_echo_tells_of_mark_up(escapes: Escapes, line_breaks: LineBreaks, takes: bool | None) -> None:
    assert TextEcho(True, line_breaks, escapes).takes_mark_up is takes


def test_an_edit_keeps_the_mode_unless_it_names_it_or_a_new_text() -> None:
    for source in (None, PLAIN, TextMode.HTML):
        assert mode_after_edit(source, is_html=None, names_text=False) is source
        assert mode_after_edit(source, is_html=None, names_text=True) is PLAIN
        assert mode_after_edit(source, is_html=True, names_text=True) is TextMode.HTML
        assert mode_after_edit(source, is_html=False, names_text=False) is PLAIN


def test_a_mode_comes_back_from_its_row_and_an_older_row_has_none() -> None:
    message = Message("Hello", text_mode=PLAIN)
    assert from_json(to_json(message)) == message
    assert "text_mode" not in to_json(Message("Hello"))


def test_a_form_of_a_body_says_what_was_done_to_the_text() -> None:
    form = BodyForm(text_mode="escaped", mark="0123456789abcdef")
    assert form_from_json(form_to_json(form)) == form
    body = build_body(Message("One & two\nThree", text_mode=PLAIN), [1], form).decode()
    assert read_marks(body) == ("0123456789abcdef",)
    assert without_marks(body) == '{"text":"<p>One &amp; two<br>Three</p>","userIds":["1"]}'


def test_a_message_is_known_again_whatever_the_vendor_makes_of_its_line_breaks() -> None:
    travels = formed("Press <b> now & win\nTwo", "escaped")
    echo = "<p>Press &lt;b&gt; now &amp; win<br />Two</p>"
    assert says_the_same(ItemContent("7", echo, True, None), text=travels, is_free=True)


def test_another_text_is_still_another() -> None:
    travels = formed("Press <b> now\nTwo", "escaped")
    assert not says_the_same(ItemContent("7", "<p>Press it</p>", True, None), text=travels, is_free=True)
