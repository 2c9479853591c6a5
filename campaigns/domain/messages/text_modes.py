"""How the text of a message is sent: plain text is converted to mark-up, any other text is sent as written.

The vendor reads a text as HTML: its page on text formatting (read 2026-11) asks for `<br>` in one `<p>` where a line
ends. So in a plain text `&`, `<` and `>` are escaped and line breaks become tags, unless a probe of the account showed
that the vendor does both itself.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

TextForm = Literal["as_written", "escaped"]
"""How the text of one request was sent: as written, or converted from plain text to mark-up."""

TEXT_FORMS: tuple[TextForm, ...] = ("as_written", "escaped")

TextAs = Literal["html", "unchanged"]
"""How plain text is sent where no probe of the account tells (CAMPAIGNS_TEXT_AS): as mark-up, or unchanged."""


class TextMode(StrEnum):
    """The kind of a text. A message without a mode is from a release without modes, and is sent as written."""

    PLAIN = "plain"
    HTML = "html"


LINE_BREAK = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_ENDS_LINE = re.compile(r"<br\b[^>]*>|</(?:p|div|li|h[1-6])\s*>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SPACES = re.compile(r"[ \t\r\n\f]+")


def mode_after_edit(source: TextMode | None, *, is_html: bool | None, names_text: bool) -> TextMode | None:
    """The mode after a change: the given one, else plain for a new text, else the mode before."""
    if is_html is not None:
        return TextMode.HTML if is_html else TextMode.PLAIN
    return TextMode.PLAIN if names_text else source


def form_of_text(mode: TextMode | None, *, takes_mark_up: bool | None, otherwise: TextAs) -> TextForm:
    """How a text of that mode is sent. `takes_mark_up` is what the account's probe measured; None: not measured."""
    if mode is not TextMode.PLAIN:
        return "as_written"
    wants_mark_up = otherwise == "html" if takes_mark_up is None else takes_mark_up
    return "escaped" if wants_mark_up else "as_written"


def formed(text: str, form: TextForm) -> str:
    """The text as it is sent. One line without `&`, `<` and `>` stays unchanged."""
    if form == "as_written":
        return text
    plain = text.strip("\r\n\u2028\u2029")
    marked_up = LINE_BREAK.sub("<br>", html.escape(plain, quote=False))
    return plain if marked_up == plain else f"<p>{marked_up}</p>"


def as_seen(travels: str, *, is_mark_up: bool = True) -> str:
    """What fans see of a sent text: tags drawn, entities decoded, other white space folded.

    `is_mark_up`: the vendor reads it as HTML; otherwise it shows the characters unchanged.
    """
    if not is_mark_up:
        return travels
    lines = _ENDS_LINE.sub("\n", _SPACES.sub(" ", travels)).split("\n")
    return "\n".join(html.unescape(_TAG.sub("", line)).strip(" ") for line in lines).strip("\n")


@dataclass(frozen=True, slots=True)
class TextShown:
    """A text as it is sent (without a mark), and as fans see it."""

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
