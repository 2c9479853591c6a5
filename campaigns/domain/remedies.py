"""What a person can do about a refusal, as data: the command line words it as a command, a page as a link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Do(StrEnum):
    """One thing that a person can do. Each edge has a text for each of them; a test checks that."""

    CANCEL_RUN = "runs.cancel"
    RESUME_RUN = "runs.resume"
    RERUN = "runs.rerun"
    DECIDE = "runs.decide"
    RECALL = "runs.recall"
    SHOW_ATTEMPTS = "runs.attempts"
    LIST_RUNS = "runs.list"
    LIST_CAMPAIGNS = "campaigns.list"
    EDIT_CAMPAIGN = "campaigns.edit"
    LAUNCH_AT_ONCE = "campaigns.launch_now"
    LAUNCH_AGAIN = "campaigns.launch_again"
    LIST_ACCOUNTS = "accounts.list"
    ADD_ACCOUNT = "accounts.add"
    RELEASE_ACCOUNT = "accounts.release"
    UPGRADE_DATABASE = "database.upgrade"
    SKIP_BAD_LINES = "recipients.skip_bad"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do, and its objects. Only the objects that it needs are set."""

    do: Do
    campaign: int | None = None
    run: int | None = None
    account: str | None = None
    value: str | None = None  # anything else that its text names
