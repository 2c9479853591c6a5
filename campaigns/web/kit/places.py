"""Addresses that a form brings back: only those of the desk itself."""

from __future__ import annotations

from urllib.parse import urlsplit

START = "/"


def own_place(wanted: str) -> str:
    """The path and query to go to, or the start page when the address is not a path of the desk.

    Browsers read a backslash as a slash, and drop tabs and line ends: two slashes in any spelling name another host.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable() or "\\" in wanted:
        return START
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return START
    return START if parts.scheme or parts.netloc else wanted
