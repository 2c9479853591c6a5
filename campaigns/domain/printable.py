"""Characters that act on a terminal instead of being shown: control characters, and those that turn text round."""

from __future__ import annotations

import re

_ACTING = (
    r"\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f"  # control characters but tab, line feed, return and escape
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of text
    r"\u00ad\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # not seen
    r"\ud800-\udfff"  # halves of a character, which no encoding has
)
_LONE_RETURN = r"\r(?!\n)"

IS_TEXT = re.compile("[^\0\ud800-\udfff]*").fullmatch
"""Something true for a word that UTF-8 and every database can hold."""

MOST_NAMED = 20
"""A sentence names at most this many things, such as batches; it counts the others."""

ACTING = re.compile(rf"[\x1b{_ACTING}]|{_LONE_RETURN}")
ACTING_BUT_STYLES = re.compile(rf"[{_ACTING}]")


def printable(text: str, *, styled: bool = False) -> str:
    r"""The text with each acting character written out, as in `\u202e`; line ends and tabs stay.

    Within JSON that is the same value. `styled`: keep what draws (escape and return), for a text whose words are clean.
    """
    return (ACTING_BUT_STYLES if styled else ACTING).sub(lambda found: escaped(found[0]), text)


def escaped(text: str) -> str:
    r"""Each character as JSON writes it: `\u001b`, or two such for one beyond 16 bits."""
    units = text.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
