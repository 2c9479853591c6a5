"""Doubtful parts of a text: mark-up in plain text, and placeholders of other tools, which fans see as characters."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.domain.messages.contents import VARIABLE, VARIABLES, texts_of
from campaigns.domain.messages.text_modes import TextMode
from campaigns.domain.remedies import Do, Remedy

MOST_NAMED = 3
"""A warning names at most this many doubtful parts of one kind; the rest is counted."""

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
    """Something to look at before a launch; `stops`: a launch needs a confirmation that it is meant."""

    words: str
    stops: bool
    is_mark_up: bool = False


def text_warnings(mode: TextMode | None, texts: Iterable[str]) -> list[TextWarning]:
    """The doubtful parts of texts of that mode, each kind once."""
    every = list(texts)
    warnings = []
    if mode is TextMode.PLAIN:
        mark_up = _finds(every, _mark_up)
        if mark_up:
            words = (
                f"{_named(mark_up)} in a plain text is shown to fans as characters; for mark-up the text must be HTML"
            )
            warnings.append(TextWarning(words, stops=True, is_mark_up=True))
    warnings += [TextWarning(_of_braces(each), stops=True) for each in _finds(every, _braces)]
    warnings += [
        TextWarning(f"{_short(each)} in the text is a placeholder of another tool and goes out as written", stops=True)
        for each in _finds(every, _percents)
    ]
    brackets = _finds(every, _BRACKETS.findall)
    if brackets:
        warnings.append(TextWarning(f"{_named(brackets)} in the text goes out as written", stops=False))
    return warnings


def doubts_of(message: Mapping[str, Any], contents: Sequence[Mapping[str, Any]] | None) -> list[TextWarning]:
    """The doubtful parts of all texts of a campaign, from its message and contents as a revision stores them."""
    mode = message.get("text_mode")
    return text_warnings(None if mode is None else TextMode(mode), texts_of(message, contents))


def launch_faults(doubts: Iterable[TextWarning]) -> list[str]:
    """Why a launch must wait until somebody confirms that the text is meant; empty when it need not."""
    return [each.words for each in doubts if each.stops]


def text_remedies(doubts: Iterable[TextWarning], *, campaign_id: int, confirm: Do) -> tuple[Remedy, ...]:
    """What a person can do about doubtful texts: confirm them, or call them HTML where all doubts are mark-up."""
    stops = [each for each in doubts if each.stops]
    if not stops:
        return ()
    html = (Remedy(Do.TEXT_IS_HTML, campaign=campaign_id),) if all(each.is_mark_up for each in stops) else ()
    return (Remedy(confirm, campaign=campaign_id), *html)


def _finds(texts: Iterable[str], find: Any) -> list[str]:
    return list(dict.fromkeys(each for text in texts for each in find(text)))


def _mark_up(text: str) -> list[str]:
    entities = [each for each in _ENTITY.findall(text) if html.unescape(each) != each]
    return [*_TAG.findall(text), *entities]


def _braces(text: str) -> list[str]:
    return _BRACES.findall(VARIABLE.sub("", text))


def _percents(text: str) -> list[str]:
    return _PERCENT.findall(_ADDRESS.sub("", text))


def _of_braces(part: str) -> str:
    word = part.strip("{}*| ")
    near = difflib.get_close_matches(word.lower(), VARIABLES, n=1)
    known = ", ".join(f"{{{name}}}" for name in VARIABLES)
    meant = f"did you mean {{{near[0]}}}?" if near else f"variables are {known}"
    return f"{_short(part)} in the text is not a variable and goes out as written; {meant}"


def _named(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return ", ".join(_short(part) for part in parts[:MOST_NAMED]) + more


def _short(part: str) -> str:
    return part if len(part) <= LONGEST_NAMED else f"{part[: LONGEST_NAMED - 1]}\u2026"
