"""The description of bodies that write a campaign, made from the table of its fields."""

from __future__ import annotations

from typing import Any

from campaigns.domain.messages.contents import OF_A_CONTENT
from campaigns.inputs.field_table import FIELDS, Field
from campaigns.inputs.json_fields import NUMBERS, name_in_json
from campaigns.inputs.written import NEEDED

FILE = {
    "type": "string",
    "format": "binary",
    "description": "CSV or .xlsx with a user_id column, JSON Lines, or one ID a line.",
}

EXAMPLE = {"account": "acct_one", "text": "Hello", "price": 5, "users": ["4711", "4712"], "at": "2026-12-24T18:00:00Z"}


def _schema(field: Field, *, may_be_null: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"type": _types(field), "description": field.help}
    if field.kind in {"texts", "users"}:
        made["items"] = {"type": "string"}
    if field.kind == "users":
        made["description"] = "Recipients: user IDs as text."
    if field.kind == "contents":
        each = {name_in_json(one): _schema(one, may_be_null=True) for one in FIELDS if one.key in OF_A_CONTENT}
        made["items"] = {"type": "object", "properties": each, "additionalProperties": False}
    if may_be_null:
        made["type"] = [*made["type"], "null"] if isinstance(made["type"], list) else [made["type"], "null"]
    return made


def _types(field: Field) -> str | list[str]:
    if field.kind in {"flag", "choice"}:
        return "boolean"
    if field.kind in {"texts", "users", "contents"}:
        return "array"
    return ["string", "number"] if field.key in NUMBERS else "string"


def _body(name: str, schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """JSON, or multipart with a file of recipients."""
    parts = {
        "type": "object",
        "properties": {"campaign": schema, "users": FILE},
        "required": ["campaign", "users"],
        "additionalProperties": False,
    }
    encoding = {"campaign": {"contentType": "application/json"}, "users": {"contentType": "application/octet-stream"}}
    content = {
        "application/json": {"schema": schema | {"title": name}, "example": example},
        "multipart/form-data": {"schema": parts, "encoding": encoding},
    }
    return {"requestBody": {"required": True, "content": content}}


def _object(*, is_edit: bool) -> dict[str, Any]:
    """The object; the names with a hyphen, as campaign files have them, are taken, too."""
    fields = [field for field in FIELDS if not (is_edit and field.key == "account_id")]
    made = {
        "type": "object",
        "properties": {name_in_json(field): _schema(field, may_be_null=True) for field in fields},
        "additionalProperties": False,
    }
    needed = [name_in_json(field) for field in FIELDS if field.key in NEEDED and field.key != "text"]
    return made if is_edit else made | {"required": needed}


CREATION = _body("NewCampaign", _object(is_edit=False), EXAMPLE)
CHANGES = _body("Changes", _object(is_edit=True), {"price": None, "text": "Hello again"})
