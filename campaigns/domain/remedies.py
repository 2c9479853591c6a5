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
    RELEASE_TEAM = "accounts.release_team"
    UPGRADE_DATABASE = "database.upgrade"
    GO = "go"
    GO_ACCOUNT = "go.account"
    SET_ACCOUNT = "accounts.set"
    ARCHIVE_CAMPAIGN = "campaigns.archive"
    PAUSE_RUN = "runs.pause"
    SHOW_CAMPAIGN = "campaigns.show"
    ARM = "campaigns.arm"
    RESUME_SCHEDULE = "campaigns.resume"
    ALLOW_OFTEN = "campaigns.allow_often"
    ALLOW_MORE_RUNS = "campaigns.allow_more_runs"
    ACCEPT_SUPPRESSED = "campaigns.accept_suppressed"
    BACKFILL_BEFORE_CREATED = "schedule.backfill_before_created"
    START = "start"
    CHECK = "check"
    LIST_BATCHES = "runs.batches"
    DECIDE_ACCEPTED = "runs.decide_accepted"
    DECIDE_NOT_SENT = "runs.decide_not_sent"
    DECIDE_DESPITE = "runs.decide_despite"
    RERUN_CANCELLED = "runs.rerun_cancelled"
    ALLOW_CREDITS = "runs.allow_credits"
    USE_ITS_KEY = "accounts.use_its_key"
    PROBE_OTHER_USER = "accounts.probe_other_user"
    LIST_HOSTS = "system.hosts"
    PLAN_CAMPAIGN = "campaigns.plan"
    COPY_CAMPAIGN = "campaigns.copy"
    UNARCHIVE_CAMPAIGN = "campaigns.unarchive"
    CONFIRM_TEXT_AT_LAUNCH = "campaigns.launch_as_written"
    CONFIRM_TEXT_IN_EDIT = "campaigns.edit_as_written"
    TEXT_IS_HTML = "campaigns.edit_html"
    LAUNCH_ALTHOUGH_CLOSED = "campaigns.launch_although_closed"
    PROBE_ACCOUNT = "accounts.probe"
    VERIFY_AUDIT = "audit.verify"
    EVENTS_AFTER = "audit.list"
    WATCH_RUN = "runs.watch"
    SHOW_RUN = "runs.show"
    RERUN_CURRENT = "runs.rerun_current"
    SHOW_UNSENDS = "runs.attempts_unsend"
    RECALL_AGAIN = "runs.recall_again"
    SKIP_BAD_LINES = "recipients.skip_bad"
    RERUN_EXPIRED = "runs.rerun_expired"
    CONFIRM = "confirm"
    LIST_OPERATORS = "operators.list"
    LIST_TOKENS = "tokens.list"


@dataclass(frozen=True, slots=True)
class Remedy:
    """One thing to do, and its objects. Only the objects that it needs are set."""

    do: Do
    campaign: int | None = None
    run: int | None = None
    account: str | None = None
    value: str | None = None  # anything else that its text names
