"""How the vendor shows a text: as it came, or changed in one of the ways that no source excludes."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Literal

from campaigns.domain.messages.marks import without_marks

Marks = Literal["kept", "stripped"]
LineBreaks = Literal["kept", "br", "paragraph", "space", "lost"]
Escapes = Literal["kept", "escaped", "stripped"]

_BREAKS = {"br": "<br />", "paragraph": "</p><p>", "space": " ", "lost": ""}


@dataclass(frozen=True, slots=True)
class Echo:
    """The changes to a text before it is shown."""

    marks: Marks = "kept"  # stripped: characters that no font draws are removed
    line_breaks: LineBreaks = "kept"
    escapes: Escapes = "kept"  # of `<`, `>` and `&`; stripped: what looks like a tag is removed

    def of(self, text: str) -> str:
        """The text as it is shown."""
        if self.marks == "stripped":
            text = without_marks(text)
        if self.escapes == "escaped":
            text = html.escape(text, quote=False)
        elif self.escapes == "stripped":
            text = re.sub(r"<[^>]*>", "", text)
        return text if self.line_breaks == "kept" else text.replace("\n", _BREAKS[self.line_breaks])


AS_SENT = Echo()
