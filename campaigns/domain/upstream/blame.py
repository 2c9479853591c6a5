"""What a refusal blames, by the vendor's own text and fields, and what to try. Text far down in a reply is not read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

from campaigns.domain.upstream.reply import ERROR_FIELDS, Reply, in_words

LIMITER_WORDS = re.compile(r"rate[_ -]?limit|too many attempts", re.IGNORECASE)
"""How a limiter names itself in its error fields: `ONLYFANS_COM_RATE_LIMIT_ERROR` (with or without `CF:`),
and the words of the vendor's framework. "Too Many Requests" does not count: it is only the name of 429."""

BANNED_WORDS = re.compile(r"banned[ _-]?word", re.IGNORECASE)

CURES = (
    (
        re.compile(r"\brf(?:Tag|Partner|Guest)\b"),
        "release-form IDs travel as CAMPAIGNS_RF_AS says; set it to the other of array and string",
    ),
    (re.compile(r"\bprice\b"), "if the price has cents, try whole dollars, as the vendor's older description asks"),
)
"""Fields whose schema and text disagree (read 2026-09), with what to try when they are refused."""

MOST_FIELDS = 100


def is_limiter(reply: Reply) -> bool:
    """Whether a reply has the text of a limiter."""
    return _says(reply, LIMITER_WORDS)


def may_be_one_user(reply: Reply) -> bool:
    """Whether one bad user ID may have refused all: nothing in the body blames anything else."""
    body = reply.body or {}
    if _says(reply, BANNED_WORDS) or any(BANNED_WORDS.search(name) for name in islice(body, MOST_FIELDS)):
        return False
    return all(name.startswith("userIds") for name in blamed_fields(reply))


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


def _says(reply: Reply, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(in_words((reply.body or {}).get(name))) for name in ERROR_FIELDS)
