"""The error for a file with lines without a user ID, with what to do about their values."""

from __future__ import annotations

import re

from campaigns.domain.audience.gathering import LARGEST_USER_ID, Reading

ROUNDED = "(rounded)"
"""Follows a number of more than 15 digits from a workbook: the spreadsheet has not kept all digits."""

FORMULA = "(formula)"
"""Replaces a cell with a formula of which the workbook has no result."""

NO_CELL = "(no cell in the column of user IDs)"
"""Follows the row of a sheet that has only other cells, for instance a sum below a table."""

BESIDE = "(a cell right of the header)"
"""Follows the row of a sheet whose cells may have moved to the right."""


def not_the_width(cells: int, header: int) -> str:
    """Follows a row of CSV that has not the same number of cells as the header."""
    return f"({cells} {'cell' if cells == 1 else 'cells'}, {header} in the header)"


_WAYS_OUT = (
    (
        re.compile(r".*\([0-9]+ cells?, [0-9]+ in the header\)"),
        "a row needs one cell for each column of the header: put a cell that holds the separator in quotes",
    ),
    (
        re.compile(rf".*{re.escape(NO_CELL)}"),
        "give each row its user ID, and remove rows without a user, such as a total",
    ),
    (
        re.compile(rf".*{re.escape(BESIDE)}"),
        "a row with cells right of the header may have moved: name their column in the header, or take them out",
    ),
    (
        re.compile(rf".*{re.escape(ROUNDED)}|[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+"),
        "a spreadsheet has rounded the number: take the IDs from their source again, into a column formatted as text",
    ),
    (
        re.compile(r"[0-9]+[.,]0+|[0-9]{1,3}([ .,'\u2019\ufffd][0-9]{3})+"),
        "a spreadsheet has written decimals or thousands: format the column as a number without them, and save again",
    ),
    (
        re.compile(r"[+'\u2018\u2019=]+\"?[0-9]+\"?"),
        "take away the sign before the number, by which a spreadsheet keeps it as text",
    ),
    (
        re.compile(rf"=[^0-9\"].*|{re.escape(FORMULA)}"),
        "a formula is not a user ID: copy the column and paste it as values",
    ),
    (
        re.compile(r"@.*|.*onlyfans\.com/.*|u[0-9]+", re.IGNORECASE),
        "a user name is not an ID: the vendor's user IDs are whole numbers",
    ),
)


def bad_lines(reading: Reading, name: str) -> str:
    """One sentence that names the first bad lines, and one with what to do."""
    listed = ", ".join(f"line {number} '{value}'" for number, value in reading.bad)
    more = f" and {reading.bad_count - len(reading.bad)} more" if reading.bad_count > len(reading.bad) else ""
    hold = "hold" if reading.bad_count > 1 else "holds"
    ways_out = [
        way_out for pattern, way_out in _WAYS_OUT if any(pattern.fullmatch(value) for _number, value in reading.bad)
    ]
    hint = f"; {'; '.join(ways_out)}" if ways_out else ""
    return (
        f"{name}: {listed}{more} {hold} no user ID (a whole number from 1 to {LARGEST_USER_ID}){hint}. Nothing was "
        "imported; correct the file."
    )
