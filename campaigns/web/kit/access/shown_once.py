"""Pages that show a secret once: a token, or a login link. It is on no other page, and in no row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from fastapi import Request
from starlette.responses import Response

from campaigns.domain.access.rights import Principal
from campaigns.flow.access.once import once
from campaigns.store.access.keyed_store import Kept, Key
from campaigns.store.database.engine import Store
from campaigns.web.desk import desk_of
from campaigns.web.kit.acts import KEY
from campaigns.web.kit.once import digest
from campaigns.web.kit.pages import page

Made = TypeVar("Made")


class Shown(Generic[Made]):
    """Makes something once for the key of a form. The row of the key has no answer: the answer holds the secret."""

    def __init__(self, request: Request, by: Principal, form: dict[str, str]) -> None:
        self._request = request
        self._by = by
        self._key = Key(f"page:{by.name}", form.get(KEY, ""), digest(request, form))

    def page(self, make: Callable[[Store], Made], template: str, *, back: str) -> Response:
        """The page with what was made, or, for the same form sent again, without it."""
        tried: list[tuple[Kept, Made]] = []

        def act(own: Store) -> Kept:
            tried.append((Kept(200, None), make(own)))
            return tried[0][0]

        kept = once(desk_of(self._request).store, self._key, act)
        # Of two simultaneous forms one is rolled back: what it made does not exist, and `kept` is of the other.
        made = next((each for own, each in tried if own is kept), None)
        return page(self._request, template, by=self._by, made=made, back=back)
