"""What was read from a recipient file, in words for people."""

from __future__ import annotations

from campaigns.domain.audience.gathering import FileForm, Reading
from campaigns.domain.words import counted


def reading_words(reading: Reading) -> list[str]:
    """Sentences on how a file was understood, what was read, and how its lines were counted."""
    words = f"Read {counted(len(reading.users), 'user ID')}"
    if reading.duplicates:
        words += f", dropped {counted(reading.duplicates, 'duplicate')}"
    if reading.bad_count:
        first = ", ".join(f"line {number} '{_one_line(value)}'" for number, value in reading.bad)
        more = " …" if reading.bad_count > len(reading.bad) else ""
        words += f", skipped {counted(reading.bad_count, 'bad line')} ({first}{more})"
    books = reading.books
    parts = [f"{books.ids:,} with a new ID", f"{books.duplicates:,} with a duplicate", f"{books.bad:,} bad"]
    parts += [f"{books.blank:,} blank", f"{books.inside_quotes:,} inside quotes", f"{books.header:,} header"]
    form = f" Understood as {form_words(reading.form)}." if reading.form is not None else ""
    sentences = [f"{words}. {counted(books.lines, 'line')}: {', '.join(parts)}.{form}"]
    if reading.hidden:
        rows = counted(reading.hidden, "row")
        sentences.append(f"The sheet hides {rows} of these, as a filter does; they were read, too.")
    return sentences


def form_words(form: FileForm) -> str:
    """How a file was understood: `CSV in UTF-16-LE with a semicolon as separator, column 'User ID'`."""
    words = form.kind
    if form.sheet is not None:
        words += f" sheet '{_one_line(form.sheet)}'"
    if form.encoding is not None:
        words += f" in {form.encoding}"
    if form.separator is not None:
        words += f" with a {form.separator} as separator"
    return words if form.column is None else f"{words}, column '{_one_line(form.column)}'"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
