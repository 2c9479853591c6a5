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
from campaigns.domain.people import Reason
from campaigns.flow.access.allow import allow_account
from campaigns.flow.audience.suppress import Suppressed, preview_suppress, suppress
from campaigns.inputs.reading_words import reading_words
from campaigns.store.database.engine import Store
from campaigns.web.desk import Desk, Editor, Here
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.addresses import address
from campaigns.web.kit.pages import page
from campaigns.web.pages.audience.running_imports import RunningImport, RunningImports
from campaigns.web.pages.audience.suppressions import FOR_ALL, visible_accounts
from campaigns.web.pages.audience.users import WHAT_IT_REACHES, where

routes = APIRouter(prefix="/suppressions/import")

EDIT = frozenset({Right.EDITOR})

LARGEST_FILE = 256_000_000
"""Bytes of the request: twenty million user IDs. The file is on disk while it is read."""

MOST_AT_ONCE = 20_000
"""Users that one request suppresses, in less than a second; more are suppressed beside the requests."""

LOOK_AGAIN_SECONDS = 3
"""A browser without script loads the page again after this long while an import runs."""

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

RUNNING = RunningImports()


@routes.get("")
def show(request: Request, desk: Here, by: Editor) -> Response:
    """The form for a file, and how the last large import goes."""
    reply = _form(request, desk, by, FormData())
    running = RUNNING.of(by.name)
    if running is not None and running.ended_at is None:
        reply.headers["Refresh"] = str(LOOK_AGAIN_SECONDS)
    return reply


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
    if len(reading.users) > MOST_AT_ONCE:
        fields["large"] = "1"  # the page that follows shows how the import goes
    return ask(
        request, by, Question(f"Suppress everybody in {name}", sentence, "Suppress", "/suppressions", fields=fields)
    )


def _import(request: Request, desk: Desk, by: Principal, form: FormData) -> Response:
    account, reason, token = (_text(form, name) for name in ("account", "reason", "held"))
    allow_account(by, EDIT, account or None)
    fields = {"account": account, "reason": reason, "held": token, "key": _text(form, "key")}

    def suppress_all(store: Store, held: HeldFile) -> Suppressed:
        return suppress(store, held.users, account_id=account or None, reason=reason, actor=by.actor)

    def verb(store: Store) -> Suppressed | RunningImport:
        held = HELD.of(by.name, token)
        if len(held.users) <= MOST_AT_ONCE:
            return suppress_all(store, held)
        Reason(reason)  # before the thread, which nobody could tell
        return RUNNING.start(store, by.name, held.name, len(held.users), lambda: suppress_all(desk.store, held))

    is_large = bool(form.get("large"))
    to = "/suppressions/import" if is_large else address("/suppressions", account=account or FOR_ALL)
    done = "are being suppressed" if is_large else "are suppressed"
    sentence = f"The users of the file {done} on {where(account)}."
    return act_once(request, desk.store, by, fields, verb, to=to, sentence=sentence)


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
        running=RUNNING.of(by.name),
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
