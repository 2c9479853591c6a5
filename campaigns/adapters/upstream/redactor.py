"""Removes from a reply what must not be recorded: the vendor key in any form, and what no database can store."""

from __future__ import annotations

import codecs
import html
import json
import math
import re
from typing import Any
from urllib.parse import quote

CREDENTIALS = re.compile(
    r"""(authorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?|\bbearer\s+)[^\s"',;<>}]+""", re.IGNORECASE
)
REMOVED = "[removed]"
LONGEST_VALUE = 500
"""Longest text that is kept of a JSON value, in characters."""

MOST_VALUES = 200
"""Most values that are kept of a JSON value; the vendor's own has eleven."""

DEEPEST = 20
LARGEST_NUMBER = 2**63
BYTES_OF_A_CHARACTER = 4


class Redactor:
    """Removes the vendor key in any form, and everything that looks like an Authorization value.

    A text that is too long is cut first, so that its length costs nothing.
    """

    def __init__(self, key: str) -> None:
        forms = {key, json.dumps(key)[1:-1], key.replace("/", "\\/"), quote(key, safe=""), html.escape(key)}
        self._forms = sorted(forms, key=len, reverse=True)
        self._longest = len(self._forms[0])

    def text(self, text: str, most: int = LONGEST_VALUE) -> str:
        """The first `most` characters without secrets, and without NUL and lone surrogates."""
        cut = text[: most + 2 * self._longest]
        cleaned = cut
        for form in self._forms:
            cleaned = cleaned.replace(form, REMOVED)
        cleaned = CREDENTIALS.sub(rf"\g<1>{REMOVED}", cleaned)
        if len(cut) < len(text):
            cleaned = cleaned[: -self._longest]  # the end may have a part of the key, which no pattern matches
        return cleaned[:most].encode("utf-8", "replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")

    def body(self, content: bytes | bytearray, most: int) -> str | None:
        """The beginning of a body as text; its number of bytes when it is not text, and None when it is empty."""
        head = bytes(content[: BYTES_OF_A_CHARACTER * (most + 2 * self._longest + 1)])
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(head)
        except UnicodeDecodeError:
            text = "\x00"
        if "\x00" in text:
            return f"({len(content)} bytes that are not text)"
        return self.text(text, most) or None

    def tree(self, value: Any) -> Any:
        """A JSON value without secrets, without numbers that no database can hold, and cut to what a reply needs."""
        return self._tree(value, 0, [MOST_VALUES])

    def _tree(self, value: Any, depth: int, left: list[int]) -> Any:
        left[0] -= 1
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list):
            if depth == DEEPEST:
                return None
            return self._object(value, depth, left) if isinstance(value, dict) else self._array(value, depth, left)
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return str(value)[:LONGEST_VALUE] if isinstance(value, int) and abs(value) >= LARGEST_NUMBER else value

    def _object(self, value: dict[str, Any], depth: int, left: list[int]) -> dict[str, Any]:
        fields = {}
        for name, each in value.items():
            if left[0] <= 0:
                break
            fields[self.text(name)] = self._tree(each, depth + 1, left)
        return fields

    def _array(self, value: list[Any], depth: int, left: list[int]) -> list[Any]:
        items = []
        for each in value:
            if left[0] <= 0:
                break
            items.append(self._tree(each, depth + 1, left))
        return items
