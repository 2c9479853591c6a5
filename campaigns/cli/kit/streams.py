"""Standard output and standard error for commands, whatever these are connected to and whatever is written."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import click

from campaigns.domain.printable import escaped, printable


class CannotPrint(click.ClickException):
    """Standard output is closed or full. Raised once; what is written afterwards is lost."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Standard output cannot be written to ({why}), so the output is not complete. What the command did before "
            "remains done; `campaigns audit list` shows it."
        )


class Printable(io.TextIOBase):
    r"""A stream that writes what would act on a terminal, or is not in its encoding, as `\u202e`.

    Nothing that the vendor, a file or an argument says can move a cursor so, and JSON stays the same value in every
    encoding. A reader that has gone raises BrokenPipeError; a stream that cannot be written to otherwise raises
    CannotPrint, once, or nothing when it is `talk`: a command goes on without its notes.
    """

    def __init__(self, stream: TextIO | None, *, talk: bool, styled: bool = False) -> None:
        self._stream = stream
        self._talk = talk
        self._styled = styled

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return (self._stream.encoding if self._stream is not None else None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "strict"

    def styled(self) -> Printable:
        """The same stream for text that draws with escape sequences and was cleaned before."""
        return Printable(self._stream, talk=self._talk, styled=True)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        clean = printable(text, styled=self._styled)
        with self._failing():
            if not clean:
                pass  # click asks by an empty text what kind of stream this is
            elif self._stream is not None:
                self._stream.write(self._encodable(clean))
            elif not self._talk:
                raise OSError(0, "it is closed")
        return len(text)

    def flush(self) -> None:
        with self._failing():
            if self._stream is not None:
                self._stream.flush()

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return "".join(one if _encodes(one, self.encoding) else escaped(one) for one in text)
        return text

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._stream is not None:
                write_nowhere(self._stream)
            self._stream = None
            if not self._talk:
                self._talk = True
                raise CannotPrint(error.strerror or "it is closed") from None


def _encodes(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def printable_streams() -> Iterator[None]:
    """Write to standard output and error through `Printable` until the end of the block."""
    _open_closed()
    before = sys.stdout, sys.stderr
    sys.stdout = cast("TextIO", Printable(sys.stdout, talk=False))
    sys.stderr = cast("TextIO", Printable(sys.stderr, talk=True))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def drawing(stream: TextIO) -> TextIO:
    """A stream for what rich draws; its text must be clean already."""
    return cast("TextIO", stream.styled()) if isinstance(stream, Printable) else stream


def write_nowhere(stream: TextIO | io.TextIOBase) -> None:
    """Discard what is buffered and what follows, so that the interpreter's last flush does not fail."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _open_closed() -> None:
    """Keep the numbers 0 to 2 from a file of ours, such as the database, when we were started with one of them closed.

    A pipe that its other end set to non-blocking would cut what is written as soon as it is full.
    """
    for number in range(3):
        try:
            os.set_blocking(number, True)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
