"""Ask the vendor a question. It changes nothing at the vendor, so it takes a permit of the reserve.

A question is a row that is committed before it is asked, and its answer is another row. So a rate budget that Redis
lost is rebuilt from all requests, credits are booked, and a caller that needs several answers continues from those
there are. No transaction is open while the vendor is asked. A crash in the middle leaves a question without an answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from campaigns.domain.errors import DatabaseAway, PacerAway, VendorAway, VendorRefused
from campaigns.domain.sending.pacing import PERMIT_SECONDS
from campaigns.domain.upstream.outcome import one_line
from campaigns.domain.upstream.questions import Question
from campaigns.ports import Gateway, Pacer
from campaigns.store.database.engine import Store
from campaigns.store.reconcile.questions import add_answer, add_question, ask_freely

ASK_SECONDS = 35.0
"""The longest that one question may take, in seconds. Its slot stays taken that long when no answer comes."""

_Answer = TypeVar("_Answer")


class Asker(Protocol):
    """What asking needs from its caller; a `LaneContext` has all of it."""

    @property
    def store(self) -> Store: ...
    @property
    def gateway(self) -> Gateway: ...
    @property
    def pacer(self) -> Pacer: ...
    @property
    def upstream(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def monotonic(self) -> Callable[[], float]: ...


@dataclass(frozen=True, slots=True)
class Permitted:
    """A slot of the reserve, and when it was asked for, by our own clock."""

    key: str
    account_id: str
    at: float


def permit_to_ask(asker: Asker, account_id: str | None) -> Permitted:
    """A slot for one question. Raises PacerAway: there is none before `after_seconds`, or Redis is away."""
    # No two questions share a key, even when the database was restored to before the first of them.
    permitted = Permitted(f"question:{uuid.uuid4().hex}", account_id or "", asker.monotonic())
    _acquire(asker, permitted)
    return permitted


def ask(
    asker: Asker,
    question: Question,
    put: Callable[[], _Answer],
    as_kept: Callable[[_Answer], dict[str, Any]],
    permitted: Permitted | None = None,
) -> _Answer:
    """Ask one question through `put`, a call of the gateway, and keep the answer as `as_kept` writes it.

    `permitted`: a permit that the caller has taken. Raises PacerAway, with nothing asked; VendorAway or VendorRefused,
    with that on record; or DatabaseAway.
    """
    permitted = permitted or permit_to_ask(asker, question.account_id)
    question_id = _written(asker, question, permitted)
    try:
        answer = put()
    except (VendorAway, VendorRefused) as obstacle:
        _record(asker, question_id, question, permitted, error=one_line(str(obstacle)))
        raise
    _record(asker, question_id, question, permitted, found=as_kept(answer))
    return answer


def forget_permit(asker: Asker, permitted: Permitted) -> None:
    """Give back a slot that was not used."""
    try:
        asker.pacer.refund(permitted.key, permitted.account_id)
    except PacerAway:
        return  # the slot frees itself, later than it could


def _acquire(asker: Asker, permitted: Permitted) -> None:
    permit = asker.pacer.acquire(permitted.key, permitted.account_id, hold_seconds=ASK_SECONDS, reserved=True)
    if not permit.granted:
        raise PacerAway(
            f"the shared rate budget has no room for a question now ({permit.why})", after_seconds=permit.wait_seconds
        )


def _written(asker: Asker, question: Question, permitted: Permitted) -> int:
    """Commit the question. A permit that grew old is asked for again under its key: Redis may have lost it."""
    try:
        with asker.store.write() as connection:
            now = asker.store.now(connection)
            question_id = add_question(
                connection, question, permit_key=permitted.key, upstream=asker.upstream, actor=asker.owner, now=now
            )
    except DatabaseAway:
        forget_permit(asker, permitted)
        raise
    if asker.monotonic() - permitted.at > PERMIT_SECONDS:
        _acquire(asker, permitted)
    return question_id


def _record(
    asker: Asker,
    question_id: int,
    question: Question,
    permitted: Permitted,
    *,
    error: str | None = None,
    found: dict[str, Any] | None = None,
) -> None:
    """Record first, then tell the pacer: freeing a slot late is safe, freeing it early is not."""
    report = asker.gateway.last_report()
    with asker.store.write() as connection:
        is_known = add_answer(
            connection,
            question_id,
            permit_key=permitted.key,
            replied=report is not None,
            error=error,
            credits_used=None if report is None else report.credits_used,
            found=found,
            now=asker.store.now(connection),
        )
        if not is_known:
            raise DatabaseAway("The database was restored while the vendor was asked; it will be asked again.")
        if found is not None and question.account_id is not None:
            ask_freely(connection, question.account_id)
    if report is None:
        return  # the vendor may still count it: its slot stays taken for as long as it may have lasted
    try:
        asker.pacer.answered(permitted.key, limit_minute=report.limit_minute, remaining_minute=report.remaining_minute)
    except PacerAway:
        return  # the slot frees itself, later than it could
