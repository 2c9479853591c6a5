"""What a refusal blames, and what to try where the vendor describes a field in two ways."""

from __future__ import annotations

import re
from collections.abc import Mapping

from campaigns.domain.upstream.reply import Reply

CURES = (
    (
        re.compile(r"\brf(?:Tag|Partner|Guest)\b"),
        "release-form IDs travel as CAMPAIGNS_RF_AS says; set it to the other of array and string",
    ),
    (re.compile(r"\bprice\b"), "if the price has cents, try whole dollars, as the vendor's older description asks"),
)
"""Fields whose schema and text disagree (read 2026-09), with what to try when they are refused."""


def blamed_fields(reply: Reply) -> list[str]:
    """The fields that a refusal names in its errors, its own or those of OnlyFans in it."""
    body = reply.body or {}
    wrapped = body["onlyfans_response"].get("body") if reply.wraps_onlyfans else None
    blamed = [errors for each in (body, wrapped) if isinstance(each, Mapping) and (errors := each.get("errors"))]
    return [str(name) for errors in blamed if isinstance(errors, Mapping) for name in errors]


def cure(reply: Reply) -> str:
    """What to try about a refusal, in half a sentence; empty where nothing is known."""
    named = [*blamed_fields(reply), reply.words]
    return "; ".join(way for field, way in CURES if any(field.search(name) for name in named))
