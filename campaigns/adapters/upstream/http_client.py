"""The HTTP client that we use, imported only here: httpx 0.28, which has had no release since December 2024.

To replace it, change this module and `deadline.py`, the only one that knows httpcore. docs/decisions/0021 says what may
replace them, and when.
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
