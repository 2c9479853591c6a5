"""Idempotency-Key: an act that was asked for twice with one key is done once, and returns the first answer twice.

The semantics are those of draft-ietf-httpapi-idempotency-key-header-07. It expired without becoming an RFC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Request
from starlette.responses import Response

from campaigns.as_json import plain
from campaigns.domain.access.rights import Principal
from campaigns.domain.errors import NoKey
from campaigns.flow.access.once import once
from campaigns.store.access.keyed_store import Kept, Key
from campaigns.store.database.engine import Store
from campaigns.web.kit.answers import answer

IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=8, max_length=255, description="A new value for each act."),
]


def done_once(
    request: Request,
    store: Store,
    by: Principal,
    key: str | None,
    body: Any,
    verb: Callable[[Store], Any],
    *,
    status: int = 200,
    required: bool = True,
) -> Response:
    """Do the verb once for the key, and return its answer. Without a key it is simply done, unless one is required.

    `body`: the request as the route read it; the same key with another body is refused. `verb` takes the store to work
    with. Raises NoKey, KeyReused, KeyInUse, and what the verb raises.
    """
    if key is None:
        if required:
            raise NoKey(
                "This act needs an Idempotency-Key header, so that a repeated request does not repeat it. Take a new "
                "value for each act."
            )
        return answer(verb(store), status=status)
    wanted = Key(by.name, key, digest(request, body))
    kept = once(store, wanted, lambda own: Kept(status, plain(verb(own))))
    return answer(kept.answer, status=kept.status)


def digest(request: Request, body: Any) -> str:
    """What makes two requests the same: method, path, query and body."""
    text = json.dumps([request.method, request.url.path, request.url.query, plain(body)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
