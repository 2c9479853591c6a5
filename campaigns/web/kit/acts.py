"""Acts on pages: one page that asks once, and one POST that acts once. They work without script.

A page links to `GET <object>/<act>`, which shows `confirm.html`: a sentence that names the object, the account, LIVE or
sandbox, the count, and what cannot be undone; a reason where one is kept. The form has a key that was made with the
page, so that a second click, or the form in a second tab, does not act twice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.responses import Response

from campaigns.as_json import plain, to_json
from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import Outdated
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


def ask(request: Request, by: Principal, question: Question) -> Response:
    """The page that asks."""
    return page(request, "confirm.html", by=by, question=question, key=secrets.token_urlsafe(24))


def act_once(
    request: Request,
    store: Store,
    by: Principal,
    form: dict[str, str],
    verb: Callable[[Store], Any],
    *,
    to: str,
    sentence: str,
) -> Response:
    """Do the verb once for the key of the form, then go to the page `to`, which says `sentence`.

    The same form sent again goes to the same page and does nothing. Raises what the verb raises.
    """
    acted(request, store, by, form, verb)
    return done(request, to, sentence)


def seen(shown: Any) -> str:
    """A digest of what a question shows, for a hidden field of its form."""
    return hashlib.sha256(to_json(shown).encode()).hexdigest()


def require_seen(shown: Any, digest_of_form: str, *, now: str) -> None:
    """Raise Outdated when an act would concern something else than its question showed.

    `now`: what it would concern at this moment, as the sentence names it.
    """
    if seen(shown) != digest_of_form:
        raise Outdated(f"This has changed since the page was made: it would concern {now} now. Nothing was done.")


def acted(request: Request, store: Store, by: Principal, form: dict[str, str], verb: Callable[[Store], Any]) -> Any:
    """Do the verb once for the key of the form, and return its answer as JSON: also for the same form sent again.

    For an act whose answer decides which page comes next. Raises what the verb raises.
    """
    key = Key(f"page:{by.name}", form.get(KEY, ""), digest(request, form))
    return once(store, key, lambda own: Kept(303, plain(verb(own)))).answer
