"""Acts on pages: one page that asks once, and one POST that acts once. They work without script.

A page links to `GET <object>/<act>`, which shows `confirm.html`: a sentence that names the object, the account, LIVE or
sandbox, the count, and what cannot be undone; a reason where one is kept. The form has a key that was made with the
page, so that a second click, or the form in a second tab, does not act twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.responses import Response

from campaigns.as_json import plain
from campaigns.domain.access.rights import Principal
from campaigns.flow.access.once import once
from campaigns.store.access.keyed_store import Kept, Key
from campaigns.store.database.engine import Store
from campaigns.web.kit.once import digest
from campaigns.web.kit.pages import done, page

KEY = "key"
"""The field of a form with its idempotency key."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks before an act."""

    title: str
    sentence: str  # names the object, the account, the count, and what cannot be undone
    act: str  # the text of the button
    back: str  # the address of the page to return to without acting
    needs_reason: bool = True
    is_grave: bool = False  # fans are messaged, or something cannot be undone
    type_name: str | None = None  # the text that must be typed to confirm
    fields: dict[str, str] = field(default_factory=dict)  # hidden fields that the POST gets back
    lines: Sequence[str] = ()  # what else to know before, each a line of a list; Markup for those with a time


def ask(
    request: Request, by: Principal, question: Question, *, template: str = "confirm.html", **context: Any
) -> Response:
    """The page that asks. `template`: one that extends `confirm.html`, with its `context`."""
    return page(request, template, by=by, question=question, key=secrets.token_urlsafe(24), **context)


def act_once(
    request: Request,
    store: Store,
    by: Principal,
    form: dict[str, str],
    verb: Callable[[Store], Any],
    *,
    to: str | Callable[[Any], str],
    sentence: str | Callable[[Any], str],
) -> Response:
    """Do the verb once for the key of the form, then go to the page `to`, which says `sentence`.

    Either may be made from the JSON of the answer. The same form sent again goes to the same page and does nothing.
    Raises what the verb raises.
    """
    kept = acted(request, store, by, form, verb)
    address, words = (each if isinstance(each, str) else each(kept) for each in (to, sentence))
    return done(request, address, words)


def acted(request: Request, store: Store, by: Principal, form: dict[str, str], verb: Callable[[Store], Any]) -> Any:
    """Do the verb once for the key of the form, and return its answer as JSON: also for the same form sent again.

    For an act whose answer decides which page comes next. Raises what the verb raises.
    """
    key = Key(f"page:{by.name}", form.get(KEY, ""), digest(request, form))
    return once(store, key, lambda own: Kept(303, plain(verb(own)))).answer
