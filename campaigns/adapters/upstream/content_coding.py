"""The coding of a reply's body: one `gzip` or `deflate` is decoded, with a limit on the result.

The vendor is asked for no coding at all. A few bytes may decode to gigabytes, so this is done here, chunk by chunk, and
not by the HTTP library, which inflates a whole chunk before anybody can count it.
"""

from __future__ import annotations

import zlib

from campaigns.adapters.upstream import http_client as httpx

GZIP = zlib.MAX_WBITS | 16
PLAIN_DEFLATE = -zlib.MAX_WBITS
ZLIB_METHOD = 8
"""The lower half of the first byte of every zlib stream; no encoder begins a plain deflate stream with it."""


class Unreadable(httpx.HTTPError):
    """The body of a reply cannot be read, or is larger than any reply of the vendor may be."""


class Decoder:
    """Decodes one body and returns at most `largest` bytes of it.

    Raises Unreadable: here for an unknown coding, in `feed` for a damaged body and before the chunk that would exceed
    the limit, in `end` for a body that stops in the middle.
    """

    def __init__(self, coding: str, largest: int) -> None:
        named = [each for each in (part.strip().lower() for part in coding.split(",")) if each not in {"", "identity"}]
        if named not in ([], ["gzip"], ["deflate"]):
            raise Unreadable("the reply has a coding that is not read here")
        self._coding = named[0] if named else None
        self._left = self._largest = largest
        self._inflating: zlib._Decompress | None = None

    def feed(self, received: bytes) -> bytes:
        """The next bytes of the body."""
        content = received if self._coding is None or not received else self._inflated(received)
        if len(content) > self._left:
            raise Unreadable(f"the reply is longer than {self._largest} bytes")
        self._left -= len(content)
        return content

    def end(self) -> None:
        """No more bytes come."""
        if self._inflating is not None and not self._inflating.eof:
            raise Unreadable(f"the {self._coding} body of the reply stops in the middle")

    def _inflated(self, received: bytes) -> bytes:
        if self._inflating is None:
            plain = self._coding == "deflate" and received[0] & 0x0F != ZLIB_METHOD
            self._inflating = zlib.decompressobj(
                GZIP if self._coding == "gzip" else PLAIN_DEFLATE if plain else zlib.MAX_WBITS
            )
        try:
            content = self._inflating.decompress(received, self._left + 1)
        except zlib.error as error:
            raise Unreadable(f"the {self._coding} body of the reply is damaged: {error}") from None
        if self._inflating.unused_data:
            raise Unreadable(f"something follows the {self._coding} body of the reply")
        return content
