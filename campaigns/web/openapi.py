"""The description of the API, OpenAPI 3.1: what FastAPI makes of the routes, and what is the same for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from campaigns import __version__
from campaigns.web.problems import FieldProblem, NewerRevision, Problem

PROBLEM = "application/problem+json"

ALWAYS = {
    400: "The request cannot be read.",
    401: "Nobody is logged in, or the token is not valid.",
    403: "The rights of who asks do not allow it, or the request comes from another site.",
    404: "There is no such thing, or it is hidden from who asks.",
    409: "Its state does not allow it.",
    412: "It was changed, or the database was restored, since it was read.",
    421: "The desk is not served under that name.",
    422: "The request has faults; each names its place.",
    503: "A part that is needed is away. Ask again later.",
}
"""What every route may refuse."""

WITH_A_BODY = {
    408: "The body comes too slowly.",
    413: "The body is too large.",
    415: "The body has another media type than the route reads.",
}

WITH_A_REVISION = {428: "The request names no revision, or no plan."}

DESCRIPTION = """\
Everything that the command line can do. Refusals are RFC 9457 problems; their `code` is the one of the command line, \
and `type` is a page that says what to do. Lists have an opaque `cursor` for the next page, and no total. IDs of users \
and of messages are text. ETags, cursors and plan hashes hold in one database: after a restore each is refused. \
An Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07) is remembered for 30 days.
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route of the description."""

    method: str
    path: str
    described: dict[str, Any]


def describe(app: FastAPI) -> dict[str, Any]:
    """The description of the routes of an application. It is made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="campaigns",
            version=__version__,
            openapi_version="3.1.0",
            summary="A queue for mass messages that messages nobody twice and loses nobody.",
            description=DESCRIPTION,
            routes=app.routes,
        )
        made["servers"] = [{"url": "/", "description": "This desk."}]
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(_problem_schemas())
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for schema in schemas.values():
            _as_sent(schema)
        made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        for operation in operations(made):
            _complete(operation)
        app.openapi_schema = made
    return app.openapi_schema


def operations(description: dict[str, Any]) -> Iterator[Operation]:
    """Every route of a description."""
    for path, methods in description["paths"].items():
        for method, described in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                yield Operation(method, path, described)


def _complete(operation: Operation) -> None:
    """Add the summary and the refusals."""
    described = operation.described
    text = described.get("description", described["summary"])
    described["summary"] = text.partition("\n")[0].rstrip()
    refusals = dict(ALWAYS)
    if operation.method != "get":
        refusals |= WITH_A_BODY
    headers = {each["name"] for each in described.get("parameters", []) if each["in"] == "header"}
    if "If-Match" in headers:
        refusals |= WITH_A_REVISION
    for each in described.get("parameters", []):
        _explain(each)
    for status, words in refusals.items():
        described["responses"][str(status)] = _refusal(status, words)


def _explain(parameter: dict[str, Any]) -> None:
    """An example for the headers that nobody guesses."""
    examples = {"If-Match": '"3f9a0c1b2d4e-5"', "Idempotency-Key": "0c8f2f6e-4a53-4f8e-9a38-6d3f6c1c2b11"}
    if parameter["name"] in examples and parameter["in"] == "header":
        parameter["example"] = examples[parameter["name"]]


def _refusal(status: int, words: str) -> dict[str, Any]:
    name = NewerRevision.__name__ if status == 412 else Problem.__name__
    made: dict[str, Any] = {
        "description": words,
        "content": {PROBLEM: {"schema": {"$ref": f"#/components/schemas/{name}"}}},
    }
    if status == 503:
        made["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}, "example": "5"}}
    if status == 401:
        made["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "example": 'Bearer realm="campaigns"'}}
    return made


def _problem_schemas() -> dict[str, Any]:
    """The schemas of refusals, from their dataclasses."""
    from pydantic import TypeAdapter

    made: dict[str, Any] = {}
    for kind in (FieldProblem, Problem, NewerRevision):
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        made |= schema.pop("$defs", {})
        made[kind.__name__] = schema
    made[NewerRevision.__name__]["required"] = list(made[Problem.__name__]["required"])  # cursors have no revision
    return made


def _as_sent(schema: Any) -> None:
    """Correct what the serialiser of answers does otherwise than pydantic: `from_` is `from`, and sums are numbers."""
    if isinstance(schema, list):
        for each in schema:
            _as_sent(each)
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    if isinstance(properties, dict):
        schema["properties"] = {name.removesuffix("_"): each for name, each in properties.items()}
        schema["required"] = [name.removesuffix("_") for name in schema.get("required", [])] or None
        if schema["required"] is None:
            del schema["required"]
        for name, each in properties.items():
            if name.endswith("_"):
                each["title"] = name.removesuffix("_").capitalize()
    if schema.get("type") == "string" and "pattern" in schema and "\\d*\\.?\\d*" in schema["pattern"]:
        schema.pop("pattern")
        schema["type"] = "number"
    for each in schema.values():
        _as_sent(each)
