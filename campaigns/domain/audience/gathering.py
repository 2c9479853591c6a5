"""What is read from a recipient file line by line: its user IDs, and the counts of its lines."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from pyroaring import BitMap64

from campaigns.domain.audience.encodings import decoded
from campaigns.domain.errors import UsageError

LARGEST_USER_ID = 2**63 - 1
"""Largest user ID: the database has signed 64-bit integers."""

GATHERED_IDS = 4_000_000
"""IDs collected (8 bytes each) before they are added to the bitmap: with 100,000 it takes up to four times as long."""

BAD_LINES_SHOWN = 5

_DIGITS_AND_LINE_ENDS = b"0123456789\r\n"


@dataclass(frozen=True, slots=True)
class FileBooks:
    """What each line of a file was: `lines` is the sum of all the others."""

    lines: int
    ids: int
    duplicates: int
    bad: int
    blank: int
    inside_quotes: int  # lines that continue a quoted field of the line before
    header: int

    @property
    def balanced(self) -> bool:
        """Whether each line of the file is counted once."""
        parts = self.ids + self.duplicates + self.bad + self.blank + self.inside_quotes + self.header
        return self.lines == parts


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a recipient file was read; None for what it does not have."""

    kind: str
    encoding: str | None = None
    separator: str | None = None
    column: str | None = None  # of the user IDs, as the file names it
    sheet: str | None = None


@dataclass(slots=True)
class Reading:
    """The content of a recipient file."""

    users: BitMap64 = field(default_factory=BitMap64)
    lines: int = 0  # lines with an ID
    duplicates: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)  # (line number, value), the first few
    bad_count: int = 0
    blank: int = 0
    inside_quotes: int = 0
    header: int = 0
    file_lines: int = 0  # all lines, counted from the bytes and not from the values
    hidden: int = 0  # rows with an ID that a spreadsheet does not show
    encoding: str = "UTF-8"
    form: FileForm | None = None  # None when the IDs come from no file

    @property
    def books(self) -> FileBooks:
        """The counts of the file's lines."""
        return FileBooks(
            lines=self.file_lines,
            ids=self.lines - self.duplicates,
            duplicates=self.duplicates,
            bad=self.bad_count,
            blank=self.blank,
            inside_quotes=self.inside_quotes,
            header=self.header,
        )


class Gathering:
    """A reading while the file is read."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._ids = array("Q")

    def take(self, number: int, value: str) -> None:
        """One line's value, good or bad."""
        user = parse_user(value)
        if user is None:
            self.refuse(number, value)
            return
        self._ids.append(user)
        self._join_when_full()

    def refuse(self, number: int, text: str, mark: str = "") -> None:
        """One bad line, whatever its text is; `mark` is shown whole after the text and says what is wrong."""
        self.reading.bad_count += 1
        if len(self.reading.bad) < BAD_LINES_SHOWN:
            self.reading.bad.append((number, f"{shown(text)} {mark}".strip()))

    def take_block(self, block: bytes) -> bool:
        """Add a block of one ID a line at once. False, and nothing is added, when it needs care."""
        may_be_zero = block.startswith(b"0") or b"\n0" in block or b"\r0" in block
        if may_be_zero or block.translate(None, _DIGITS_AND_LINE_ENDS):
            return False
        try:
            ids = array("q", map(int, block.split()))
        except (OverflowError, ValueError):  # beyond 64 bits, or too many digits for an integer
            return False
        self._ids.frombytes(ids.tobytes())
        self.reading.blank += _blank_lines(block)
        self._join_when_full()
        return True

    def finish(self) -> Reading:
        """The reading, with all IDs in its users."""
        self._join()
        self.reading.duplicates = self.reading.lines - len(self.reading.users)
        return self.reading

    def _join_when_full(self) -> None:
        if len(self._ids) >= GATHERED_IDS:
            self._join()

    def _join(self) -> None:
        self.reading.lines += len(self._ids)
        self.reading.users |= BitMap64(self._ids)
        self._ids = array("Q")


def parse_user(value: str) -> int | None:
    """The user ID in a text, or None when it is not a positive 64-bit integer."""
    value = value.strip()
    if not (value.isascii() and value.isdigit()):
        return None
    digits = value.lstrip("0")
    user = int(digits) if 0 < len(digits) < 20 else 0  # noqa: PLR2004 - 2**63 has 19 digits
    return user if 0 < user <= LARGEST_USER_ID else None


def shown(value: str) -> str:
    """A value for display in a message: short, and without characters that a terminal would act on."""
    text = decoded(value.strip()[:40].encode(errors="surrogateescape"))
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def check_books(books: FileBooks, name: str) -> None:
    """Refuse a file of which a line is not counted, or counted twice. Raises UsageError."""
    if not books.balanced:
        raise UsageError(
            f"{name} has {books.lines} lines, but its books do not add up to that ({books.ids} IDs, {books.duplicates} "
            f"duplicates, {books.bad} bad, {books.blank} blank, {books.inside_quotes} inside quotes, {books.header} "
            "header). Nothing was imported; give one ID a line instead, and report this as a fault."
        )


def _blank_lines(block: bytes) -> int:
    """The number of empty lines in a block of digits and line ends; most blocks have none, which is seen at once."""
    may_be = block[:1] in b"\r\n" or b"\n\n" in block or b"\n\r" in block or b"\r\r" in block
    return block.splitlines().count(b"") if may_be else 0
