"""The shared rate budget, kept in Redis so that all workers together stay below the vendor's limit.

A slot is taken before a request and is free again one window after its reply; after a lost reply, one window after its
deadline. So no window of the vendor can hold more than the limit, whether its windows are fixed or sliding, at any
phase. Proof: take the last granted request that a window counts. The reply to every other request that it counts came
after the window began, so the slot of that request was still taken at the grant. No clocks are compared, only durations
on Redis'.

Messages and DELETEs use the senders' share, questions use the reserve. Each has a row in the database, from which a
state that Redis lost is built again. A caller with a permit and without a row SETTLE_SECONDS later asks again for it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from campaigns.domain.errors import PacerAway
from campaigns.domain.sending.pacing import SETTLE_SECONDS
from campaigns.ports import AccountPace, Pacer, PacerState, Permit, Recovery

SOCKET_SECONDS = 2.0
"""Seconds to wait for one reply. The library's own defaults, 5 s and ten retries, would block a lane for a minute."""

REPLAYS = 1
"""Every call may be repeated, so one quick second try is safe: it helps when the server was restarted."""

CLOCK_TOLERANCE = 0.001
"""Seconds that a slot is held longer than the vendor's window: two clocks that are slewed differ by at most 0.1 %."""

KEYS = ("slots", "reserved", "flights", "gaps", "cool", "state", "rebuild")

_DONE, _DENIED, _LOST = 1, 0, -1


class RedisPacer(Pacer):
    """The budget of one upstream; safe for many threads, and for any number of processes and hosts on one Redis.

    `recover` returns what the database knows about recent use. It is called when Redis has no state, or an outdated
    one: after the first start, a restart, a flush or an eviction, or when a server's clock stepped back.
    `longest_hold_seconds` is the deadline that attempts without a reply are then assumed to have had.
    """

    def __init__(
        self,
        url: str,
        *,
        upstream: str,
        rate_per_minute: int,
        reserve: float,
        account_gap_seconds: float,
        recover: Callable[[], Recovery],
        window_seconds: float = 60.0,
        longest_hold_seconds: float = 60.0,
    ) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=SOCKET_SECONDS,
            socket_connect_timeout=SOCKET_SECONDS,
            retry=Retry(ConstantBackoff(0.05), REPLAYS),
        )
        self._script = self._redis.register_script(files(__package__).joinpath("pacer.lua").read_text())
        # In bytes, because they are sent with every call and the library would encode them each time.
        self._keys = [f"campaigns:pace:{upstream}:{name}".encode() for name in KEYS]
        budget = (_micros(window_seconds * (1 + CLOCK_TOLERANCE)), rate_per_minute, reserve)
        self._budget = tuple(str(each).encode() for each in budget)
        self._gap = _micros(account_gap_seconds)
        self._recover = recover
        self._longest_hold = longest_hold_seconds
        self._settle = _micros(SETTLE_SECONDS)
        self._vendor_limit: int | None = None
        # Tests set the time here, in microseconds; the empty string means Redis' own clock.
        self._clock: Callable[[], int | str] = str

    def acquire(self, key: str, account: str, *, hold_seconds: float, reserved: bool = False) -> Permit:
        self._longest_hold = max(self._longest_hold, hold_seconds)
        status, *rest = self._ask("acquire", key, account, _micros(hold_seconds), int(reserved), self._gap)
        if status == _DONE:
            return Permit(granted=True)
        return Permit(False, rest[0] / 1e6, rest[1].decode() if status == _DENIED else "rebuilding")

    def answered(self, key: str, *, limit_minute: int | None = None, remaining_minute: int | None = None) -> None:
        # A limit of zero would stop the sending for ever, because no reply could raise it again.
        limit = limit_minute if limit_minute is not None and limit_minute > 0 else None
        if limit is not None:
            self._vendor_limit = limit
        remaining = remaining_minute if remaining_minute is not None and remaining_minute >= 0 else None
        self._call("answered", key, _or_empty(limit), _or_empty(remaining))

    def refund(self, key: str, account: str) -> None:
        self._call("refund", key, account, self._gap)

    def cool_down(self, account: str, seconds: float) -> None:
        self._call("cool_down", account, _micros(seconds))

    def state(self) -> PacerState:
        status, *rest = self._ask("describe")
        if status == _LOST:
            raise PacerAway(
                "The shared rate budget was asked for, but it is being rebuilt after Redis lost it; "
                f"ask again in {rest[0] / 1e6:.1f} s.",
                after_seconds=rest[0] / 1e6,
            )
        limit, reserve, used, vendor_limit, vendor_remaining, gaps, cool_downs = rest
        next_starts, cools = _seconds_by_account(gaps), _seconds_by_account(cool_downs)
        return PacerState(
            limit_per_minute=limit,
            reserve=reserve,
            used=used,
            vendor_limit=None if vendor_limit is None else int(vendor_limit),
            vendor_remaining=None if vendor_remaining is None else int(vendor_remaining),
            accounts=[
                AccountPace(account, next_starts.get(account, 0.0), cools.get(account, 0.0))
                for account in sorted(next_starts.keys() | cools.keys())
            ],
        )

    def close(self) -> None:
        """Close the connections to Redis."""
        self._redis.close()

    def _ask(self, verb: str, *arguments: Any) -> list[Any]:
        """Call a script that needs the state. If the state is lost, rebuild it if it is this caller's turn."""
        token = secrets.token_hex(8)
        reply = self._call(verb, token, *arguments)
        if reply[0] != _LOST or reply[1] > 0:
            return reply
        rebuilt = self._rebuild(token)
        return self._call(verb, token, *arguments) if rebuilt[0] == _DONE else rebuilt

    def _rebuild(self, token: str) -> list[Any]:
        try:
            recovery = self._recover()
        except Exception as error:
            self._call("release", token)
            raise PacerAway(
                f"The shared rate budget was lost and cannot be rebuilt from the database ({error}); "
                "nothing is sent until the database is back."
            ) from error
        uses = [field for use in recovery.uses for field in _use_fields(use)]
        cool_downs = [field for account, left in recovery.cool_downs.items() for field in (account, _micros(left))]
        return self._call(
            "restore",
            token,
            self._settle,
            _or_empty(self._vendor_limit),
            _micros(self._longest_hold),
            self._gap,
            int(recovery.was_used or bool(recovery.uses)),
            len(recovery.uses),
            *uses,
            *cool_downs,
        )

    def _call(self, verb: str, *arguments: Any) -> list[Any]:
        try:
            reply: list[Any] = self._script(self._keys, [verb, self._clock(), *self._budget, *arguments])
        except (RedisError, OSError) as error:
            raise PacerAway(
                f"The shared rate budget cannot be reached ({type(error).__name__}: {error}); "
                "nothing is sent until Redis is back."
            ) from error
        return reply


def _use_fields(use: Any) -> tuple[Any, ...]:
    answer = use.seconds_since_answer
    times = _micros(use.seconds_since_start), "" if answer is None else _micros(answer)
    return use.key, use.account, *times, int(use.reserved)


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _or_empty(number: int | None) -> int | str:
    return "" if number is None else number


def _seconds_by_account(flat: list[Any]) -> dict[str, float]:
    return {account.decode(): left / 1e6 for account, left in zip(flat[::2], flat[1::2], strict=True)}
