"""What a refusal blames, in the vendor's own words and fields. A long body is looked at in its first part only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice

from campaigns.domain.upstream.reply import ERROR_FIELDS, Reply, in_words

LIMITER_WORDS = re.compile(r"rate[_ -]?limit|too many attempts", re.IGNORECASE)
"""How a limiter names itself in its error fields: `ONLYFANS_COM_RATE_LIMIT_ERROR` (with or without `CF:`),
and the words of the vendor's framework. "Too Many Requests" is no mark: it is only what 429 means."""

BANNED_WORDS = re.compile(r"banned[ _-]?word", re.IGNORECASE)

MOST_FIELDS = 100


def is_limiter(reply: Reply) -> bool:
    """Whether its words are those of a limiter."""
    return _says(reply, LIMITER_WORDS)


def may_be_one_user(reply: Reply) -> bool:
    """Whether one bad user ID may have refused all: nothing in the body blames anything else."""
    body = reply.body or {}
    if _says(reply, BANNED_WORDS) or any(BANNED_WORDS.search(name) for name in islice(body, MOST_FIELDS)):
        return False
    wrapped = body["onlyfans_response"].get("body") if reply.wraps_onlyfans else None
    blamed = [errors for each in (body, wrapped) if isinstance(each, Mapping) and (errors := each.get("errors"))]
    return all(str(name).startswith("userIds") for errors in blamed if isinstance(errors, Mapping) for name in errors)


def _says(reply: Reply, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(in_words((reply.body or {}).get(name))) for name in ERROR_FIELDS)
