"""The HTTP client that we use, named in this one place: httpx 0.28, which has had no release since December 2024.

Whoever replaces it changes this module, and `deadline.py`, which is the only one to know httpcore. What takes their
place, and when, stands in docs/decisions/0021.
"""

from __future__ import annotations

from httpx import (
    URL,
    BaseTransport,
    Client,
    Headers,
    HTTPError,
    HTTPTransport,
    ReadTimeout,
    Request,
    Response,
    SyncByteStream,
    Timeout,
    create_ssl_context,
)

__all__ = [
    "URL",
    "BaseTransport",
    "Client",
    "HTTPError",
    "HTTPTransport",
    "Headers",
    "ReadTimeout",
    "Request",
    "Response",
    "SyncByteStream",
    "Timeout",
    "create_ssl_context",
]
