"""Suppress everybody in a file: it is read first and counted, then a person is asked, then it is done."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from threading import Lock
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pyroaring import BitMap64
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from campaigns.adapters.disk.recipients import read_recipients
from campaigns.domain.access.rights import Principal, Right
from campaigns.domain.audience.gathering import shown
from campaigns.domain.errors import NotFound, UsageError
from campaigns.flow.access.allow import allow_account
from campaigns.flow.audience.suppress import preview_suppress, suppress
from campaigns.inputs.reading_words import reading_words
from campaigns.web.desk import Desk, Editor, Here
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.addresses import address
from campaigns.web.kit.pages import page
from campaigns.web.pages.audience.suppressions import FOR_ALL, visible_accounts
from campaigns.web.pages.audience.users import WHAT_IT_REACHES, where

routes = APIRouter(prefix="/suppressions/import")

EDIT = frozenset({Right.EDITOR})

LARGEST_FILE = 256_000_000
"""Bytes of the request: twenty million user IDs. The file is on disk while it is read."""

MOST_HELD = 8
"""Files that wait for a yes, one of each operator."""


@dataclass(frozen=True, slots=True)
class HeldFile:
    """The users of a file that somebody was asked about."""

    token: str
    name: str
    users: BitMap64


class HeldFiles:
    """The last file of each operator until they say yes. A restart forgets them, and nothing was changed then."""

    def __init__(self) -> None:
        self._files: dict[str, HeldFile] = {}
        self._lock = Lock()

    def hold(self, operator: str, name: str, users: BitMap64) -> HeldFile:
        """Hold a file instead of the last one of this operator."""
        held = HeldFile(secrets.token_urlsafe(16), name, users)
        with self._lock:
            self._files.pop(operator, None)
            while len(self._files) >= MOST_HELD:
                del self._files[next(iter(self._files))]
            self._files[operator] = held
        return held

    def of(self, operator: str, token: str) -> HeldFile:
        """The file that a question was about. Raises NotFound."""
        with self._lock:
            held = self._files.get(operator)
        if held is None or held.token != token:
            raise NotFound("The file that was read is no longer held here. Choose it again; nothing was imported.")
        return held


HELD = HeldFiles()


@routes.get("")
def show(request: Request, desk: Here, by: Editor) -> Response:
    """The form for a file."""
    return _form(request, desk, by, FormData())


@routes.post("")
async def read_or_import(request: Request, desk: Here, by: Editor) -> Response:
    """Read a file and ask; with the key of that question, suppress its users."""
    async with Request(request.scope, _bounded(request)).form(max_files=1, max_fields=10) as form:
        verb = _import if form.get("key") else _read
        return await run_in_threadpool(verb, request, desk, by, form)


def _read(request: Request, desk: Desk, by: Principal, form: FormData) -> Response:
    account = _text(form, "account")
    allow_account(by, EDIT, account or None)
    file = form.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise UsageError("No file is chosen.")
        name = f"'{shown(file.filename)}'"
        reading = read_recipients(
            file.file, name=name, skip_bad=bool(form.get("skip_bad")), sheet=_text(form, "sheet").strip() or None
        )
    except UsageError as refusal:
        return _form(request, desk, by, form, refusal)
    counts = preview_suppress(desk.store, reading.users, account_id=account or None)
    held = HELD.hold(by.name, name, reading.users)
    sentence = (
        f"{' '.join(reading_words(reading))} Nothing more is sent from {where(account)} to {counts.added:,} of these "
        f"{len(reading.users):,} users; {counts.already:,} are suppressed already. {WHAT_IT_REACHES}"
    )
    fields = {"account": account, "held": held.token}
    return ask(
        request, by, Question(f"Suppress everybody in {name}", sentence, "Suppress", "/suppressions", fields=fields)
    )


def _import(request: Request, desk: Desk, by: Principal, form: FormData) -> Response:
    account, reason, token = (_text(form, name) for name in ("account", "reason", "held"))
    allow_account(by, EDIT, account or None)
    return act_once(
        request,
        desk.store,
        by,
        {"account": account, "reason": reason, "held": token, "key": _text(form, "key")},
        lambda store: suppress(
            store, HELD.of(by.name, token).users, account_id=account or None, reason=reason, actor=by.actor
        ),
        to=address("/suppressions", account=account or FOR_ALL),
        sentence=f"The users of the file are suppressed on {where(account)}.",
    )


def _form(request: Request, desk: Desk, by: Principal, form: FormData, refusal: UsageError | None = None) -> Response:
    return page(
        request,
        "suppressions/import.html",
        by=by,
        account=_text(form, "account"),
        accounts=visible_accounts(desk, by),
        sheet=_text(form, "sheet"),
        skip_bad=bool(form.get("skip_bad")),
        most_bytes=LARGEST_FILE,
        fault=None if refusal is None else str(refusal),
        status_code=200 if refusal is None else 422,
    )


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _bounded(request: Request) -> Any:
    """What the request receives, up to the size of the largest file."""
    seen = 0

    async def receive() -> Any:
        nonlocal seen
        message = await request.receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST_FILE:
            raise HTTPException(413, f"the file has more than {LARGEST_FILE:,} bytes; nothing was imported")
        return message

    return receive
