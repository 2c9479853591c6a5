"""Bodies that routes read themselves: JSON without surprises, and uploads that go to a file as they come."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, BinaryIO, cast

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from campaigns.domain.errors import InputFault, InvalidInput, UsageError
from campaigns.domain.printable import IS_TEXT
from campaigns.web.guard import LARGEST_BODY

LARGEST_UPLOAD = 256_000_000
"""Bytes of a request with a file: twenty million user IDs."""

IN_MEMORY = 1 << 20
"""Bytes of an upload that are kept in memory; more goes to a file without a name, which ends with the request."""

PATIENCE_SECONDS = 30.0
SLOWEST = 16_000
"""A body may take this many seconds, and longer if it brings this many bytes a second."""

LARGEST_TYPED = 8 * LARGEST_BODY
"""Bytes of one field of a form: half a million user IDs that were typed or pasted."""

MOST_FIELDS = 2000
"""Fields of a form: a hundred contents have ten each."""

LONGEST_NAME = 200
LONGEST_EPILOGUE = 100

MULTIPART = "multipart/form-data"
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a request. It can be read once, from its beginning, and is gone after the request."""

    file_name: str  # without what no line can show; empty: the request names none
    stream: BinaryIO

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"'{self.file_name}'" if self.file_name else "the file"

    @property
    def source(self) -> str:
        """What the audience is from, for people."""
        return self.file_name or "a file in a request"


@dataclass(frozen=True, slots=True)
class Sent:
    """The body of a request that writes a campaign: its JSON, and the file of its recipients."""

    body: Mapping[str, Any]
    upload: Upload | None = None


async def sent_campaign(request: Request) -> AsyncGenerator[Sent]:
    """Read JSON, or multipart with the parts `campaign` (JSON) and `users` (a file). Raises UsageError."""
    kind = _kind(request)
    if kind == JSON:
        yield Sent(object_of(await _whole(request)))
    elif kind == MULTIPART:
        async with _form(request) as form:
            yield _sent(form)
    else:
        raise HTTPException(415, f"Send {JSON}, or {MULTIPART} with the parts campaign and users")


async def sent_file(request: Request) -> AsyncGenerator[Upload]:
    """Read a file: the whole body, or the part `users` of multipart. Raises UsageError."""
    if _kind(request) == MULTIPART:
        async with _form(request) as form:
            part = form.get("users")
            if not isinstance(part, UploadFile) or len(form) > 1:
                raise UsageError("The body must have one part, the file `users`.")
            yield _upload(part)
        return
    with SpooledTemporaryFile(max_size=IN_MEMORY) as copy:
        async for piece in _pieces(request, LARGEST_UPLOAD):
            await asyncio.to_thread(copy.write, piece)
        copy.seek(0)
        yield Upload("", cast("BinaryIO", copy))


SentCampaign = Annotated[Sent, Depends(sent_campaign)]
SentFile = Annotated[Upload, Depends(sent_file)]


def object_of(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body. Raises UsageError for anything else, also for a name that comes twice."""
    try:
        read = json.loads(raw, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as fault:
        raise UsageError(f"The body is not valid JSON: {fault}.") from None
    if not isinstance(read, dict):
        raise UsageError("The body must be a JSON object.")
    if not IS_TEXT(json.dumps(read, ensure_ascii=False, default=str).replace("\\u0000", "\0")):
        raise UsageError("The body has a character that is not text (U+0000, or half of a surrogate pair).")
    return read


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("an object has a name twice")
    return read


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _sent(form: Mapping[str, UploadFile | str]) -> Sent:
    unknown = sorted(set(form) - {"campaign", "users"})
    if unknown:
        raise InvalidInput(
            *(InputFault("is not a part of this body; it has campaign and users", one) for one in unknown)
        )
    campaign, users = form.get("campaign"), form.get("users")
    text = campaign.file.read() if isinstance(campaign, UploadFile) else (campaign or "{}").encode()
    if isinstance(users, str):
        raise InvalidInput(InputFault("must be a file, with a name of its own", "users"))
    return Sent(object_of(text), None if users is None else _upload(users))


def _upload(part: UploadFile) -> Upload:
    name = "".join(each for each in (part.filename or "") if each.isprintable())
    return Upload(name[:LONGEST_NAME], part.file)


@asynccontextmanager
async def _form(request: Request) -> AsyncGenerator[Mapping[str, UploadFile | str]]:
    """The parts of a body. Their files are closed afterwards. Raises UsageError."""
    parts = _whole_parts(request)
    parser = MultiPartParser(request.headers, parts, max_files=2, max_fields=2, max_part_size=LARGEST_BODY)
    try:
        form = await parser.parse()
    except MultiPartException as fault:
        raise UsageError(f"The body is not valid {MULTIPART}: {fault.message}") from None
    try:
        if len({name for name, _ in form.multi_items()}) < len(form.multi_items()):
            raise UsageError("The body has a part twice.")
        yield form
    finally:
        await form.close()


async def _whole_parts(request: Request) -> AsyncGenerator[bytes]:
    """The pieces of a multipart body. The parser does not see that the end is missing, and leaves out the last part."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    closing, tail = f"--{header.get_boundary('')}--".encode(errors="replace"), b""
    async for piece in _pieces(request, LARGEST_UPLOAD):
        tail = (tail + piece)[-len(closing) - LONGEST_EPILOGUE :]
        yield piece
    if closing not in tail:
        raise MultiPartException("it ends before its last part does. Nothing was imported.")


async def _whole(request: Request) -> bytes:
    body = io.BytesIO()
    async for piece in _pieces(request, LARGEST_BODY):
        body.write(piece)
    return body.getvalue()


async def _pieces(request: Request, largest: int) -> AsyncGenerator[bytes]:
    """The pieces of a body. Raises HTTPException for one that is too large, too slow, or cut off."""
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > largest:
        raise HTTPException(413, f"The body is larger than {largest:,} bytes")
    started, received, stream = time.monotonic(), 0, request.stream()
    while True:
        left = PATIENCE_SECONDS + received / SLOWEST - (time.monotonic() - started)
        try:
            piece = await asyncio.wait_for(anext(stream), max(0.0, left))
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"The body came slower than {SLOWEST:,} bytes a second") from None
        except ClientDisconnect:
            raise HTTPException(400, "The body ended early") from None
        received += len(piece)
        if received > largest:
            raise HTTPException(413, f"The body is larger than {largest:,} bytes")
        yield piece


async def sent_form(request: Request) -> AsyncGenerator[FormData]:
    """Read the form of a page, with files if it has any. Raises UsageError; the files are gone after the request."""
    pieces = _pieces(request, LARGEST_UPLOAD)
    parser: MultiPartParser | FormParser = FormParser(
        request.headers, pieces, max_fields=MOST_FIELDS, max_part_size=LARGEST_TYPED
    )
    if _kind(request) == MULTIPART:
        parser = MultiPartParser(
            request.headers, pieces, max_files=2, max_fields=MOST_FIELDS, max_part_size=LARGEST_TYPED
        )
    try:
        form = await parser.parse()
    except MultiPartException as fault:
        raise UsageError(f"The form cannot be read: {fault.message}") from None
    try:
        yield form
    finally:
        await form.close()


def file_of(form: FormData, name: str) -> Upload | None:
    """The file that was chosen in a field; None when none was. Raises UsageError for one that was cut off."""
    part = form.get(name)
    return _upload(part) if isinstance(part, UploadFile) and part.filename else None


SentForm = Annotated[FormData, Depends(sent_form)]
