"""The reference of the API, from its description, and a page for each code of a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from campaigns.domain.errors import NotFound
from campaigns.web.desk import Viewer
from campaigns.web.kit.pages import page
from campaigns.web.openapi import Operation, operations
from campaigns.web.problem_codes import MEANINGS

routes = APIRouter()


@dataclass(frozen=True, slots=True)
class Described:
    """A parameter, or a field of a body or of an answer."""

    name: str
    kind: str  # its type in words
    is_needed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that routes take or return."""

    name: str
    text: str
    fields: Sequence[Described]


@dataclass(frozen=True, slots=True)
class RouteOfReference:
    """One route."""

    tag: str
    method: str
    path: str
    summary: str
    text: str
    anchor: str
    parameters: Sequence[Described]
    body: Sequence[Described]
    body_kinds: Sequence[str]  # media types
    answers: Sequence[tuple[str, str, str]]  # status, words, name of the object


@routes.get("/api/docs")
def reference(request: Request, by: Viewer) -> Response:
    """Every route of the API."""
    description: dict[str, Any] = request.app.openapi()
    listed = [_route(each, description) for each in operations(description)]
    groups = [
        (tag, list(of_tag)) for tag, of_tag in groupby(sorted(listed, key=lambda one: one.tag), lambda one: one.tag)
    ]
    shapes = [_shape(name, schema) for name, schema in sorted(description["components"]["schemas"].items())]
    return page(
        request,
        "reference/api.html",
        by=by,
        text=description["info"]["description"],
        release=description["info"]["version"],
        groups=groups,
        shapes=shapes,
    )


@routes.get("/problems")
def list_problems(request: Request, by: Viewer) -> Response:
    """Every code of a refusal."""
    return page(request, "reference/problems.html", by=by, codes=sorted(MEANINGS.items()))


@routes.get("/problems/{code}")
def show_problem(request: Request, by: Viewer, code: str) -> Response:
    """One code: what it means and what to do."""
    meaning = MEANINGS.get(code)
    if meaning is None:
        raise NotFound("There is no such code of a refusal.")
    return page(request, "reference/problem_code.html", by=by, code=code, meaning=meaning)


def _route(operation: Operation, description: dict[str, Any]) -> RouteOfReference:
    described = operation.described
    text = str(described.get("description", "")).partition("\n")[2].strip()
    contents: dict[str, Any] = described.get("requestBody", {}).get("content", {})
    first: dict[str, Any] = next((each.get("schema", {}) for each in contents.values()), {})
    return RouteOfReference(
        tag=described.get("tags", ["desk"])[0],
        method=operation.method.upper(),
        path=operation.path,
        summary=described["summary"],
        text=text,
        anchor=described["operationId"],
        parameters=[
            Described(f"{each['name']} ({each['in']})", _kind(each["schema"]), each["required"], _text(each))
            for each in described.get("parameters", [])
        ],
        body=list(_fields(_resolved(first, description))),
        body_kinds=list(contents),
        answers=list(_answers(described)),
    )


def _answers(described: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, each in sorted(described["responses"].items()):
        schema: dict[str, Any] = next((kind.get("schema", {}) for kind in each.get("content", {}).values()), {})
        yield status, each["description"], _name(schema)


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _resolved(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    name = _name(schema)
    found: dict[str, Any] = description["components"]["schemas"][name] if name else schema
    return found


def _shape(name: str, schema: dict[str, Any]) -> Shape:
    values = ", ".join(map(str, schema.get("enum", ())))
    text = str(schema.get("description", "")).partition("\n")[0]
    return Shape(name, f"{text} One of: {values}." if values else text, list(_fields(schema)))


def _fields(schema: dict[str, Any]) -> Iterator[Described]:
    needed = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield Described(name, _kind(each), name in needed, _text(each))


def _text(schema: dict[str, Any]) -> str:
    text = str(schema.get("description", ""))
    example = schema.get("example")
    return f"{text} Example: {example}".strip() if example is not None else text


def _kind(schema: dict[str, Any]) -> str:
    """The type of a schema in words: `text or null`, `list of RunLine`."""
    if "$ref" in schema:
        return _name(schema)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return " or ".join(map(str, schema.get("enum", [schema.get("const")])))
    kinds = schema.get("type", "any")
    words = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    if schema.get("format") == "date-time":
        return "time"
    return f"{words} of {_kind(schema['items'])}" if isinstance(schema.get("items"), dict) else words
