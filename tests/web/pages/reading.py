"""What tests of pages share: somebody with rights on one account, and what a page contains."""

from __future__ import annotations

import re

from campaigns.domain.access.rights import Principal, Right
from tests.world import ACCOUNT

OTHER = "acct_two"
"""An account that `of_one` does not see."""


def of_one(*rights: Right) -> Principal:
    """Somebody who sees one account; an editor by default."""
    return Principal("erik", frozenset(rights or {Right.EDITOR}), accounts=frozenset({ACCOUNT}), address="127.0.0.1")


def key_of(page: str) -> str:
    """The idempotency key of the form that asks."""
    return field_of(page, "key")


def field_of(page: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found is not None, name
    return found[1]


def next_page(page: str) -> str | None:
    """The address of the next page of a list."""
    found = re.search(r'href="([^"]+)" rel="next"', page)
    return None if found is None else found[1].replace("&amp;", "&")
