"""Every field that people give a campaign. Options, campaign files and pages are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a campaign."""

    name: str  # what people call it
    key: str  # what the message, the timing or the draft calls it
    help: str
    kind: Literal["text", "texts", "flag", "choice", "whole", "users", "duration", "contents"] = "text"
    metavar: str | None = None
    of_message: bool = True
    of_time: bool = False

    @property
    def names(self) -> set[str]:
        """What a campaign file may call it."""
        return {self.name, self.name.replace("-", "_"), self.key}


def _time(
    name: str,
    help: str,  # noqa: A002 - the word of everybody who reads it
    metavar: str | None = None,
    *,
    key: str | None = None,
    kind: Literal["text", "flag", "whole", "duration"] = "text",
) -> Field:
    return Field(name, key or name, help, kind, metavar, of_message=False, of_time=True)


FIELDS = (
    Field("account", "account_id", "The vendor account that sends (acct_...).", metavar="ACCT", of_message=False),
    Field("name", "name", "What people call the campaign.", of_message=False),
    Field("text", "text", "What the message says."),
    Field(
        "html",
        "html",
        "The text is HTML, sent as written. Otherwise it is plain text, and fans see its characters and line breaks.",
        kind="choice",
        of_message=False,
    ),
    Field(
        "as-written",
        "as_written",
        "Send braces, %words% and tags in the text as they are: fans are meant to see them.",
        kind="flag",
        of_message=False,
    ),
    Field(
        "users",
        "users",
        "Recipients: CSV or .xlsx with a user_id column, JSON Lines, or one ID a line; - for standard input.",
        kind="users",
        metavar="FILE|-",
        of_message=False,
    ),
    Field(
        "list",
        "user_lists",
        "A whole list of the vendor's, beside user IDs too if all is one request; may be given again.",
        kind="texts",
        metavar="ID",
    ),
    Field("exclude-list", "excluded_lists", "A list to leave out; may be given again.", kind="texts", metavar="ID"),
    Field("price", "price", "US dollars to unlock the media: 0, or 3 to 200.", metavar="DOLLARS"),
    Field("media", "media_files", "A media file to send; may be given again.", kind="texts", metavar="ID"),
    Field("preview", "previews", "A media file shown before unlocking; may be given again.", "texts", "ID"),
    Field("giphy", "giphy_id", "A GIF by its Giphy ID.", metavar="ID"),
    Field("locked-text", "locked_text", "Hide the text too, until the message is paid for.", kind="flag"),
    Field(
        "subscribed-within",
        "subscribed_within_last_days",
        "Of the users and lists, only those who subscribed within this many days.",
        metavar="DAYS",
    ),
    Field(
        "block-banned-words",
        "block_banned_words",
        "What the vendor does about banned words: strict_ban, risky or replace_soften.",
        metavar="LEVEL",
    ),
    Field("rf-tag", "rf_tag", "A creator to tag, by user ID; may be given again.", kind="texts", metavar="ID"),
    Field("rf-partner", "rf_partner", "A release-form partner; may be given again.", kind="texts", metavar="ID"),
    Field("rf-guest", "rf_guest", "A release-form guest; may be given again.", kind="texts", metavar="ID"),
    Field("save-for-later", "save_for_later", "Let the vendor keep the message instead of sending it.", kind="flag"),
    Field("skip-bad", "skip_bad", "Leave bad lines of the recipients out.", kind="flag", of_message=False),
    Field(
        "sheet",
        "sheet",
        "The sheet with the recipients, of a workbook that has several.",
        metavar="NAME",
        of_message=False,
    ),
    Field("batch-size", "batch_size", "User IDs per request.", kind="whole", metavar="N", of_message=False),
    Field(
        "on-unknown",
        "on_unknown",
        "When an answer is lost for good: hold for a decision, or resend (then a fan may get it twice).",
        metavar="hold|resend",
        of_message=False,
    ),
    Field(
        "accept-suppressed",
        "accept_suppressed",
        "Send to whole lists although suppressed users may be on them.",
        kind="flag",
        of_message=False,
    ),
    Field(
        "mark",
        "mark",
        "Put an invisible mark into the text of each request, by which a lost answer is found.",
        kind="choice",
        of_message=False,
    ),
    Field(
        "often",
        "often",
        "More than one run in 24 hours for the same people is meant.",
        kind="choice",
        of_message=False,
    ),
    Field(
        "content",
        "contents",
        "What one run sends instead, with fields such as text and price; give it again and runs take them in turn.",
        kind="contents",
        metavar="FILE.yaml",
        of_message=False,
    ),
    _time("rotate", "How runs take the contents: in turn, or at random without repeats.", "turn|random"),
    _time("at", "Start once at this time, by RFC 3339 or on the clocks of the zone.", "TIME"),
    _time("cron", "Recur by five fields: minute, hour, day of month, month, weekday.", "EXPR"),
    _time("every", "Recur in steps of days or weeks, as in '2 weeks'; needs a starting time.", "STEP"),
    _time("starting", "The first time of a schedule in steps; the later ones come at the same local time.", "TIME"),
    _time("zone", "The time zone of all times, such as Europe/Berlin; the account's unless given.", "ZONE"),
    _time("begins", "No run before this time.", "TIME"),
    _time("until", "No run after this time.", "TIME"),
    _time("max-runs", "At most this many runs; skipped ones do not count.", "N", key="max_runs", kind="whole"),
    _time(
        "jitter",
        "Start each run later by a random time of at most this length.",
        "TIME",
        key="jitter_seconds",
        kind="duration",
    ),
    _time("misfire", "Which late runs are sent: none (skip), the newest (once) or all.", "skip|once|all"),
    _time("grace", "How late a run may still start, as in 15m.", "TIME", key="grace_seconds", kind="duration"),
    _time(
        "overlap",
        "When the run before has not ended: skip this one, queue it, cancel the earlier, or unsend the earlier.",
        "skip|queue|cancel|unsend",
    ),
    _time("hours", "Send only within these hours of the day.", "09:00-22:00"),
    _time("over", "Spread each run over this length of time, as in 2h.", "TIME", key="over_seconds", kind="duration"),
    _time(
        "expires",
        "Cancel what is not sent this long after a run is due, as in 6h.",
        "TIME",
        key="expires_seconds",
        kind="duration",
    ),
    _time("handoff", "Hand each run to the vendor ahead of its time.", kind="flag"),
)

BY_NAME = {name: field for field in FIELDS for name in field.names}
BY_KEY = {field.key: field for field in FIELDS}
