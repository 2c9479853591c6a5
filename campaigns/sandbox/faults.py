"""Which request gets which fault: the list of faults, and the plan that assigns them.

There are two kinds: a fault of the *answer* (at most one a request) and faults of the *item* that a send leaves in the
queue (any number, beside a fault of the answer). A plan has scripted lines, in order, and seeded rates. Rates draw from
a hash of seed, request, account and the number of the request: the same work gets the same faults however threads
interleave.
"""

from __future__ import annotations

import difflib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

RequestKind = Literal[
    "send", "list", "get", "update", "delete", "overview",
    "whoami", "accounts", "user_lists", "user_list", "list_users", "saved", "calendar",
]  # fmt: skip


class Stage(StrEnum):
    """When a fault happens."""

    BEFORE = "before"  # the request is refused or lost before the vendor acts on it
    AFTER = "after"  # the vendor acts (a send is accepted), then the answer goes wrong
    ITEM = "item"  # the answer is right, the queue item behaves badly


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault; `parameters` names what a faults file may set for it."""

    stage: Stage
    parameters: frozenset[str] = frozenset()
    sends_only: bool = False
    deletes_only: bool = False

    @property
    def only_for(self) -> str | None:
        """The only kind of request that may get it; None: any."""
        return "delete" if self.deletes_only else "send" if self.sends_only else None


def _fault(stage: Stage, *parameters: str, sends_only: bool = False, deletes_only: bool = False) -> Fault:
    return Fault(stage, frozenset(parameters), sends_only, deletes_only)


FAULTS: dict[str, Fault] = {
    # accepted, and the client cannot know that
    "lost_answer": _fault(Stage.AFTER, "cut"),
    "half_answer": _fault(Stage.AFTER),
    "answer_500_after_accepting": _fault(Stage.AFTER),
    "answer_502_after_accepting": _fault(Stage.AFTER),
    "answer_504_after_accepting": _fault(Stage.AFTER),
    "html_502_after_accepting": _fault(Stage.AFTER),
    "accepted_with_error_flag": _fault(Stage.AFTER, sends_only=True),
    "accepted_without_id": _fault(Stage.AFTER, sends_only=True),
    "accepted_with_html": _fault(Stage.AFTER),
    "drip": _fault(Stage.AFTER, "seconds"),
    "hang": _fault(Stage.AFTER, "seconds"),
    "slow_answer": _fault(Stage.AFTER, "seconds"),
    # nothing accepted, and the client cannot know that
    "dropped_before_acting": _fault(Stage.BEFORE, "cut"),
    "hang_before_acting": _fault(Stage.BEFORE, "seconds"),
    "answer_500_before_acting": _fault(Stage.BEFORE),
    "answer_502_before_acting": _fault(Stage.BEFORE),
    "answer_504_before_acting": _fault(Stage.BEFORE),
    "html_502": _fault(Stage.BEFORE),
    "throttled_without_marks": _fault(Stage.BEFORE),
    "answer_408": _fault(Stage.BEFORE),
    "answer_409": _fault(Stage.BEFORE),
    # refused, and the answer says so
    "throttled_by_vendor": _fault(Stage.BEFORE, "retry_after", "retry_after_as"),
    "throttled_by_onlyfans": _fault(Stage.BEFORE, "retry_after", "retry_after_as", "cloudflare"),
    "wrapped_429": _fault(Stage.BEFORE),
    "no_credits": _fault(Stage.BEFORE),
    "key_refused": _fault(Stage.BEFORE),
    "key_forbidden": _fault(Stage.BEFORE),
    "account_not_found": _fault(Stage.BEFORE),
    "account_logged_out": _fault(Stage.BEFORE),
    "wrapped_403": _fault(Stage.BEFORE),
    "refused_by_onlyfans": _fault(Stage.BEFORE),
    "not_sent_hint": _fault(Stage.BEFORE),
    "redirect": _fault(Stage.BEFORE),
    "no_such_path": _fault(Stage.BEFORE),
    # answered as if it had been done
    "delete_ignored": _fault(Stage.AFTER, deletes_only=True),
    # accepted and answered; the queue item behaves badly
    "late_in_list": _fault(Stage.ITEM, "seconds", sends_only=True),
    "gone_from_list": _fault(Stage.ITEM, "seconds", sends_only=True),
    "foreign_item": _fault(Stage.ITEM, "text", sends_only=True),
    "slow_delivery": _fault(Stage.ITEM, "start_seconds", "seconds", sends_only=True),
    "media_not_ready": _fault(Stage.ITEM, "seconds", sends_only=True),
    "users_skipped": _fault(Stage.ITEM, "count", sends_only=True),
    "cannot_unsend": _fault(Stage.ITEM, "seconds", sends_only=True),
}

PARAMETERS = frozenset().union(*(fault.parameters for fault in FAULTS.values()))


class Effect(BaseModel):
    """A fault with its parameters, and the requests that may get it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str
    request: RequestKind | Literal["any"] = "send"
    account: str | None = None
    seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    start_seconds: float | None = Field(None, ge=0, allow_inf_nan=False)
    retry_after: Literal["small", "large", "missing"] | float = Field("small", union_mode="left_to_right")
    retry_after_as: Literal["seconds", "http-date"] = "seconds"
    cloudflare: bool = False
    cut: Literal["close", "reset"] = "close"
    text: str | None = None  # of a foreign item; None: the text of the send beside it
    count: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Effect:
        known = FAULTS.get(self.fault)
        if known is None:
            near = difflib.get_close_matches(self.fault, FAULTS, n=1)
            raise ValueError(f"there is no fault '{self.fault}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        foreign = (self.model_fields_set & PARAMETERS) - known.parameters
        if foreign:
            raise ValueError(f"{self.fault} takes no {' and no '.join(sorted(foreign))}")
        if known.only_for not in (None, self.request):
            raise ValueError(f"{self.fault} is for the request '{known.only_for}' only, not for '{self.request}'")
        return self

    @property
    def stage(self) -> Stage:
        """When the fault happens."""
        return FAULTS[self.fault].stage

    @property
    def retry_after_seconds(self) -> float | None:
        """Small is 1 s, large 120 s (official clients ignore anything above 60), missing None."""
        words = {"small": 1.0, "large": 120.0, "missing": None}
        return words[self.retry_after] if isinstance(self.retry_after, str) else self.retry_after

    def concerns(self, kind: str, account: str | None) -> bool:
        """Whether a request of this kind and account may get it."""
        return self.request in (kind, "any") and self.account in (None, account)

    def shown(self) -> dict[str, Any]:
        """The entry of the faults file, for the inspection."""
        return self.model_dump(exclude_unset=True)


class ScriptLine(Effect):
    """A scripted fault: from the nth request it concerns on, or else from the next one, `times` in a row."""

    nth: int | None = Field(None, ge=1)
    times: Annotated[int, Field(ge=1)] | Literal["always"] = 1


class Rate(Effect):
    """A fault that happens with a probability."""

    rate: float = Field(ge=0, le=1)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The faults of one request."""

    answer: Effect | None = None
    item: tuple[Effect, ...] = ()

    @property
    def words(self) -> str | None:
        """The names of all its faults, for the record; None when it has none."""
        names = [effect.fault for effect in (self.answer, *self.item) if effect is not None]
        return "+".join(names) or None


@dataclass(slots=True)
class _Line:
    effect: ScriptLine
    seen: int = 0
    struck: int = 0

    def strikes(self) -> bool:
        times = self.effect.times
        if self.effect.nth is not None:
            return self.seen >= self.effect.nth and (times == "always" or self.seen < self.effect.nth + times)
        return times == "always" or self.struck < times


@dataclass(slots=True)
class FaultPlan:
    """Assigns faults, request by request. Thread-safe. The counts live as long as the instance."""

    script: Sequence[ScriptLine]
    rates: Sequence[Rate]
    seed: int
    _lines: list[_Line] = field(init=False)
    _numbers: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        # Lines that name a number come first: a line for "the next ones" must not take their request.
        ordered = sorted(self.script, key=lambda line: line.nth is None)
        self._lines = [_Line(line) for line in ordered]

    def choose(self, kind: str, account: str | None) -> Chosen:
        """The faults of the next request of this kind and account that would be served."""
        with self._lock:
            self._numbers[kind, account] += 1
            number = self._numbers[kind, account]
            effects = [*self._scripted(kind, account), *self._drawn(kind, account, number)]
        answer = next((effect for effect in effects if effect.stage is not Stage.ITEM), None)
        return Chosen(answer, tuple(effect for effect in effects if effect.stage is Stage.ITEM))

    def remaining(self) -> list[dict[str, Any]]:
        """The scripted lines, each with the number of requests that it has seen and that got its fault."""
        with self._lock:
            return [{**line.effect.shown(), "seen": line.seen, "struck": line.struck} for line in self._lines]

    def _scripted(self, kind: str, account: str | None) -> Iterable[Effect]:
        concerned = [line for line in self._lines if line.effect.concerns(kind, account)]
        for line in concerned:
            line.seen += 1
        answered = False
        for line in concerned:
            of_item = line.effect.stage is Stage.ITEM
            if (of_item or not answered) and line.strikes():
                line.struck += 1
                answered = answered or not of_item
                yield line.effect

    def _drawn(self, kind: str, account: str | None, number: int) -> Iterable[Effect]:
        """One draw decides among the faults of the answer, so that each has exactly its rate; items draw alone."""
        point = self._draw("answer", kind, account, number)
        for rate in self.rates:
            if not rate.concerns(kind, account):
                continue
            if rate.stage is Stage.ITEM:
                if self._draw(rate.fault, kind, account, number) < rate.rate:
                    yield rate
            elif 0 <= point < rate.rate:
                yield rate
                point = -1.0
            else:
                point -= rate.rate

    def _draw(self, purpose: str, kind: str, account: str | None, number: int) -> float:
        text = f"{self.seed}\0{purpose}\0{kind}\0{account}\0{number}".encode()
        return int.from_bytes(blake2b(text, digest_size=8).digest()) / 2**64


REQUEST_KINDS: tuple[str, ...] = get_args(RequestKind)
