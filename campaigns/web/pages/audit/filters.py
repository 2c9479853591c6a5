"""The filter of the audit, as it is in the address of a page and in its form."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from campaigns.domain.access.rights import LOOK, Principal
from campaigns.domain.errors import InputFault, InvalidInput
from campaigns.flow.access.allow import allow_account, allow_campaign, allow_run
from campaigns.inputs.times import parse_moment
from campaigns.store.database.engine import Store
from campaigns.store.views.accounts import accounts
from campaigns.store.views.pages.event_search import EVENT_KINDS, EventFilter
from campaigns.web.kit.times import ACCOUNTS, Clock

LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter as somebody typed it, and as parameters of an address; an empty field leaves nothing out."""

    kind: str = ""
    actor: str = ""
    account: str = ""
    campaign: str = ""
    run: str = ""
    since: str = ""
    until: str = ""
    after: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of an address with this filter."""
        return asdict(self)


def filter_of(store: Store, by: Principal, typed: Asked, clock: Clock) -> EventFilter:
    """What the filter means to this reader. Raises InvalidInput with every fault, NotFound for what is hidden."""
    faults: list[InputFault] = []
    if typed.kind and typed.kind not in EVENT_KINDS:
        faults.append(InputFault(f"'{typed.kind}' is not a kind of event", "kind"))
    zone = zone_of_times(store, typed, clock)
    numbers = {name: _number(getattr(typed, name), name, faults) for name in ("campaign", "run", "after")}
    since, until = (_moment(getattr(typed, name), zone, name, faults) for name in ("since", "until"))
    if faults:
        raise InvalidInput(*faults)
    if typed.account:
        allow_account(by, LOOK, typed.account)
    if numbers["campaign"] is not None:
        allow_campaign(store, by, LOOK, numbers["campaign"])
    if numbers["run"] is not None:
        allow_run(store, by, LOOK, numbers["run"])
    return EventFilter(
        kind=typed.kind or None,
        actor=_actor(typed.actor),
        account=typed.account or None,
        campaign_id=numbers["campaign"],
        run_id=numbers["run"],
        since=since,
        until=until,
        after=numbers["after"] or 0,
        accounts=by.accounts,
    )


def zone_of_times(store: Store, typed: Asked, clock: Clock) -> str:
    """The zone in which the times of the filter are read: the reader's, else that of its account, else UTC."""
    if clock.choice != ACCOUNTS:
        return clock.choice
    with store.read() as connection:
        zones = {each.id: each.zone for each in accounts(connection)}
    return zones.get(typed.account) or "UTC"


def _actor(name: str) -> str | None:
    """The actor as the audit names it; a bare name is that of an operator."""
    if not name:
        return None
    return name if ":" in name else f"operator:{name}"


def _number(text: str, name: str, faults: list[InputFault]) -> int | None:
    if not text:
        return None
    digits = text.lower().removeprefix({"campaign": "c", "run": "r"}.get(name, ""))
    if not (digits.isascii() and digits.isdigit()) or int(digits[:20]) > LARGEST:
        faults.append(InputFault(f"'{text}' is not a valid number", name))
        return None
    return int(digits)


def _moment(text: str, zone: str, name: str, faults: list[InputFault]) -> datetime | None:
    if not text:
        return None
    try:
        return parse_moment(text, zone, field=name)
    except InvalidInput as refusal:
        faults.extend(refusal.faults)
        return None
