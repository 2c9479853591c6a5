"""Refusals as RFC 9457 problems for programs, and as pages for people: one table from refusals to statuses."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from campaigns.as_json import to_json
from campaigns.domain import errors
from campaigns.domain.remedies import Remedy
from campaigns.web.kit.access.own_paths import login_address
from campaigns.web.kit.pages import is_for_people, page

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.CampaignsError], int] = {
    errors.CampaignsError: 500,
    errors.UsageError: 400,
    errors.InvalidInput: 422,
    errors.SettingsError: 500,
    errors.NoKey: 400,
    errors.KeyReused: 422,
    errors.NoRevision: 428,
    errors.NotIdentified: 401,
    errors.NotFound: 404,
    errors.NotAllowed: 409,
    errors.Forbidden: 403,
    errors.Outdated: 412,
    errors.OtherCount: 409,
    errors.KeyInUse: 409,
    errors.StaleClaim: 409,
    errors.RequestLost: 409,
    errors.Damaged: 500,
    errors.VendorRefused: 502,
    errors.TryLater: 503,
    errors.DatabaseAway: 503,
    errors.DatabaseBusy: 503,
    errors.RoleTooWeak: 503,
    errors.TooManyTries: 429,
    errors.PacerAway: 503,
    errors.FencesAway: 503,
    errors.VendorAway: 503,
}
"""Every class of the error tree; a test walks the tree and fails on one that is missing."""

LATER = {429, 503}
"""Statuses of what may work when it is asked for again."""

RETRY_SECONDS = 5
"""When to ask again, where the refusal does not know."""

CODES = {
    400: "invalid",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
}
"""Codes of refusals that no verb made: the path, the method or the body does not fit any route."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault of the request, and where it is: a JSON pointer into the body, or the name of a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """The body of every refusal, as RFC 9457 names its members; the last four are ours."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    remedies: Sequence[Remedy] = ()
    errors: Sequence[FieldProblem] = field(default=())


@dataclass(frozen=True, slots=True)
class NewerRevision(Problem):
    """The body of a refusal for a campaign that has another revision by now."""

    revision: int = 0


def refuse_with(app: FastAPI) -> None:
    """Let the application return every refusal as a problem."""

    @app.exception_handler(errors.CampaignsError)
    def _refusal(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, errors.CampaignsError)
        return refused(request, refusal)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, RequestValidationError)
        return _reply(request, _of_validation(refusal))

    @app.exception_handler(HTTPException)
    def _other(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, HTTPException)
        code = CODES.get(refusal.status_code, "failed")
        detail = f"{request.method} {request.url.path}: {refusal.detail}."
        return _reply(request, _problem(refusal.status_code, code, detail), headers=dict(refusal.headers or {}))

    @app.exception_handler(Exception)
    def _fault(request: Request, fault: Exception) -> Response:
        log.error("A fault of campaigns at %s %s", request.method, request.url.path, exc_info=fault)
        detail = "The desk has a fault here. Its log has the details; what was asked may not have been done."
        return _reply(request, _problem(500, "failed", detail))


def refused(request: Request, refusal: errors.CampaignsError) -> Response:
    """The reply to a request that a verb refuses."""
    status = STATUSES[type(refusal)]
    if status == 401 and is_for_people(request) and "authorization" not in request.headers:
        return RedirectResponse(login_address(request), status_code=303)
    faults: Sequence[FieldProblem] = ()
    if isinstance(refusal, errors.InvalidInput):
        faults = [FieldProblem(each.text, pointer=_pointer(each.field)) for each in refusal.faults]
    headers = {}
    if status in LATER:
        after = getattr(refusal, "after_seconds", None)
        headers["Retry-After"] = str(round(RETRY_SECONDS if after is None else max(1, after)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="campaigns"'
    problem = _problem(status, refusal.code, str(refusal), remedies=refusal.remedies, faults=faults)
    if isinstance(refusal, errors.Outdated) and refusal.revision is not None:
        problem = NewerRevision(
            **{each.name: getattr(problem, each.name) for each in fields(problem)}, revision=refusal.revision
        )
    return _reply(request, problem, headers=headers)


def _problem(
    status: int, code: str, detail: str, *, remedies: Sequence[Remedy] = (), faults: Sequence[FieldProblem] = ()
) -> Problem:
    title = code.replace("_", " ").capitalize()
    return Problem(f"/problems/{code}", title, status, detail, code, status in LATER, remedies, faults)


def _of_validation(refusal: RequestValidationError) -> Problem:
    faults = [_field_problem(each) for each in refusal.errors()]
    sentence = "; ".join(f"{each.parameter or each.pointer or 'the body'}: {each.detail}" for each in faults)
    return _problem(422, errors.InvalidInput.code, f"{sentence}. Nothing was done.", faults=faults)


def _field_problem(fault: Any) -> FieldProblem:
    place, *path = [str(part) for part in fault["loc"]]
    detail = str(fault["msg"]).removeprefix("Value error, ")
    if place == "body":
        return FieldProblem(detail, pointer="/" + "/".join(path))
    return FieldProblem(detail, parameter=".".join(path) or place)


def _pointer(name: str | None) -> str | None:
    return None if name is None else f"/{name}"


def _reply(request: Request, problem: Problem, *, headers: dict[str, str] | None = None) -> Response:
    if is_for_people(request):
        reply = page(request, "problem.html", problem=problem, status_code=problem.status)
        reply.headers.update(headers or {})
        return reply
    return Response(
        to_json(problem).encode(errors="replace"),
        status_code=problem.status,
        headers=headers,
        media_type="application/problem+json",
    )
