"""The faults file: the properties of the sandbox's vendor, and its faults.

Everything has a default, so an empty file is a healthy vendor. All faults of a file are reported in one message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from campaigns.domain.errors import UsageError
from campaigns.private_files import read_plain_file
from campaigns.sandbox.echo import Echo, Escapes, LineBreaks, Marks
from campaigns.sandbox.faults import FaultPlan, Rate, ScriptLine

USERS_OF_AN_UNNAMED_LIST = 25  # more than a page of ten, so that paging is used
LARGEST_USER_ID = 2**63 - 1

LARGEST_FAULTS_FILE = 8_000_000
"""Largest faults file, in bytes."""

BRACKETS = re.compile(r"[\[\]{}]")
DEEPEST = 20

SYSTEM_LISTS = ("fans", "recent", "following", "rebill_off", "tagged")


class Setup(BaseModel):
    """The vendor that the sandbox plays. Times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    team: str = "sandbox"
    keys: tuple[str, ...] | None = None  # None: any key is accepted
    accounts: tuple[str, ...] | None = None  # None: any acct_... exists
    logged_out: tuple[str, ...] = ()
    lists: Mapping[str, tuple[int, ...]] | None = None  # None: any list exists, with 25 invented users
    limit_per_minute: int | None = Field(1000, ge=1)
    window: Literal["fixed", "calendar", "sliding"] = "fixed"
    window_seconds: float = Field(60.0, gt=0, allow_inf_nan=False)
    credits: int = Field(1_000_000, ge=0)
    answer_seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    delivery_start_seconds: float = Field(1.0, ge=0, allow_inf_nan=False)
    delivery_seconds: float = Field(2.0, ge=0, allow_inf_nan=False)
    late_in_list_seconds: float = Field(0.0, ge=0, allow_inf_nan=False)
    gone_from_list_seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    bad_users: tuple[int, ...] = ()
    bad_user_answer: Literal["refuse", "skip"] = "refuse"
    user_ids_cap: int | None = Field(None, ge=1)
    text_cap: int | None = Field(None, ge=1)
    banned_words: tuple[str, ...] = ()
    delete_again: Literal["not_found", "same_answer"] = "not_found"
    unsendable_seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    late_delete: Literal["refuse", "success_false"] = "refuse"
    echo_marks: Marks = "kept"
    echo_line_breaks: LineBreaks = "kept"
    echo_escapes: Escapes = "kept"
    latest_schedule_days: float | None = Field(None, gt=0, allow_inf_nan=False)
    list_depth: int | None = Field(None, ge=0)
    seed: int = 1
    script: tuple[ScriptLine, ...] = ()
    rates: tuple[Rate, ...] = ()

    @field_validator("rates", mode="before")
    @classmethod
    def _rates_by_name(cls, value: Any) -> Any:
        """`{lost_answer: 0.01}` and `{lost_answer: {rate: 0.01, account: acct_x}}` beside a list of full entries."""
        if not isinstance(value, Mapping):
            return value
        return [
            {"fault": name, **(entry if isinstance(entry, Mapping) else {"rate": entry})}
            for name, entry in value.items()
        ]

    @field_validator("lists", mode="before")
    @classmethod
    def _list_names_are_text(cls, value: Any) -> Any:
        return {str(name): users for name, users in value.items()} if isinstance(value, Mapping) else value

    @model_validator(mode="after")
    def _agrees(self) -> Setup:
        users = [*self.bad_users, *(user for members in (self.lists or {}).values() for user in members)]
        wrong = next((user for user in users if not 0 < user <= LARGEST_USER_ID), None)
        if wrong is not None:
            raise ValueError(f"{wrong} is not a user ID")
        if sum(rate.rate for rate in self.rates if rate.stage != "item") > 1:
            raise ValueError("the rates of the faults of one answer add up to more than 1")
        return self

    @property
    def echo(self) -> Echo:
        """How texts are shown."""
        return Echo(self.echo_marks, self.echo_line_breaks, self.echo_escapes)

    def fault_plan(self) -> FaultPlan:
        """A new plan, with its counts at zero."""
        return FaultPlan(self.script, self.rates, self.seed)

    def list_members(self, account: str, name: str) -> tuple[int, ...] | None:
        """The users of a list, invented from its name when the file names no lists; None when it does not exist."""
        if self.lists is not None:
            return self.lists.get(name)
        digest = blake2b(f"{account}/{name}".encode(), digest_size=4).digest()
        first = 1_000_000_000 + int.from_bytes(digest)
        return tuple(range(first, first + USERS_OF_AN_UNNAMED_LIST))

    def list_names(self) -> tuple[str, ...]:
        """The lists that an account shows."""
        return SYSTEM_LISTS if self.lists is None else tuple(self.lists)


def parse_setup(text: str, *, source: str) -> Setup:
    """The setup in a YAML (or JSON) text; `source` names it in errors. Raises UsageError naming every fault."""
    try:
        _check_depth(text)
        fields = yaml.safe_load(text)
    except RecursionError:
        raise UsageError(f"{source} is nested too deep; its entries need three levels at most.") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a malformed date or number raises the others
        raise UsageError(f"{source} is not YAML: {' '.join(str(error).split())}.") from None
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        raise UsageError(f"{source} must hold named entries, such as 'limit_per_minute: 60'; it is {_kind(fields)}.")
    try:
        return Setup.model_validate(fields)
    except ValidationError as error:
        faults = "; ".join(_words(fault) for fault in error.errors(include_url=False))
        raise UsageError(f"{source} cannot be used: {faults}.") from None


def read_setup(path: Path | None) -> Setup:
    """The setup in a file; a healthy vendor without one. Raises UsageError."""
    if path is None:
        return Setup()
    try:
        text = read_plain_file(path, LARGEST_FAULTS_FILE).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(
            f"The faults file '{path}' cannot be read: {reason}; give a file as in docs/sandbox.md."
        ) from None
    return parse_setup(text, source=f"The faults file '{path}'")


def _check_depth(text: str) -> None:
    """Raise RecursionError for deeply nested brackets, which take the YAML reader ever longer before it gives up."""
    depth = 0
    for sign in BRACKETS.findall(text):
        depth += 1 if sign in "[{" else -1
        if depth > DEEPEST:
            raise RecursionError


def _kind(found: Any) -> str:
    """The description of a value that is not a mapping. Only a single value is shown whole."""
    return "a list" if isinstance(found, list | tuple | set) else f"the single value {str(found)[:60]!r}"


def _words(fault: Any) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "there is no such entry"
    return f"{place}: {message}" if place else message
