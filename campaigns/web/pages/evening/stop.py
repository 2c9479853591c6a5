"""Stop everything or one account at once, see what a stop cannot stop, and let it go on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from campaigns.domain.access.rights import HOLD_BACK, Principal
from campaigns.domain.ids import run_name
from campaigns.flow.access.allow import allow_account
from campaigns.flow.accounts.stop import Going, beyond_stop, refuse_to_go, stop
from campaigns.flow.schedules.after_stop import AfterStop, Overdue, go_as_shown, preview_go
from campaigns.store.database.engine import Store
from campaigns.store.views.tonight.accounts import accounts_of_tonight
from campaigns.web.desk import Desk, Here, Holder, Sender
from campaigns.web.kit.acts import Question, act_once, ask
from campaigns.web.kit.seen import require_seen, seen
from campaigns.web.kit.times import Clock, clock_of
from campaigns.web.pages.evening.run_acts import Text
from campaigns.web.pages.evening.words import SENDS, counted, people

routes = APIRouter()

LISTED = 50
"""At most this many requests, runs or occurrences are listed one by one."""

Account = Annotated[str, Query(max_length=200)]
TypedAccount = Annotated[str, Form(max_length=200)]


@routes.get("/stop")
def ask_to_stop(request: Request, desk: Here, by: Holder, account: Account = "") -> Response:
    """Ask whether nothing more is to be sent; the same page shows a stop that is in force."""
    which = account or None
    allow_account(by, HOLD_BACK, which)
    beyond = beyond_stop(desk.store, which)
    where = "everything" if which is None else f"account {account}"
    question = Question(
        f"Stop {where}",
        f"Stop {where}? Nothing more is sent or handed over until somebody lets it go on: by no run that is open, none "
        "that is opened later, and no account that is added later. Searches at the vendor and recalls go on, and "
        "schedules open no run.",
        f"Stop {where} now",
        "/tonight",
        fields={"account": account},
    )
    return ask(
        request,
        by,
        question,
        template="stop/stop.html",
        beyond=beyond,
        where=where,
        listed=LISTED,
        accounts=[] if account else _accounts(desk, by),
        may_go=by.may(SENDS),
    )


@routes.post("/stop")
def stop_sending(
    request: Request, desk: Here, by: Holder, reason: Text, key: Text, account: TypedAccount = ""
) -> Response:
    """Stop sending; the page after it lists what that cannot stop."""
    which = account or None
    allow_account(by, HOLD_BACK, which)
    upstream = desk.parts.upstream_name
    return act_once(
        request,
        desk.store,
        by,
        {"account": account, "reason": reason, "key": key},
        lambda store: stop(store, which, upstream=upstream, reason=reason, actor=by.actor),
        to=f"/stop?account={account}" if account else "/stop",
        sentence=_stopped,
    )


def _stopped(answer: dict[str, Any]) -> str:
    where = "Everything" if answer["account"] is None else f"Account {answer['account']}"
    sentence = f"{where} is stopped. Nothing more is sent."
    kept = answer["not_confirmed"]
    if kept:
        sentence += (
            f" {', '.join(kept)}: somebody who does not end keeps it locked, so one more request may be on its way. "
            "Stop again to look once more."
        )
    return sentence


@routes.get("/go")
def ask_to_go(request: Request, desk: Here, by: Sender, account: Account = "") -> Response:
    """Show what happens when the stop is lifted, and ask."""
    which = account or None
    allow_account(by, SENDS, which)
    refuse_to_go(desk.store, which)
    preview = preview_go(desk.store, which)
    where = "everything" if which is None else f"account {account}"
    waiting = people(_waiting(preview), whole_list=any(run.whole_list for run in preview.runs))
    question = Question(
        f"Let {where} go on",
        f"Let {where} go on? {counted(len(preview.runs), 'run')} then send to {waiting}, and "
        f"{counted(len(preview.sent), 'occurrence')} that came due meanwhile are sent now. A message that was "
        "sent cannot always be unsent.",
        f"Let {where} go on",
        "/tonight",
        is_grave=True,
        fields={"account": account, "seen": seen(preview.facts)},
        lines=_what_follows(preview, clock_of(request)),
    )
    return ask(request, by, question)


@routes.post("/go")
def let_go_on(
    request: Request,
    desk: Here,
    by: Sender,
    *,
    reason: Text,
    seen: Text,
    key: Text,
    account: TypedAccount = "",
) -> Response:
    """Lift the stop, and that alone: with what the question has shown, or not at all."""
    which = account or None
    allow_account(by, SENDS, which)

    def verb(store: Store) -> Going:
        refuse_to_go(store, which)
        shown = preview_go(store, which)
        require_seen(shown.facts, seen, now=shown.in_numbers)
        return go_as_shown(store, which, shown, reason=reason, actor=by.actor)

    return act_once(
        request,
        desk.store,
        by,
        {"account": account, "reason": reason, "seen": seen, "key": key},
        verb,
        to="/tonight",
        sentence=_goes_on,
    )


def _goes_on(answer: dict[str, Any]) -> str:
    where = "Everything" if answer["account"] is None else f"Account {answer['account']}"
    still = [each["account"] or "everything" for each in answer["still_stopped"]]
    return f"{where} goes on." + (f" Still stopped: {', '.join(still)}." if still else "")


def _accounts(desk: Desk, by: Principal) -> list[str]:
    with desk.store.read() as connection:
        return [each.id for each in accounts_of_tonight(connection) if by.sees(each.id) and not each.is_removed]


def _waiting(preview: AfterStop) -> int:
    return sum(run.waiting or 0 for run in preview.runs)


def _what_follows(preview: AfterStop, clock: Clock) -> list[str]:
    """What happens after the stop, each a line; a long list says how many it leaves out."""
    lines: list[str] = [
        f"Run {run_name(run.run_id)} of {run.campaign} on {run.account}: "
        f"{people(run.waiting or 0, whole_list=run.whole_list)} left."
        for run in preview.runs[:LISTED]
    ]
    lines += [_occurrence(each, clock) for each in preview.occurrences[:LISTED]]
    more = len(preview.runs) + len(preview.occurrences) - len(lines)
    return [*lines, f"{more:,} more."] if more else lines


def _occurrence(overdue: Overdue, clock: Clock) -> Markup:
    fate = "is sent now" if overdue.skipped is None else f"is skipped: {overdue.skipped}"
    return Markup("c{} {} of {} {}.").format(
        overdue.campaign_id, overdue.campaign, clock.print(overdue.scheduled_for), fate
    )
