"""What a person can do about a refusal, as data: the command line words it as a command, a page as a link."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Do(StrEnum):
    """One thing that a person can do. Each edge has words for every one of them; tests hold that."""

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
    WATCH_RUN = "runs.watch"
    SHOW_RUN = "runs.show"
    LIST_BATCHES = "runs.batches"
    RERUN_CURRENT = "runs.rerun_current"
    RERUN_CANCELLED = "runs.rerun_cancelled"
    SHOW_UNSENDS = "runs.attempts_unsend"
    RECALL_AGAIN = "runs.recall_again"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do, and what to do it to; only what the thing needs is set."""

    do: Do
    campaign: int | None = None
    run: int | None = None
    account: str | None = None
    value: str | None = None  # anything else that its words name
