"""Text from outside, in a form that the database can hold: no reply may be lost because of a character in it."""

from __future__ import annotations

import codecs
from typing import Any

from sqlalchemy import Connection

UTF8 = "UTF8"


def server_encoding(connection: Connection) -> str:
    """The database's encoding, by PostgreSQL's name. SQLite can hold all of Unicode."""
    if connection.dialect.name == "sqlite":
        return UTF8
    driver: Any = connection.connection.dbapi_connection
    return str(driver.info.parameter_status("server_encoding"))


def holdable(connection: Connection, words: str | None) -> str | None:
    r"""The text, with escapes for what the database cannot hold: an emoji, a NUL (`\x00`), half a surrogate pair."""
    if words is None or (words.isascii() and "\0" not in words):
        return words
    codec = _codec(server_encoding(connection))
    return words.replace("\0", r"\x00").encode(codec, "backslashreplace").decode(codec)


def _codec(encoding: str) -> str:
    """Python's name of an encoding; ASCII for one that Python does not know, or that accepts any bytes."""
    if encoding == UTF8:
        return "utf-8"
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "ascii"
