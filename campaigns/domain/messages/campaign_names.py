"""Names of campaigns: one line that every screen can draw."""

from __future__ import annotations

import unicodedata

from campaigns.domain.messages.fields import is_visible

LONGEST_NAME = 200

_NOT_DRAWN = {"Cc", "Cs", "Zl", "Zp"}
_TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text around them."""


def name_faults(name: str) -> list[str]:
    """Why a name cannot be stored, a clause each; empty when it can."""
    faults = []
    if not is_visible(name):
        faults.append("the name shows nothing")
    if len(name) > LONGEST_NAME:
        faults.append(f"the name has {len(name):,} characters, but may have at most {LONGEST_NAME}")
    odd = next((sign for sign in name if unicodedata.category(sign) in _NOT_DRAWN or sign in _TURNS_TEXT), None)
    if odd is not None:
        faults.append(f"the name contains U+{ord(odd):04X}, which breaks the line or the screen; leave it out")
    return faults
