"""What in a text fans may not see as it was meant: mark-up in plain text, and placeholders of other tools."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.domain.messages.contents import VARIABLE, VARIABLES, texts_of
from campaigns.domain.messages.text_modes import TextMode

MOST_NAMED = 3
"""So many finds of a kind are named in full; the rest is counted."""

LONGEST_NAMED = 60

_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ADDRESS = re.compile(r"\bhttps?://[^\s<>{}]*", re.IGNORECASE)

_LETTER = r"[^\W\d_]"
_BRACES = re.compile(rf"\*\|[^|*\r\n]+\|\*|\{{[^{{}}\r\n]*{_LETTER}[^{{}}\r\n]*\}}")
_PERCENT = re.compile(rf"(?<!\w)%{_LETTER}\w*(?:[.-]\w+)*%")
_BRACKETS = re.compile(rf"\[{_LETTER}[\w .|-]*\]|<<{_LETTER}[^<>\r\n]*>>")


@dataclass(frozen=True, slots=True)
class TextWarning:
    """Something to look at before a launch; `stops`: a launch needs a word that it is meant."""

    words: str
    stops: bool
    is_mark_up: bool = False


def text_warnings(mode: TextMode | None, texts: Iterable[str]) -> list[TextWarning]:
    """What is doubtful in texts of that mode, each kind once."""
    every = list(texts)
    found = []
    if mode is TextMode.PLAIN:
        mark_up = _finds(every, _mark_up)
        if mark_up:
            words = (
                f"{_named(mark_up)} stands in a plain text, so fans see the characters; if it is mark-up, use --html"
            )
            found.append(TextWarning(words, stops=True, is_mark_up=True))
    found += [TextWarning(_of_braces(each), stops=True) for each in _finds(every, _braces)]
    found += [
        TextWarning(f"{_short(each)} in the text is a placeholder of another tool and goes out as written", stops=True)
        for each in _finds(every, _percents)
    ]
    brackets = _finds(every, _BRACKETS.findall)
    if brackets:
        found.append(TextWarning(f"{_named(brackets)} in the text goes out as written", stops=False))
    return found


def doubts_of(message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]] | None) -> list[TextWarning]:
    """What is doubtful in any text of a campaign, from its message and contents as a revision stores them."""
    mode = message.get("text_mode")
    return text_warnings(None if mode is None else TextMode(mode), texts_of(message, contents))


def launch_faults(
    doubts: Iterable[TextWarning], *, campaign_id: int, way: str = "launch with --as-written"
) -> list[str]:
    """Why a launch must wait until somebody says that the text is meant so, and the way; empty when it need not."""
    stops = [each for each in doubts if each.stops]
    if not stops:
        return []
    html_way = f", or use `campaigns edit {campaign_id} --html`" if all(each.is_mark_up for each in stops) else ""
    return [*(each.words for each in stops), f"if fans are to see that, {way}{html_way}"]


def _finds(texts: Iterable[str], find: Any) -> list[str]:
    return list(dict.fromkeys(each for text in texts for each in find(text)))


def _mark_up(text: str) -> list[str]:
    entities = [each for each in _ENTITY.findall(text) if html.unescape(each) != each]
    return [*_TAG.findall(text), *entities]


def _braces(text: str) -> list[str]:
    return _BRACES.findall(VARIABLE.sub("", text))


def _percents(text: str) -> list[str]:
    return _PERCENT.findall(_ADDRESS.sub("", text))


def _of_braces(found: str) -> str:
    word = found.strip("{}*| ")
    near = difflib.get_close_matches(word.lower(), VARIABLES, n=1)
    known = ", ".join(f"{{{name}}}" for name in VARIABLES)
    meant = f"did you mean {{{near[0]}}}?" if near else f"variables are {known}"
    return f"{_short(found)} in the text is no variable and goes out as written; {meant}"


def _named(found: Sequence[str]) -> str:
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(_short(each) for each in found[:MOST_NAMED]) + more


def _short(found: str) -> str:
    return found if len(found) <= LONGEST_NAMED else f"{found[: LONGEST_NAMED - 1]}\u2026"
