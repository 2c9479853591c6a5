"""What is done to the text of a message on its way: plain text becomes mark-up, all else goes out as it is written.

The vendor reads a text as HTML: it asks for `<br>` in one `<p>` where a line ends (its page on text formatting, read
2026-11). So plain text needs its `&`, `<` and `>` escaped and its line breaks written as tags, unless the account was
measured to do both itself.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

TextForm = Literal["as_written", "escaped"]
"""What was done to the text of one request: nothing, or plain text was made into mark-up."""

TEXT_FORMS: tuple[TextForm, ...] = ("as_written", "escaped")

TextAs = Literal["html", "unchanged"]
"""How plain text travels where no probe says it (CAMPAIGNS_TEXT_AS): as mark-up, or as it is."""


class TextMode(StrEnum):
    """What the text of a message is. One that says nothing goes out as written: it is from before there were modes."""

    PLAIN = "plain"
    HTML = "html"


LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_ENDS_LINE = re.compile(r"<br\b[^>]*>|</(?:p|div|li|h[1-6])\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SPACES = re.compile(r"[ \t\r\n\f]+")


def mode_after_edit(source: TextMode | None, *, is_html: bool | None, names_text: bool) -> TextMode | None:
    """The mode after a change: as it is named, else plain for a new text, else that of the source."""
    if is_html is not None:
        return TextMode.HTML if is_html else TextMode.PLAIN
    return TextMode.PLAIN if names_text else source


def form_of_text(mode: TextMode | None, *, takes_mark_up: bool | None, otherwise: TextAs) -> TextForm:
    """What is done to a text of that mode; `takes_mark_up`: what the account's probe measured, None where none did."""
    if mode is not TextMode.PLAIN:
        return "as_written"
    wants_mark_up = otherwise == "html" if takes_mark_up is None else takes_mark_up
    return "escaped" if wants_mark_up else "as_written"


def formed(text: str, form: TextForm) -> str:
    """The text as it travels. One line without `&`, `<` and `>` needs nothing, and stays as it is."""
    if form == "as_written":
        return text
    plain = text.strip("\r\n\u2028\u2029")
    marked_up = LINE_BREAK.sub("<br>", html.escape(plain, quote=False))
    return plain if marked_up == plain else f"<p>{marked_up}</p>"


def as_seen(travels: str, *, is_mark_up: bool = True) -> str:
    """What fans see of a text that travels so: tags drawn, entities read, other white space folded.

    `is_mark_up`: the vendor reads it as HTML; else it shows the characters as they are.
    """
    if not is_mark_up:
        return travels
    lines = _ENDS_LINE.sub("\n", _SPACES.sub(" ", travels)).split("\n")
    return "\n".join(html.unescape(_TAG.sub("", line)).strip(" ") for line in lines).strip("\n")


@dataclass(frozen=True, slots=True)
class TextShown:
    """A text as it is sent, but for a mark in it, and as fans see it."""

    sent: str
    seen: str


@dataclass(frozen=True, slots=True)
class TextFate:
    """What becomes of texts of one campaign, for people who look before a launch."""

    mode: TextMode | None
    takes_mark_up: bool | None  # what the account's probe measured
    otherwise: TextAs

    @property
    def mode_in_words(self) -> str:
        """`plain`, `html` or `as_written`."""
        return "as_written" if self.mode is None else self.mode.value

    def of(self, text: str) -> TextShown:
        """What is sent of a text, and what fans see of that."""
        sent = formed(text, form_of_text(self.mode, takes_mark_up=self.takes_mark_up, otherwise=self.otherwise))
        is_mark_up = self.takes_mark_up
        if is_mark_up is None:
            is_mark_up = self.mode is not TextMode.PLAIN or self.otherwise == "html"
        return TextShown(sent, as_seen(sent, is_mark_up=is_mark_up))
