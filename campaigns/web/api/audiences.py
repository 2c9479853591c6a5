"""Recipient files before they are used: `/api/v1/audiences`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from campaigns.adapters.disk.recipients import read_recipients
from campaigns.domain.audience.user_sets import pack
from campaigns.web.desk import Editor
from campaigns.web.kit.answers import answer
from campaigns.web.kit.sent.campaign_bodies import FILE
from campaigns.web.kit.sent.recipients import FileRead
from campaigns.web.kit.sent.uploads import SentFile

routes = APIRouter(prefix="/audiences", tags=["audiences"])

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": FILE},
            "text/csv": {"schema": FILE},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"users": FILE}, "required": ["users"]},
                "encoding": {"users": {"contentType": "application/octet-stream"}},
            },
        },
    }
}


@dataclass(frozen=True, slots=True)
class AudienceRead:
    """Who is in a file, counted, and how the file was understood."""

    size: int
    first_user: str
    last_user: str
    users_sha256: str  # of the set of IDs: equal sets have equal digests
    bad: tuple[str, ...]  # the first bad lines that were left out, with their numbers
    file: FileRead


@routes.post("/check", response_model=AudienceRead, openapi_extra=BODY)
def check(
    by: Editor,  # noqa: ARG001 - whoever may write campaigns may read a file of theirs
    file: SentFile,
    *,
    sheet: Annotated[str | None, Query(max_length=200, description="The sheet of a workbook with several.")] = None,
    skip_bad: Annotated[bool, Query(description="Leave bad lines out.")] = False,
) -> Response:
    """Read a file of recipients and keep nothing: counts, and what was understood.

    CSV or .xlsx with a user_id column, JSON Lines, or one ID a line. The same file goes into a new campaign or an edit
    as the part `users` of its request.
    """
    reading = read_recipients(file.stream, name=file.name, skip_bad=skip_bad, sheet=sheet)
    users, read = pack(reading.users), FileRead.of(reading)
    assert read is not None
    bad = tuple(f"line {number}: {value}" for number, value in reading.bad)
    return answer(AudienceRead(users.size, str(users.first_user), str(users.last_user), users.sha256, bad, read))
