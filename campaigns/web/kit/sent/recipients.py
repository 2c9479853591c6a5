"""Recipients of a request: a list of IDs in JSON, or an uploaded file, by the same reader as the command line's."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from campaigns.adapters.disk.recipients import read_recipients
from campaigns.domain.audience.gathering import Gathering, Reading
from campaigns.domain.audience.recipient_file import complete
from campaigns.inputs.fields import Given
from campaigns.web.kit.sent.uploads import Upload

IN_JSON = "users"


@dataclass(frozen=True, slots=True)
class FileRead:
    """What each line of a file was, and how the file was understood; null for what it does not have."""

    lines: int
    ids: int
    duplicates: int
    bad: int
    blank: int
    inside_quotes: int  # lines that continue a quoted field of the line before
    header: int
    hidden: int  # rows with an ID that a spreadsheet does not show
    kind: str | None = None
    encoding: str | None = None
    separator: str | None = None
    column: str | None = None  # of the user IDs, as the file names it
    sheet: str | None = None

    @classmethod
    def of(cls, reading: Reading | None) -> FileRead | None:
        """The facts of a reading; None without one."""
        if reading is None:
            return None
        form = asdict(reading.form) if reading.form is not None else {}
        return cls(**asdict(reading.books), hidden=reading.hidden, **form)


def read_recipients_of(given: Given, upload: Upload | None) -> tuple[Reading | None, str]:
    """Who was named one by one, and the source for people; None for whole lists. Raises UsageError."""
    users, skip_bad = given.values.get("users"), bool(given.values.get("skip_bad"))
    if upload is not None:
        sheet = given.values.get("sheet")
        return read_recipients(upload.stream, name=upload.name, skip_bad=skip_bad, sheet=sheet), upload.source
    return (None, "") if users is None else (_listed(users, skip_bad=skip_bad), f"{IN_JSON} in the request")


def _listed(users: tuple[str, ...], *, skip_bad: bool) -> Reading:
    """IDs of a list: each is one ID and nothing else, whatever a file with the same lines would mean."""
    gathering = Gathering()
    gathering.reading.file_lines = len(users)
    for number, user in enumerate(users, start=1):
        gathering.take(number, user)
    return complete(gathering, IN_JSON, skip_bad=skip_bad)
