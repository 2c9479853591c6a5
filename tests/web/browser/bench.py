"""A page of the tests: everything that a live page may have, with words that the test changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from jinja2 import ChoiceLoader, FileSystemLoader
from starlette.responses import HTMLResponse, Response

from campaigns.domain.access.rights import Principal
from campaigns.store.database.engine import Store
from campaigns.web.desk import Viewer
from campaigns.web.kit import pages
from tests.web.served import ADMIN, desk_of_tests, running
from tests.world import World

TEMPLATES = Path(__file__).parent / "templates"


@dataclass
class Bench:
    """What the page shows, and who is logged in."""

    world: World
    word: str = "first"
    rows: list[int] = field(default_factory=lambda: [1, 2, 3])
    by: Principal | None = ADMIN
    _names: Iterator[int] = field(default_factory=count)

    def change(self, word: str) -> None:
        """Show another word, and let something happen in the database."""
        self.word = word
        self.world.account(f"acct_{next(self._names)}")

    @property
    def store(self) -> Store:
        return self.world.store

    @contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """The address of a desk that has the page."""
        desk = replace(desk_of_tests(self.store, None), identify=lambda request: self.by)
        environment = pages.environment()
        before = environment.loader
        assert before is not None
        environment.loader = ChoiceLoader([before, FileSystemLoader(TEMPLATES)])
        try:
            with running(desk, port, also=self._routes()) as url:
                yield url
        finally:
            environment.loader = before

    def _routes(self) -> APIRouter:
        routes = APIRouter(prefix="/bench")

        @routes.get("")
        def show(request: Request, by: Viewer) -> Response:
            return pages.page(request, "bench.html", by=by, bench=self)

        @routes.post("/preview")
        def preview(by: Viewer, text: Annotated[str, Form()] = "") -> Response:
            words = f"{len(text)} letters for {by.name}"
            return HTMLResponse(f'<main><p id="shown" data-live="shown">{words}</p></main>')

        return routes
