"""What every request needs: the parts of the product, the settings of the desk, and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from campaigns.domain.access.rights import HOLD_BACK, LOOK, Principal, Right
from campaigns.domain.errors import NotIdentified
from campaigns.store.database.engine import Store
from campaigns.wiring import Parts

Identify = Callable[[Request], Principal | None]
"""Who is behind a request: by its token or its session. None: nobody that is known."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk of one process. Routes take it as a parameter: `desk: Here`."""

    parts: Parts
    secret: bytes  # signs cursors and notices; every host has the same
    identify: Identify  # `campaigns.web.kit.access.identify.identify`, but for tests
    hosts: frozenset[str] = field(default=frozenset())  # names under which it may be reached, beside loopback

    @property
    def store(self) -> Store:
        """The database."""
        return self.parts.store


def desk_of(request: Request) -> Desk:
    """The desk that serves a request."""
    desk: Desk = request.app.state.desk
    return desk


@dataclass(frozen=True, slots=True)
class May:
    """A dependency of a route: who asks, with at least one of the rights that the route needs.

    Every route of the desk has one; a test walks the routes and compares them with what each right may do.
    """

    any_of: frozenset[Right]

    def __call__(self, request: Request) -> Principal:
        """Who asks. Raises NotIdentified, Forbidden."""
        by = desk_of(request).identify(request)
        if by is None:
            raise NotIdentified("Nobody is logged in, or the token is not valid here. Log in, or send another token.")
        by.require(self.any_of)
        request.state.by = by
        return by


Here = Annotated[Desk, Depends(desk_of)]
Viewer = Annotated[Principal, Depends(May(LOOK))]
Editor = Annotated[Principal, Depends(May(frozenset({Right.EDITOR})))]
Sender = Annotated[Principal, Depends(May(frozenset({Right.SENDER})))]
Holder = Annotated[Principal, Depends(May(HOLD_BACK))]
Admin = Annotated[Principal, Depends(May(frozenset({Right.ADMIN})))]
"""The parameter of a route that says who asks: `by: Sender`."""
