"""The fields of a request's body: JSON, a form, or a form with files.

The vendor's description has only JSON, and yet files in `mediaFiles` and `previews`, which can only come as multipart.
No source shows the names of its parts, so they are read as PHP reads them: `userIds[]`, `userIds[0]`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from email.parser import BytesParser
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

PART_NAME = re.compile(r"(\w{1,64})(\[[0-9]*\])?", re.ASCII)
FILE_FIELDS = frozenset({"mediaFiles", "previews"})
ARRAYS = FILE_FIELDS | {"userIds", "userLists", "excludedLists"}
BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
TYPES: dict[str, Any] = {"lockedText": bool, "saveForLater": bool, "price": float, "subscribedWithinLastDays": int}
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


class Upload(str):
    """A file that came with the request itself, with its name in the record."""

    __slots__ = ()


def read_fields(content_type: str, body: bytes) -> dict[str, Any]:
    """The fields; none if the body cannot be read, as in Laravel. JSON has types; in a form each field has its type."""
    match content_type.partition(";")[0].strip().lower():
        case "multipart/form-data":
            return _gathered(_parts(content_type, body))
        case "application/x-www-form-urlencoded":
            return _gathered(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    for part in BytesParser().parsebytes(head + body).walk():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.is_multipart() or not isinstance(name, str) or not isinstance(content, bytes):
            continue
        file = part.get_filename()
        yield name, content.decode("utf-8", "replace") if file is None else Upload(_file_name(file, content))


def _file_name(file: str, content: bytes) -> str:
    return f"file:{sha256(content).hexdigest()[:16]}:{file[:100]}"


def _gathered(pairs: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for written, value in pairs:
        named = PART_NAME.fullmatch(written)
        name = named.group(1) if named else written
        if isinstance(value, Upload) and name not in FILE_FIELDS:
            continue
        if name in ARRAYS or (named and named.group(2) is not None):
            fields.setdefault(name, [])
            if isinstance(fields[name], list):
                fields[name].append(value)
        else:
            fields[name] = _typed(name, value)
    return fields


def _typed(name: str, written: str) -> Any:
    """The value in the type of its field; the text itself if it has another type, which the checks then refuse."""
    wanted = TYPES.get(name)
    if wanted is bool:
        return BOOLEANS.get(written.lower(), written)
    if wanted is None or not NUMBER.fullmatch(written):
        return written
    return float(written) if wanted is float else int(float(written)) if float(written).is_integer() else written
